"""How an audit asks: through a real door; what is kept, counted, capped, tried again and given up."""

import asyncio
import json
import stat
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.commands import canned, whole
from freehold.cli import audit_faithfulness_asking
from freehold.cli.audit_faithfulness_asking import (
    Asker,
    Caps,
    Journal,
    Kept,
    Stopped,
    price_of,
    read_reply,
    run,
    way_of,
)
from freehold.cli.running import Running
from freehold.errors import InvalidField, StoreError, StreamBroken, UnpricedModel, VendorRefused
from freehold.reasoning.probes import Ask, Heard, Plan, Problem
from gateway.door_in_process import Door, running

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


def asker(url: str, key: str, path: Path, model: str = "echo/echo", caps: Caps | None = None, **more: Any) -> Asker:
    return Asker(Running(url, key), {"model": model}, Journal(path), caps or Caps(), **more)


async def test_a_reply_is_heard_counted_and_kept_with_its_receipt(door: Door, tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    ask = asker(door.url, door.key, path)
    assert await asyncio.to_thread(ask, ASK) == Heard(text="four words are here")
    assert (ask.requests, ask.reused, ask.input_tokens, ask.output_tokens, ask.spent) == (1, 0, 4, 4, 0)
    (line,) = path.read_bytes().splitlines()
    (record,) = door.records()
    assert msgspec.json.decode(line, type=Kept).receipt == record.id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_what_was_heard_before_is_not_asked_again(door: Door, tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    await asyncio.to_thread(asker(door.url, door.key, path), ASK)
    again = asker("http://127.0.0.1:9", "no key", path)  # nothing listens there
    assert again(ASK) == Heard(text="four words are here")
    assert (again.requests, again.reused) == (0, 1)


async def test_a_line_that_a_kill_tore_is_cut_off_and_asked_again(door: Door, tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    ask = asker(door.url, door.key, path)
    await asyncio.to_thread(ask, ASK)
    good = path.read_bytes()
    path.write_bytes(good + b'{"key":"half')
    other = msgspec.structs.replace(ASK, tokens=2)
    again = asker(door.url, door.key, path)
    assert (await asyncio.to_thread(again, other)) == Heard(text="four words", cut=True)
    assert len(path.read_bytes().splitlines()) == 2
    assert path.read_bytes().startswith(good)


def test_a_journal_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "replies.jsonl").write_bytes(b"hello\n")
    with pytest.raises(StoreError, match="is damaged"):
        Journal(tmp_path / "replies.jsonl")
    with pytest.raises(StoreError, match="cannot be used"):
        Journal(tmp_path / "none" / "replies.jsonl")


async def test_what_is_asked_is_what_the_probe_wants(tmp_path: Path) -> None:
    good = whole(200, msgspec.json.encode(ANSWER))
    async with canned(good, good) as (url, requests):
        ask = asker(url, "k", tmp_path / "a", "a/b", effort="low")
        await asyncio.to_thread(ask, msgspec.structs.replace(ASK, stop=("\n",)))
        await asyncio.to_thread(ask, msgspec.structs.replace(ASK, think=False))
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


async def test_a_refusal_of_this_request_is_its_trouble_and_is_not_kept(tmp_path: Path) -> None:
    async with canned(whole(400, b'{"error":{"message":"No turns may be begun."}}')) as (url, _):
        ask = asker(url, "k", tmp_path / "a")
        assert await asyncio.to_thread(ask, ASK) == Heard(trouble="No turns may be begun.")
    assert (tmp_path / "a").read_bytes() == b""


async def test_what_every_request_would_be_refused_with_is_raised(tmp_path: Path) -> None:
    async with canned(whole(401, b'{"error":{"message":"Unknown key."}}')) as (url, _):
        with pytest.raises(VendorRefused, match="Unknown key"):
            await asyncio.to_thread(asker(url, "k", tmp_path / "a"), ASK)


async def test_a_busy_door_is_asked_again_and_after_four_tries_the_run_stops(tmp_path: Path) -> None:
    busy, good = whole(429, b'{"error":{"message":"Slow down."}}'), whole(200, msgspec.json.encode(ANSWER))
    async with canned(busy, good[:-4], busy, good) as (url, requests):
        assert (await asyncio.to_thread(asker(url, "k", tmp_path / "a"), ASK)).text == "9"
        assert len(requests) == 4
    async with canned(busy, busy, busy, busy) as (url, requests):
        with pytest.raises(Stopped, match=r"^Slow down\.$"):
            await asyncio.to_thread(asker(url, "k", tmp_path / "b"), ASK)
        assert len(requests) == 4


async def test_requests_are_capped(door: Door, tmp_path: Path) -> None:
    ask = asker(door.url, door.key, tmp_path / "a", caps=Caps(requests=1))
    await asyncio.to_thread(ask, ASK)
    with pytest.raises(Stopped, match=r"The cap of 1 requests is reached\."):
        await asyncio.to_thread(ask, msgspec.structs.replace(ASK, tokens=9))
    assert ask(ASK).text == "four words are here"  # what was heard costs nothing


async def test_dollars_are_capped_by_what_the_next_request_could_cost(tmp_path: Path) -> None:
    # gpt-4.1-mini: $0.40 and $1.60 per million tokens, so 1,000 read and 10 written cost 416,000 nano-dollars.
    async with canned(whole(200, msgspec.json.encode(ANSWER))) as (url, _):
        ask = asker(url, "k", tmp_path / "a", "openai/gpt-4.1-mini", Caps(nano=420_000))
        await asyncio.to_thread(ask, ASK)
        assert ask.spent == 416_000
        with pytest.raises(Stopped, match="could pass the cap in dollars"):
            await asyncio.to_thread(ask, msgspec.structs.replace(ASK, tokens=9))


def test_dollars_cannot_be_capped_where_the_price_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(UnpricedModel, match="The price of nobody/knows is not known"):
        asker("http://door", "k", tmp_path / "a", "nobody/knows", Caps(nano=1))


async def test_the_cost_is_unknown_where_the_price_is(tmp_path: Path) -> None:
    async with canned(whole(200, msgspec.json.encode(ANSWER))) as (url, _):
        ask = asker(url, "k", tmp_path / "a", "nobody/knows")
        await asyncio.to_thread(ask, ASK)
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
    heard = read_reply(message(**fields), "k", "").heard
    assert (heard.text, heard.reasoning, heard.reasoning_is, heard.cut) == ("9", reasoning, told, True)


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [{"message": "9"}]}])
def test_an_answer_without_the_form_of_one_is_broken(answer: dict[str, Any]) -> None:
    with pytest.raises(StreamBroken):
        read_reply(answer, "k", "")


