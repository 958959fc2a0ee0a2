"""Asks the door, as any caller does: many questions at once, patient with a door that is busy, within a hard budget.

It knows HTTP, Chat Completions and what an answer costs by the door's own prices; it knows no item, no grader and no file. An
answer is judged here only as far as it decides whether to ask again: 429, and a 503 that is the door's own, slow everybody down
and are asked again; a budget that is used up or a key that is refused ends the run; everything else, a question that is refused
among it, is that sample's failure, for the door has tried again already.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.dialects.openai_chat import DIALECT
from freehold.errors import (
    Blocked,
    BudgetExhausted,
    FreeholdError,
    TrialError,
    VendorError,
    VendorRefused,
    VendorTimeout,
    VendorUnreachable,
)
from freehold.graders.visible import given
from freehold.items import Given
from freehold.messages import Usage
from freehold.outbound.pool import Endpoint, Pool, endpoint
from freehold.trials.plan import Arm
from freehold.trials.samples import Kept
from freehold.trials.wallet import Wallet

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 900.0
"""Longer than the door itself waits for any vendor."""

LARGEST: Final = 64 << 20
PATIENCE: Final = 8
"""How often one question is asked again while the door is busy: with the pauses below, about a minute."""

BUSY: Final = frozenset({"door-full", "draining", "engine-down", "record-not-kept"})
"""What the door says with a 503 of its own. A vendor's 503 comes through after the door has tried it again."""

