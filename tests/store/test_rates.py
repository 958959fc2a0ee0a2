"""Rates: no sixty seconds, wherever they begin, hold more than the limit, and a denial says when to come back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.store.grants import RateCheck, RateDenied
from freehold.store.rates import add, check, correct
from freehold.store.table import SLOT_WORDS
from store.samples import NOON

T = NOON + 0.25


class Window:
    """One scope's window in words of its own, asked as the counters ask it."""

    def __init__(self, requests: int | None = None, tokens: int | None = None, slots: int = 1) -> None:
        self.words = memoryview(bytearray(slots * SLOT_WORDS * 8)).cast("q")
        self.rates = (RateCheck(0, requests, tokens),)

    def ask(self, now: float, tokens: int = 0) -> RateDenied | None:
        denied = check(self.words, self.rates, tokens, now)
        if denied is None:
            add(self.words, self.rates, int(now), tokens)
        return denied

    def correct(self, asked_at: float, more: int, now: float) -> None:
        correct(self.words, self.rates, int(asked_at), more, now)


def test_requests_up_to_the_limit_pass_and_the_next_one_waits_until_the_first_has_left() -> None:
    window = Window(requests=3)
    assert [window.ask(T), window.ask(T + 10), window.ask(T + 20)] == [None, None, None]
    assert window.ask(T + 30) == RateDenied(index=0, retry_after=30.75, measure="requests", limit=3)
    assert window.ask(T + 60) == RateDenied(index=0, retry_after=0.75, measure="requests", limit=3)
    assert window.ask(T + 60.75) is None
    assert window.ask(T + 60.75) == RateDenied(index=0, retry_after=10.0, measure="requests", limit=3)


def test_tokens_up_to_the_limit_pass_and_more_wait_until_enough_have_left() -> None:
    window = Window(tokens=100)
    assert [window.ask(T, 40), window.ask(T + 10, 30), window.ask(T + 20, 30)] == [None, None, None]
    assert window.ask(T + 30, 1) == RateDenied(index=0, retry_after=30.75, measure="tokens", limit=100)
    assert window.ask(T + 30, 41) == RateDenied(index=0, retry_after=40.75, measure="tokens", limit=100)
    assert window.ask(T + 30, 0) is None


def test_a_request_above_the_limit_by_itself_is_told_never_to_come_back() -> None:
    assert Window(tokens=100).ask(T, 101) == RateDenied(index=0, retry_after=None, measure="tokens", limit=100)
    assert Window(tokens=100).ask(T, 100) is None


def test_the_first_rate_that_is_used_up_is_told_and_none_counts() -> None:
    words = memoryview(bytearray(2 * SLOT_WORDS * 8)).cast("q")
    wide, narrow = RateCheck(0, 10, None), RateCheck(SLOT_WORDS, 1, 50)
    assert check(words, (wide, narrow), 60, NOON) == RateDenied(1, None, "tokens", 50)
    assert check(words, (wide, narrow), 50, NOON) is None
    add(words, (wide, narrow), int(NOON), 50)
    assert check(words, (wide, narrow), 0, NOON) == RateDenied(1, 61.0, "requests", 1)
    assert check(words, (wide,), 0, NOON) is None


def test_a_scope_without_a_limit_is_counted_all_the_same() -> None:
    """A limit that a reload brings holds against the minute before it."""
    window = Window()
    for _ in range(5):
        assert window.ask(T, 10) is None
    window.rates = (RateCheck(0, 5, None),)
    assert window.ask(T) == RateDenied(index=0, retry_after=60.75, measure="requests", limit=5)
    window.rates = (RateCheck(0, None, 50),)
    assert window.ask(T, 1) == RateDenied(index=0, retry_after=60.75, measure="tokens", limit=50)


# --- corrections ---


def test_tokens_that_were_not_used_are_given_back() -> None:
    window = Window(tokens=100)
    window.ask(T, 100)
    window.correct(T, -60, T + 5)
    assert window.ask(T + 5, 61) == RateDenied(index=0, retry_after=55.75, measure="tokens", limit=100)
    assert window.ask(T + 5, 60) is None


def test_tokens_beyond_the_estimate_count_in_the_second_of_their_request() -> None:
    window = Window(tokens=100)
    window.ask(T, 10)
    window.correct(T, 80, T + 30)
    assert window.ask(T + 30, 11) == RateDenied(index=0, retry_after=30.75, measure="tokens", limit=100)
    assert window.ask(T + 61, 100) is None


