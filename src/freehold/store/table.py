"""`counters.bin`: a memory-mapped table of 64-bit words that all workers share, one slot for each scope.

It finds or makes slots and guards them with one lock; what the words of a slot mean for money is in `counters.py`, for
rates in `rates.py`. It exists so that budgets hold across processes without a database or a server.

The lock is flock: the kernel lets go of it when its holder dies, so a `kill -9` never blocks the others. It belongs to
the open file, so two tables on one file exclude each other in one process too (a byte-range lock would not, and closing
one table would free the other's); threads that share a table are kept apart by a mutex. A fork would share it. Every
store is one aligned 8-byte move, so a death falls between two stores and never inside one; whoever stores several words
orders them so that each prefix is safe.

Layout, in words: a header of 64 (magic, version, slots, used slots, generation), an index of 3 words an entry (hash, hash,
slot + 1), two entries for each slot, then the slots of 128 words. The whole file is allocated when it is made: a full
disk is an error then, and not a SIGBUS later.
"""

import fcntl
import mmap
import os
import sys
import threading
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from freehold.errors import StoreError
from freehold.store.scopes import period_of

MAGIC: Final = 0x46524545484F4C44  # "FREEHOLD"
VERSION: Final = 1
HEADER_WORDS: Final = 64
ENTRY_WORDS: Final = 3
SLOT_WORDS: Final = 128
SLOTS: Final = 16384
"""Room for about five thousand keys with a daily budget, a monthly budget and rates each; 17 MB."""

# Words of the header.
AT_MAGIC, AT_VERSION, AT_SLOTS, AT_USED, AT_GENERATION = range(5)

# Words of a slot. HASH is two words. SINCE is a Unix second: when the period began, or the newest second of the window.
HASH: Final = 0
KIND: Final = 2
SINCE: Final = 3
NAME: Final = 70
"""Where a budget keeps its scope's name, for people; a rate has no room for it."""

BUDGET: Final = 1
RATE: Final = 2

_lock = fcntl.flock
_EXCLUSIVE = fcntl.LOCK_EX
_UNLOCK = fcntl.LOCK_UN


