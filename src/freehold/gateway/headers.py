"""The headers of our answers, and which of a caller's headers go along to a vendor.

Whatever comes from outside is made harmless first: a name that a caller chose may not end a header line.
"""

import math
from collections.abc import Mapping

from freehold.errors import BudgetExhausted, FreeholdError, VendorRefused
from freehold.gateway.visit import Visit

MAX_NAMES_BYTES = 1024
MAX_FORWARDED_BYTES = 2048
_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-[]")


def answer_headers(visit: Visit) -> bytes:
    """The header lines of a good answer: the receipt, who answered for which workload, what could not be carried."""
    assert visit.answer is not None
    assert visit.plan is not None
    lines = (
        f"x-freehold-receipt: {visit.id}\r\nx-request-id: {visit.id}\r\nrequest-id: {visit.id}\r\n"
        f"x-freehold-model: {_safe(visit.answer.deployment.name)}\r\nx-freehold-workload: {_safe(visit.plan.name)}\r\n"
    )
    if visit.dropped:
        lines += f"x-freehold-dropped: {names(visit.dropped)}\r\n"
    if visit.answer.way.estimated:
        lines += "x-freehold-estimated: input_tokens\r\n"
    if len(visit.attempts) > 1:
        lines += f"x-freehold-attempts: {len(visit.attempts)}\r\n"
    return lines.encode("latin-1")


def error_headers(error: FreeholdError, record_id: str, *, recorded: bool = True) -> bytes:
    """The header lines of an error; a receipt only where there is a record. Budgets and other things that no waiting mends
    say so to the official SDKs, which would otherwise ask twice more."""
    lines = f"x-freehold-receipt: {record_id}\r\n" if recorded else ""
    lines += f"x-request-id: {record_id}\r\nrequest-id: {record_id}\r\n"
    if error.retry_after is not None:
        lines += f"retry-after: {max(1, math.ceil(error.retry_after))}\r\n"
    if isinstance(error, BudgetExhausted) or (isinstance(error, VendorRefused) and error.should_retry is False):
        lines += "x-should-retry: false\r\n"
    return lines.encode("latin-1")


def forwarded_headers(headers: Mapping[str, str], wanted: tuple[str, ...]) -> bytes:
    """The caller's headers that the dialect lets through, as lines. Values that could end a line are left out."""
    lines = [
        f"{name}: {value}\r\n"
        for name in wanted
        if (value := headers.get(name)) is not None and len(value) <= MAX_FORWARDED_BYTES and value.isprintable()
    ]
    return "".join(lines).encode("latin-1", "ignore")


def names(dropped: list[str]) -> str:
    """Names of parameters as one header value: comma-separated, each once, harmless, at most 1 KiB."""
    return ", ".join(dict.fromkeys(_safe(name, _NAME) for name in dropped))[:MAX_NAMES_BYTES]


def _safe(text: str, allowed: frozenset[int] | None = None) -> str:
    """The text without what may not stand in a header line."""
    if allowed is None:
        return (
            text
            if text.isascii() and text.isprintable()
            else "".join(c for c in text if c.isascii() and c.isprintable())
        )
    return bytes(byte for byte in text.encode("utf-8", "replace")[:100] if byte in allowed).decode("ascii")
