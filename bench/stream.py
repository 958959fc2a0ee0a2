"""A vendor that streams: each request says in its own words how many chunks it wants and how far apart.

`40 chunks, 20 ms apart` in the body is all that it reads. Each chunk is one event, one HTTP chunk and one write, and its
text is the time at which it was written (`CLOCK_MONOTONIC`, ns), so that the one who reads it knows how long it took.
With 0 ms every stream writes its next chunk in the next turn of the loop, so that streams advance together, as they do
behind a real vendor.
"""

import asyncio
import re
import sys
import time
from typing import cast

import httptools
import uvloop

ASKED = re.compile(rb"(\d+) chunks, (\d+) ms apart")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
BEFORE = b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini",'
FIRST = (
    BEFORE
    + b'"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}\n\n'
)
MORE = BEFORE + b'"choices":[{"index":0,"delta":{"content":"%d "},"logprobs":null,"finish_reason":null}]}\n\n'
LAST = BEFORE + b'"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n'
USAGE = BEFORE + b'"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":%d,"total_tokens":%d}}\n\n'


def framed(event: bytes) -> bytes:
    """The event as one chunk of a chunked HTTP body."""
    return b"%x\r\n%b\r\n" % (len(event), event)


class Vendor(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""
        self.flows = asyncio.Event()
        self.flows.set()
        self.task: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        asked = ASKED.search(self.body)
        self.body = b""
        count, apart = (int(asked[1]), int(asked[2])) if asked else (1, 0)
        self.task = asyncio.get_running_loop().create_task(self.stream(count, apart / 1000))

    async def stream(self, count: int, apart: float) -> None:
        write = self.transport.write
        write(HEAD + framed(FIRST))
        start = time.monotonic()
        for number in range(1, count + 1):
            await asyncio.sleep(max(0.0, start + number * apart - time.monotonic()) if apart else 0)
            if not self.flows.is_set():
                await self.flows.wait()
            write(framed(MORE % time.monotonic_ns()))
        write(framed(LAST) + framed(USAGE % (count, count + 12)) + framed(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    def pause_writing(self) -> None:
        self.flows.clear()

    def resume_writing(self) -> None:
        self.flows.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.task is not None:
            self.task.cancel()


async def serve(port: int) -> None:
    """Answers until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
