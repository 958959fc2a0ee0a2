"""What a vendor's failure means: ask the same one again, ask another, or tell the caller. One table, no I/O.

The table is section 2.2 of the wire facts ("retry same target", "fail over, don't retry", "do neither"), read from the
vendors' SDKs and documents. What it turns on is the HTTP status, then the vendor's own code, because several vendors
send 429 for what no waiting mends.
"""

from enum import Enum

from freehold.errors import (
    ContextTooLong,
    EngineDown,
    FreeholdError,
    InvalidField,
    StreamBroken,
    Unsupported,
    VendorError,
    VendorGarbled,
    VendorRefused,
    VendorTimeout,
    VendorUnreachable,
)


class Verdict(Enum):
    RETRY = "retry"
    """The same deployment may answer in a moment; another may answer now."""
    FAIL_OVER = "fail over"
    """This deployment will not answer; another may."""
    LARGER = "larger window"
    """Only a deployment with a larger context window may answer."""
    TELL = "tell"
    """The request itself is at fault, or the vendor has declined it: the caller must know, and nobody else is asked."""


_NO_WAITING_MENDS = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "ramp_limit_exceeded",
        "billing_error",
        "billing_not_active",
        "account_deactivated",
        "access_terminated",
    }
)
_CONTEXT = frozenset({"context_length_exceeded", "string_above_max_length", "model_context_window_exceeded"})
_CONTEXT_WORDS = (
    "context length",
    "context window",
    "prompt is too long",
    "maximum context",
    "exceeds the available context",
)
_DECLINED = frozenset({"content_filter", "content_policy_violation", "refusal", "data_inspection_failed"})
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
_ELSEWHERE = frozenset({401, 402, 403, 404, 405, 410, 421, 451})

HOLD_SECONDS = 60.0
"""How long a deployment is left alone whose key, quota or model is refused."""


def judge(error: FreeholdError) -> Verdict:
    """What to do about this failure before anything was sent to the caller."""
    if isinstance(error, VendorRefused):
        return _judge_refusal(error)
    if isinstance(error, ContextTooLong):
        return Verdict.LARGER
    if isinstance(error, Unsupported | InvalidField):
        return Verdict.FAIL_OVER
    if isinstance(error, VendorTimeout | VendorGarbled):
        return Verdict.FAIL_OVER
    if isinstance(error, VendorUnreachable | StreamBroken | EngineDown):
        return Verdict.RETRY
    return Verdict.FAIL_OVER if isinstance(error, VendorError) else Verdict.TELL


def _judge_refusal(error: VendorRefused) -> Verdict:
    if error.status < 400:  # it sends us elsewhere: another address, a page to log in
        return Verdict.FAIL_OVER
    words = {error.native, error.kind} - {None}
    if words & _DECLINED:
        return Verdict.TELL
    if words & _CONTEXT or (error.status in (400, 413) and _speaks_of_context(error.sentence)):
        return Verdict.LARGER
    if words & _NO_WAITING_MENDS or "daily" in (error.native or ""):
        return Verdict.FAIL_OVER
    if error.status in _RETRIED:
        return Verdict.FAIL_OVER if error.should_retry is False else Verdict.RETRY
    if error.status in _ELSEWHERE or error.native in ("data_residency_mismatch", "model_not_found"):
        return Verdict.FAIL_OVER
    return Verdict.RETRY if error.status >= 500 else Verdict.TELL


def _speaks_of_context(sentence: str) -> bool:
    lower = sentence.lower()
    return any(word in lower for word in _CONTEXT_WORDS)


def is_deployments_fault(error: FreeholdError) -> bool:
    """Whether the failure says something about the deployment (its breaker counts it) and not about the request."""
    if isinstance(error, VendorRefused):
        return _judge_refusal(error) in (Verdict.RETRY, Verdict.FAIL_OVER)
    return isinstance(error, VendorError | EngineDown)


def hold(error: FreeholdError) -> float | None:
    """Seconds to leave the deployment alone at once, when the failure is one that no retry mends; else None."""
    if isinstance(error, VendorRefused) and error.status in (401, 402, 403, 429):
        return HOLD_SECONDS if _judge_refusal(error) is Verdict.FAIL_OVER else None
    return None


def for_caller(error: FreeholdError) -> FreeholdError:
    """The error as the caller may see it. A vendor that refuses *our* key must not look like a refusal of theirs."""
    if not isinstance(error, VendorRefused):
        return error
    if error.status in (401, 402, 403) and _judge_refusal(error) is Verdict.FAIL_OVER:
        sentence = f"{error.deployment or 'The vendor'} refused this gateway's own account (status {error.status})."
        return _as(error, 502, sentence, "Check that vendor's key and billing; the key that you sent us is fine.")
    if error.status < 400:
        sentence = f"{error.deployment or 'The vendor'} answered with a redirect (status {error.status}), which is not followed."
        return _as(error, 502, sentence, "Give the vendor's base_url as it is in the end.")
    if error.status == 529:
        return _as(error, 503, error.sentence, error.advice)
    return error


def _as(error: VendorRefused, status: int, sentence: str, advice: str) -> VendorRefused:
    return VendorRefused(
        sentence,
        advice,
        status=status,
        kind=error.kind,
        native=error.native,
        param=error.param,
        retry_after=error.retry_after,
        deployment=error.deployment,
    )
