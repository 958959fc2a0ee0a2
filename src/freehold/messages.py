"""The vocabulary every room speaks: a request, its messages, a reply, the chunks of a stream, the usage.

Pure data. It knows no wire format (see `dialects/`), no vendor (see `vendors/`) and no money (see `catalog/`).
A field that is `None` was not said; nothing here carries a default that a vendor would have to be told.
"""

from typing import Any, Final, Literal

from msgspec import Raw, Struct

Role = Literal["system", "developer", "user", "assistant", "tool"]
"""Who speaks. Tool results are messages of their own, with role `tool`."""

Finish = Literal["stop", "length", "tool_calls", "content_filter", "pause", "error"]
"""Why a reply ended, in our words. A failure is `error`, never `stop`."""

Operation = Literal["generate", "embed", "count_tokens"]

MOST_EXACT: Final = 2**53 - 1
"""The largest integer that every JSON reader holds exactly (RFC 8785, section 3.2.2.3; RFC 7493)."""


# --- what a message is made of -------------------------------------------------------------------------------------


class Text(Struct, frozen=True, tag="text"):
    """Words. `cache` marks the end of a prefix to cache (`"5m"`, `"1h"`), where the dialect can say so."""

    text: str
    cache: str | None = None


class Image(Struct, frozen=True, tag="image"):
    """A picture: exactly one of `data` (base64), `url` and `file_id` is set. `detail` is `low`, `high`, `auto` or None."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    cache: str | None = None


class Audio(Struct, frozen=True, tag="audio"):
    """A sound: `data` is base64, `format` is `wav`, `mp3`, ..."""

    data: str
    format: str


class File(Struct, frozen=True, tag="file"):
    """A document: exactly one of `data` (base64), `url`, `file_id` and `text` is set."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    text: str | None = None
    filename: str | None = None
    cache: str | None = None


class Reasoning(Struct, frozen=True, tag="reasoning"):
    """One artefact of reasoning.

    `text` is the readable chain (may be empty), `summary` the vendor's readable summary of it, `opaque` what only the
    vendor can read (a signature, encrypted content), byte for byte. `origin` is the tag of the deployment that made the
    opaque part (see `dialects/origin.py`); None when unknown. `redacted` is true when nothing of it is readable.
    `id` is the vendor's id of the artefact, where it has one.
    """

    text: str = ""
    summary: tuple[str, ...] = ()
    opaque: str | None = None
    origin: str | None = None
    redacted: bool = False
    id: str | None = None


class ToolCall(Struct, frozen=True, tag="tool_call"):
    """The model asks for a function. `arguments` is JSON text as the model wrote it; it may be invalid JSON."""

    id: str
    name: str
    arguments: str
    cache: str | None = None


class ToolResult(Struct, frozen=True, tag="tool_result"):
    """What the function gave: text, images or files. Stands only in messages with role `tool`."""

    call_id: str
    parts: tuple["Text | Image | File", ...]
    is_error: bool = False
    cache: str | None = None


class Refusal(Struct, frozen=True, tag="refusal"):
    """The model declined, in its own words."""

    text: str


class Opaque(Struct, frozen=True, tag="opaque"):
    """A part that only one dialect knows (`kind` is its name there). It passes within that dialect and no other."""

    dialect: str
    kind: str


Part = Text | Image | Audio | File | Reasoning | ToolCall | ToolResult | Refusal | Opaque


