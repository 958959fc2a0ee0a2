"""The shapes of OpenAI's Responses format, as permissive structs that serve reading and writing alike.

One struct stands for every kind of item and one for every kind of part, because a closed union would refuse the kinds
that are newer than this code; what is not ours passes through untouched. It knows shapes only, no meaning.
Source: openai SDK 3.54, `types/responses/` (`ResponseCreateParams`, `ResponseInputItem`, `Response`, stream events).
"""

from typing import Annotated, Any, Final

from msgspec import Meta, Raw, Struct

NAME: Final = "openai-responses"

MINTED: Final = "_fh_"
"""Stands in every item id that this door made up, so that no vendor is ever asked for an item that it never had."""

REDACTED: Final = "rs_fh_redacted_"
"""How the id of a reasoning item begins whose opaque part was redacted: Responses has no other place that says so."""

LARGEST_CAP: Final = 2**31 - 1
"""No model writes more tokens; a larger cap would only overflow what reserves money for it."""

Cap = Annotated[int, Meta(ge=1, le=LARGEST_CAP)]
Count = Annotated[int, Meta(ge=0, le=LARGEST_CAP)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
Share = Annotated[float, Meta(ge=0, le=1)]
TopLogprobs = Annotated[int, Meta(ge=0, le=20)]


# --- items and parts, in requests, replies and events ----------------------------------------------------------------


class WireBreakpoint(Struct, omit_defaults=True):
    ttl: str | None = None


class WireAudio(Struct):
    data: str
    format: str


class WirePart(Struct, omit_defaults=True):
    """A part of a message, of a tool's output, or of a reasoning item; `type` says which fields count."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[Raw] | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: WireAudio | None = None
    prompt_cache_breakpoint: WireBreakpoint | None = None


Content = str | list[WirePart] | dict[str, Raw] | None
"""Text, parts, or the object that some kinds of items have in its place."""


class WireItem(Struct, omit_defaults=True):
    """An item of `input` or `output`. Without a type it is a message (the easy form) or a reference."""

    type: str = ""
    id: str | None = None
    role: str | None = None
    status: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    output: Content = None
    summary: Content = None
    content: Content = None
    encrypted_content: str | None = None
    tools: Raw = Raw()


# --- requests --------------------------------------------------------------------------------------------------------


class WireTool(Struct, omit_defaults=True):
    type: str = ""
    name: str | None = None
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None
    function: Raw = Raw()


class WireChoice(Struct):
    type: str = ""
    name: str | None = None
    mode: str | None = None
    tools: list[WireTool] | None = None


class WireFormat(Struct, omit_defaults=True):
    type: str = ""
    name: str | None = None
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class WireText(Struct):
    format: WireFormat | None = None
    verbosity: str | None = None


class WireReasoning(Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    context: str | None = None
    mode: str | None = None


class WireStreamOptions(Struct):
    include_obfuscation: bool | None = None


class WireRequest(Struct):
    """What this code understands of a request. The rest is in the raw fields beside it."""

    model: str
    input: str | list[WireItem] | None = None
    instructions: str | None = None
    tools: list[WireTool] | None = None
    tool_choice: str | WireChoice | None = None
    parallel_tool_calls: bool | None = None
    text: WireText | None = None
    reasoning: WireReasoning | None = None
    include: list[str] | None = None
    max_output_tokens: Cap | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_logprobs: TopLogprobs | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    truncation: str | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    max_tool_calls: Count | None = None
    stream: bool | None = None
    stream_options: WireStreamOptions | None = None


# --- replies and events ----------------------------------------------------------------------------------------------


class WireError(Struct):
    code: str | int | None = None
    message: str | None = None
    type: str | None = None
    param: str | None = None


class WireIncomplete(Struct):
    reason: str | None = None


class WireSearches(Struct):
    num_requests: int = 0


class WireToolUsage(Struct):
    web_search: WireSearches | None = None


class WireResponse(Struct):
    """What this code understands of a response object, whole or as it stands in a lifecycle event."""

    id: str = ""
    model: str = ""
    created_at: float | None = None
    status: str | None = None
    output: list[WireItem] | None = None
    error: WireError | None = None
    incomplete_details: WireIncomplete | None = None
    usage: dict[str, Any] | None = None
    service_tier: str | None = None
    tool_usage: WireToolUsage | None = None


class WireEvent(Struct):
    """The data of any event that this code reads; `type` says which fields count."""

    type: str = ""
    response: WireResponse | None = None
    item: WireItem | None = None
    part: WirePart | None = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    delta: str = ""
    text: str = ""
    refusal: str = ""
    arguments: str = ""
    error: WireError | None = None
    code: str | int | None = None
    message: str | None = None


class WireEventType(Struct):
    """Only the kind of an event, for streams that do not name their events."""

    type: str = ""
