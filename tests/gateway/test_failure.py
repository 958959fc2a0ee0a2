"""The table of failures: each row of the wire facts, and what it must lead to."""

import pytest

from freehold.errors import (
    ContextTooLong,
    FreeholdError,
    StreamBroken,
    Unsupported,
    VendorGarbled,
    VendorRefused,
    VendorTimeout,
    VendorUnreachable,
)
from freehold.gateway.failure import HOLD_SECONDS, Verdict, for_caller, hold, is_deployments_fault, judge


def refused(status: int, native: str | None = None, kind: str | None = None, sentence: str = "no") -> VendorRefused:
    return VendorRefused(sentence, status=status, native=native, kind=kind, deployment="openai/gpt-5")


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_time_mends_is_retried(status: int) -> None:
    assert judge(refused(status)) is Verdict.RETRY


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_what_the_account_cannot_do_is_failed_over(status: int) -> None:
    assert judge(refused(status)) is Verdict.FAIL_OVER


@pytest.mark.parametrize(
    "native",
    [
        "insufficient_quota",
        "credit_balance_exhausted",
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "ramp_limit_exceeded",
    ],
)
def test_a_429_that_no_waiting_mends_is_failed_over(native: str) -> None:
    assert judge(refused(429, native)) is Verdict.FAIL_OVER


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_at_fault_is_told(status: int) -> None:
    assert judge(refused(status)) is Verdict.TELL


@pytest.mark.parametrize("native", ["content_filter", "content_policy_violation"])
def test_a_refusal_is_never_routed_around(native: str) -> None:
    assert judge(refused(400, native)) is Verdict.TELL
    assert judge(refused(500, native)) is Verdict.TELL


def test_an_overlong_input_goes_to_a_larger_window_only() -> None:
    assert judge(refused(400, "context_length_exceeded")) is Verdict.LARGER
    assert judge(refused(400, None, None, "prompt is too long: 210000 tokens")) is Verdict.LARGER
    assert judge(ContextTooLong("too long")) is Verdict.LARGER


def test_a_vendor_that_says_not_to_retry_is_failed_over() -> None:
    error = VendorRefused("no", status=503, should_retry=False)
    assert judge(error) is Verdict.FAIL_OVER


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (VendorUnreachable("x"), Verdict.RETRY),
        (StreamBroken("x"), Verdict.RETRY),
        (VendorTimeout("x"), Verdict.FAIL_OVER),
        (VendorGarbled("x"), Verdict.FAIL_OVER),
        (Unsupported("x"), Verdict.FAIL_OVER),
    ],
)
def test_what_happens_on_the_way(error: FreeholdError, verdict: Verdict) -> None:
    assert judge(error) is verdict


def test_a_bad_request_says_nothing_about_the_deployment() -> None:
    assert not is_deployments_fault(refused(400))
    assert is_deployments_fault(refused(503))
    assert is_deployments_fault(VendorTimeout("x"))


def test_a_refused_key_is_left_alone_for_a_while() -> None:
    assert hold(refused(401)) == HOLD_SECONDS
    assert hold(refused(429, "insufficient_quota")) == HOLD_SECONDS
    assert hold(refused(429)) is None


def test_a_callers_key_is_not_blamed_for_ours() -> None:
    told = for_caller(refused(401, sentence="Incorrect API key provided: sk-secret"))
    assert told.status == 502
    assert "sk-secret" not in told.message
    assert "openai/gpt-5" in told.sentence


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_the_deployments_fault_and_no_answer_of_ours(status: int) -> None:
    assert judge(refused(status)) is Verdict.FAIL_OVER
    assert is_deployments_fault(refused(status))
    told = for_caller(refused(status))
    assert told.status == 502
    assert "base_url" in told.message


def test_an_overload_is_told_as_503() -> None:
    assert for_caller(refused(529)).status == 503
