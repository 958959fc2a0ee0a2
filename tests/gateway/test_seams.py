"""What stands behind the seams is asked at its step and obeyed: safeguards before and after the models, the recorder
before the last byte."""

import asyncio
import contextlib
import socket
import textwrap
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.cli.settings import known_vendors
from freehold.config.reading import read
from freehold.errors import Blocked, RecordNotKept
from freehold.gateway.seams import NoSafeguards, OutputWatch, Safeguards
from freehold.gateway.supervisor import Bookkeeper
from freehold.gateway.worker import Worker
from freehold.messages import Chunk, Reply, Request, Text, TextDelta
from freehold.store.records import Record
from gateway.door_in_process import Answer, Door

TOML = """
    [vendors.echo]

    [workloads.triage]
    route = ["echo/echo"]
"""
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


class Watch:
    """Stops an answer at a word."""

    def __init__(self, word: str, seen: list[str]) -> None:
        self._word = word
        self._seen = seen

    def chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, TextDelta):
            self._judge(chunk.text)

    def reply(self, reply: Reply) -> None:
        self._judge(" ".join(part.text for part in reply.parts if isinstance(part, Text)))

    def _judge(self, text: str) -> None:
        self._seen.append(text.strip())
        if self._word in text:
            raise Blocked(f"The word {self._word} is not said here.")


class Strict:
    """Lets no input pass that says `never`, and no output that says `secret`."""

    def __init__(self) -> None:
        self.inputs: list[tuple[str, str]] = []
        self.outputs: list[str] = []
        self.watched: list[str] = []

    async def check_input(self, request: Request, workload: str) -> None:
        text = " ".join(part.text for message in request.messages for part in message.parts if isinstance(part, Text))
        self.inputs.append((workload, text))
        if "never" in text:
            raise Blocked("The word never is not heard here.")

    def watch_output(self, workload: str) -> OutputWatch | None:
        self.watched.append(workload)
        return Watch("secret", self.outputs)


@contextlib.asynccontextmanager
async def guarded(data: Path, safeguards: Safeguards) -> AsyncGenerator[Door]:
    """A door with these safeguards."""
    path = data / "freehold.toml"
    path.write_text(textwrap.dedent(TOML))
    Bookkeeper(data).prepare()
    worker = Worker(lambda: read(path, {}, known_vendors()), data, 0, {}, safeguards=safeguards)
    listening = socket.create_server(("127.0.0.1", 0))
    await worker.serve(listening)
    try:
        yield Door(worker, f"http://127.0.0.1:{listening.getsockname()[1]}", data)
    finally:
        await worker.drain()


async def say(door: Door, text: str, *, path: str = CHAT, stream: bool = False) -> Answer:
    said = [{"role": "user", "content": text}]
    return await door.post(path, {"model": "triage", "messages": said, "max_tokens": 50, "stream": stream})


async def test_without_safeguards_everything_passes_and_nobody_watches() -> None:
    nobody = NoSafeguards()
    await nobody.check_input(Request(dialect="openai-chat", model="m"), "triage")
    assert nobody.watch_output("triage") is None


async def test_an_input_that_is_blocked_reaches_no_model_and_costs_nothing(tmp_path: Path) -> None:
    strict = Strict()
    async with guarded(tmp_path, strict) as door:
        answer = await say(door, "never mind")
        assert (answer.status, answer.json["error"]["code"]) == (403, "blocked")
        assert answer.json["error"]["message"] == "The word never is not heard here."
        (record,) = door.records()
    assert (record.status, record.code, record.attempts, record.cost_nano) == ("refused", "blocked", (), 0)
    assert (strict.inputs, strict.watched) == ([("triage", "never mind")], [])


async def test_a_block_is_told_in_the_callers_dialect(tmp_path: Path) -> None:
    async with guarded(tmp_path, Strict()) as door:
        answer = await say(door, "never mind", path=MESSAGES)
        assert (answer.status, answer.json["type"]) == (403, "error")
        assert answer.json["error"]["type"] == "permission_error"


async def test_what_is_harmless_passes_and_is_seen_whole(tmp_path: Path) -> None:
    strict = Strict()
    async with guarded(tmp_path, strict) as door:
        assert (await say(door, "four words are here")).status == 200
        assert (await say(door, "four words are here", stream=True)).status == 200
    assert strict.watched == ["triage", "triage"]
    assert strict.outputs == ["four words are here", "four", "words", "are", "here"]


async def test_a_whole_answer_that_is_blocked_is_not_given(tmp_path: Path) -> None:
    async with guarded(tmp_path, Strict()) as door:
        answer = await say(door, "the secret is out")
        assert (answer.status, answer.json["error"]["code"]) == (403, "blocked")
        assert b"secret is out" not in answer.body
        (record,) = door.records()
    assert (record.status, record.code) == ("refused", "blocked")
    assert record.output_tokens == 4  # the model was asked, and its vendor bills it


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_a_stream_is_stopped_at_the_word_and_never_ended_as_if_it_were_whole(tmp_path: Path, path: str) -> None:
    async with guarded(tmp_path, Strict()) as door:
        answer = await say(door, "this is secret stuff", path=path, stream=True)
        assert b"secret stuff" not in answer.body
        assert b'stuff"' not in answer.body
        assert b"The word secret is not said here." in answer.body
        for whole in (b"[DONE]", b'"finish_reason":"stop"', b"end_turn", b"message_stop"):
            assert whole not in answer.body
        (record,) = door.records()
    assert (record.status, record.code) == ("failed", "blocked")


async def test_an_answer_whose_record_cannot_be_kept_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(record: Record, *_: object, **__: object) -> None:
        raise RecordNotKept(f"The record {record.id} could not be written: the disk is full.")

    async with guarded(tmp_path, NoSafeguards()) as door:
        monkeypatch.setattr(door.worker.journal, "append", full)
        whole = await say(door, "four words are here")
        assert (whole.status, whole.json["error"]["code"]) == (503, "record-not-kept")
        assert b"four words" not in whole.body
        streamed = await say(door, "four words are here", stream=True)
        assert b"the disk is full" in streamed.body
        assert b"[DONE]" not in streamed.body


async def test_the_record_is_kept_before_the_last_byte_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_before = b""
    async with guarded(tmp_path, NoSafeguards()) as door:
        append = door.worker.journal.append
        host, port = door.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.setblocking(False)

            def looking(record: Record, *apart: Any, **how: Any) -> None:
                nonlocal sent_before
                sent_before = raw.recv(65536, socket.MSG_PEEK)
                append(record, *apart, **how)

            monkeypatch.setattr(door.worker.journal, "append", looking)
            said = [{"role": "user", "content": "four words are here"}]
            body = msgspec.json.encode({"model": "triage", "messages": said, "stream": True})
            head = f"POST {CHAT} HTTP/1.1\r\nhost: d\r\nauthorization: Bearer {door.key}\r\nconnection: close\r\n"
            raw.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            reader, writer = await asyncio.open_connection(sock=raw)
            heard = await asyncio.wait_for(reader.read(), 5)
            writer.close()
    assert b" here" in sent_before
    assert b"[DONE]" not in sent_before
    assert heard.startswith(sent_before)
    assert b"data: [DONE]\n\n" in heard
