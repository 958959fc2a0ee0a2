"""The circuit breaker of one deployment: stop asking one that fails, ask again carefully.

Pure but for the clock it is given. It never decides that nobody may be asked: routing asks a deployment whose breaker is
open when no other is left (an outage caused by one's own cool-down is the worse failure; LiteLLM issues 25504, 40130).
"""

import random
from typing import Literal

FAILURES_IN_A_ROW = 5
WINDOW_SECONDS = 30.0
WINDOW_CALLS = 20
WINDOW_SHARE = 0.5
FIRST_OPEN = 5.0
LONGEST_OPEN = 120.0

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Opens after 5 failures in a row, or when half of at least 20 calls in 30 s failed. Stays open for 5 s, doubling to
    120 s while probes fail; then lets one call through at a time until one succeeds. Times are monotonic seconds."""

    __slots__ = ("_began", "_calls", "_failures", "_open_for", "_probing", "_row", "_until")

    def __init__(self) -> None:
        self._row = 0
        self._began = 0.0
        self._calls = 0
        self._failures = 0
        self._until: float | None = None
        self._open_for = FIRST_OPEN
        self._probing = False

    def state(self, now: float) -> State:
        if self._until is None:
            return "closed"
        return "open" if now < self._until or self._probing else "half-open"

    def allows(self, now: float) -> bool:
        """Whether to ask it. In the half-open state only one caller at a time gets true (see `began`)."""
        return self._until is None or (now >= self._until and not self._probing)

    def began(self) -> None:
        """A call is under way; while the breaker is not closed it is the probe."""
        if self._until is not None:
            self._probing = True

    def gave_up(self) -> None:
        """The call was called off before it showed anything (the caller left, a hedge lost)."""
        self._probing = False

    def succeeded(self, now: float) -> None:
        self._row = 0
        if self._until is not None:
            self._until = None
            self._probing = False
            self._open_for = FIRST_OPEN
            self._calls = self._failures = 0
        self._count(now, failed=False)

    def failed(self, now: float, *, hold: float | None = None) -> None:
        """`hold` opens at once for that many seconds: a refused key does not mend by asking again."""
        self._row += 1
        self._count(now, failed=True)
        if hold is not None:
            self._open(now, hold)
        elif self._until is not None:
            if self._probing:
                self._open_for = min(self._open_for * 2, LONGEST_OPEN)
                self._open(now, self._open_for)
        elif self._row >= FAILURES_IN_A_ROW or (
            self._calls >= WINDOW_CALLS and self._failures >= self._calls * WINDOW_SHARE
        ):
            self._open(now, self._open_for)

    def _open(self, now: float, seconds: float) -> None:
        self._probing = False
        self._until = now + seconds * random.uniform(0.9, 1.1)  # noqa: S311 (workers must not probe in step)

    def _count(self, now: float, *, failed: bool) -> None:
        if now - self._began > WINDOW_SECONDS:
            self._began, self._calls, self._failures = now, 0, 0
        self._calls += 1
        self._failures += failed