class Message(Struct, frozen=True):
    """One turn. `name` is the speaker's name where the dialect has one."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


# --- what is asked ---------------------------------------------------------------------------------------------------


class Tool(Struct, frozen=True):
    """A function the model may call. `parameters` is a JSON schema, as raw JSON. `kind` other than `function` is a tool
    that only one dialect knows (web search, code execution, custom grammars); `max_uses` caps how often the vendor may run it
    in one request, where it was said."""

    name: str
    description: str | None = None
    parameters: Raw | None = None
    strict: bool | None = None
    kind: str = "function"
    cache: str | None = None
    max_uses: int | None = None


class ToolChoice(Struct, frozen=True):
    """`mode` is `auto`, `none`, `required` or `function` (then `name` says which)."""

    mode: Literal["auto", "none", "required", "function"]
    name: str | None = None


class OutputFormat(Struct, frozen=True):
    """What shape the answer must have: any JSON object, or one that follows `schema` (raw JSON)."""

    kind: Literal["json_object", "json_schema"]
    schema: Raw | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class ReasoningAsk(Struct, frozen=True):
    """How much the model should think.

    `effort` is `none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`; `budget_tokens` an exact cap;
    `enabled` False switches it off; `adaptive` leaves it to the model; `summary` is `auto`, `concise`, `detailed` or
    `omitted`. Each may be None.
    """

    effort: str | None = None
    budget_tokens: int | None = None
    enabled: bool | None = None
    adaptive: bool = False
    summary: str | None = None


class Request(Struct, kw_only=True):
    """One request, in our words.

    `fields` are the top-level fields as they came, raw: what passes through within one dialect is taken from here.
    `unknown` names the top-level fields that have no place in this vocabulary: within the same dialect they pass, in
    another they are named as dropped. `max_tokens` caps the output, in tokens. `temperature` is as the caller gave it.
    `bound` names the field that refers to what only one vendor keeps (an earlier response, a stored prompt): such a
    request cannot be carried into another dialect, and None means that it can. `references` names all fields that hold
    an id of such a thing, without `earlier`: the id of the response that this request goes on from.
    `max_tool_calls` caps how often the vendor may run its own tools in one request, all of them together.
    """

    dialect: str
    model: str
    operation: Operation = "generate"
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    reasoning: ReasoningAsk | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n: int | None = None
    user: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    metadata: dict[str, str] | None = None
    stream: bool = False
    stream_usage: bool = False
    inputs: tuple[str, ...] = ()
    input_tokens: int | None = None
    fields: dict[str, Raw] = {}
    unknown: tuple[str, ...] = ()
    bound: str | None = None
    references: tuple[str, ...] = ()
    earlier: str | None = None
    max_tool_calls: int | None = None


# --- what is answered --------------------------------------------------------------------------------------------------


class Usage(Struct, frozen=True):
    """Tokens, counted one way whatever the vendor counts.

    `input_tokens` is everything read, cached or not; `cache_read_tokens` and the two `cache_write_*` are parts of it.
    `output_tokens` is everything written, thinking included; `reasoning_tokens` is a part of it. `audio_*` are parts of
    their totals. `estimated` says that the vendor did not report and we counted. `service_tier` is what the vendor says
    it served (`batch`, `flex`, `priority`, `default`), since it sets the price. `searches` counts server-side searches.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    searches: int = 0
    service_tier: str | None = None
    estimated: bool = False


class Reply(Struct, kw_only=True):
    """One whole answer.

    `native_finish_reason` is the vendor's own word for `finish`; `stop_sequence` the one that ended it. `created` is in
    Unix seconds. `vectors` are the embeddings, one for each input (floats, or base64 of little-endian float32, or either as raw JSON).
    `refusal_category` is why a vendor declined, where it says so. `usage` is None when the vendor did not report.
    """

    id: str
    model: str
    parts: tuple[Part, ...] = ()
    finish: Finish = "stop"
    native_finish_reason: str | None = None
    stop_sequence: str | None = None
    refusal_category: str | None = None
    usage: Usage | None = None
    created: int = 0
    vectors: tuple[Any, ...] = ()


# --- the chunks of a stream ----------------------------------------------------------------------------------------------
# `index` is the position of the part in the reply. A part opens with its first chunk and closes with PartEnd.


class Started(Struct, frozen=True, tag="started"):
    """The vendor has accepted the request. Carries no content, so nothing is committed yet."""

    id: str
    model: str
    created: int = 0


class TextDelta(Struct, frozen=True, tag="text_delta"):
    index: int
    text: str


class RefusalDelta(Struct, frozen=True, tag="refusal_delta"):
    index: int
    text: str


class ReasoningDelta(Struct, frozen=True, tag="reasoning_delta"):
    """More of a chain of thought; `summary` true when it is the vendor's summary and not the chain itself."""

    index: int
    text: str
    summary: bool = False


class ReasoningSeal(Struct, frozen=True, tag="reasoning_seal"):
    """The opaque part of the reasoning at `index`, whole. `redacted` true when nothing of it was readable."""

    index: int
    opaque: str
    redacted: bool = False
    id: str | None = None


class ToolCallStart(Struct, frozen=True, tag="tool_call_start"):
    index: int
    id: str
    name: str


class ToolCallDelta(Struct, frozen=True, tag="tool_call_delta"):
    """More of the arguments, as JSON text that may break anywhere."""

    index: int
    arguments: str


class PartEnd(Struct, frozen=True, tag="part_end"):
    index: int


class Finished(Struct, frozen=True, tag="finished"):
    finish: Finish
    native_finish_reason: str | None = None
    stop_sequence: str | None = None
    refusal_category: str | None = None


class UsageReport(Struct, frozen=True, tag="usage"):
    """What the vendor counted so far; a later report replaces an earlier one."""

    usage: Usage


class Failed(Struct, frozen=True, tag="failed"):
    """The vendor reported a failure inside the stream, under a status of 200. `status` is what it would have been."""

    status: int
    code: str | None
    message: str
    kind: str | None = None


class Ignored(Struct, frozen=True, tag="ignored"):
    """An event that carries nothing for us (a ping, an event newer than this code). Passes through within a dialect."""


Chunk = (
    Started
    | TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ReasoningSeal
    | ToolCallStart
    | ToolCallDelta
    | PartEnd
    | Finished
    | UsageReport
    | Failed
    | Ignored
)

MEANINGFUL = (TextDelta, RefusalDelta, ReasoningDelta, ReasoningSeal, ToolCallStart, ToolCallDelta)
"""The chunks that commit an answer to the deployment that sent them."""