def test_a_correction_after_the_minute_gives_nothing_back_but_counts_what_was_missing_now() -> None:
    window = Window(tokens=100)
    window.ask(T, 100)
    window.correct(T, -100, T + 90)
    assert window.ask(T + 90, 100) is None
    window = Window(tokens=100)
    window.ask(T, 10)
    window.correct(T, 70, T + 90)
    assert window.ask(T + 100, 31) == RateDenied(index=0, retry_after=50.75, measure="tokens", limit=100)


# --- clocks ---


def test_a_clock_a_little_behind_counts_in_its_own_second() -> None:
    """Workers read the clock before they wait for the lock."""
    window = Window(requests=2)
    assert window.ask(T + 5) is None
    assert window.ask(T) is None
    assert window.ask(T + 60) == RateDenied(index=0, retry_after=0.75, measure="requests", limit=2)
    assert window.ask(T + 61) is None


def test_a_window_that_a_wrong_clock_put_far_ahead_is_emptied() -> None:
    window = Window(requests=1)
    assert window.ask(T + 100_000) is None
    assert window.ask(T) is None
    assert window.ask(T) == RateDenied(index=0, retry_after=60.75, measure="requests", limit=1)


def test_a_quiet_day_leaves_an_empty_window() -> None:
    window = Window(requests=1, tokens=10)
    assert window.ask(T, 10) is None
    assert window.ask(T + 86_400, 10) is None


# --- properties ---

steps = st.lists(st.tuples(st.floats(0, 40), st.integers(0, 30)), min_size=1, max_size=60)


@given(steps=steps, requests=st.integers(1, 6), tokens=st.integers(1, 80))
@settings(max_examples=200)
def test_no_sixty_seconds_hold_more_than_the_limits(steps: list[tuple[float, int]], requests: int, tokens: int) -> None:
    window = Window(requests, tokens)
    passed: list[tuple[float, int]] = []
    now = T
    for pause, asked in steps:
        now += pause
        if window.ask(now, asked) is None:
            passed.append((now, asked))
    for begin, _ in passed:
        within = [asked for moment, asked in passed if begin <= moment < begin + 60]
        assert len(within) <= requests
        assert sum(within) <= tokens


@given(steps=steps, requests=st.integers(1, 6), tokens=st.integers(1, 80))
@settings(max_examples=200)
def test_a_denied_request_passes_when_it_was_told_to_come_back_and_not_a_second_earlier(
    steps: list[tuple[float, int]], requests: int, tokens: int
) -> None:
    window = Window(requests, tokens)
    now = T
    for pause, asked in steps:
        now += pause
        denied = window.ask(now, asked)
        if denied is None:
            continue
        if denied.retry_after is None:
            assert asked > tokens
            continue
        assert 0 < denied.retry_after <= 61
        early = Window()
        early.words[:] = window.words
        early.rates = window.rates
        assert early.ask(now + denied.retry_after - 0.5, asked) is not None or denied.retry_after < 0.5
        # The other measure may hold it back a little longer.
        again = window.ask(now + denied.retry_after + 1e-6, asked)
        assert again is None or again.measure != denied.measure
        now += denied.retry_after + 1e-6


@given(steps=st.lists(st.tuples(st.floats(0, 20), st.integers(0, 30), st.integers(0, 30)), max_size=40))
@settings(max_examples=200)
def test_what_a_correction_leaves_is_what_was_used(steps: list[tuple[float, int, int]]) -> None:
    window = Window(tokens=10**6)
    used: list[tuple[int, int]] = []
    now = T
    for pause, estimated, real in steps:
        assert window.ask(now, estimated) is None
        window.correct(now, real - estimated, now + pause)
        used.append((int(now), real))
        now += pause
    inside = sum(real for second, real in used if second > int(now) - 61)
    assert window.ask(now, 10**6 - inside) is None
    assert isinstance(window.ask(now, 1), RateDenied)


@pytest.mark.parametrize("gap", range(58, 64))
def test_the_sums_fit_their_buckets_after_any_gap(gap: int) -> None:
    window = Window(requests=2)
    assert window.ask(NOON) is None
    assert window.ask(NOON + gap) is None
    assert (window.ask(NOON + gap) is None) is (gap >= 61)
