"""Traces from a teacher: the inputs of a workload's items, answered anew by a model that may teach, kept where they hold.

It knows items, pedigrees and a task; who asks the door is handed in. It exists because what a rented model answered may mostly not be learned
from, while what the company's own users asked may: so the inputs are taken, and the outputs left where they are.

`make_traces`, step by step; the numbers stand in the code:

1. may this teacher teach this student? Else nothing is asked
2. an item whose input holds what another model said has that model as an ancestor; where its terms forbid the use, the item is left out
3. each item that has too few traces yet is asked again, up to `samples` times, counting what earlier runs have asked with the same body of an
   item that said the same and was graded by the same
4. an answer is kept when the workload's grader gives it the full score and no verifier refutes a step of it
5. every attempt is a line on the disk before the next one counts, so a run that is cut off goes on where it was
"""

import asyncio
import fcntl
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.catalog.terms import Terms
from freehold.errors import ConfigError, FreeholdError, MalformedDataset, RowForbidden
from freehold.items import Item
from freehold.training.dataset import Dataset, Example, Turn
from freehold.training.provenance import Override, Pedigree, Student, may_use, pedigree_of_answer
from freehold.training.tasks.task import END, THINK, Problem, judge
from freehold.training.tasks.workload import WorkloadTask, turns, unaskable

INPUT: Final = "input"

Again = Literal["now", "later", "never"]
"""When asking an item again may help: at once, in another run when somebody has mended something, or never."""

Outcome = Literal["kept", "wrong", "refuted", "unscored", "failed"]
"""What became of an attempt: kept; the grader found it wrong, or a verifier a step; the grader could not tell; no answer came."""


class Answered(Struct, frozen=True):
    """What a teacher said: its chain of thought where it shows one, its answer, and how the answer ended."""

    text: str
    chain: str = ""
    whole: bool = True


class Unanswered(Struct, frozen=True):
    """No answer came, and why, and when to ask the item again."""

    reason: str
    again: Again = "now"


Ask = Callable[[dict[str, Any], int], Awaitable[Answered | Unanswered]]
"""Puts a body of Chat Completions, without its model, to the teacher; the number tells the samples of an item apart."""


class Attempt(Struct, frozen=True, omit_defaults=True):
    """One line of the log of a run. `decided` is the digest of what decided it (`decided_by`); lines of versions before this have none. `example`
    stands there when it was kept; `final` says that asking again would never help."""

    item: str
    number: int
    outcome: Outcome
    reason: str = ""
    example: Example | None = None
    final: bool = False
    decided: str = ""


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be made: for whom, by which teacher (`vendor/model`), on which day, how often each item is asked at most and how many
    traces of it are enough. `body` is put into every question, such as `max_tokens`. `lineage` are the pedigrees of what an own teacher was
    made from, by hash; without them an own model may not teach."""

    student: Student
    teacher: str
    route: Literal["api", "weights"]
    on: str
    samples: int = 8
    enough: int = 1
    body: dict[str, Any] = {}
    lineage: dict[str, Pedigree] = {}


class Made(Struct, frozen=True):
    """What came of it: the dataset, how attempts ended, items without a trace yet, and items left out with the reason."""

    dataset: Dataset
    outcomes: dict[str, int]
    without: tuple[str, ...]
    left_out: dict[str, str]


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of the log: whom the attempts were asked of, in which way, and the SHA-256 of the grader that judged them."""

    teacher: str
    route: str
    grader: str


