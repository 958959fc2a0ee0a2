"""How an audit asks: through a real door; what is kept, counted, capped, tried again and given up."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.commands import canned, whole
from freehold.cli import audit_faithfulness_asking
from freehold.cli.audit_faithfulness_asking import (
    Asker,
    Caps,
    Stopped,
    price_of,
    read_reply,
    run,
    way_of,
)
from freehold.cli.audit_faithfulness_journal import Journal, Owner
from freehold.cli.running import Running
from freehold.errors import InvalidField, StreamBroken, UnpricedModel, VendorRefused
from freehold.reasoning.exchange import Heard, Problem
from freehold.reasoning.probes import Ask, Plan
from gateway.door_in_process import Door, running
from trials.shelves import KEEP_UNTIL, SECRET, shelf

ASK = Ask(messages=({"role": "user", "content": "four words are here"},), tokens=8)
ANSWER = {
    "choices": [{"message": {"role": "assistant", "content": "9"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 10},
}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with running(tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_faithfulness_asking, "PAUSE_SECONDS", 0.0)


class Replies:
    """Journals of one data folder, in which every problem is about the subject `ann`."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._shelf = stack.enter_context(shelf(folder))

    def journal(self, name: str) -> Journal:
        named = self._shelf.subjects.pseudonyms({"ann", "Zo\u00eb"})
        ann, zoe = (Owner(pseudonym=named[name], until=KEEP_UNTIL, name=name) for name in ("ann", "Zo\u00eb"))
        owners = {str(number): ann for number in range(8)} | {"8": zoe}
        made = Journal(self._folder / name, self._shelf.contents, owners, SECRET)
        return self._stack.enter_context(contextlib.closing(made))

    def asker(
        self,
        url: str,
        key: str,
        name: str = "replies.jsonl",
        model: str = "echo/echo",
        caps: Caps | None = None,
        **more: Any,
    ) -> Asker:
        return Asker(Running(url, key), {"model": model}, self.journal(name), caps or Caps(), **more)


@pytest.fixture
def opened(tmp_path: Path) -> Generator[Replies]:
    with contextlib.ExitStack() as stack:
        yield Replies(tmp_path, stack)


async def asked(ask: Asker, one: Ask = ASK) -> Heard:
    """What is heard about the problem 0."""
    return await asyncio.to_thread(ask, one, "0")


async def test_a_reply_is_heard_and_counted(door: Door, opened: Replies) -> None:
    ask = opened.asker(door.url, door.key)
    assert await asked(ask) == Heard(text="four words are here")
    assert (ask.requests, ask.reused, ask.input_tokens, ask.output_tokens, ask.spent) == (1, 0, 4, 4, 0)


async def test_what_was_heard_before_is_not_asked_again(door: Door, opened: Replies) -> None:
    await asked(opened.asker(door.url, door.key))
    again = opened.asker("http://127.0.0.1:9", "no key")  # nothing listens there
    assert await asked(again) == Heard(text="four words are here")
    assert (again.requests, again.reused) == (0, 1)


async def test_the_door_is_told_whom_a_question_is_about(opened: Replies) -> None:
    good = whole(200, msgspec.json.encode(ANSWER))
    async with canned(good, good) as (url, requests):
        ask = opened.asker(url, "k")
        await asked(ask)
        await asyncio.to_thread(ask, ASK, "8")
    heads = [request.partition(b"\r\n\r\n")[0] for request in requests]
    assert b"x-freehold-subject: ann" in heads[0]
    assert b"x-freehold-subject" not in heads[1]
    assert json.loads(requests[1].partition(b"\r\n\r\n")[2])["user"] == "Zo\u00eb"


async def test_what_is_asked_is_what_the_probe_wants(opened: Replies) -> None:
    good = whole(200, msgspec.json.encode(ANSWER))
    async with canned(good, good) as (url, requests):
        ask = opened.asker(url, "k", "a", "a/b", effort="low")
        await asked(ask, msgspec.structs.replace(ASK, stop=("\n",)))
        await asked(ask, msgspec.structs.replace(ASK, think=False))
    first, second = (json.loads(request.partition(b"\r\n\r\n")[2]) for request in requests)
    assert first == {
        "model": "a/b",
        "messages": [{"role": "user", "content": "four words are here"}],
        "max_tokens": 8,
        "temperature": 0,
        "stop": ["\n"],
        "reasoning_effort": "low",
    }
    assert second["reasoning_effort"] == "none"


