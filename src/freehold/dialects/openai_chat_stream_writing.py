"""OpenAI Chat: a stream, written for a caller chunk by chunk.

It knows the shape that the official SDKs read, and two extensions: `reasoning_content` (the chain, for display) and
`reasoning_details` (each artefact whole, once, when it is complete), as in `openai_chat_reasoning.py`.
The finish reason waits for `close`, so that no caller takes an answer for finished before its record is kept.
"""

import time
from typing import Any, Final

import msgspec

from freehold.dialects.openai_chat_reading import NAME
from freehold.dialects.openai_chat_reasoning import details_of
from freehold.dialects.openai_chat_reply import NATIVE_WORDS
from freehold.dialects.openai_chat_stream import DONE
from freehold.dialects.openai_errors import error_object
from freehold.dialects.sse import event
from freehold.dialects.usage import denormalise
from freehold.errors import FreeholdError
from freehold.messages import (
    Chunk,
    Finished,
    Reasoning,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    Request,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)

_encode: Final = msgspec.json.Encoder().encode


class ChatWriter:
    """Turns chunks into events. One for each answer."""

    def __init__(self, request: Request) -> None:
        self._shows_usage = request.stream_usage
        # With usage asked for, every chunk but the last has it as null, as OpenAI does.
        self._tail = (
            b',"finish_reason":null}],"usage":null}\n\n' if self._shows_usage else b',"finish_reason":null}]}\n\n'
        )
        self._head = b""
        self._calls: dict[int, int] = {}
        self._thoughts: dict[int, tuple[list[str], list[str]]] = {}
        self._artefacts = 0
        self._finished = Finished("error")
        self._usage: Usage | None = None

    def write(self, chunk: Chunk) -> bytes:
        """The events for this chunk."""
        if isinstance(chunk, TextDelta):
            return self._delta(b'{"content":' + _encode(chunk.text) + b"}")
        if isinstance(chunk, ToolCallDelta):
            return self._call(chunk.index, {"function": {"arguments": chunk.arguments}})
        if isinstance(chunk, ReasoningDelta):
            return self._reasoning(chunk)
        if isinstance(chunk, Started):
            return self._start(chunk)
        if isinstance(chunk, ToolCallStart):
            self._calls[chunk.index] = len(self._calls)
            function = {"name": chunk.name, "arguments": ""}
            return self._call(chunk.index, {"id": chunk.id, "type": "function", "function": function})
        if isinstance(chunk, RefusalDelta):
            return self._delta(_encode({"refusal": chunk.text}))
        if isinstance(chunk, ReasoningSeal):
            return self._seal(chunk)
        if isinstance(chunk, Finished):
            self._finished = chunk
        elif isinstance(chunk, UsageReport):
            self._usage = chunk.usage
        return b""

    def close(self) -> bytes:
        """The finish reason, the usage where the caller asked for it, and `[DONE]`."""
        choice: dict[str, Any] = {
            "index": 0,
            "delta": {},
            "logprobs": None,
            "finish_reason": NATIVE_WORDS[self._finished.finish],
            "native_finish_reason": self._finished.native_finish_reason,
        }
        last = b'"choices":[' + _encode(choice) + (b'],"usage":null}\n\n' if self._shows_usage else b"]}\n\n")
        events = self._head_or_start() + last
        if self._shows_usage and self._usage is not None:
            events += self._head + b'"choices":[],"usage":' + _encode(denormalise(NAME, self._usage)) + b"}\n\n"
        return events + event(DONE)

    def fail(self, error: FreeholdError, request_id: str) -> bytes:
        """An event with `error`, on which the official SDKs raise `APIError`. No `[DONE]`: the answer is not whole."""
        return event(_encode({"error": error_object(error, request_id)}))

    # --- one chunk -------------------------------------------------------------------------------------------------------

    def _start(self, chunk: Started) -> bytes:
        created = chunk.created or int(time.time())  # Messages does not say when
        fields = {"id": chunk.id, "object": "chat.completion.chunk", "created": created, "model": chunk.model}
        self._head = b"data: " + _encode(fields)[:-1] + b","
        return self._delta(b'{"role":"assistant","content":""}')

    def _head_or_start(self) -> bytes:
        """The beginning of each event; when the vendor never said that it had started, we say so."""
        return self._head if self._head else self._start(Started("", "")) + self._head

    def _delta(self, delta: bytes) -> bytes:
        return self._head_or_start() + b'"choices":[{"index":0,"delta":' + delta + self._tail

    def _call(self, index: int, fields: dict[str, Any]) -> bytes:
        return self._delta(_encode({"tool_calls": [{"index": self._calls.get(index, 0), **fields}]}))

    def _reasoning(self, chunk: ReasoningDelta) -> bytes:
        texts, summaries = self._thoughts.setdefault(chunk.index, ([], []))
        (summaries if chunk.summary else texts).append(chunk.text)
        return self._delta(b'{"reasoning_content":' + _encode(chunk.text) + b"}")

    def _seal(self, chunk: ReasoningSeal) -> bytes:
        """The artefact whole: what callers send back must be exact, and display text cannot be matched to it later."""
        texts, summaries = self._thoughts.pop(chunk.index, ([], []))
        summary = "".join(summaries)
        part = Reasoning(
            text="".join(texts),
            summary=(summary,) if summary else (),
            opaque=chunk.opaque,
            redacted=chunk.redacted,
            id=chunk.id,
        )
        details = details_of(part, self._artefacts)
        self._artefacts += 1
        return self._delta(_encode({"reasoning_details": details}))
