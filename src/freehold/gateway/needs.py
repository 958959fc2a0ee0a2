"""What a request needs from whoever answers it: abilities, and room.

Token counts here are made from bytes. `likely` is what conditions and comparisons use (four bytes a token, the usual
figure for English); `bound` is what a reservation uses: no byte-level tokenizer makes more tokens than there are bytes,
and the JSON around a message has more bytes than any chat template adds tokens. Pictures are counted apart. Bytes bound
nothing where the vendor adds what the body does not hold: what it keeps (an earlier response, a file), the definitions of
its own tools and what those bring in, and its summary of the conversation.
"""

from typing import Final

import msgspec
from msgspec import Struct

from freehold.messages import Audio, File, Image, Opaque, Request, Tool, ToolResult

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 8_000
"""More than any current vendor charges for one picture (Anthropic's high resolution: under 5,000; OpenAI's: under 3,000)."""

IMAGE_LIKELY = 1_000
HIDDEN_TOKENS = 1_024
"""Room for the instructions that vendors add on their own when tools or a schema are given (Anthropic documents up to 700)."""

_WRITTEN: Final = frozenset({"function", "custom"})
"""Tools whose definition stands in the body."""

_CALLERS: Final = ("bash_", "text_editor_", "computer", "memory_", "local_shell", "apply_patch")
"""How the kinds of tools begin that a vendor defines and the caller runs. All others run at the vendor."""

_SERVED: Final = ("web_search_options", "search_parameters", "mcp_servers", "plugins", "enable_search")
"""Fields that set tools of the vendor's to work, in a dialect that has no cap for them."""

_TAKES_OUT: Final = "clear_"
"""How the kinds of edits to a conversation begin that only leave something out. All others have the vendor summarise it."""

_NULL: Final = b"null"


class _Edit(Struct):
    type: str = ""


class _Edits(Struct):
    edits: list[_Edit] | None = None


_edits: msgspec.json.Decoder[_Edits | list[_Edit]] = msgspec.json.Decoder(_Edits | list[_Edit])
"""Messages has the edits in an object, Responses in a list."""


class Needs(Struct, frozen=True):
    """`bound` None means that no bound is known (a document by reference): only the context window bounds it. `rounds` is
    how often the vendor may read its input and write, in one request: once, and once more after each use of a tool that it
    runs itself; None where nothing caps that. `searches` is how many of these uses may be searches. `compactions` is how
    often it may read the conversation besides, to summarise it in as many tokens as the model can write, whatever the
    caller's cap. `opaque` says that a part is of a kind that only the request's dialect knows. `files_kept` says that a file is named by an id of the vendor's. `embeds` says that it is a batch of
    embeddings, each input of which has the window to itself."""

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
    rounds: int | None = 1
    searches: int = 0
    compactions: int = 0
    files_kept: bool = False
    embeds: bool = False
    opaque: bool = False

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


_PLAIN = (Image, Audio, File, ToolResult, Opaque)


def measure(request: Request, size: int) -> Needs:
    """The needs of a request whose body has `size` bytes."""
    images = audios = files = inline = 0
    unbounded = request.bound is not None
    kept = opaque = False
    for message in request.messages:
        for part in message.parts:
            if not isinstance(part, _PLAIN):
                continue
            for inner in part.parts if isinstance(part, ToolResult) else (part,):
                if isinstance(inner, Image):
                    images += 1
                    inline += len(inner.data or "")
                    kept = kept or inner.file_id is not None
                elif isinstance(inner, Audio):
                    audios += 1
                elif isinstance(inner, File):
                    files += 1
                    unbounded = unbounded or inner.text is None
                    kept = kept or inner.file_id is not None
                elif isinstance(inner, Opaque):
                    unbounded = opaque = True
    text = max(size - inline, 0)
    output, asked = request.output, request.reasoning
    rounds, searches, compactions = 1, 0, 0
    if request.tools or request.unknown:
        rounds, searches = _rounds(request)
        compactions = (rounds or 1) if _compacts(request) else 0
        unbounded = unbounded or rounds != 1 or compactions > 0
        unbounded = unbounded or any(tool.kind not in _WRITTEN for tool in request.tools)
    hidden = HIDDEN_TOKENS if request.tools or output is not None else 0
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
        bound=None if unbounded else text + images * IMAGE_TOKENS + hidden,
        output=request.max_tokens,
        rounds=rounds,
        searches=searches,
        compactions=compactions,
        files_kept=kept,
        embeds=request.operation == "embed",
        opaque=opaque,
    )


def _rounds(request: Request) -> tuple[int | None, int]:
    """(rounds, searches) that the vendor's own tools can make, as `Needs` has them."""
    served = [tool for tool in request.tools if tool.kind not in _WRITTEN and not tool.kind.startswith(_CALLERS)]
    total = request.max_tool_calls
    if any(bytes(request.fields.get(name, _NULL)) != _NULL for name in _SERVED):
        return None, 0
    if not served:
        return 1, 0
    uses = _uses(served, total)
    if uses is None:
        return None, 0
    return 1 + uses, _uses([tool for tool in served if "search" in tool.kind], total) or 0


def _uses(tools: list[Tool], total: int | None) -> int | None:
    """How often these tools can be used: by the caps on each, or on all; None where neither caps them."""
    each = [tool.max_uses for tool in tools]
    capped = sum(most for most in each if most is not None)
    if None in each:
        return total
    return capped if total is None else min(capped, total)


def _compacts(request: Request) -> bool:
    """Whether the vendor may summarise the conversation: at most once before each round, since it looks whether it is too long
    when one begins (Claude documentation, "Compaction at a token threshold")."""
    if bytes(request.fields.get("compaction", _NULL)) != _NULL:
        return True
    managed = request.fields.get("context_management", _NULL)
    if bytes(managed) == _NULL:
        return False
    try:
        found = _edits.decode(managed)
    except msgspec.ValidationError:
        return True  # newer than this code
    edits = found if isinstance(found, list) else found.edits or ()
    return any(not edit.type.startswith(_TAKES_OUT) for edit in edits)
