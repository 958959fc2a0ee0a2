"""How fast a scope asks: requests and tokens in any 60 seconds, in one-second buckets.

A window is the newest second and the 60 before it. A minute that begins inside a second touches 61 of them, so counting
all 61 means that no 60 seconds, wherever they begin, hold more than the limit; the price is that a place comes free up to
one second late. Everything here works on the words of slots of a `table.Table` whose lock is held by the caller.

The sums are kept beside the buckets. They are raised first and lowered last, so a death leaves them too high and never too
low, and they are counted anew whenever a second passes, which heals them.
"""

from typing import Final

from freehold.store.grants import Measure, RateCheck, RateDenied
from freehold.store.table import SINCE

SECONDS: Final = 61
REQUESTS: Final = 4
TOKENS: Final = 5
REQUEST_BUCKETS: Final = 6
TOKEN_BUCKETS: Final = REQUEST_BUCKETS + SECONDS
"""The words of a rate's slot: the sums over the window, then the buckets. SINCE is the newest second."""

_NOTHING: Final = memoryview(bytes(SECONDS * 8)).cast("q")


def check(words: "memoryview[int]", rates: tuple[RateCheck, ...], tokens: int, now: float) -> RateDenied | None:
    """The first rate that has no room for one more request with `tokens`, or None."""
    second = int(now)
    for index, rate in enumerate(rates):
        slot = rate.slot
        if words[slot + SINCE] != second:
            _advance(words, slot, second)
        most = rate.requests_per_minute
        if most is not None and words[slot + REQUESTS] >= most:
            return RateDenied(index, _retry_after(words, slot, "requests", 1, most, now), "requests", most)
        most = rate.tokens_per_minute
        if most is not None and words[slot + TOKENS] + tokens > most:
            return RateDenied(index, _retry_after(words, slot, "tokens", tokens, most, now), "tokens", most)
    return None


def add(words: "memoryview[int]", rates: tuple[RateCheck, ...], second: int, tokens: int) -> None:
    """Counts one request with `tokens` in `second`, which `check` has just found inside every window."""
    bucket = second % SECONDS
    for rate in rates:
        slot = rate.slot
        words[slot + REQUESTS] += 1
        words[slot + TOKENS] += tokens
        slot += bucket
        words[slot + REQUEST_BUCKETS] += 1
        words[slot + TOKEN_BUCKETS] += tokens


def correct(words: "memoryview[int]", rates: tuple[RateCheck, ...], second: int, more: int, now: float) -> None:
    """Changes the tokens counted in `second` by `more`, which may be negative. What was counted in a second that has left
    the window cannot become less; what it was short of is counted in the newest second."""
    present = int(now)
    bucket = second % SECONDS + TOKEN_BUCKETS
    for rate in rates:
        slot = rate.slot
        newest = words[slot + SINCE]
        if newest != present:
            _advance(words, slot, present)
            newest = words[slot + SINCE]
        inside = newest - SECONDS < second <= newest
        if more > 0:
            words[slot + TOKENS] += more
            words[slot + (bucket if inside else TOKEN_BUCKETS + newest % SECONDS)] += more
        elif inside:
            words[slot + bucket] += more
            words[slot + TOKENS] += more


def _advance(words: "memoryview[int]", slot: int, second: int) -> None:
    """Moves the window so that it ends with `second`; does nothing when it ends a little later already.

    A window that ends further ahead than its own length comes from a clock that was wrong: it is emptied.
    """
    newest = words[slot + SINCE]
    passed = second - newest
    if -SECONDS < passed <= 0:
        return
    requests, tokens = slot + REQUEST_BUCKETS, slot + TOKEN_BUCKETS
    if passed >= SECONDS or passed < 0:
        words[requests : requests + SECONDS] = _NOTHING
        words[tokens : tokens + SECONDS] = _NOTHING
    else:
        for at in range(newest + 1, second + 1):
            words[requests + at % SECONDS] = 0
            words[tokens + at % SECONDS] = 0
    words[slot + REQUESTS] = sum(words[requests : requests + SECONDS])
    words[slot + TOKENS] = sum(words[tokens : tokens + SECONDS])
    # Last, so that a death before it only makes the next one do this again.
    words[slot + SINCE] = second


def _retry_after(
    words: "memoryview[int]", slot: int, measure: Measure, need: int, limit: int, now: float
) -> float | None:
    """Seconds until `need` more fit under `limit`, as far as is known now; None when they never will."""
    if need > limit:
        return None
    first, total = (REQUEST_BUCKETS, REQUESTS) if measure == "requests" else (TOKEN_BUCKETS, TOKENS)
    over = words[slot + total] + need - limit
    newest = words[slot + SINCE]
    for second in range(newest - SECONDS + 1, newest + 1):
        over -= words[slot + first + second % SECONDS]
        if over <= 0:
            return max(0.0, second + SECONDS - now)
    return float(SECONDS)
