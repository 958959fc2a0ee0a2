"""A whole answer in the Responses format: a vendor's into our words, and ours for a caller.

It also holds what whole answers and streams share: why a response ended, the response object around the output, and the
ids of items. It knows no vendor. A failed response is an error here and in every other dialect, never a `stop`.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2s
from typing import Any, Final

import msgspec
from msgspec import Raw

from freehold.dialects import origin
from freehold.dialects.responses_request import texts
from freehold.dialects.responses_wire import MINTED, NAME, REDACTED, WireError, WireItem, WirePart, WireResponse
from freehold.dialects.usage import denormalise, normalise
from freehold.errors import VendorGarbled, VendorRefused
from freehold.messages import Finish, Opaque, Part, Reasoning, Refusal, Reply, Request, Text, ToolCall, Usage

_decoder: Final = msgspec.json.Decoder(WireResponse)
_encode: Final = msgspec.json.Encoder().encode

_INCOMPLETE: Final[dict[str | None, Finish]] = {
    "max_output_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
    "steered": "pause",
    None: "pause",
}
_UNFINISHED: Final = frozenset({"queued", "in_progress"})
_REASONS: Final[dict[Finish, str]] = {"length": "max_output_tokens", "content_filter": "content_filter"}

Wire = dict[str, Any]
"""A JSON object that we write."""


def read_reply(body: bytes) -> Reply:
    """The vendor's answer in our words, its artefacts byte for byte. Raises `VendorGarbled`, and `VendorRefused` for a
    failure that the vendor tells under a status of 200."""
    try:
        wire = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VendorGarbled(f"The vendor's answer is not a Responses object: {str(error).rstrip('.')}.") from error
    if wire.error is not None and (wire.status == "failed" or wire.output is None):
        raise refusal(wire.error)
    if not wire.id or wire.output is None:
        raise VendorGarbled("The vendor's answer is not a Responses object: it has no `id` or no `output`.")
    ended, native = finish(wire)
    return Reply(
        id=wire.id,
        model=wire.model,
        parts=tuple(part for item in wire.output for part in parts(item)),
        finish=ended,
        native_finish_reason=native,
        usage=usage(wire),
        created=int(wire.created_at or 0),
    )


def refusal(error: WireError) -> VendorRefused:
    """The error that a failure inside an answer would have been, had it come as a status."""
    return VendorRefused(
        error.message or "The vendor reported a failure without saying which.",
        "",
        status=status_of(error),
        kind=error.type,
        native=str(error.code) if error.code else None,
        param=error.param,
    )


def status_of(error: WireError) -> int:
    """The HTTP status that a failure inside an answer would have had; 500 for a code that nobody has told us about."""
    code = str(error.code or error.type or "")
    if code in _CALLERS_FAULTS or code.startswith(_CALLERS_FAULT):
        return 400
    return _STATUS.get(code, 500)


_STATUS: Final[Mapping[str, int]] = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "slow_down": 429,
    "server_is_overloaded": 503,
    "server_error": 500,
    "vector_store_timeout": 504,
    "data_residency_mismatch": 403,
}
_CALLERS_FAULT: Final = ("invalid_", "image_", "empty_image", "unsupported_image", "failed_to_download_image")
_CALLERS_FAULTS: Final = frozenset({"context_length_exceeded", "bio_policy", "misalignment_policy_violation"})


def finish(wire: WireResponse, *, called: bool = False) -> tuple[Finish, str | None]:
    """(why it ended, in our words; the vendor's word). `called` says that a function call was seen in the stream."""
    status = wire.status
    if status == "incomplete":
        reason = wire.incomplete_details.reason if wire.incomplete_details is not None else None
        return _INCOMPLETE.get(reason, "error"), reason or status
    if status in _UNFINISHED:
        return "pause", status
    if status == "completed" or (status is None and wire.error is None):
        called = called or any(item.type == "function_call" for item in wire.output or ())
        return "tool_calls" if called else "stop", status
    code = wire.error.code if wire.error is not None else None
    return "error", str(code) if code else status


def usage(wire: WireResponse) -> Usage | None:
    """What the vendor counted, with the tier and the searches that stand beside `usage`; None when it did not count."""
    if wire.usage is None:
        return None
    counted = normalise(NAME, wire.usage)
    searched = wire.tool_usage.web_search if wire.tool_usage is not None else None
    searches = max(searched.num_requests, 0) if searched is not None else counted.searches
    return msgspec.structs.replace(counted, service_tier=wire.service_tier or counted.service_tier, searches=searches)


def parts(item: WireItem) -> Iterable[Part]:
    """The parts of an output item. What is empty is left out, as a stream would never show it."""
    if item.type == "message":
        if not isinstance(item.content, list):
            return ()
        return [part for wire in item.content if (part := _part(wire)) is not None]
    if item.type == "function_call":
        arguments: object = item.arguments
        return (
            ToolCall(item.call_id or item.id or "", item.name or "", arguments if isinstance(arguments, str) else ""),
        )
    if item.type == "reasoning":
        text, summary = "\n\n".join(texts(item.content)), tuple(texts(item.summary))
        opaque = item.encrypted_content or None
        if not (text or summary or opaque):
            return ()
        return (Reasoning(text, summary, opaque, redacted=not text and not summary, id=item.id),)
    return (Opaque(NAME, item.type),)


def _part(wire: WirePart) -> Part | None:
    if wire.type == "output_text":
        return Text(wire.text) if wire.text else None
    if wire.type == "refusal":
        return Refusal(wire.refusal) if wire.refusal else None
    return Opaque(NAME, wire.type)


# --- writing ---------------------------------------------------------------------------------------------------------


def write_reply(reply: Reply, request: Request) -> bytes:
    """The answer as a response object; `request` is the caller's own, which it repeats as OpenAI does."""
    response = response_object(reply.id, reply.model, reply.created, echo(request))
    response["output"] = _output(reply.parts, reply.id, cut=reply.finish == "length")
    end(response, reply.finish, reply.native_finish_reason, reply.usage)
    for name in ("stop_sequence", "refusal_category"):
        value = getattr(reply, name)
        if value is not None:
            response[name] = value
    return _encode(response)


def echo(request: Request) -> Wire:
    """What a response repeats of its request. Nothing is stored here, whatever was asked."""
    repeated = dict(_ECHOED)
    if request.dialect == NAME:
        for name in _ECHOED.keys() & request.fields.keys():
            value = bytes(request.fields[name])
            if value != b"null":
                repeated[name] = Raw(_one_line(value))
    return repeated


def _one_line(value: bytes) -> bytes:
    """The value fit for an event, whose data is one line. A JSON string holds no line break, so none is lost."""
    if b"\n" in value or b"\r" in value:
        return value.replace(b"\n", b" ").replace(b"\r", b" ")
    return value


_ECHOED: Final[Wire] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}


