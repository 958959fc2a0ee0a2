"""A trial from its plan to its results, step by step. A death at any moment leaves a state that the next call goes on from.

1 which questions the plan asks: every item, both models, every sample, in one order drawn from the seed
2 what is known already: this trial's log, replies that an earlier trial paid for, captured replies where the plan reuses them
3 the rest is asked through the door, each answer kept before the next question
4 graders that need models say what to ask; that is asked and kept in the same way
5 what everything cost is taken from the door's records, and everything is graded
6 the verdict
7 the results are written, unless those that are there say the same: the ledger has the digest of that file

It knows the door by its URL only, and items as whoever calls it has read them.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from freehold.errors import SubjectErased, TrialError
from freehold.graders.grader import Answer, AnyGrader, Ask
from freehold.items import Item
from freehold.trials import results as results_file
from freehold.trials.asking import CHAT, EMBEDDINGS, Asker, Door, Failed, Question
from freehold.trials.billing import Bills, bills_of
from freehold.trials.calibrating import Labelled, calibrate, captured, judges_of, labelled_asks
from freehold.trials.keeping import Keeper
from freehold.trials.labels import Said, counting, drawn, read_labels
from freehold.trials.plan import ARMS, Arm, ArmName, Plan, Sampling, TrialFolder
from freehold.trials.results import Calibration, Results
from freehold.trials.samples import Kept, Replies, Role, Sample, SampleLog, Source, sample_key, spent_of
from freehold.trials.scoring import Case, Reply, questions_of, score
from freehold.trials.verdict import decide
from freehold.trials.wallet import Wallet

ERASED: Final = "erased"

HOPELESS: Final = 25
"""Failures of one model, without any answer of it in this run, after which nothing more is asked."""

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""


class Loaded(Struct, frozen=True):
    """An item that can be read: with the pseudonym of its data subject, and until when (Unix seconds) its replies are kept."""

    item: Item
    pseudonym: str
    keep_until: int


class Job(Struct, frozen=True, kw_only=True):
    """One run of a trial. `items` has what could be read of each planned item, else why not; `secret` keys its hashes; `bills`
    looks up what the door's records say of costs, None where nobody can, and list prices have to do."""

    plan: Plan
    digest: str
    folder: TrialFolder
    items: Mapping[str, Loaded | str]
    graders: Sequence[AnyGrader]
    secret: bytes
    door: Door
    concurrency: int = 32
    most_nano: int | None = None
    bills: Bills | None = None


class _Asked(Struct, frozen=True):
    """One question on its way: the sample that will answer it, and whom that is about."""

    key: str
    item: str
    role: Role
    number: int
    question: Question
    pseudonym: str
    until: int


