"""The door of a journey, and what is done with it: commands as a person runs them, callers with the official SDK."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commands import canned, whole
from freehold.cli.journey_door import (
    Asked,
    Callers,
    Commands,
    House,
    Question,
    children_environment,
    routed,
    served,
    wait_until,
)
from freehold.cli.running import Running
from freehold.config.paths import environment
from freehold.errors import JourneyError

REPLY = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "own/refund",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "refused", "reasoning_content": "1: limit 30"},
        }
    ],
}


def answer(**headers: str) -> bytes:
    head, _, body = whole(200, json.dumps(REPLY).encode()).partition(b"\r\n\r\n")
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()).encode()
    return head + b"\r\nconnection: close\r\n" + lines + b"\r\n" + body


def questions(count: int) -> Iterator[Question]:
    return (Question(text=f"q{number}", conversation=f"c-{number}", right="refused") for number in range(count))


async def ask(url: str, count: int, enough: int = 99) -> list[Asked]:
    callers = Callers(url, "fh_key", "refund-policy", 110)
    found: list[Asked] = []
    try:
        for one in await asyncio.to_thread(
            lambda: list(callers.ask_all(questions(count), lambda: len(found) >= enough))
        ):
            found.append(one)
    finally:
        callers.close()
    return found


async def test_callers_ask_with_the_official_sdk_and_keep_the_receipt() -> None:
    async with canned(answer(x_freehold_receipt="rec_1", x_freehold_model="own/refund")) as (url, requests):
        (one,) = await ask(url, 1)
    assert (one.text, one.reasoning, one.model, one.receipt, one.wrong) == (
        "refused",
        "1: limit 30",
        "own/refund",
        "rec_1",
        "",
    )
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert b"authorization: bearer fh_key" in head.lower()
    assert b"x-freehold-conversation: c-0" in head.lower()
    assert b"openai" in head.lower()
    assert json.loads(body) == {
        "model": "refund-policy",
        "messages": [{"role": "user", "content": "q0"}],
        "max_tokens": 110,
        "temperature": 0,
    }


async def test_an_answer_that_does_not_come_is_told_and_the_others_are_asked() -> None:
    refused = whole(403, b'{"error":{"message":"not you","type":"x","code":"out-of-scope"}}')
    async with canned(refused, refused, answer()) as (url, _):
        found = await ask(url, 3)
    assert sorted(one.text for one in found) == ["", "", "refused"]
    assert sum("not you" in one.wrong for one in found) == 2


async def test_a_model_is_served_or_routed_once_the_door_says_so() -> None:
    said = whole(200, b'{"targets":[{"deployment":"own/refund"}]}')
    unknown = whole(404, b'{"error":{"message":"There is no model."}}')
    async with canned(said, said, unknown) as (url, requests):
        door = Running(url, "k")
        assert await asyncio.to_thread(served, door, "own/refund")
        assert not await asyncio.to_thread(routed, door, "refund-policy", "own/smollm2-135m")
        assert not await asyncio.to_thread(served, door, "own/refund-next")
    assert b"explain?workload=refund-policy" in requests[1]


def test_a_command_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    ran: list[tuple[str, ...]] = []
    commands = Commands(tmp_path / "data", tmp_path, environment(), lambda words: ran.append(tuple(words)))
    with pytest.raises(
        JourneyError, match=r"`freehold models show refund` failed: There is no refund in the registry\. .*Add one with"
    ):
        commands("models", "show", "refund")
    assert ran == [("models", "show", "refund")]


def test_a_door_that_cannot_come_up_says_why(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text("[workload]\n")
    house = House(tmp_path / "data", tmp_path / "freehold.toml", tmp_path / "up.log", 0, environment())
    with pytest.raises(JourneyError, match=r"did not come up: .*workload") as caught:
        house.start(lambda line: None)
    assert "up.log" in caught.value.advice
    house.stop()


def test_waiting_ends_when_the_other_process_has() -> None:
    with pytest.raises(JourneyError, match="It did not come to this: it is served"):
        wait_until(lambda: False, "it is served", 30.0, lambda: 1)


def test_other_programs_do_not_find_our_packages() -> None:
    given = {"PATH": "/bin", "PYTHONPATH": "/src", "VIRTUAL_ENV": "/venv", "HOME": "/h"}
    assert children_environment(given) == {"PATH": "/bin", "HOME": "/h"}