class AttemptLog:
    """The attempts of a run and of those before it, as lines of a file that only its owner reads: it holds what callers wrote.

    An attempt counts for the item that it was made at as long as what decided it is the same: a corrected reference, another item of the same id or
    another `max_tokens` leaves the line where it is, and has the item asked anew."""

    def __init__(self, path: Path, asked: Asked) -> None:
        """Opens the log, or makes it, and holds it until `close`. A last line that was cut off is dropped; any other that cannot be read raises
        MalformedDataset. Raises ConfigError while another run holds the log; for that of another teacher or grader: its attempts would count as this one's;
        and for one whose attempts do not say what decided them, as versions before wrote it: they may be right or not, and whether to pay for them again is
        for its owner to say."""
        self.path = path.resolve()
        self._of: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "a+b")
        try:
            self._hold()
            self._file.seek(0)
            self._file.truncate(self._read(path, self._begun(path, asked)))
        except BaseException:
            self.close()
            raise

    def _hold(self) -> None:
        """Locks the file until it is closed, as two runs on one log would pay twice and answer for each other's samples."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"Another run is writing its attempts to {self.path}.",
                "Wait for it, or end it; or name another file, `--out`.",
            ) from None

    def _begun(self, path: Path, asked: Asked) -> int:
        """How long the first line is, once it is there and says what it must."""
        first = self._file.readline()
        if not first.endswith(b"\n"):  # new, or cut off before anything was asked
            self._file.seek(0)
            self._file.truncate()
            first = msgspec.json.encode(asked) + b"\n"
            self._file.write(first)
            self._file.flush()
            os.fsync(self._file.fileno())
            return len(first)
        try:
            before = msgspec.json.decode(first, type=Asked)
        except msgspec.MsgspecError:
            before = None
        if before != asked:
            whom = "of nobody it names" if before is None else f"of {before.teacher} ({before.route})"
            whom += ", and graded otherwise" if before is not None and before.grader != asked.grader else ""
            raise ConfigError(
                f"The attempts in {path.name} were asked {whom}, and would count as those of {asked.teacher} ({asked.route}).",
                "Name another file, `--out`, or remove that log.",
            )
        return len(first)

    def _read(self, path: Path, good: int) -> int:
        """Reads the attempts, behind a first line of `good` bytes. Gives where the last whole line ends."""
        decode = msgspec.json.Decoder(Attempt).decode
        for place, line in enumerate(self._file, 2):
            if not line.endswith(b"\n"):
                break
            try:
                attempt = decode(line)
            except msgspec.MsgspecError as error:
                raise MalformedDataset(f"Line {place} of {path.name} is no attempt: {error}.") from None
            if not attempt.decided:
                raise ConfigError(
                    f"The attempts in {path.name} are of an earlier version, and do not say what was asked and what was right then.",
                    "Name another file, `--out`, or remove that log; what it holds is asked and paid anew then.",
                )
            self._keep(attempt)
            good += len(line)
        return good

    def append(self, attempt: Attempt) -> None:
        """Keeps an attempt; it is with the disk afterwards."""
        self._file.write(msgspec.json.encode(attempt) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._keep(attempt)

    def of(self, item: str, decided: str) -> Sequence[Attempt]:
        """The attempts at an item that this decides, in their order."""
        return self._of.get((item, decided), ())

    def close(self) -> None:
        """Closes the file, which lets other runs at it."""
        self._file.close()

    def _keep(self, attempt: Attempt) -> None:
        self._of[attempt.item, attempt.decided].append(attempt)


async def make_traces(
    wanted: Wanted,
    items: Sequence[Item],
    task: WorkloadTask,
    ask: Ask,
    log: AttemptLog,
    terms: Terms,
    *,
    overrides: Sequence[Override] = (),
    concurrency: int = 8,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Made:
    """Makes the traces. Raises RowForbidden when the teacher may not teach this student, and what `ask` raises when nothing more can be
    asked; what was kept until then is in the log."""
    # 1
    require_teacher(wanted, terms, overrides)
    # 2
    pedigrees = {item.id: behind_item(item, wanted.on, terms) for item in items}
    left_out = {
        item.id: why
        for item in items
        if (why := unaskable(item) or forbidden_by(pedigrees[item.id], wanted.student, terms, overrides))
    }
    decided = {item.id: decided_by(item, wanted) for item in items}
    waiting = iter([item for item in items if item.id not in left_out])
    judging = asyncio.Lock()  # verifiers hold processes of their own, and answer one question at a time
    done = 0
    total = len(items) - len(left_out)

    problems: list[FreeholdError] = []

    async def answer(item: Item) -> None:
        # 3
        for number in _numbers(log.of(item.id, decided[item.id]), wanted):
            said = await ask(_body(item, wanted), number)
            async with judging:
                attempt = await asyncio.to_thread(_judged, item, number, said, task, pedigrees[item.id], wanted, terms)
                # 5
                await asyncio.to_thread(log.append, replace(attempt, decided=decided[item.id]))
            refused = isinstance(said, Unanswered) and said.again != "now"
            if problems or refused or _enough(log.of(item.id, decided[item.id]), wanted):
                return

    async def work() -> None:
        nonlocal done
        for item in waiting:
            try:
                await answer(item)
            except FreeholdError as error:
                problems.append(error)
            if problems:
                return
            done += 1
            progress(done, total)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    if problems:
        raise problems[0]
    attempts = {item.id: log.of(item.id, decided[item.id]) for item in items if item.id not in left_out}
    return _made(attempts, pedigrees, left_out, wanted)


def require_teacher(wanted: Wanted, terms: Terms, overrides: Sequence[Override] = ()) -> None:
    """Raises RowForbidden, with the clause, when the teacher's answers may not teach the student steps."""
    pedigree = pedigree_of_answer(wanted.teacher, wanted.on, terms, route=wanted.route, parents=tuple(wanted.lineage))
    decision = may_use("answers", {**wanted.lineage, "answers": pedigree}, wanted.student, "distil", terms, overrides)
    if not decision.allowed:
        raise RowForbidden(
            f"{wanted.teacher} may not teach {wanted.student.name}: {decision.reason.partition(': ')[2] or decision.reason}",
            "Take a teacher whose terms permit it, such as open weights that run here; docs/concepts/pedigree.md lists them.",
        )