class Run:
    """One run. The log and the replies are its own until it has ended."""

    def __init__(self, job: Job, log: SampleLog, replies: Replies, progress: Progress) -> None:
        self._job = job
        self._log = log
        self._replies = replies
        self._progress = progress
        self._known: dict[str, Reply] = {}
        self._judges = {arm.model: arm for arm in job.plan.judges}
        self._counts: dict[Source, int] = {"door": 0, "cache": 0, "captured": 0}

    async def go(self) -> Results:
        """The results of the trial, as they are written. Raises BudgetExhausted or TrialError when it cannot go on; what was answered until
        then is kept."""
        job = self._job
        wallet = Wallet(job.most_nano, self._spent())
        asker = Asker(job.door, wallet, concurrency=job.concurrency, seed=job.plan.seed)
        keeper = Keeper(self._replies, self._log)
        try:
            # 1 which questions
            asked = self._questions()
            # 2 what is known already
            left = self._recall(asked)
            # 3 the rest is asked
            await self._ask("Asking", asker, keeper, left)
            # 4 what graders need to know
            judged = self._judgements(self._cases(asked))
            await self._ask("Asking judges", asker, keeper, self._recall(judged))
        finally:
            await keeper.close()
            asker.close()
        # 5 costs and grades
        unbilled = await self._bill()
        cases = self._cases(asked)
        rows = await asyncio.to_thread(lambda: [self._scored(case, place) for place, case in enumerate(cases)])
        # 6 the verdict
        labels, labels_digest = read_labels(job.folder.path)
        said = counting(drawn(job.plan, rows), labels)
        calibrations = self._calibrations(cases, said)
        verdict = decide(job.plan, rows, calibrations, said)
        # 7 the results
        results = Results(
            trial=job.plan.id,
            plan=job.digest,
            ended_at=int(time.time() * 1000),
            spent_nano=self._spent(),
            asked=self._counts["door"],
            cached=self._counts["cache"],
            captured=self._counts["captured"],
            verdict=verdict,
            calibrations=tuple(calibrations),
            rows=tuple(rows),
            labels=labels_digest,
            notes=tuple(_notes(job.plan, self._counts, unbilled)),
        )
        same = results_file.find_same(job.folder.results, results)
        if same is None:
            job.folder.write_results(results_file.encode(results))
        return same or results

    # --- 1 ---

    def _questions(self) -> list[_Asked]:
        plan = self._job.plan
        asked: list[_Asked] = []
        for planned in plan.items:
            loaded = self._job.items[planned.id]
            if isinstance(loaded, str):
                continue
            body = body_of(loaded.item, plan.sampling)
            for name in ARMS:
                question = Question(arm=plan.arm(name), body=body, subject=loaded.item.subject)
                asked += [self._asked(name, loaded, question, number) for number in range(plan.sampling.samples)]
        random.Random(plan.seed).shuffle(asked)  # noqa: S311 (an order, drawn before anything is known)
        return asked

    def _asked(self, role: Role, loaded: Loaded, question: Question, number: int) -> _Asked:
        only_for = self._job.plan.id if self._job.plan.sampling.fresh else ""
        key = sample_key(question.arm, question.body, number, self._job.secret, only_for)
        return _Asked(key, loaded.item.id, role, number, question, loaded.pseudonym, loaded.keep_until)

    # --- 2 ---

    def _recall(self, asked: Iterable[_Asked]) -> list[_Asked]:
        """Those that must be asked; the others are known now."""
        left: dict[str, _Asked] = {}
        recalled: list[Sample] = []
        for one in asked:
            if one.key in self._known or one.key in left:
                continue
            reply, source = self._remembered(one)
            if reply is None:
                left[one.key] = one
                continue
            self._known[one.key] = reply
            self._counts[source] += reply.kept is not None
            if reply.kept is not None and one.key not in self._log.samples:
                recalled.append(_line(one, reply.kept, source))
        self._log.append(recalled)
        return list(left.values())

    def _remembered(self, one: _Asked) -> tuple[Reply | None, Source]:
        line = self._log.samples.get(one.key)
        captured = self._captured(one)
        if captured is not None and (line is None or line.source == "captured"):
            return Reply(one.key, captured), "captured"
        try:
            kept = self._replies.find(one.key)
        except SubjectErased:
            return Reply(one.key, None, ERASED), "cache"
        if kept is not None:
            # Kept and not in the log, this trial's replies are those that a death left without a line.
            ours = line.source if line is not None else "door" if kept.trial == self._job.plan.id else "cache"
            return Reply(one.key, kept, timed=ours == "door"), ours
        if line is not None and line.status == "answered":
            return Reply(one.key, None, ERASED), "cache"
        if line is not None and line.final:
            return Reply(one.key, None, line.reason), "door"
        return None, "door"

    def _captured(self, one: _Asked) -> Kept | None:
        """The reply that was captured with the item, where the plan lets it count and the question was the same."""
        plan = self._job.plan
        loaded = self._job.items.get(one.item)
        if (
            one.role != "incumbent"
            or not plan.sampling.reuse
            or plan.sampling.samples > 1
            or not isinstance(loaded, Loaded)
        ):
            return None
        item = loaded.item
        if item.given is None or item.model != plan.incumbent.model or one.question.body != body_of(item, Sampling()):
            return None
        return Kept(
            given=item.given,
            model=item.model,
            at=item.at,
            ms=item.total_ms,
            input_tokens=item.input_tokens,
            output_tokens=item.output_tokens,
            cost_nano=item.cost_nano,
            receipt=item.record,
        )

    # --- 3 ---

    async def _ask(self, doing: str, asker: Asker, keeper: Keeper, left: Sequence[_Asked]) -> None:
        by_key = {one.key: one for one in left}
        done = 0
        failures: Counter[str] = Counter()
        answering: set[str] = set()

        async def answered(key: str, answer: Kept | Failed) -> None:
            nonlocal done
            one = by_key[key]
            if isinstance(answer, Failed):
                self._known[key] = Reply(key, None, answer.reason)
                await keeper.keep(_failed(one, answer))
                failures[one.question.arm.model] += 1
                if failures[one.question.arm.model] >= HOPELESS and one.question.arm.model not in answering:
                    raise TrialError(
                        f"{one.question.arm.model} does not answer: {answer.reason}",
                        "Mend that, then run the trial again; what was answered is kept.",
                    )
            else:
                answering.add(answer.model)
                answer = replace(answer, trial=self._job.plan.id)
                there = await keeper.keep(_line(one, answer, "door"), answer, one.pseudonym, one.until)
                self._known[key] = Reply(key, answer, timed=True) if there else Reply(key, None, ERASED)
                self._counts["door"] += 1
            done += 1
            self._progress(doing, done, len(left))

        await asker.ask_all(((one.key, one.question) for one in left), answered)

    def _cases(self, asked: Sequence[_Asked]) -> list[Case]:
        by_place = {(one.item, one.role, one.number): one.key for one in asked}
        samples = range(self._job.plan.sampling.samples)
        cases: list[Case] = []
        for planned in self._job.plan.items:
            loaded = self._job.items[planned.id]
            if isinstance(loaded, str):
                cases.append(Case(planned, None, loaded, {}))
                continue
            replies: dict[ArmName, tuple[Reply, ...]] = {
                arm: tuple(self._known[by_place[planned.id, arm, number]] for number in samples) for arm in ARMS
            }
            gone = any(reply.reason == ERASED for arm in ARMS for reply in replies[arm])
            cases.append(Case(planned, None if gone else loaded.item, ERASED if gone else "", replies))
        return cases

    # --- 4 and 5 ---

    def _judgements(self, cases: Sequence[Case]) -> list[_Asked]:
        """What the graders need to be asked, about the replies and about those that people have labelled."""
        asked: list[_Asked] = []
        for case in cases:
            loaded = self._job.items[case.planned.id]
            if case.item is None or isinstance(loaded, str):
                continue
            asks = questions_of(self._job.graders, case)
            for place in judges_of(self._job.plan):
                asks += labelled_asks(self._job.graders[place], loaded.item)
            asked += [self._asked("judge", loaded, self._question(ask, loaded), 0) for ask in asks]
        return asked

    def _question(self, ask: Ask, loaded: Loaded | None) -> Question:
        body: dict[str, Any] = {name: value for name, value in ask.body.items() if name != "model"}
        arm = self._judges.get(str(ask.body["model"])) or Arm(model=str(ask.body["model"]))
        subject = loaded.item.subject if loaded is not None else ""
        return Question(arm=arm, body=body, path=CHAT if ask.operation == "chat" else EMBEDDINGS, subject=subject)

    def _answer(self, ask: Ask) -> Answer:
        question = self._question(ask, None)
        only_for = self._job.plan.id if self._job.plan.sampling.fresh else ""
        reply = self._known.get(sample_key(question.arm, question.body, 0, self._job.secret, only_for))
        if reply is None or reply.kept is None:
            return None
        return reply.kept.vector if ask.operation == "embed" else reply.kept.given.text

    async def _bill(self) -> int:
        """Puts what the door recorded in the place of what list prices say, in replies and log. Gives how many priced answers
        have no such record. What costs nothing by its list price has nothing to be recorded."""
        if self._job.bills is None:
            return 0
        priced = {
            key: reply.kept for key, reply in self._known.items() if reply.kept is not None and reply.kept.cost_nano
        }
        bills = await bills_of([kept.receipt for kept in priced.values()], self._job.bills)
        corrected: list[Sample] = []
        for key, kept in priced.items():
            nano = bills.get(kept.receipt)
            if nano is None or nano == kept.cost_nano:
                continue
            self._known[key] = replace(self._known[key], kept=replace(kept, cost_nano=nano))
            if key in self._log.samples:
                corrected.append(replace(self._log.samples[key], cost_nano=nano))
        self._log.append(corrected)
        return sum(kept.receipt not in bills for kept in priced.values())

    def _spent(self) -> int:
        """Nano-dollars that this trial has paid so far, in all its runs."""
        return spent_of(self._log.samples.values())

    def _scored(self, case: Case, place: int) -> results_file.Row:
        self._progress("Grading", place + 1, len(self._job.plan.items))
        return score(self._job.plan, self._job.graders, case, self._answer)

    def _calibrations(self, cases: Sequence[Case], said: Sequence[Said]) -> list[Calibration]:
        """How each judge that decides something did, on captured replies that people labelled and on this trial's."""
        replies = captured(loaded.item for loaded in self._job.items.values() if isinstance(loaded, Loaded))
        replies += _labelled(self._job.plan, cases, said)
        clusters = {planned.id: planned.cluster for planned in self._job.plan.items}
        found: list[Calibration] = []
        for place in judges_of(self._job.plan):
            found += calibrate(self._job.plan.graders[place], self._job.graders[place], replies, self._answer, clusters)
        return found