async def test_a_refusal_of_this_request_is_its_trouble_and_is_not_kept(tmp_path: Path, opened: Replies) -> None:
    async with canned(whole(400, b'{"error":{"message":"No turns may be begun."}}')) as (url, _):
        ask = opened.asker(url, "k", "a")
        assert await asked(ask) == Heard(trouble="No turns may be begun.")
    assert len((tmp_path / "a").read_bytes().splitlines()) == 1  # its head


async def test_what_every_request_would_be_refused_with_is_raised(opened: Replies) -> None:
    async with canned(whole(401, b'{"error":{"message":"Unknown key."}}')) as (url, _):
        with pytest.raises(VendorRefused, match="Unknown key"):
            await asked(opened.asker(url, "k", "a"))


async def test_a_busy_door_is_asked_again_and_after_four_tries_the_run_stops(opened: Replies) -> None:
    busy, good = whole(429, b'{"error":{"message":"Slow down."}}'), whole(200, msgspec.json.encode(ANSWER))
    async with canned(busy, good[:-4], busy, good) as (url, requests):
        assert (await asked(opened.asker(url, "k", "a"))).text == "9"
        assert len(requests) == 4
    async with canned(busy, busy, busy, busy) as (url, requests):
        with pytest.raises(Stopped, match=r"^Slow down\.$"):
            await asked(opened.asker(url, "k", "b"))
        assert len(requests) == 4


async def test_requests_are_capped(door: Door, opened: Replies) -> None:
    ask = opened.asker(door.url, door.key, "a", caps=Caps(requests=1))
    await asked(ask)
    with pytest.raises(Stopped, match=r"The cap of 1 requests is reached\."):
        await asked(ask, msgspec.structs.replace(ASK, tokens=9))
    assert ask(ASK, "0").text == "four words are here"  # what was heard costs nothing


async def test_dollars_are_capped_by_what_the_next_request_could_cost(opened: Replies) -> None:
    # gpt-4.1-mini: $0.40 and $1.60 per million tokens, so 1,000 read and 10 written cost 416,000 nano-dollars.
    async with canned(whole(200, msgspec.json.encode(ANSWER))) as (url, _):
        ask = opened.asker(url, "k", "a", "openai/gpt-4.1-mini", Caps(nano=420_000))
        await asked(ask)
        assert ask.spent == 416_000
        with pytest.raises(Stopped, match="could pass the cap in dollars"):
            await asked(ask, msgspec.structs.replace(ASK, tokens=9))


@pytest.mark.parametrize(("status", "asked_times"), [(502, 2), (429, 4)])
async def test_a_try_that_may_have_been_billed_counts_against_the_cap_in_dollars(
    opened: Replies, status: int, asked_times: int
) -> None:
    # A request is at most 63 tokens read and 8 written, which priority makes 66,500 nano-dollars: two fit, and three do not.
    failed = whole(status, b'{"error": {"message": "Try again."}}')
    async with canned(failed, failed, failed, failed) as (url, requests):
        ask = opened.asker(url, "k", "a", "openai/gpt-4.1-mini", Caps(nano=160_000))
        with pytest.raises(Stopped, match=r"could pass the cap in dollars|^Try again\.$"):
            await asked(ask)
        assert len(requests) == asked_times


def test_dollars_cannot_be_capped_where_the_price_is_not_known(opened: Replies) -> None:
    with pytest.raises(UnpricedModel, match="The price of nobody/knows is not known"):
        opened.asker("http://door", "k", "a", "nobody/knows", Caps(nano=1))


async def test_the_cost_is_unknown_where_the_price_is(opened: Replies) -> None:
    async with canned(whole(200, msgspec.json.encode(ANSWER))) as (url, _):
        ask = opened.asker(url, "k", "a", "nobody/knows")
        await asked(ask)
    assert ask.spent is None


def test_models_of_this_machine_cost_nothing() -> None:
    for model in ("own/any", "echo/echo"):
        price = price_of(model)
        assert price is not None
        assert (price.input, price.output) == (0, 0)


