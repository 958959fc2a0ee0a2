"""The circuit breaker, moved through time by hand."""

from freehold.gateway.breaker import FIRST_OPEN, LONGEST_OPEN, Breaker


def failing(times: int, at: float = 100.0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.began()
        breaker.failed(at)
    return breaker


def test_four_failures_in_a_row_leave_it_closed() -> None:
    assert failing(4).state(100.0) == "closed"


def test_five_failures_in_a_row_open_it() -> None:
    breaker = failing(5)
    assert breaker.state(100.0) == "open"
    assert not breaker.allows(100.0)


def test_a_success_in_between_starts_the_row_anew() -> None:
    breaker = failing(4)
    breaker.succeeded(100.0)
    for _ in range(4):
        breaker.failed(100.0)
    assert breaker.state(100.0) == "closed"


def test_half_of_twenty_calls_failing_opens_it() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed(1.0)
        breaker.succeeded(1.0)
    assert breaker.state(1.0) == "closed"
    breaker.failed(1.0)
    assert breaker.state(1.0) == "open"


def test_after_its_time_it_lets_one_probe_through() -> None:
    breaker = failing(5)
    later = 100.0 + FIRST_OPEN * 1.2
    assert breaker.allows(later)
    breaker.began()
    assert not breaker.allows(later)


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = failing(5)
    breaker.began()
    breaker.succeeded(110.0)
    assert breaker.state(110.0) == "closed"


def test_a_probe_that_fails_keeps_it_open_longer_up_to_a_bound() -> None:
    breaker = failing(5)
    now = 100.0
    for _ in range(12):
        now += LONGEST_OPEN * 1.2
        breaker.began()
        breaker.failed(now)
    assert not breaker.allows(now + LONGEST_OPEN * 0.8)
    assert breaker.allows(now + LONGEST_OPEN * 1.2)


def test_a_probe_that_was_called_off_frees_the_place() -> None:
    breaker = failing(5)
    breaker.began()
    breaker.gave_up()
    assert breaker.allows(100.0 + FIRST_OPEN * 1.2)


def test_a_hold_opens_at_once() -> None:
    breaker = Breaker()
    breaker.failed(0.0, hold=60.0)
    assert not breaker.allows(50.0)
    assert breaker.allows(70.0)
