"""The asker is patient where patience helps, gives up where it does not, and never takes another model's answer."""

import asyncio
from typing import Any

import msgspec
import pytest

from freehold.errors import BudgetExhausted, TrialError
from freehold.trials.asking import Asker, Door, Failed, Question, price, worst_case
from freehold.trials.plan import Arm
from freehold.trials.samples import Kept
from freehold.trials.wallet import Wallet
from outbound.scripted import Line, following

MODEL = Arm(model="a/b", input_rate=1_000_000_000, output_rate=4_000_000_000)
BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
SENT = len(msgspec.json.encode({**BODY, "model": "a/b"}))
WORST = SENT * 1000 + 4 * 4000


def answer(text: str = "hello", model: str = "a/b", status: int = 200, headers: str = "", code: str = "") -> bytes:
    """An answer of the door, or an error with a code."""
    good = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "b",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    }
    body = msgspec.json.encode(good if status == 200 else {"error": {"message": text, "code": code}})
    head = f"HTTP/1.1 {status} X\r\nx-freehold-model: {model}\r\nx-freehold-receipt: rec_1\r\n{headers}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def asked(*answers: bytes, wallet: Wallet | None = None, arm: Arm = MODEL) -> tuple[Kept | Failed, list[bytes]]:
    """What one question gives against a door that answers so, and what the door heard."""
    left = list(answers)
    heard: list[bytes] = []

    async def script(line: Line) -> None:
        while True:
            heard.append(await line.hear())
            await line.say(left.pop(0))

    async with following(script) as door:
        asker = Asker(Door(door.url, "fh_key"), wallet or Wallet(None), concurrency=2)
        try:
            return await asker.ask(Question(arm=arm, body=BODY, subject="ann")), heard
        finally:
            asker.close()


async def test_an_answer_comes_with_its_tokens_cost_and_receipt() -> None:
    kept, heard = await asked(answer("<think>hm</think>hello"))
    assert isinstance(kept, Kept)
    assert (kept.given.text, kept.model, kept.receipt) == ("hello", "a/b", "rec_1")
    assert (kept.input_tokens, kept.output_tokens, kept.cost_nano) == (10, 2, 18_000)
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert b"authorization: Bearer fh_key" in head
    assert b"x-freehold-subject: ann" in head
    assert msgspec.json.decode(body) == {**BODY, "model": "a/b"}


@pytest.mark.parametrize(
    "busy",
    [
        answer("Slow down.", status=429, headers="retry-after: 0\r\n", code="rate_limit_exceeded"),
        answer("Full.", status=503, headers="retry-after: 0\r\n", code="door-full"),
    ],
)
async def test_a_busy_door_is_asked_again(busy: bytes) -> None:
    kept, heard = await asked(busy, busy, answer())
    assert isinstance(kept, Kept)
    assert len(heard) == 3


@pytest.mark.parametrize(
    ("refusal", "final"),
    [
        (answer("Overloaded.", status=503, code="overloaded"), False),
        (answer("Oops.", status=502, code="vendor-garbled"), False),
        (answer("Too long.", status=400, code="context-too-long"), True),
    ],
)
async def test_what_the_door_has_tried_already_is_a_failure(refusal: bytes, final: bool) -> None:
    failed, heard = await asked(refusal)
    assert isinstance(failed, Failed)
    assert failed.final is final
    assert len(heard) == 1


async def test_another_models_answer_is_never_taken() -> None:
    failed, _ = await asked(answer(model="c/d"))
    assert failed == Failed("it was answered by c/d, not by a/b")


async def test_what_was_answered_and_cannot_count_was_paid_for() -> None:
    wallet = Wallet(10**9)
    failed, _ = await asked(answer(model="c/d"), wallet=wallet)
    assert isinstance(failed, Failed)
    assert wallet.spent_nano == failed.spent_nano == WORST


@pytest.mark.parametrize(("most", "answered"), [(2 * WORST, True), (2 * WORST - 1, False)])
async def test_a_connection_that_breaks_after_the_question_was_sent_is_paid_for(most: int, answered: bool) -> None:
    left = [b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{", answer()]

    async def script(line: Line) -> None:
        await line.hear()
        await line.say(left.pop(0))

    async with following(script) as door:
        wallet = Wallet(most)
        asker = Asker(Door(door.url, "fh_key"), wallet, concurrency=1)
        try:
            one = await asker.ask(Question(arm=MODEL, body=BODY))
        finally:
            asker.close()
    assert isinstance(one, Kept) == answered
    assert (one.lost_nano if isinstance(one, Kept) else one.spent_nano) == WORST
    assert wallet.spent_nano == WORST + (18_000 if answered else 0)


async def test_a_budget_that_is_used_up_and_a_key_that_is_refused_end_the_run() -> None:
    with pytest.raises(BudgetExhausted, match="Nothing left"):
        await asked(answer("Nothing left.", status=429, headers="x-should-retry: false\r\n", code="insufficient_quota"))
    with pytest.raises(TrialError, match="refuses the trial's key"):
        await asked(answer("Who are you?", status=401))
    with pytest.raises(TrialError, match="refuses the trial's key"):
        await asked(answer("Not this model.", status=403, code="out-of-scope"))


@pytest.mark.parametrize("code", ["content_policy_violation", "blocked", "vendor-refused"])
async def test_a_question_that_is_refused_is_that_samples_failure_and_not_the_keys(code: str) -> None:
    failed, heard = await asked(answer("We do not answer that.", status=403, code=code))
    assert failed == Failed("403: We do not answer that.", final=True)
    assert len(heard) == 1


async def test_what_cannot_be_read_is_a_failure() -> None:
    failed, _ = await asked(b"HTTP/1.1 200 X\r\nx-freehold-model: a/b\r\ncontent-length: 2\r\n\r\n[]")
    assert isinstance(failed, Failed)
    assert "cannot be read" in failed.reason


async def test_the_worst_case_is_set_aside_before_the_question_leaves() -> None:
    assert worst_case(MODEL, SENT, BODY) == WORST
    with pytest.raises(BudgetExhausted):
        await asked(answer(), wallet=Wallet(WORST - 1))
    wallet = Wallet(WORST)
    await asked(answer(), wallet=wallet)
    assert wallet.spent_nano == 18_000


def test_an_answer_that_nothing_bounds_has_no_worst_case() -> None:
    with pytest.raises(TrialError, match="Nothing bounds"):
        worst_case(MODEL, 10, {})
    assert worst_case(Arm(model="a/b", input_rate=1_000_000_000, output_rate=0), 10, {}) == 10_000
    assert worst_case(Arm(model="a/b"), 10, {}) == 0


def test_a_price_is_rounded_up_and_unknown_where_a_rate_is() -> None:
    assert price(Arm(model="a/b", input_rate=1, output_rate=1), 1, 0) == 1
    assert price(Arm(model="a/b", input_rate=1), 1, 0) is None


async def test_never_more_questions_are_under_way_than_allowed() -> None:
    under_way = most = 0

    async def script(line: Line) -> None:
        nonlocal under_way, most
        while True:
            await line.hear()
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.002)
            under_way -= 1
            await line.say(answer())

    done: list[str] = []

    async def take(name: str, found: Kept | Failed) -> None:
        assert isinstance(found, Kept)
        done.append(name)

    async with following(script) as door:
        asker = Asker(Door(door.url, "k"), Wallet(None), concurrency=3)
        await asker.ask_all(((str(at), Question(arm=MODEL, body=BODY)) for at in range(40)), take)
        asker.close()
    assert sorted(done, key=int) == [str(at) for at in range(40)]
    assert most == 3
