"""`freehold call`: one question, the answer on stdout as it is written, the receipt on stderr."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from cli.commands import Said, canned, run_beside, streamed, whole
from freehold.errors import StreamBroken, VendorRefused
from gateway.door_in_process import Door, running


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with running(tmp_path) as found:
        yield found


async def call(door: Door, *words: str, heard: str | None = None) -> Said:
    return await run_beside("call", *words, "--url", door.url, "--key", door.key, heard=heard)


async def test_the_answer_goes_to_stdout_and_who_gave_it_to_stderr(door: Door) -> None:
    said = await call(door, "four words are here", "--model", "echo/echo")
    assert said.exit_code == 0
    assert said.stdout == "four words are here\n"
    (record,) = door.records()
    assert said.stderr == f"echo/echo, receipt {record.id}\n"
    assert (record.streamed, record.status) == (True, "answered")


async def test_a_dash_reads_the_question_from_standard_input(door: Door) -> None:
    said = await call(door, "-", "-m", "echo/echo", heard="Grüße\nfrom 日本\n")
    assert said.stdout == "Grüße\nfrom 日本\n\n"


async def test_without_a_model_the_first_that_the_door_lists_is_asked() -> None:
    listed = b'{"data":[{"id":"claims","kind":"workload"},{"id":"own/a","kind":"model"},{"id":"b/b","kind":"model"}]}'
    async with canned(whole(200, listed), streamed(b"data: [DONE]\n\n")) as (url, requests):
        await run_beside("call", "hello", "--url", url, "--key", "k")
    assert requests[0].startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert json.loads(requests[1].partition(b"\r\n\r\n")[2])["model"] == "own/a"


async def test_the_cap_is_kept(door: Door) -> None:
    assert (await call(door, "one two three", "--max-tokens", "2", "-m", "echo/echo")).stdout == "one two\n"


async def test_machines_get_the_whole_answer_as_json(door: Door) -> None:
    said = await call(door, "hello", "--json", "-m", "echo/echo")
    answer = json.loads(said.stdout)
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == "hello"
    assert door.records()[0].streamed is False


async def test_what_is_asked_is_what_was_said() -> None:
    done = streamed(b'data: {"choices":[{"delta":{"content":"ok"}}]}\n\n', b"data: [DONE]\n\n")
    async with canned(done) as (url, requests):
        words = ("hi", "-m", "a/b", "--system", "Be brief.", "--max-tokens", "7", "--url", url, "--key", "fh_key")
        assert (await run_beside("call", *words)).stdout == "ok\n"
    assert requests[0].startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert json.loads(requests[0].partition(b"\r\n\r\n")[2]) == {
        "model": "a/b",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "stream": True,
        "max_tokens": 7,
    }


async def test_chunks_that_say_nothing_are_passed_over() -> None:
    events = (
        b": ping\n\n",
        b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"choices":[{"delta":{"content":" b"}}]}\n\n',
        b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n',
        b"data: [DONE]\n\n",
    )
    async with canned(streamed(*events)) as (url, _):
        assert (await run_beside("call", "hi", "-m", "a/b", "--url", url, "--key", "k")).stdout == "a b\n"


async def test_what_a_model_thinks_first_is_shown_on_stderr_when_asked_for() -> None:
    events = (
        b'data: {"choices":[{"delta":{"reasoning_content":"2+2"}}]}\n\n',
        b'data: {"choices":[{"delta":{"reasoning_content":"=4"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\n\\n4"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\n!"}}]}\n\n',
        b"data: [DONE]\n\n",
    )
    async with canned(streamed(*events)) as (url, _):
        said = await run_beside("call", "hi", "-m", "a/b", "--reasoning", "--url", url, "--key", "k")
    assert said.stdout == "4\n!\n"
    assert said.stderr.startswith("2+2=4\n")
    async with canned(streamed(*events)) as (url, _):
        said = await run_beside("call", "hi", "-m", "a/b", "--url", url, "--key", "k")
    assert (said.stdout, "2+2" in said.stderr) == ("4\n!\n", False)


async def test_what_the_door_refuses_is_raised_in_its_words(door: Door) -> None:
    with pytest.raises(VendorRefused, match="nobody/knows"):
        await call(door, "hello", "-m", "nobody/knows")


async def test_a_failure_in_the_midst_of_the_answer_is_told() -> None:
    events = (
        b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n',
        b'data: {"error":{"message":"The vendor broke off."}}\n\n',
    )
    async with canned(streamed(*events)) as (url, _):
        with pytest.raises(StreamBroken, match=r"^The vendor broke off\.$"):
            await run_beside("call", "hi", "-m", "a/b", "--url", url, "--key", "k")


async def test_an_answer_that_is_cut_is_told_and_never_taken_for_whole() -> None:
    half = streamed(b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n', end=False)
    async with canned(half) as (url, _):
        with pytest.raises(StreamBroken, match=r"The door was gone before the answer was whole\."):
            await run_beside("call", "hi", "-m", "a/b", "--url", url, "--key", "k")
