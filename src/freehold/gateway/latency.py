"""How long one deployment takes: a moving average to rank by, a p95 to hedge at. The time to the first token of a stream and that of an
answer in one piece are counted apart: the second is many times the first, and a mixture says nothing of either."""

from collections import deque

ALPHA = 0.2
"""Weight of the newest observation. With 0.2 the last ten calls make nine tenths of the average."""

KEPT = 200
ENOUGH = 20
"""Observations before a p95 means anything."""


class Latency:
    """What was observed of one deployment: `first`, to the first meaningful token of a stream; `whole`, of whole answers."""

    __slots__ = ("first", "whole")

    def __init__(self) -> None:
        self.first = Pace()
        self.whole = Pace()

    def of(self, *, streamed: bool) -> "Pace":
        """The pace of requests of one kind."""
        return self.first if streamed else self.whole


class Pace:
    """Observed seconds of one kind. `average` is None before the first."""

    __slots__ = ("_recent", "_stale", "average")

    def __init__(self) -> None:
        self.average: float | None = None
        self._recent: deque[float] = deque(maxlen=KEPT)
        self._stale: tuple[int, float] | None = None

    def observe(self, seconds: float) -> None:
        self.average = seconds if self.average is None else self.average + ALPHA * (seconds - self.average)
        self._recent.append(seconds)
        if self._stale is not None:
            age, value = self._stale
            self._stale = (age + 1, value) if age < ENOUGH else None

    def p95(self) -> float | None:
        """The 95th percentile of the last 200, nearest rank; None before 20. At most 20 observations out of date."""
        if len(self._recent) < ENOUGH:
            return None
        if self._stale is None:
            ordered = sorted(self._recent)
            self._stale = (0, ordered[-(-len(ordered) * 95 // 100) - 1])
        return self._stale[1]