def _labelled(plan: Plan, cases: Sequence[Case], said: Sequence[Said]) -> list[Labelled]:
    """The first reply of each model on each item, where people have given it a score."""
    by_item = {case.planned.id: case for case in cases}
    found: list[Labelled] = []
    for one in said:
        case = by_item[one.item]
        for arm in ARMS:
            score = one.score(arm)
            given = next((reply.kept.given for reply in case.replies.get(arm, ()) if reply.kept is not None), None)
            if case.item is not None and score is not None and given is not None:
                found.append(Labelled(plan.arm(arm).model, case.item, given, score))
    return found


def body_of(item: Item, sampling: Sampling) -> dict[str, Any]:
    """What both models are asked for an item: its input with the plan's parameters, one whole answer."""
    body = {name: value for name, value in item.input.items() if name not in ("model", "stream", "stream_options", "n")}
    parameters = sampling.parameters()
    if "max_tokens" in parameters:
        body.pop("max_completion_tokens", None)
    return body | parameters


def check_bounded(plan: Plan, most_nano: int | None) -> None:
    """Raises TrialError when a hard limit is asked for and a model's price is unknown, so that nothing could hold it."""
    unknown = [arm.model for arm in (plan.candidate, plan.incumbent, *plan.judges) if arm.input_rate is None]
    if most_nano is not None and unknown:
        raise TrialError(
            f"The price of {', '.join(unknown)} is unknown, so --most-usd could not hold.",
            "Give it one under [prices] in freehold.toml and plan the trial anew, or run it without --most-usd.",
        )


