"""What was said in one reply, gathered as it passes: its text and its calls of tools, without any reasoning. Pure."""

from freehold.gateway.seams import OutputWatch
from freehold.items import ToolUse
from freehold.messages import (
    Chunk,
    Refusal,
    RefusalDelta,
    Reply,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)


class Gathered:
    """A reply as it passes, whole or in chunks, without its reasoning: an `OutputWatch` in front of the one that there may be."""

    __slots__ = ("_calls", "_inner", "_text")

    def __init__(self) -> None:
        self._inner: OutputWatch | None = None
        self._text: list[str] = []
        self._calls: dict[int, tuple[str, list[str]]] = {}

    def before(self, watch: OutputWatch | None) -> "Gathered":
        """This one, in front of a watch."""
        self._inner = watch
        return self

    def chunk(self, chunk: Chunk) -> None:
        """Takes one chunk. Raises what the watch behind it raises."""
        if self._inner is not None:
            self._inner.chunk(chunk)
        if isinstance(chunk, TextDelta | RefusalDelta):
            self._text.append(chunk.text)
        elif isinstance(chunk, ToolCallStart):
            self._calls[chunk.index] = (chunk.name, [])
        elif isinstance(chunk, ToolCallDelta) and chunk.index in self._calls:
            self._calls[chunk.index][1].append(chunk.arguments)

    def reply(self, reply: Reply) -> None:
        """Takes a whole answer. Raises what the watch behind it raises."""
        if self._inner is not None:
            self._inner.reply(reply)
        self._text = [part.text for part in reply.parts if isinstance(part, Text | Refusal)]
        calls = [part for part in reply.parts if isinstance(part, ToolCall)]
        self._calls = {index: (call.name, [call.arguments]) for index, call in enumerate(calls)}

    @property
    def text(self) -> str:
        """What was said."""
        return "".join(self._text)

    @property
    def tool_uses(self) -> tuple[ToolUse, ...]:
        """The tools that were called, in their order."""
        return tuple(
            ToolUse(name=name, arguments="".join(written)) for _, (name, written) in sorted(self._calls.items())
        )