class Table:
    """The mapped file. Enter it (`with table:`) to hold the lock; `words` may be written only then."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        mutex = threading.Lock()
        self._take_mutex = mutex.acquire
        self._give_mutex = mutex.release
        self._map = mmap.mmap(fd, size)
        self._bytes = memoryview(self._map)
        self.words: memoryview[int] = self._bytes.cast("q")
        self._slots = self.words[AT_SLOTS]
        self._first = _first_slot(self._slots)

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """The table at `path`, or None when the file is missing, damaged or of another version."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        header = os.pread(fd, 24, 0)
        magic, version, slots = (_word(header, at) for at in range(3))
        size = os.fstat(fd).st_size
        if magic != MAGIC or version != VERSION or size != _first_slot(slots) * 8 + slots * SLOT_WORDS * 8:
            os.close(fd)
            return None
        return cls(fd, size)

    @classmethod
    def make(cls, path: Path, slots: int) -> Self:
        """A new, empty table at `path`, which must not exist. Raises StoreError when there is no room on the disk."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        size = (_first_slot(slots) + slots * SLOT_WORDS) * 8
        try:
            _allocate(fd, size)
            for at, word in ((AT_MAGIC, MAGIC), (AT_VERSION, VERSION), (AT_SLOTS, slots)):
                os.pwrite(fd, word.to_bytes(8, sys.byteorder), at * 8)
        except OSError as error:
            os.close(fd)
            path.unlink()
            raise StoreError(
                f"{path} cannot be made ({size >> 20} MiB): {error.strerror}.", "Free some space on that disk."
            ) from error
        return cls(fd, size)

    def __enter__(self) -> None:
        self._take_mutex()
        try:
            _lock(self._fd, _EXCLUSIVE)
        except BaseException:
            self._give_mutex()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _lock(self._fd, _UNLOCK)
        self._give_mutex()

    def close(self) -> None:
        """Unmaps the file."""
        self.words.release()
        self._bytes.release()
        self._map.close()
        os.close(self._fd)

    def slot(self, scope: str) -> int:
        """Where the slot of `scope` begins, in words; made when it is new. Good for as long as the table is open.

        Raises StoreError when the table is full, ValueError when `scope` is neither a budget's nor a rate's.
        """
        kind = RATE if period_of(scope) is None else BUDGET
        name = scope.encode()
        key = blake2b(name, digest_size=16).digest()
        with self:
            entry, number = self._find(key)
            if number:
                return self._first + (number - 1) * SLOT_WORDS
            at, number = self._take()
            self._bytes[at * 8 : (at + SLOT_WORDS) * 8] = _empty_body(key, kind, name)
            self._publish(entry, number, at)
            return at

    def adopt(self, body: bytes) -> None:
        """Takes over a slot of another table, as `bodies` gives them. Of two with one hash the one that began later,
        then the one that holds more, stays."""
        with self:
            entry, number = self._find(body[:16])
            if number:
                at = self._first + (number - 1) * SLOT_WORDS
                there = bytes(self._bytes[at * 8 : (at + SLOT_WORDS) * 8])
                if _rank(there) < _rank(body):
                    self._bytes[at * 8 : (at + SLOT_WORDS) * 8] = body
                return
            at, number = self._take()
            self._bytes[at * 8 : (at + SLOT_WORDS) * 8] = body
            self._publish(entry, number, at)

    def bodies(self) -> Iterator[bytes]:
        """Every slot in use, as bytes. Trusts neither index nor header: a power cut may have torn them."""
        for at in range(self._first, self._first + self._slots * SLOT_WORDS, SLOT_WORDS):
            if self.words[at + KIND]:
                yield bytes(self._bytes[at * 8 : (at + SLOT_WORDS) * 8])

    def budgets(self) -> Iterator[int]:
        """Where each budget's slot begins."""
        for at in range(self._first, self._first + self.words[AT_USED] * SLOT_WORDS, SLOT_WORDS):
            if self.words[at + KIND] == BUDGET:
                yield at

    def name(self, slot: int) -> str:
        """The scope of a budget's slot; cut after 464 bytes."""
        kept = bytes(self._bytes[(slot + NAME) * 8 : (slot + SLOT_WORDS) * 8])
        return kept.rstrip(b"\0").decode(errors="replace")

    def _find(self, key: bytes) -> tuple[int, int]:
        """(the entry of the hash `key` or the free one where it belongs, its slot's number or 0)."""
        high, low = _word(key, 0), _word(key, 1)
        entries = self._slots * 2
        words = self.words
        place = high % entries
        while True:
            entry = HEADER_WORDS + place * ENTRY_WORDS
            number = words[entry + 2]
            if not number or (words[entry] == high and words[entry + 1] == low):
                return entry, number
            place = (place + 1) % entries

    def _take(self) -> tuple[int, int]:
        used = self.words[AT_USED]
        if used >= self._slots:
            raise StoreError(
                f"The {self._slots} slots of counters.bin are all taken.",
                "Restart Freehold: slots that were idle this month are then free again. "
                "Fewer keys with budgets or limits of their own also help.",
            )
        return self._first + used * SLOT_WORDS, used + 1

    def _publish(self, entry: int, number: int, at: int) -> None:
        # The entry's last word publishes the slot. A death before it wastes the slot until the next start.
        words = self.words
        words[AT_USED] = number
        words[entry] = words[at + HASH]
        words[entry + 1] = words[at + HASH + 1]
        words[entry + 2] = number


def _first_slot(slots: int) -> int:
    return HEADER_WORDS + slots * 2 * ENTRY_WORDS


def _empty_body(key: bytes, kind: int, name: bytes) -> bytes:
    room = (SLOT_WORDS - NAME) * 8
    numbers = bytes((NAME - SINCE) * 8)
    kept = name[:room] if kind == BUDGET else b""
    return key + kind.to_bytes(8, sys.byteorder) + numbers + kept.ljust(room, b"\0")


def _rank(body: bytes) -> tuple[int, int]:
    return _word(body, SINCE), _word(body, SINCE + 1)


def _word(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at * 8 : at * 8 + 8], sys.byteorder, signed=True)


def _allocate(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    for at in range(0, size, 1 << 20):
        os.pwrite(fd, bytes(min(1 << 20, size - at)), at)
