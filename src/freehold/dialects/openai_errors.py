"""Errors as OpenAI writes them: read from a vendor, written for a caller. Shared by Chat, Responses and embeddings.

It knows the shape `{"error": {message, type, param, code}}`, the departures from it seen at vendors that copy the
format, and the headers that say when to try again. It decides nothing about retries (see `gateway/`).
Source: openai SDK 3.54, `_base_client._parse_retry_after_header` and `_should_retry`; RFC 9110, section 10.2.3.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, cast

import msgspec

from freehold.errors import (
    BadInput,
    BudgetExhausted,
    Forbidden,
    FreeholdError,
    Limited,
    NotFound,
    Unauthenticated,
    VendorRefused,
)

LONGEST_SENTENCE: Final = 300
"""Characters of a vendor's message that a caller sees: enough for every message we have seen, too few for a page."""

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> VendorRefused:
    """The vendor's error answer. Header names are in lower case. Takes any body; never raises."""
    fields = _error_object(body)
    message = _text(fields, "message") or _text(fields, "detail")
    native = _text(fields, "code")
    if message is None or message.startswith("<") or message.isdigit():  # a proxy's page or a bare number helps nobody
        message = f"The vendor answered with status {status} and no readable message."
    return VendorRefused(
        _shortened(message),
        "",
        status=status,
        kind=_text(fields, "type") or _text(fields, "status"),
        native=native,
        param=_text(fields, "param"),
        retry_after=retry_after(headers),
        should_retry={"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower()),
    )


def write_error(error: FreeholdError, request_id: str) -> bytes:
    """The error body for a caller. `advice` stands beside the message where there is any."""
    return _encoder.encode({"error": error_object(error, request_id)})


def error_object(error: FreeholdError, request_id: str) -> dict[str, Any]:
    """What stands under `error`, in a body or in an event of a stream."""
    fields: dict[str, Any] = {
        "message": error.message,
        "type": error_type(error),
        "param": error.param,
        "code": _code(error),
    }
    if error.advice:
        fields["advice"] = error.advice
    if request_id:
        fields["request_id"] = request_id
    return fields


def error_type(error: FreeholdError) -> str:
    """OpenAI's word for the class of an error."""
    if isinstance(error, BudgetExhausted):
        return "insufficient_quota"
    if isinstance(error, VendorRefused):
        return error.kind or _TYPE_OF_STATUS.get(error.status) or _type_of_range(error.status)
    for cls, word in _TYPES:
        if isinstance(error, cls):
            return word
    return "server_error"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, as the vendor asks: milliseconds first, then seconds, then an HTTP date. None when unsaid."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(headers.get(name))
        if milliseconds is not None:
            return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    return seconds if seconds is not None else _until(value)


# --- reading -------------------------------------------------------------------------------------------------------------


def _error_object(body: bytes) -> Mapping[str, Any]:
    """The object that describes the error: under `error`, first in a list (Google), or the body itself (FastAPI)."""
    try:
        value: Any = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    if isinstance(value, list) and value:
        value = cast("list[Any]", value)[0]
    if not isinstance(value, dict):
        return {}
    fields = cast("dict[str, Any]", value)
    inner: Any = fields.get("error")
    if isinstance(inner, dict):
        return cast("dict[str, Any]", inner)
    if isinstance(inner, str):
        said = _text(fields, "message") or inner  # beside a message it is a status in words (NestJS, Spring)
        return {"message": said, **{name: fields[name] for name in ("type", "code", "param") if name in fields}}
    return fields


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    """A field as text. FastAPI's `detail` is a list of `{loc, msg}`; its first message stands for all."""
    value: Any = fields.get(name)
    if isinstance(value, list) and value:
        value = cast("list[Any]", value)[0]
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        value = inner.get("msg") or inner.get("message")
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _shortened(message: str) -> str:
    message = " ".join(message.split())
    return message if len(message) <= LONGEST_SENTENCE else message[: LONGEST_SENTENCE - 1] + "…"


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _until(date: str) -> float | None:
    try:
        when = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


# --- writing -------------------------------------------------------------------------------------------------------------


def _code(error: FreeholdError) -> str:
    if isinstance(error, VendorRefused):
        return error.native or error.code
    if isinstance(error, BudgetExhausted):
        return "insufficient_quota"  # what the SDKs' users already look for; the advice says which budget
    return error.code


def _type_of_range(status: int) -> str:
    return "server_error" if status >= 500 else "invalid_request_error"


_TYPES: Final[tuple[tuple[type[FreeholdError], str], ...]] = (
    (Unauthenticated, "authentication_error"),
    (Forbidden, "permission_error"),
    (NotFound, "not_found_error"),
    (Limited, "rate_limit_error"),
    (BadInput, "invalid_request_error"),
)

_TYPE_OF_STATUS: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
