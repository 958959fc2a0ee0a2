"""What a request needs from whoever answers it: abilities, and room.

Token counts here are made from bytes. `likely` is what conditions and comparisons use (four bytes a token, the usual
figure for English); `bound` is what a reservation uses: no byte-level tokenizer makes more tokens than there are bytes,
and the JSON around a message has more bytes than any chat template adds tokens. Pictures are counted apart.
"""

from msgspec import Struct

from freehold.messages import Audio, File, Image, Request, ToolResult

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 8_000
"""More than any current vendor charges for one picture (Anthropic's high resolution: under 5,000; OpenAI's: under 3,000)."""

IMAGE_LIKELY = 1_000
HIDDEN_TOKENS = 1_024
"""Room for the instructions that vendors add on their own when tools are given (Anthropic documents up to 700)."""


class Needs(Struct, frozen=True):
    """`bound` None means that no bound is known (a document by reference): only the context window bounds it."""

    vision: bool = False
    audio: bool = False
    files: bool = False
    tools: bool = False
    json_schema: bool = False
    json_object: bool = False
    reasoning: bool = False
    stream: bool = False
    several: bool = False
    likely: int = 0
    bound: int | None = 0
    output: int | None = None

    def abilities(self) -> tuple[str, ...]:
        """The names of the abilities asked for, as the catalog spells them."""
        if not (self.vision or self.audio or self.files or self.tools or self.json_schema):
            return ()
        asked = (
            ("vision", self.vision),
            ("audio", self.audio),
            ("files", self.files),
            ("tools", self.tools),
            ("json_schema", self.json_schema),
        )
        return tuple(name for name, wanted in asked if wanted)


_PLAIN = (Image, Audio, File, ToolResult)


def measure(request: Request, size: int) -> Needs:
    """The needs of a request whose body has `size` bytes."""
    images = audios = files = inline = 0
    unbounded = False
    for message in request.messages:
        for part in message.parts:
            if not isinstance(part, _PLAIN):
                continue
            for inner in part.parts if isinstance(part, ToolResult) else (part,):
                if isinstance(inner, Image):
                    images += 1
                    inline += len(inner.data or "")
                elif isinstance(inner, Audio):
                    audios += 1
                elif isinstance(inner, File):
                    files += 1
                    unbounded = unbounded or inner.text is None
    text = max(size - inline, 0)
    output, asked = request.output, request.reasoning
    return Needs(
        vision=images > 0,
        audio=audios > 0,
        files=files > 0,
        tools=bool(request.tools),
        json_schema=output is not None and output.kind == "json_schema",
        json_object=output is not None and output.kind == "json_object",
        reasoning=asked is not None and asked.enabled is not False and asked.effort != "none",
        stream=request.stream,
        several=request.n is not None and request.n > 1,
        likely=text // BYTES_PER_TOKEN + images * IMAGE_LIKELY,
        bound=None if unbounded else text + images * IMAGE_TOKENS + (HIDDEN_TOKENS if request.tools else 0),
        output=request.max_tokens,
    )
