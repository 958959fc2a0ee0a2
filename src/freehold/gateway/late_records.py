"""Records that could not be written when their requests ended: they wait in memory until the disk takes them.

A request whose record cannot be kept is answered 503, and its vendor bills it all the same; so the record must not be lost
with the answer. It is written as soon as that works again, at the latest when the worker ends. What then cannot be written
either is said, with what it cost. Nothing of what was said waits: the salts do, contents do not.
"""

import logging
import time
from collections import deque
from typing import Final

from msgspec.structs import replace

from freehold.errors import FreeholdError, RecordNotKept
from freehold.gateway.seams import Recorder
from freehold.store.events import Event
from freehold.store.records import Private, Record

MOST: Final = 20_000
"""Records that wait at most, some 40 MB. A door with a full disk answers nothing that costs as fast as that for long."""

MOST_FREE: Final = 1_000
"""As many of them may be of requests that cost nothing, which a caller can have refused as fast as the door answers."""

WITHHELD: Final = "answer.withheld"
"""The event that says of an answer in the ledger that its caller did not get it after all."""

log = logging.getLogger("freehold.lifecycle")


class LateRecords:
    """What one worker still has to write down."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._waiting: deque[tuple[Record | Event, Private | None]] = deque()
        self._lost = 0
        self._lost_nano = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, record: Record, private: Private | None) -> None:
        """Has a record wait that could not be written. Its answer left before it was kept anywhere, and it says so."""
        record.durability = "relaxed"
        if len(self._waiting) >= (MOST if record.attempts else MOST_FREE):
            self._lose(record)
            return
        self._waiting.append((record, private and replace(private, contents={})))

    def withhold(self, about: str, error: FreeholdError) -> None:
        """Notes that the answer `about`, whose record is kept, was not given whole because of this error."""
        event = Event(WITHHELD, about, int(time.time() * 1000), {"code": error.code, "status": error.status})
        self._waiting.append((event, None))
        self.keep()

    def keep(self) -> None:
        """Writes what waits, the oldest first, as far as it can be written."""
        while self._waiting:
            record, private = self._waiting[0]
            try:
                self._recorder.append(record, private)
            except RecordNotKept:
                return
            self._waiting.popleft()

    def finish(self) -> None:
        """The last try; says what is lost."""
        self.keep()
        for record, _ in self._waiting:
            self._lose(record)
        self._waiting.clear()
        if self._lost:
            log.error(
                "%d records could not be kept and are lost, $%.6f of spending among them: no bill and no ledger has them",
                self._lost,
                self._lost_nano / 1e9,
            )

    def _lose(self, record: Record | Event) -> None:
        if not self._lost:
            log.error(
                "the record %s can neither be written nor wait: it is lost, and its worker counts from here on",
                record.id,
            )
        self._lost += 1
        if isinstance(record, Record):
            self._lost_nano += record.cost_nano
