"""Headers that go out hold nothing that came in."""

from freehold.errors import BudgetExhausted, RateLimited
from freehold.gateway.headers import error_headers, forwarded_headers, names


def test_dropped_names_cannot_end_a_header_line() -> None:
    assert names(["top_k", "x\r\nset-cookie: a=b", "top_k"]) == "top_k, xset-cookieab"


def test_dropped_names_are_cut_at_a_kibibyte() -> None:
    assert len(names([f"parameter_{number}" for number in range(500)])) <= 1024


def test_a_budget_tells_the_sdks_not_to_retry() -> None:
    assert b"x-should-retry: false" in error_headers(BudgetExhausted("no"), "rec_1")


def test_retry_after_is_whole_seconds_and_at_least_one() -> None:
    assert b"retry-after: 1\r\n" in error_headers(RateLimited("no", retry_after=0.2), "rec_1")
    assert b"retry-after: 3\r\n" in error_headers(RateLimited("no", retry_after=2.1), "rec_1")


def test_only_the_named_headers_go_along() -> None:
    headers = {"anthropic-beta": "files-2025", "authorization": "Bearer secret", "cookie": "a"}
    assert forwarded_headers(headers, ("anthropic-beta",)) == b"anthropic-beta: files-2025\r\n"


def test_a_value_that_could_end_a_line_does_not_go_along() -> None:
    assert forwarded_headers({"anthropic-beta": "a\r\nx: y"}, ("anthropic-beta",)) == b""
