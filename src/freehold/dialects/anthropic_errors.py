"""Errors as Anthropic writes them: read from a vendor, written for a caller.

It knows the shape `{"type": "error", "error": {type, message, details}, "request_id"}` and which type goes with which
status; it decides nothing about retries (see `gateway/`). Anthropic's own code stands in `error.details.error_code`
(`enforced_spend_limit_reached`); ours stands there too, where the SDK shows it as `error_code`.
Source: Claude documentation, "Claude API errors"; anthropic SDK 2.12, `_exceptions.py`, `types/shared/error_type.py`.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from freehold.dialects.openai_errors import read_error as read_other
from freehold.dialects.openai_errors import retry_after
from freehold.errors import FreeholdError, VendorRefused

LONGEST_SENTENCE: Final = 300
"""Characters of a vendor's message that a caller sees: enough for an error, too few for a page."""

_STATUS_OF: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TYPE_OF: Final[Mapping[int, str]] = {status: kind for kind, status in _STATUS_OF.items()} | {
    408: "timeout_error",
    503: "overloaded_error",
}


class ErrorShape(Struct):
    """What stands under `error`, in a body or in an event of a stream. `details` may hold anything."""

    type: str | None = None
    message: str | None = None
    details: Any = None

    @property
    def code(self) -> str | None:
        """Anthropic's own code for the cause, where it gave one."""
        code = cast("dict[str, Any]", self.details).get("error_code") if isinstance(self.details, dict) else None
        return code if isinstance(code, str) else None


class _ErrorBody(Struct):
    error: ErrorShape
    type: str | None = None


_decoder = msgspec.json.Decoder(_ErrorBody)
_encode: Final = msgspec.json.Encoder().encode


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> VendorRefused:
    """The vendor's error answer. Header names are in lower case. Takes any body; never raises. One of another shape is what a
    proxy or a vendor that copies the dialect wrote, and they write what is read beside OpenAI's."""
    try:
        error = _decoder.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return read_other(status, headers, body)
    return VendorRefused(
        sentence(error, read_other(status, headers, body).sentence),
        "",
        status=status,
        kind=error.type,
        native=error.code,
        retry_after=retry_after(headers),
        should_retry={"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower()),
    )


def error_inside(body: bytes) -> VendorRefused | None:
    """The error that came in the place of an answer, under a status of 200, with the status that it would have had; None where the
    body is none."""
    try:
        read = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return read_error(status_of(read.error), {}, body) if read.type == "error" else None


def write_error(error: FreeholdError, request_id: str) -> bytes:
    """The error body for a caller."""
    return _encode(error_body(error, request_id))


def error_body(error: FreeholdError, request_id: str) -> dict[str, Any]:
    """The body, also the data of a stream's `error` event."""
    native = error.native if isinstance(error, VendorRefused) else None
    details: dict[str, Any] = {"error_code": native or error.code}
    if error.param is not None:
        details["param"] = error.param
    shape = {"type": error_type(error), "message": error.message, "details": details}
    return {"type": "error", "error": shape, "request_id": request_id}


def error_type(error: FreeholdError) -> str:
    """Anthropic's word for the class of an error: the vendor's own where it is one of Anthropic's, else by status."""
    if isinstance(error, VendorRefused) and error.kind in _STATUS_OF and error.status == _STATUS_OF[error.kind]:
        return error.kind
    return _TYPE_OF.get(error.status) or ("api_error" if error.status >= 500 else "invalid_request_error")


def status_of(error: ErrorShape) -> int:
    """The status that an error in a stream would have had."""
    return _STATUS_OF.get(error.type or "", 500)


def sentence(error: ErrorShape, otherwise: str) -> str:
    """The vendor's message on one line and of bounded length."""
    message = " ".join((error.message or "").split())
    if not message:
        return otherwise
    return message if len(message) <= LONGEST_SENTENCE else message[: LONGEST_SENTENCE - 1] + "…"
