"""OpenAI Chat on the wire, as it is read: requests from callers, replies and chunks from vendors.

Shapes only. Everything is optional that some caller or vendor leaves out or sends as null, and names that are not
declared are skipped, so that a field newer than this file never breaks a request. Writing needs no shapes: it is dicts.
Source: openai SDK 3.54 (`types/chat`), and the departures listed in the vendors' own documents: `reasoning_content`
(DeepSeek, vLLM), `reasoning` and `reasoning_details` (OpenRouter), lists as reply content (Mistral).
"""

from typing import Any, Final

from msgspec import Raw, Struct

SAME: Final = (
    "temperature",
    "top_p",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "n",
    "prompt_cache_key",
    "metadata",
    "parallel_tool_calls",
)
"""Fields of a request that have the same name and meaning here and in `Request`, in both directions."""

# --- a request -----------------------------------------------------------------------------------------------------------


class CacheControl(Struct):
    """Anthropic's mark in a Chat body, as OpenRouter and others take it."""

    type: str = "ephemeral"
    ttl: str | None = None


class CacheBreakpoint(Struct):
    """OpenAI's own mark: `{"mode": "explicit", "ttl": "30m" | "12h"}`."""

    mode: str | None = None
    ttl: str | None = None


class ImageUrl(Struct):
    url: str
    detail: str | None = None


class InputAudio(Struct):
    data: str
    format: str


class FileFields(Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class ContentPart(Struct):
    """One part of `content`, of any type: `type` says which of the fields count."""

    type: str
    text: str | None = None
    image_url: ImageUrl | str | None = None
    input_audio: InputAudio | None = None
    file: FileFields | None = None
    refusal: str | None = None
    thinking: Any = None
    cache_control: CacheControl | None = None
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class FunctionCall(Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCallFields(Struct):
    id: str | None = None
    type: str | None = None
    function: FunctionCall | None = None
    index: int | None = None


class ReasoningDetail(Struct):
    """One of `reasoning_details`: `type` is `reasoning.text`, `reasoning.summary` or `reasoning.encrypted`."""

    type: str = ""
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    id: str | None = None
    index: int | None = None


class MessageFields(Struct):
    """A message of a request or of a reply, and the delta of a chunk."""

    role: str | None = None
    content: str | list[ContentPart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallFields] | None = None
    tool_call_id: str | None = None
    function_call: FunctionCall | None = None
    audio: dict[str, Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[ReasoningDetail] | None = None


class FunctionFields(Struct):
    name: str
    description: str | None = None
    parameters: Raw = Raw(b"null")
    strict: bool | None = None


class ToolFields(Struct):
    type: str = "function"
    function: FunctionFields | None = None
    cache_control: CacheControl | None = None


class ChosenFunction(Struct):
    name: str


class AllowedTool(Struct):
    type: str = "function"
    function: ChosenFunction | None = None


class AllowedTools(Struct):
    mode: str = "auto"
    tools: list[AllowedTool] = []


class ToolChoiceFields(Struct):
    type: str = "function"
    function: ChosenFunction | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchemaFields(Struct):
    name: str | None = None
    description: str | None = None
    schema: Raw = Raw(b"null")
    strict: bool | None = None


class ResponseFormatFields(Struct):
    type: str
    json_schema: JsonSchemaFields | None = None


class ReasoningFields(Struct):
    """The extension `reasoning` of OpenRouter."""

    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None


class ThinkingFields(Struct):
    """The extension `thinking` of DeepSeek (and of Anthropic's own Chat endpoint)."""

    type: str
    budget_tokens: int | None = None


class StreamOptions(Struct):
    include_usage: bool | None = None


class RequestFields(Struct):
    model: str
    messages: list[MessageFields]
    tools: list[ToolFields] | None = None
    tool_choice: str | ToolChoiceFields | None = None
    functions: list[FunctionFields] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormatFields | None = None
    reasoning_effort: str | None = None
    reasoning: ReasoningFields | None = None
    thinking: ThinkingFields | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n: int | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    metadata: dict[str, str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


# --- a reply and a chunk -------------------------------------------------------------------------------------------------


class Choice(Struct):
    index: int = 0
    message: MessageFields | None = None
    delta: MessageFields | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    stop_reason: str | int | None = None


class Answer(Struct):
    """A whole reply, or one chunk of a stream: they differ in `message` and `delta` only."""

    id: str | None = None
    object: str | None = None
    created: float | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None
    service_tier: str | None = None
    error: Any = None
    message: str | None = None