def _line(one: _Asked, kept: Kept, source: Source) -> Sample:
    return Sample(
        key=one.key,
        item=one.item,
        role=one.role,
        number=one.number,
        status="answered",
        source=source,
        at=kept.at,
        ms=kept.ms,
        input_tokens=kept.input_tokens,
        output_tokens=kept.output_tokens,
        cost_nano=kept.cost_nano,
        receipt=kept.receipt,
        lost_nano=kept.lost_nano if source == "door" else 0,
    )


def _failed(one: _Asked, failed: Failed) -> Sample:
    return Sample(
        key=one.key,
        item=one.item,
        role=one.role,
        number=one.number,
        status="failed",
        at=int(time.time() * 1000),
        cost_nano=failed.spent_nano,
        reason=failed.reason,
        final=failed.final,
    )


def _notes(plan: Plan, counts: Mapping[Source, int], unbilled: int) -> list[str]:
    """What a reader of the results must know."""
    notes: list[str] = []
    if unbilled:
        notes.append(
            f"The cost of {unbilled:,} answers is by list prices, without discounts: no record of them was found here."
        )
    if counts["captured"]:
        notes.append(
            f"{counts['captured']:,} replies of {plan.incumbent.model} are the captured ones, with their times."
        )
    if counts["cache"]:
        notes.append(f"{counts['cache']:,} replies were paid for by earlier trials; their times are not compared.")
    notes += [
        f"Nobody outside the vendor knows which weights {arm.model} has; it may have changed under its name."
        for arm in (plan.candidate, plan.incumbent)
        if arm.weights is None
    ]
    return notes
