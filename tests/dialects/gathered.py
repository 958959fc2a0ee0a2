"""Chunks put together to the reply that they tell, for tests that compare a stream with a whole answer."""

from collections.abc import Iterable

from msgspec import Struct

from freehold.messages import (
    Chunk,
    Failed,
    Finish,
    Finished,
    PartEnd,
    Reasoning,
    ReasoningDelta,
    ReasoningSeal,
    Refusal,
    RefusalDelta,
    Started,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)

Kind = Text | Refusal | Reasoning | ToolCall


class Gathered(Struct, kw_only=True):
    id: str = ""
    model: str = ""
    parts: tuple[Kind, ...] = ()
    finish: Finish | None = None
    native_finish_reason: str | None = None
    usage: Usage | None = None
    failed: Failed | None = None


class _Part(Struct):
    kind: str
    text: str = ""
    summary: str = ""
    seal: ReasoningSeal | None = None
    call: ToolCallStart | None = None
    ended: bool = False

    def whole(self) -> Kind:
        if self.call is not None:
            return ToolCall(self.call.id, self.call.name, self.text)
        if self.kind == "text":
            return Text(self.text)
        if self.kind == "refusal":
            return Refusal(self.text)
        seal = self.seal
        return Reasoning(
            text=self.text,
            summary=(self.summary,) if self.summary else (),
            opaque=seal and seal.opaque,
            redacted=seal is not None and seal.redacted,
        )


def gather(chunks: Iterable[Chunk]) -> Gathered:
    """The reply that the chunks tell. Fails where a part goes on after its end or is never ended."""
    gathered = Gathered()
    parts: dict[int, _Part] = {}
    for chunk in chunks:
        match chunk:
            case Started():
                gathered.id, gathered.model = chunk.id, chunk.model
            case TextDelta():
                _open(parts, chunk.index, "text").text += chunk.text
            case RefusalDelta():
                _open(parts, chunk.index, "refusal").text += chunk.text
            case ReasoningDelta():
                part = _open(parts, chunk.index, "reasoning")
                if chunk.summary:
                    part.summary += chunk.text
                else:
                    part.text += chunk.text
            case ReasoningSeal():
                _open(parts, chunk.index, "reasoning").seal = chunk
            case ToolCallStart():
                assert chunk.index not in parts
                _open(parts, chunk.index, "call").call = chunk
            case ToolCallDelta():
                _open(parts, chunk.index, "call").text += chunk.arguments
            case PartEnd():
                assert not parts[chunk.index].ended
                parts[chunk.index].ended = True
            case Finished():
                gathered.finish, gathered.native_finish_reason = chunk.finish, chunk.native_finish_reason
            case UsageReport():
                gathered.usage = chunk.usage
            case Failed():
                gathered.failed = chunk
            case _:
                pass
    if gathered.finish is not None:
        assert all(part.ended for part in parts.values())
    assert sorted(parts) == list(range(len(parts)))
    gathered.parts = tuple(parts[index].whole() for index in sorted(parts))
    return gathered


def _open(parts: dict[int, _Part], index: int, kind: str) -> _Part:
    part = parts.setdefault(index, _Part(kind))
    assert part.kind == kind
    assert not part.ended
    return part
