"""Both ends of every stream: the vendor that writes the chunks, and the caller who reads them and sees how late they are.

They share one process and one core, so that one clock serves both and the caller can tell the vendor that a chunk has come.
Three kinds of stream, named in the words of the request itself, since words pass every gateway:

- `64 chunks, 0 ms apart`: each stream's next chunk is written in the next turn of the loop (a burst).
- `100 chunks, 20 ms apart`: paced, as a model writes.
- `64 chunks, one at a time, stream 7`: the next chunk is written when the caller has the one before, so that no two are
  ever read together and a gateway pays for each.

Each chunk is one event, one HTTP chunk and one write; its text is the time at which it was written (`CLOCK_MONOTONIC`, ns).
`POST /measure` with a JSON object (the fields of `Ask`) sends streams through a gateway and answers what came of it.
"""

import asyncio
import json
import re
import statistics
import sys
import time
from typing import Any, cast

import httptools
import msgspec
import uvloop

PACED = re.compile(rb"(\d+) chunks, (\d+) ms apart")
ONE_AT_A_TIME = re.compile(rb"(\d+) chunks, one at a time, stream (\d+)")
STAMP = re.compile(rb'"content":\s?"(\d{9,}) "')

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
BEFORE = b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini",'
FIRST = (
    BEFORE
    + b'"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}\n\n'
)
MORE = BEFORE + b'"choices":[{"index":0,"delta":{"content":"%d "},"logprobs":null,"finish_reason":null}]}\n\n'
LAST = BEFORE + b'"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n'
USAGE = BEFORE + b'"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":%d,"total_tokens":%d}}\n\n'


class Ask(msgspec.Struct):
    """One measurement: `connections` callers at `port`, each asking for `streams` streams of `chunks` chunks, one after
    the other. `apart_ms` None means one chunk at a time; then `seconds` bounds it and `streams` does not."""

    port: int
    path: str
    headers: dict[str, str]
    connections: int
    chunks: int
    apart_ms: int | None = None
    streams: int = 1
    seconds: float = 0.0


def framed(event: bytes) -> bytes:
    """The event as one chunk of a chunked HTTP body."""
    return b"%x\r\n%b\r\n" % (len(event), event)


def ending(count: int) -> bytes:
    """What follows the last chunk of a stream."""
    return framed(LAST) + framed(USAGE % (count, count + 12)) + framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"


# --- the vendor ------------------------------------------------------------------------------------------------------


class Vendor(asyncio.Protocol):
    """One connection to the vendor. `turns` holds the streams that wait for their caller, by number."""

    turns: "dict[int, Vendor]"
    tasks: "set[asyncio.Task[None]]"

    def __init__(self, turns: "dict[int, Vendor]", tasks: "set[asyncio.Task[None]]") -> None:
        self.turns, self.tasks = turns, tasks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""
        self.url = b""
        self.flows = asyncio.Event()
        self.flows.set()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        if self.url == b"/measure":
            self.start(self.answer(msgspec.json.decode(body, type=Ask)))
        elif asked := ONE_AT_A_TIME.search(body):
            self.count = self.left = int(asked[1])
            self.turns[int(asked[2])] = self
            self.transport.write(HEAD + framed(FIRST))
            self.next()
        else:
            asked = PACED.search(body)
            count, apart = (int(asked[1]), int(asked[2])) if asked else (1, 0)
            self.start(self.stream(count, apart / 1000))

    def start(self, work: Any) -> None:
        """Runs the coroutine, kept until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def next(self) -> None:
        """The next chunk of a stream that goes one at a time, or its end."""
        if self.left:
            self.left -= 1
            self.transport.write(framed(MORE % time.monotonic_ns()))
        else:
            self.transport.write(ending(self.count))

    async def stream(self, count: int, apart: float) -> None:
        """A burst (`apart` 0) or a paced stream."""
        write = self.transport.write
        write(HEAD + framed(FIRST))
        start = time.monotonic()
        for number in range(1, count + 1):
            await asyncio.sleep(max(0.0, start + number * apart - time.monotonic()) if apart else 0)
            await self.flows.wait()
            if self.transport.is_closing():
                return
            write(framed(MORE % time.monotonic_ns()))
        write(ending(count))

    async def answer(self, ask: Ask) -> None:
        """Measures, and tells."""
        try:
            told = json.dumps(await measured(ask, self.turns)).encode()
        except (OSError, RuntimeError) as error:
            told = json.dumps({"problem": str(error)}).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(told) + told)

    def pause_writing(self) -> None:
        self.flows.clear()

    def resume_writing(self) -> None:
        self.flows.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.flows.set()


# --- the callers -----------------------------------------------------------------------------------------------------


class Caller(asyncio.Protocol):
    """One caller: asks for streams, one after the other on one connection, and notes how late each chunk is."""

    def __init__(self, ask: Ask, number: int, turns: dict[int, Vendor], until: float) -> None:
        self.number, self.turns, self.until = number, turns, until
        self.left, self.closed = ask.streams, ask.apart_ms is None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kind = f"one at a time, stream {number}" if self.closed else f"{ask.apart_ms} ms apart"
        self.request = request(ask, f"{ask.chunks} chunks, {kind}")
        self.late: list[float] = []
        self.line = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.ask()

    def ask(self) -> None:
        """Sends the next request."""
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.now = time.monotonic_ns()
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        *lines, self.line = (self.line + body).split(b"\n")
        for line in lines:
            if stamp := STAMP.search(line):
                self.late.append((self.now - int(stamp[1])) / 1e6)
                if self.closed:
                    self.turns[self.number].next()

    def on_message_complete(self) -> None:
        self.left -= 1
        if self.parser.get_status_code() != 200:
            self.done.set_exception(RuntimeError(f"A stream was answered with {self.parser.get_status_code()}."))
        elif (time.monotonic() < self.until) if self.closed else self.left:
            asyncio.get_running_loop().call_soon(self.ask)
        else:
            self.done.set_result(None)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"A stream broke: {exc or 'the connection was closed'}"))


def request(ask: Ask, words: str) -> bytes:
    """The bytes of one streaming request."""
    body = json.dumps(
        {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": words}],
            "max_tokens": 64,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in ask.headers.items())
    return f"POST {ask.path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}content-length: {len(body)}\r\n\r\n{body}".encode()


async def measured(ask: Ask, turns: dict[int, Vendor]) -> dict[str, float]:
    """Sends the streams. Gives chunks, seconds, and the lateness of chunks in milliseconds (p50, p99)."""
    loop = asyncio.get_running_loop()
    turns.clear()
    begun = time.monotonic()
    callers: list[Caller] = []
    for number in range(ask.connections):
        caller = Caller(ask, number, turns, begun + ask.seconds)
        callers.append(caller)
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", ask.port)
        if ask.apart_ms:
            await asyncio.sleep(ask.apart_ms / 1000 / ask.connections)  # so that the streams do not tick together
    await asyncio.gather(*(caller.done for caller in callers))
    seconds = time.monotonic() - begun
    late = [each for caller in callers for each in caller.late]
    if not late or (ask.apart_ms is not None and len(late) != ask.connections * ask.streams * ask.chunks):
        raise RuntimeError(f"Chunks are missing: {len(late)} came.")
    cut = statistics.quantiles(late, n=100)
    return {"chunks": len(late), "seconds": seconds, "p50": cut[49], "p99": cut[98]}


async def serve(port: int) -> None:
    """Answers until the process is ended."""
    turns: dict[int, Vendor] = {}
    tasks: set[asyncio.Task[None]] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Vendor(turns, tasks), "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
