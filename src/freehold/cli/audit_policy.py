"""Under which policy an answer was given: the configuration behind a digest, and what it changed of the one before.

A `policy` entry holds the digest alone. The text is kept in the store, and whoever has it needs no trust in the store: its
SHA-256 is the digest that stands in the entry.
"""

import contextlib
import json
import sqlite3
from collections.abc import Generator, Mapping
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from freehold.cli.audit import OpenLedger, when
from freehold.ledger.entry import Entry, read_entry
from freehold.store.events import find_policy

POLICY: Final = "policy"
"""The kind of the entry, and the field of other entries that names one."""

MOST_WORDS: Final = 300
"""Characters of one value that people are shown."""


class Change(Struct, frozen=True):
    """One setting that differs: its name with dots, and its values as JSON; None where it is not set."""

    setting: str
    before: str | None
    after: str | None

    @property
    def sentence(self) -> str:
        before, after = ("(not set)" if value is None else _short(value) for value in (self.before, self.after))
        return f"{self.setting}: {before} -> {after}"


class InForce(Struct, frozen=True, kw_only=True):
    """A policy at its time. `text` is None where it was not kept, or where what is kept has another digest (`damaged`). `place` and
    `since` (Unix milliseconds) are those of the entry that says it came into force, None where no entry does; `before` is
    the digest of the one until then, None for the first; `changes` None where the two cannot be compared."""

    digest: str
    text: bytes | None
    damaged: bool = False
    place: int | None = None
    since: int | None = None
    before: str | None = None
    changes: tuple[Change, ...] | None = None

    @property
    def sentence(self) -> str:
        """What is known of it, for people."""
        since = "no entry says since when" if self.since is None else f"in force since {when(self.since)} UTC"
        if self.damaged:
            return f"{since}; what is kept of it has another SHA-256 and is not shown"
        if self.text is None:
            return f"{since}; its text was not kept"
        return f"{since}; its text is kept, and its SHA-256 is the digest"

    def settings(self, workload: str) -> dict[str, str]:
        """What is set for one workload, by name; values as JSON."""
        whole = msgspec.json.decode(self.text or b"{}")
        return flat(msgspec.json.encode(whole.get("workloads", {}).get(workload, {})))


class Policies:
    """The policies of one ledger."""

    def __init__(self, ledger: OpenLedger, db: sqlite3.Connection) -> None:
        self._ledger = ledger
        self._db = db
        self._texts: dict[str, tuple[bytes | None, bool]] = {}
        self._found: dict[tuple[str, int | None], InForce] = {}

    def of(self, entry: Entry, place: int) -> InForce | None:
        """The policy that an entry at a place names, or is about; None where it names none."""
        digest = entry.id if entry.kind == POLICY else entry.body.get(POLICY)
        if not digest:
            return None
        noted = [one for one in self._noted if one[1].id == digest]
        # What a worker journals and what the house notes are put in order by the writer alone, so an answer may stand just before
        # the entry of its policy.
        earlier = [one for one in noted if one[0] <= place]
        return self._in_force(str(digest), (earlier or noted[:1] or [None])[-1])

    def text(self, digest: str) -> bytes | None:
        """The text of a policy, None where it was not kept whole."""
        return self._kept(digest)[0]

    @cached_property
    def _noted(self) -> list[tuple[int, Entry]]:
        rows = self._db.execute(
            "SELECT place FROM entries WHERE kind = ? AND place < ? ORDER BY place", (POLICY, self._ledger.size)
        )
        return [(place, read_entry(self._ledger.leaf(place))) for (place,) in rows.fetchall()]

    def _in_force(self, digest: str, noted: tuple[int, Entry] | None) -> InForce:
        key = (digest, None if noted is None else noted[0])
        if key not in self._found:
            text, damaged = self._kept(digest)
            place, entry = noted or (None, None)
            before = None if entry is None else entry.body.get("before")
            earlier = None if before is None else self.text(before)
            self._found[key] = InForce(
                digest=digest,
                text=text,
                damaged=damaged,
                place=place,
                since=None if entry is None else entry.at,
                before=before,
                changes=None if text is None or earlier is None else tuple(changes(earlier, text)),
            )
        return self._found[key]

    def _kept(self, digest: str) -> tuple[bytes | None, bool]:
        if digest not in self._texts:
            text = find_policy(self._db, digest)
            damaged = text is not None and sha256(text).hexdigest() != digest
            self._texts[digest] = (None if damaged else text, damaged)
        return self._texts[digest]


@contextlib.contextmanager
def policies(ledger: OpenLedger) -> Generator[Policies]:
    """The policies of a ledger, while the block lasts. Raises StoreError."""
    with contextlib.closing(ledger.store()) as db:
        yield Policies(ledger, db)


def changes(before: bytes, after: bytes) -> list[Change]:
    """What differs between two configurations, by the names of the settings."""
    one, other = flat(before), flat(after)
    names = sorted({*one, *other})
    return [Change(name, one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)]


def flat(text: bytes) -> dict[str, str]:
    """Each setting of a configuration by its name with dots, as JSON; what is not set is left out."""
    found: dict[str, str] = {}
    _add(found, "", msgspec.json.decode(text))
    return found


def _add(found: dict[str, str], name: str, value: object) -> None:
    if isinstance(value, Mapping):
        for inner, one in cast("Mapping[str, object]", value).items():
            _add(found, f"{name}.{inner}" if name else inner, one)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in cast("list[object]", value)):
        for number, one in enumerate(cast("list[object]", value)):
            _add(found, f"{name}.{number}", one)
    elif value not in (None, "", []):
        found[name] = json.dumps(value, ensure_ascii=False)


def told(policy: InForce) -> dict[str, Any]:
    """A policy for machines, with its whole text as JSON."""
    state = "damaged" if policy.damaged else "not-kept" if policy.text is None else "kept"
    said: dict[str, Any] = {"digest": policy.digest, "state": state}
    said |= {name: value for name in ("place", "since", "before") if (value := getattr(policy, name)) is not None}
    if policy.changes is not None:
        said["changes"] = [msgspec.to_builtins(change) for change in policy.changes]
    if policy.text is not None:
        said["configuration"] = msgspec.Raw(policy.text)
    return said


def _short(value: str) -> str:
    return value if len(value) <= MOST_WORDS else f"{value[:MOST_WORDS]}..."
