"""A disk that is full makes every request fail in the same way: the log says so in one line a minute, not in a page for each.

A filter of the log; it knows the error by its type, and nothing of who met it.
"""

import logging
from typing import Final

from freehold.errors import RecordNotKept

EVERY_SECONDS: Final = 60.0


class Unkept(logging.Filter):
    """Turns the traceback of a record that could not be kept into a sentence, and holds back those that follow at once."""

    def __init__(self) -> None:
        super().__init__()
        self._told_at = float("-inf")
        self._held = 0

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, RecordNotKept):
            return True
        if record.created - self._told_at < EVERY_SECONDS:
            self._held += 1
            return False
        before = f"; {self._held:,} more since this was said last" if self._held else ""
        record.msg, record.args = f"{record.getMessage()}: {error.message}{before}", ()
        record.exc_info = record.exc_text = None
        self._told_at, self._held = record.created, 0
        return True
