"""A vendor whose models are right exactly as often as their name says: `right-80` on 80 % of the sums that it is asked.

It speaks Chat Completions on loopback and is deterministic: the same model gives the same answer to the same question. Models
of the same `luck` share half of their difficulty, as real ones do: what one finds hard, so does the other. `judge-95` judges the
others' answers, one or two at a time, and says what is so in 95 % of the cases.
"""

import asyncio
import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

SHARED = 0.5
"""The share of the questions whose difficulty all models share."""


def is_right(model: str, question: str) -> bool:
    """Whether the model (`right-80`, `right-74-slow`, `right-80-cached`) answers the question right."""
    skill = int(model.split("-")[1]) / 100
    shared = _draw("which", question) < SHARED
    return _draw("all" if shared else model, question) < skill


def answer(model: str, question: str) -> str:
    """Its answer to `What is 3 + 4?`."""
    a, b = map(int, re.findall(r"\d+", question))
    return str(a + b if is_right(model, question) else a + b + 1)


def verdict(model: str, asked: str) -> str:
    """What `judge-95` says of the reply, or of the first and the second one, to a sum."""
    a, b = map(int, re.findall(r"What is (\d+) \+ (\d+)\?", asked)[0])
    right = [int(said) == a + b for said in re.findall(r"--- the (?:first |second )?reply, \w+ ---\n(\d+)\n", asked)]
    sees = _draw(model, f"{a} {b} {sorted(right)}") < int(model.split("-")[1]) / 100
    if len(right) == 1:
        said = '"verdict": "pass"' if right[0] == sees else '"verdict": "fail"'
    else:
        better = "tie" if right[0] == right[1] else "first" if right[0] == sees else "second"
        said = f'"better": "{better}"'
    return f'{{"reason": "So it is.", {said}}}'


def questions(count: int) -> list[dict[str, object]]:
    """So many items, each a sum with its result, as lines of a file of items."""
    return [
        {
            "id": f"item_{number:05}",
            "input": f"What is {number} + {7 * number % 1000}?",
            "reference": str(number + 7 * number % 1000),
            "metadata": {"language": ("de", "en", "fr")[number % 3]},
        }
        for number in range(count)
    ]


def write_questions(path: Path, count: int) -> Path:
    """The items in a file."""
    path.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in questions(count)))
    return path


class Skilled:
    """The vendor. `asked` counts what each model was asked, by question; `busy` is how many questions still get a 429;
    `gate` holds every answer back while it is clear."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.base_url = ""
        self.busy = 0
        self.mute: set[str] = set()
        """Questions that every model refuses."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.after: int | None = None
        """After so many answers the gate closes by itself."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers what comes over one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = msgspec.json.decode(await reader.readexactly(length))
                await self._answer(body["model"], body["messages"][-1]["content"], writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _answer(self, model: str, question: str, writer: asyncio.StreamWriter) -> None:
        self.asked[model, question] += 1
        if self.after is not None and self.asked.total() >= self.after:
            self.gate.clear()
        await self.gate.wait()
        if self.busy > 0:
            self.busy -= 1
            _write(
                writer,
                429,
                b'{"error":{"message":"Slow down.","type":"rate_limit_error","code":"rate_limit_exceeded"}}',
            )
            return
        if question in self.mute:
            _write(writer, 400, b'{"error":{"message":"Too long.","type":"invalid_request_error","code":"too_long"}}')
            return
        if model.endswith("slow"):
            await asyncio.sleep(0.02)
        said = verdict(model, question) if model.startswith("judge-") else answer(model, question)
        _write(writer, 200, _reply(model, said))


@contextlib.asynccontextmanager
async def skilled() -> AsyncGenerator[Skilled]:
    """The vendor, listening on loopback until the block ends."""
    vendor = Skilled()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    vendor.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield vendor
    finally:
        vendor.gate.set()
        server.close()


def _draw(*of: str) -> float:
    return int.from_bytes(hashlib.blake2b("\n".join(of).encode(), digest_size=8).digest(), "big") / 2**64


def _reply(model: str, text: str) -> bytes:
    return msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1700000000,
            "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
            | ({"prompt_tokens_details": {"cached_tokens": 8}} if model.endswith("cached") else {}),
        }
    )


def _write(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
