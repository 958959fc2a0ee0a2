"""Random bytes for ids and salts, drawn from the system a page at a time: one call of the kernel for some fifty requests.

What is drawn is given out once and forgotten. A process that forks must not share it: each worker makes its own.
"""

import os

PAGE_BYTES = 4096


class Randomness:
    """The system's randomness (`os.urandom`), buffered."""

    __slots__ = ("_at", "_page")

    def __init__(self) -> None:
        self._page = b""
        self._at = 0

    def draw(self, count: int) -> bytes:
        """`count` bytes that nobody can foresee, and nobody gets again."""
        at = self._at
        if at + count > len(self._page):
            self._page = os.urandom(max(PAGE_BYTES, count))
            at = 0
        self._at = at + count
        return self._page[at : at + count]