OF_THE_QUESTION: Final = frozenset(
    {
        Blocked.code,
        VendorRefused.code,
        "content_filter",
        "content_policy_violation",
        "refusal",
        "data_inspection_failed",
    }
)
"""What a 403 says that refuses one question and not the key: a vendor's refusal of ours never comes through as one."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 20.0
RECOVERY: Final = 32
"""Answers in a row after which one more question at a time is dared again."""

LOOK_SECONDS: Final = 0.02
"""How often those look who wait for the door to recover."""

_MILLION: Final = 1_000_000


class Door(Struct, frozen=True):
    """Where the door is, and the key to ask it with."""

    url: str
    key: str


class Question(Struct, frozen=True, kw_only=True):
    """One question: `body` without its model, for which `arm` stands; `subject` is whom it is about, where that has a name."""

    arm: Arm
    body: dict[str, Any]
    path: str = CHAT
    subject: str = ""


class Failed(Struct, frozen=True):
    """There is no answer, and why. `final` means that asking again would not help, `spent_nano` is what it may have cost."""

    reason: str
    final: bool = False
    spent_nano: int = 0


class _Busy(Struct, frozen=True):
    """The door asks for patience; `after` is in seconds, where it says how long. `paid` means that the try may have to be paid for."""

    reason: str
    after: float | None
    paid: bool = False


class Asker:
    """Asks one door. Made inside its event loop; `close` ends the connections."""

    def __init__(self, door: Door, wallet: Wallet, *, concurrency: int, seed: int = 0) -> None:
        """`concurrency` is how many questions are under way at most; a door that is busy makes it fewer for a while."""
        self.wallet = wallet
        self._target: Endpoint = endpoint(door.url)
        self._key = door.key
        self._pool = Pool()
        self._most = concurrency
        self._allowed = concurrency
        self._under_way = 0
        self._good = 0
        self._open_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._draw = random.Random(seed)  # noqa: S311 (spreads retries)

    @property
    def concurrency(self) -> int:
        """How many questions are allowed at once now."""
        return self._allowed

    async def ask(self, question: Question) -> Kept | Failed:
        """The answer to one question, or why there is none. Raises BudgetExhausted, or TrialError when nothing can be asked."""
        request, worst = self._written(question)
        await self.wallet.set_aside(worst)
        aside, spent, lost = worst, 0, 0
        try:
            reason = ""
            for again in range(PATIENCE + 1):
                await self._until_open()
                answer = await self._once(question, request, worst)
                if isinstance(answer, Kept):
                    spent = answer.cost_nano or 0
                    self._went_well()
                    return replace(answer, lost_nano=lost)
                if isinstance(answer, Failed):
                    spent = answer.spent_nano
                    return replace(answer, spent_nano=lost + spent)
                reason = answer.reason
                self._slow_down(again, answer.after)
                if answer.paid:
                    await self.wallet.settle(aside, worst)
                    aside, lost = 0, lost + worst
                    try:
                        await self.wallet.set_aside(worst)
                    except BudgetExhausted as error:
                        return Failed(f"{reason} {error.sentence}", spent_nano=lost)
                    aside = worst
            return Failed(f"the door stayed busy: {reason}", spent_nano=lost)
        except VendorTimeout:
            spent = worst  # nobody knows whether it was answered, and so paid
            return Failed("it was not answered in time", spent_nano=lost + worst)
        finally:
            await self.wallet.settle(aside, spent)

    async def ask_all(
        self, questions: Iterable[tuple[str, Question]], done: Callable[[str, Kept | Failed], Awaitable[None]]
    ) -> None:
        """Asks all, `done` getting each answer under its name before the next question takes its place.

        What `ask` raises ends it, after the questions under way have been answered and handed to `done`."""
        waiting = iter(questions)
        problems: list[FreeholdError] = []

        async def work() -> None:
            while not problems:
                while self._under_way >= self._allowed:  # noqa: ASYNC110 (the clock opens it, not another task)
                    await asyncio.sleep(LOOK_SECONDS)
                self._under_way += 1
                try:
                    found = next(waiting, None)
                    if found is None:
                        return
                    await done(found[0], await self.ask(found[1]))
                except FreeholdError as error:
                    problems.append(error)
                finally:
                    self._under_way -= 1

        async with asyncio.TaskGroup() as group:
            for _ in range(self._most):
                group.create_task(work())
        if problems:
            raise problems[0]

    def close(self) -> None:
        """Ends every connection."""
        self._pool.close()

    # --- one question ---

    def _written(self, question: Question) -> tuple[bytes, int]:
        """The request as it goes out, and what its answer could cost at most: no model reads more tokens than it is sent bytes."""
        body = {**question.body, "model": question.arm.model}
        named = question.subject
        if named and not (named.isascii() and named.isprintable()):
            body["user"], named = named, ""
        raw = msgspec.json.encode(body)
        head = (
            f"POST {self._target.prefix}{question.path} HTTP/1.1\r\nhost: {self._target.authority}\r\n"
            f"authorization: Bearer {self._key}\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n"
        )
        if named:
            head += f"x-freehold-subject: {named}\r\n"
        worst = 0 if self.wallet.most_nano is None else worst_case(question.arm, len(raw), body)
        return f"{head}\r\n".encode() + raw, worst

    async def _once(self, question: Question, request: bytes, worst: int) -> "Kept | Failed | _Busy":
        began = self._loop.time()
        try:
            response = await self._pool.send(self._target, request, CONNECT_SECONDS, began + ANSWER_SECONDS)
            raw = await response.read(LARGEST)
        except VendorTimeout as error:
            if error.sent:
                raise
            return _Busy(error.sentence, None)
        except VendorUnreachable as error:
            return _Busy(error.sentence, None, paid=error.sent)
        except VendorError as error:  # an answer that is none, or too long
            return Failed(error.sentence, spent_nano=worst)
        took = (self._loop.time() - began) * 1000
        if response.status == 200:
            answer = _answer(question, response.headers, raw, took)
            return replace(answer, spent_nano=worst) if isinstance(answer, Failed) else answer
        return _refusal(response.status, response.headers, raw)

    # --- a door that is busy ---

    async def _until_open(self) -> None:
        while (wait := self._open_at - self._loop.time()) > 0:  # noqa: ASYNC110 (it may be moved meanwhile)
            await asyncio.sleep(wait)

    def _slow_down(self, again: int, after: float | None) -> None:
        """Nobody asks for a while, and then fewer at once."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**again) * self._draw.uniform(0.5, 1)
        self._open_at = max(self._open_at, self._loop.time() + (pause if after is None else min(after, LONGEST_PAUSE)))
        self._allowed = max(1, min(self._allowed, self._under_way) // 2)
        self._good = 0

    def _went_well(self) -> None:
        self._good += 1
        if self._good >= RECOVERY and self._allowed < self._most:
            self._allowed, self._good = self._allowed + 1, 0


def worst_case(arm: Arm, sent: int, body: dict[str, Any]) -> int:
    """Nano-dollars that an answer to `sent` bytes can cost at most; 0 where no price is known.

    Raises TrialError where a price is known and nothing bounds the answer."""
    if not arm.input_rate and not arm.output_rate:
        return 0
    most = body.get("max_completion_tokens") or body.get("max_tokens") or arm.most_output
    if most is None:
        if not arm.output_rate:
            most = 0
        else:
            raise TrialError(
                f"Nothing bounds the length of an answer of {arm.model}, so nothing bounds its cost.",
                "Plan the trial with --max-tokens.",
            )
    return price(arm, sent, int(most)) or 0


def price(arm: Arm, input_tokens: int, output_tokens: int) -> int | None:
    """Nano-dollars for these tokens by the rates of the plan, rounded up; None where no price is known."""
    if arm.input_rate is None or arm.output_rate is None:
        return None
    return -(-(input_tokens * arm.input_rate + output_tokens * arm.output_rate) // _MILLION)


def _answer(question: Question, headers: dict[str, str], raw: bytes, took: float) -> Kept | Failed:
    by = headers.get("x-freehold-model", "")
    if by != question.arm.model:
        return Failed(f"it was answered by {by or 'an unknown model'}, not by {question.arm.model}")
    try:
        said, vector, usage = _embedding(raw) if question.path == EMBEDDINGS else _said(raw)
    except (VendorError, msgspec.MsgspecError, KeyError, IndexError, TypeError) as error:
        return Failed(f"the answer cannot be read: {error}")
    return Kept(
        given=said,
        model=by,
        at=int(time.time() * 1000),
        ms=round(took, 3),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_nano=price(question.arm, usage.input_tokens, usage.output_tokens),
        receipt=headers.get("x-freehold-receipt", ""),
        vector=vector,
    )


def _said(raw: bytes) -> tuple[Given, None, Usage]:
    reply = DIALECT.read_reply(raw)
    return given(reply), None, reply.usage or Usage(estimated=True)


def _embedding(raw: bytes) -> tuple[Given, tuple[float, ...], Usage]:
    body = msgspec.json.decode(raw)
    vector = tuple(float(number) for number in body["data"][0]["embedding"])
    return Given(), vector, Usage(input_tokens=int(body.get("usage", {}).get("prompt_tokens", 0)))


def _refusal(status: int, headers: dict[str, str], raw: bytes) -> Failed | _Busy:
    """What to make of an answer that is an error. Raises BudgetExhausted or TrialError where the run cannot go on."""
    code, kind, said = _error(raw)
    reason = f"{status}: {said}"
    if status == 429 and (code == "insufficient_quota" or headers.get("x-should-retry") == "false"):
        raise BudgetExhausted(said, "Raise the budget that it names, then run the trial again; nothing is asked twice.")
    if status == 401 or (status == 403 and not {code, kind} & OF_THE_QUESTION):
        raise TrialError(
            f"The door refuses the trial's key: {said}",
            "Give another one with --key, or run it again where it had run out: nothing is asked twice.",
        )
    if status == 429 or (status == 503 and code in BUSY):
        return _Busy(reason, _seconds(headers.get("retry-after")))
    return Failed(reason, final=status < 500)


def _error(raw: bytes) -> tuple[str, str, str]:
    """Code, type and sentence of an error body."""
    try:
        error = msgspec.json.decode(raw)["error"]
        return str(error.get("code") or ""), str(error.get("type") or ""), str(error["message"])[:500]
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        return "", "", "an answer that is no error of the door"


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
