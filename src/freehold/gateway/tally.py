"""What an answer amounted to, counted the same way whether it came whole or in chunks.

One state machine for both, so that a stream can never be metered differently from the same answer in one piece (which
is where gateways lose money; LiteLLM issues 30630, 36008; Otari 256).
"""

from msgspec import Struct

from freehold.gateway.needs import BYTES_PER_TOKEN
from freehold.messages import (
    Chunk,
    Finish,
    Finished,
    Reasoning,
    ReasoningDelta,
    ReasoningSeal,
    Refusal,
    RefusalDelta,
    Reply,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)


class Tally(Struct, eq=False):
    """Feed it a reply or chunks, then ask it for the usage and the end."""

    finish: Finish | None = None
    native_finish_reason: str | None = None
    refusal_category: str | None = None
    _reported: Usage | None = None
    _bytes: int = 0
    _reasoning: int = 0

    def take_reply(self, reply: Reply) -> None:
        self.finish = reply.finish
        self.native_finish_reason = reply.native_finish_reason
        self.refusal_category = reply.refusal_category
        self._reported = reply.usage
        if reply.usage is None:
            for part in reply.parts:
                self._count_part(part)

    def take(self, chunk: Chunk) -> None:
        if isinstance(chunk, TextDelta | RefusalDelta):
            self._bytes += size(chunk.text)
        elif isinstance(chunk, ToolCallDelta):
            self._bytes += size(chunk.arguments)
        elif isinstance(chunk, ReasoningDelta):
            self._reasoning += size(chunk.text)
        elif isinstance(chunk, UsageReport):
            self._reported = chunk.usage
        elif isinstance(chunk, Finished):
            self.finish = chunk.finish
            self.native_finish_reason = chunk.native_finish_reason
            self.refusal_category = chunk.refusal_category
        elif isinstance(chunk, ToolCallStart):
            self._bytes += size(chunk.name)
        elif isinstance(chunk, ReasoningSeal) and chunk.redacted:
            self._reasoning += len(chunk.opaque)

    def usage(self, likely_input: int, *, whole: bool) -> Usage:
        """The vendor's count if it gave one for the whole answer, else ours, marked `estimated`: four bytes a
        token, and `likely_input` for the input. A count from the middle of a broken stream is raised to ours."""
        reported = self._reported
        if reported is not None and whole:
            return reported
        reasoning = self._reasoning // BYTES_PER_TOKEN
        output = self._bytes // BYTES_PER_TOKEN + reasoning
        if reported is None:
            return Usage(input_tokens=likely_input, output_tokens=output, reasoning_tokens=reasoning, estimated=True)
        return Usage(
            input_tokens=max(reported.input_tokens, 0),
            output_tokens=max(reported.output_tokens, output),
            cache_read_tokens=reported.cache_read_tokens,
            cache_write_5m_tokens=reported.cache_write_5m_tokens,
            cache_write_1h_tokens=reported.cache_write_1h_tokens,
            reasoning_tokens=max(reported.reasoning_tokens, reasoning),
            audio_input_tokens=reported.audio_input_tokens,
            audio_output_tokens=reported.audio_output_tokens,
            searches=reported.searches,
            service_tier=reported.service_tier,
            estimated=True,
        )

    @property
    def goes_on(self) -> bool:
        """Whether the vendor has counted nothing and may still be writing: what it bills in the end is not known here."""
        return self._reported is None and self.finish == "pause"

    def _count_part(self, part: object) -> None:
        if isinstance(part, Text | Refusal):
            self._bytes += size(part.text)
        elif isinstance(part, ToolCall):
            self._bytes += size(part.arguments) + size(part.name)
        elif isinstance(part, Reasoning):
            self._reasoning += size(part.text) + sum(map(size, part.summary))


def size(text: str) -> int:
    """Bytes of the text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