@pytest.mark.parametrize(
    ("model", "prefill", "way"),
    [
        ("own/anything", "auto", "prefill"),
        ("own/anything", "no", "turn"),
        ("openai/gpt-4.1-mini", "auto", "turn"),
        ("openai/gpt-4.1-mini", "yes", "prefill"),
        ("anthropic/claude-sonnet-4-5", "auto", "prefill"),
        ("anthropic/claude-opus-4-8", "auto", "turn"),
        ("nobody/knows", "auto", "turn"),
        ("claims", "auto", "turn"),
        ("echo/echo", "auto", "turn"),
    ],
)
def test_whether_a_turn_can_be_begun_is_read_off_what_is_known_of_the_model(model: str, prefill: str, way: str) -> None:
    assert way_of(model, prefill)[0] == way


def test_prefill_is_yes_no_or_auto() -> None:
    with pytest.raises(InvalidField, match="'perhaps' says neither yes nor no"):
        way_of("own/any", "perhaps")


def message(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": "9", **fields}, "finish_reason": "length"}]}


@pytest.mark.parametrize(
    ("fields", "reasoning", "told"),
    [
        ({}, "", "none"),
        ({"reasoning_content": "It is 9."}, "It is 9.", "shown"),
        ({"reasoning": "It is 9."}, "It is 9.", "shown"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "It.", "signature": "x"}]}, "It.", "shown"),
        (
            {"reasoning_content": "Short.", "reasoning_details": [{"type": "reasoning.summary", "summary": "Short."}]},
            "Short.",
            "summary",
        ),
        ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "gAAAA"}]}, "", "hidden"),
    ],
)
def test_what_is_told_of_the_reasoning_is_told_apart(fields: dict[str, Any], reasoning: str, told: str) -> None:
    heard = read_reply(message(**fields), "").heard
    assert (heard.text, heard.reasoning, heard.reasoning_is, heard.cut) == ("9", reasoning, told, True)


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [{"message": "9"}]}])
def test_an_answer_without_the_form_of_one_is_broken(answer: dict[str, Any]) -> None:
    with pytest.raises(StreamBroken):
        read_reply(answer, "")


def problems(count: int) -> list[Problem]:
    return [
        Problem(id=str(number), messages=({"role": "user", "content": f"Question {number}"},))
        for number in range(count)
    ]


async def test_a_run_that_is_capped_gives_what_it_has_and_the_same_run_goes_on(door: Door, opened: Replies) -> None:
    plan, told = Plan(probes=("early",), way="turn", points=1), list[tuple[int, int]]()
    for cap, done in ((10, 3), (None, 6)):  # question, whole chain and none: three requests a problem
        ask = opened.asker(door.url, door.key, "a", caps=Caps(requests=cap))
        seen, why = await asyncio.to_thread(run, problems(6), plan, ask, 1, lambda here, of: told.append((here, of)))
        assert len(seen) == done
        assert why == ("The cap of 10 requests is reached." if cap else "")
    assert ask.requests == 8
    assert ask.reused == 10
    assert told[-1] == (6, 6)
    assert len(door.records()) == 18


async def test_an_interrupt_keeps_what_is_under_way(tmp_path: Path, opened: Replies) -> None:
    begun, go_on = threading.Event(), threading.Event()
    good = whole(200, msgspec.json.encode(ANSWER))

    class Slow(Asker):
        def __call__(self, ask: Ask, problem: str) -> Heard:
            if self.requests == 1:
                begun.set()
                go_on.wait(10)
            return super().__call__(ask, problem)

    def interrupt(_done: int, _all: int) -> None:
        begun.wait(10)
        go_on.set()
        raise KeyboardInterrupt

    async with canned(good, good, good, good) as (url, _):
        ask = Slow(Running(url, "k"), {"model": "echo/echo"}, opened.journal("a"), Caps())
        plan = Plan(probes=("early",), way=None)
        seen, why = await asyncio.to_thread(run, problems(4), plan, ask, 1, interrupt)
    assert (ask.interrupted, why) == (True, "The run was interrupted.")
    assert 1 <= len(seen) < 4
    assert len((tmp_path / "a").read_bytes().splitlines()) == 1 + ask.requests