def problems(count: int) -> list[Problem]:
    return [
        Problem(id=str(number), messages=({"role": "user", "content": f"Question {number}"},))
        for number in range(count)
    ]


async def test_a_run_that_is_capped_gives_what_it_has_and_the_same_run_goes_on(door: Door, tmp_path: Path) -> None:
    plan, told = Plan(probes=("early",), way="turn", points=1), list[tuple[int, int]]()
    for cap, done in ((10, 3), (None, 6)):  # question, whole chain and none: three requests a problem
        ask = asker(door.url, door.key, tmp_path / "a", caps=Caps(requests=cap))
        seen, why = await asyncio.to_thread(run, problems(6), plan, ask, 1, lambda here, of: told.append((here, of)))
        assert len(seen) == done
        assert why == ("The cap of 10 requests is reached." if cap else "")
    assert ask.requests == 8
    assert ask.reused == 10
    assert told[-1] == (6, 6)
    assert len(door.records()) == 18


async def test_an_interrupt_keeps_what_is_under_way(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    good = whole(200, msgspec.json.encode(ANSWER))

    class Slow(Asker):
        def __call__(self, ask: Ask) -> Heard:
            if self.requests == 1:
                begun.set()
                go_on.wait(10)
            return super().__call__(ask)

    def interrupt(_done: int, _all: int) -> None:
        begun.wait(10)
        go_on.set()
        raise KeyboardInterrupt

    async with canned(good, good, good, good) as (url, _):
        ask = Slow(Running(url, "k"), {"model": "echo/echo"}, Journal(tmp_path / "a"), Caps())
        plan = Plan(probes=("early",), way=None)
        seen, why = await asyncio.to_thread(run, problems(4), plan, ask, 1, interrupt)
    assert (ask.interrupted, why) == (True, "The run was interrupted.")
    assert 1 <= len(seen) < 4
    assert len((tmp_path / "a").read_bytes().splitlines()) == ask.requests