def response_object(given_id: str, model: str, created: int, echoed: Wire) -> Wire:
    """A response that has just begun: no output, no usage, `in_progress`. `created` is in Unix seconds; 0 is unsaid."""
    return {
        "id": given_id if given_id.startswith("resp_") else f"resp_{given_id}",
        "object": "response",
        "created_at": created or int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model,
        **echoed,
        "store": False,
        "output": [],
        "usage": None,
    }


def end(response: Wire, ended: Finish, native: str | None, counted: Usage | None) -> None:
    """Writes into the response why it ended and what it used. `native` stands beside as `native_finish_reason`."""
    if ended == "error":
        response["status"] = "failed"
        response["error"] = {"code": "server_error", "message": f"The model did not finish its answer ({native})."}
    elif ended in ("stop", "tool_calls"):
        response["status"] = "completed"
    else:
        response["status"] = "incomplete"
        response["incomplete_details"] = {"reason": _REASONS.get(ended)}
    response["native_finish_reason"] = native
    if counted is not None:
        response["usage"] = denormalise(NAME, counted)
        if counted.service_tier is not None:
            response["service_tier"] = counted.service_tier


def _output(given: Sequence[Part], given_id: str, *, cut: bool) -> list[Wire]:
    """The items; neighbouring texts and refusals share a message. `cut` says that the last one did not end."""
    items: list[Wire] = []
    for part in given:
        if isinstance(part, Text | Refusal):
            if not items or items[-1]["type"] != "message":
                items.append(message_item(item_id("msg", given_id, len(items))))
            items[-1]["content"].append(text_part(part.text) if isinstance(part, Text) else refusal_part(part.text))
        elif isinstance(part, ToolCall):
            items.append(call_item(item_id("fc", given_id, len(items)), part.id, part.name, part.arguments))
        elif isinstance(part, Reasoning):
            items.append(_reasoning_item(part, item_id("rs", given_id, len(items))))
    if cut and items and items[-1]["type"] != "reasoning":
        items[-1]["status"] = "incomplete"
    return items


def _reasoning_item(part: Reasoning, minted: str) -> Wire:
    sealed = part.opaque if part.opaque is None or part.origin is None else origin.seal(part.opaque, part.origin)
    item_id = redacted_id(minted) if part.redacted else minted
    return reasoning_item(item_id, part.summary, part.text, sealed)


# --- items, as whole answers and streams write them ------------------------------------------------------------------


def item_id(kind: str, given_id: str, at: int) -> str:
    """The id of the item at this place: short, of safe letters, and recognised as ours when it comes back."""
    return f"{kind}{MINTED}{blake2s(given_id.encode(), digest_size=8).hexdigest()}_{at}"


def redacted_id(minted: str) -> str:
    """The id that says that nothing of this reasoning item was readable."""
    return REDACTED + minted.removeprefix(f"rs{MINTED}")


def message_item(given_id: str, status: str = "completed") -> Wire:
    return {"id": given_id, "type": "message", "status": status, "role": "assistant", "content": []}


def call_item(given_id: str, call_id: str, name: str, arguments: str, status: str = "completed") -> Wire:
    return {
        "id": given_id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def reasoning_item(given_id: str, summary: Iterable[str], text: str, sealed: str | None) -> Wire:
    item: Wire = {
        "id": given_id,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": part} for part in summary],
    }
    if text:
        item["content"] = [{"type": "reasoning_text", "text": text}]
    if sealed is not None:
        item["encrypted_content"] = sealed
    return item


def text_part(text: str) -> Wire:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def refusal_part(text: str) -> Wire:
    return {"type": "refusal", "refusal": text}