def decided_by(item: Item, wanted: Wanted) -> str:
    """SHA-256, in hexadecimal, of what decides an attempt at an item beside teacher and grader: what it says, what it is graded by, and the body wanted
    of the teacher."""
    decides = [item.input, item.reference, item.metadata, wanted.body]
    return hashlib.sha256(msgspec.json.encode(decides, order="deterministic")).hexdigest()


def behind_item(item: Item, on: str, terms: Terms) -> dict[str, Pedigree]:
    """The pedigrees of what an item's input is made of, by hash: the caller's words, and, where the conversation holds them, the words of
    the model that answered then, on the day of the item, else on the day `on` (ISO 8601)."""
    said = turns(item)
    callers = "\n".join(text for role, text in said if role != "assistant")
    found = {_hash(INPUT, callers): of_customer(item.workload)}
    models = "\n".join(text for role, text in said if role == "assistant")
    if models:
        day = datetime.fromtimestamp(item.at / 1000, UTC).date().isoformat() if item.at else on
        found[_hash("said", models)] = pedigree_of_answer(item.model or "unknown/unknown", day, terms)
    return found


def forbidden_by(
    known: dict[str, Pedigree], student: Student, terms: Terms, overrides: Sequence[Override]
) -> str | None:
    """Why the words of an item's conversation may not be had before a student, None when they may."""
    for name in known:
        decision = may_use(name, known, student, "distil", terms, overrides)
        if not decision.allowed:
            return f"its conversation holds words of a model: {decision.reason.partition(': ')[2] or decision.reason}"
    return None


def _numbers(mine: Sequence[Attempt], wanted: Wanted) -> list[int]:
    """The samples of an item that are still to be asked for. What got no answer is asked again by the next run."""
    if any(attempt.final for attempt in mine) or _enough(mine, wanted):
        return []
    asked = {attempt.number for attempt in mine if attempt.outcome != "failed"}
    return [number for number in range(wanted.samples) if number not in asked]


def _enough(mine: Sequence[Attempt], wanted: Wanted) -> bool:
    return sum(attempt.outcome == "kept" for attempt in mine) >= wanted.enough


def _body(item: Item, wanted: Wanted) -> dict[str, Any]:
    return {"messages": item.input["messages"], **wanted.body}


def _judged(
    item: Item,
    number: int,
    answer: Answered | Unanswered,
    task: WorkloadTask,
    known: dict[str, Pedigree],
    wanted: Wanted,
    terms: Terms,
) -> Attempt:
    if isinstance(answer, Unanswered):
        return Attempt(item.id, number, "failed", answer.reason, final=answer.again == "never")
    if not answer.whole or not answer.text.strip():
        return Attempt(item.id, number, "wrong", "the answer was cut off, or is empty")
    reply = "\n".join((THINK, answer.chain.strip(), END, answer.text)) if answer.chain.strip() else answer.text
    problem = Problem(task.name, 1, {"item": item.id})
    # 4
    judgement = judge(task, problem, reply)
    grade = judgement.grade
    if grade.score is None:
        return Attempt(item.id, number, "unscored", grade.reason)
    if grade.score < 1.0:
        return Attempt(item.id, number, "wrong", grade.reason)
    refuted = next((step for step in judgement.check.steps if step.verdict == "refuted"), None)
    if refuted is not None:
        return Attempt(item.id, number, "refuted", f"{refuted.text[:200]}: {refuted.reason}")
    pedigree = pedigree_of_answer(
        wanted.teacher, wanted.on, terms, route=wanted.route, parents=(*known, *wanted.lineage)
    )
    example = Example(
        turns=tuple(Turn(role, text) for role, text in turns(item)),
        reply=reply,
        pedigree=pedigree,
        task=item.workload,
        problem=task.digest(problem),
    )
    return Attempt(item.id, number, "kept", grade.reason, example)


def _made(
    attempts: Mapping[str, Sequence[Attempt]],
    known: dict[str, dict[str, Pedigree]],
    left_out: dict[str, str],
    wanted: Wanted,
) -> Made:
    examples: list[Example] = []
    ancestors = dict(wanted.lineage)
    outcomes: Counter[str] = Counter()
    without: list[str] = []
    for item, mine in attempts.items():
        kept = [attempt.example for attempt in mine if attempt.example is not None]
        outcomes.update(attempt.outcome for attempt in mine)
        examples += kept
        ancestors |= known[item] if kept else {}
        without += [] if kept else [item]
    return Made(Dataset(tuple(examples), ancestors), dict(outcomes), tuple(without), left_out)


def of_customer(workload: str) -> Pedigree:
    """The pedigree of what the callers of a workload wrote."""
    return Pedigree(producer=f"customer/{workload}", route="customer", terms="customer-data", terms_date="2026-01-01")


def _hash(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}\0{text}".encode(errors="replace")).hexdigest()
