"""Events: what administrators did, and what the house did by itself. Written in the transaction of the deed, so that none
happens without its event; the ledger takes them from here, each exactly once.

It knows neither what happened nor what an entry is.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.store.database import transaction

AT_ONCE: Final = 1_000


class Event(Struct, frozen=True):
    """One event. `kind` is a word such as `key.revoked`, `id` what it is about, `at` in Unix milliseconds. `body` holds
    text, whole numbers, truth values, lists and tables of them, and nothing secret."""

    kind: str
    id: str
    at: int
    body: dict[str, Any] = {}


def keep_event(
    db: sqlite3.Connection, kind: str, about: str, body: Mapping[str, Any], now: float | None = None
) -> None:
    """Notes an event, in the transaction that the caller has open or in one of its own. `now` is in Unix seconds."""
    at = int((time.time() if now is None else now) * 1000)
    written = msgspec.json.encode(dict(body)).decode()
    db.execute("INSERT INTO events (kind, id, at, body) VALUES (?, ?, ?, ?)", (kind, about, at, written))


def keep_policy(
    db: sqlite3.Connection, policy: str, text: bytes, body: Mapping[str, Any], now: float | None = None
) -> None:
    """Notes that the configuration with the digest `policy` is in force, unless it was the last one noted. Its `text`, of which
    `policy` is the SHA-256, is kept for good."""
    db.execute("INSERT INTO policies VALUES (?, ?) ON CONFLICT DO NOTHING", (policy, text))
    last = db.execute("SELECT digest FROM policy").fetchone()
    if last == (policy,):
        return
    db.execute("INSERT INTO policy VALUES (1, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest", (policy,))
    before = {} if last is None else {"before": last[0]}
    keep_event(db, "policy", policy, {**body, **before}, now)


def find_policy(db: sqlite3.Connection, policy: str) -> bytes | None:
    """The text of the configuration with this digest, as it was kept; None where none was."""
    row = db.execute("SELECT text FROM policies WHERE digest = ?", (policy,)).fetchone()
    return None if row is None else bytes(row[0])


def take_events(db: sqlite3.Connection, taken: Callable[[list[Event]], None]) -> int:
    """Gives the oldest events to `taken` and removes them, in one transaction. Gives how many there were.

    What `taken` raises leaves them where they are."""
    with transaction(db):
        rows = db.execute(
            "SELECT number, kind, id, at, body FROM events ORDER BY number LIMIT ?", (AT_ONCE,)
        ).fetchall()
        if rows:
            taken([Event(kind, about, at, msgspec.json.decode(body)) for _, kind, about, at, body in rows])
            db.execute("DELETE FROM events WHERE number <= ?", (rows[-1][0],))
    return len(rows)


def set_aside(db: sqlite3.Connection, event: Event, reason: str) -> None:
    """Keeps an event that the ledger cannot take, in the transaction that the caller has open."""
    body = msgspec.json.encode(event.body).decode()
    db.execute(
        "INSERT INTO unwritten_events (kind, id, at, body, reason) VALUES (?, ?, ?, ?, ?)",
        (event.kind, event.id, event.at, body, reason),
    )


def count_set_aside(db: sqlite3.Connection) -> tuple[int, int]:
    """How many events the ledger could not take, and how many lines of journals could not be read. Both are kept."""
    (events,) = db.execute("SELECT count(*) FROM unwritten_events").fetchone()
    (lines,) = db.execute("SELECT count(*) FROM unreadable_lines").fetchone()
    return int(events), int(lines)


def count_told(db: sqlite3.Connection, kind: str, about: str) -> int:
    """How many events of this kind about this id there are or were: in the ledger, on their way there, or set aside."""
    (count,) = db.execute(
        "SELECT (SELECT count(*) FROM entries WHERE id = ?2 AND kind = ?1) + (SELECT count(*) FROM events WHERE id = ?2 AND kind = ?1)"
        " + (SELECT count(*) FROM unwritten_events WHERE id = ?2 AND kind = ?1)",
        (kind, about),
    ).fetchone()
    return int(count)


def not_taken(db: sqlite3.Connection, about: str) -> list[dict[str, Any]]:
    """The bodies of the events about one id that are not in the ledger: on their way there, or set aside."""
    rows = db.execute(
        "SELECT body FROM events WHERE id = ?1 UNION ALL SELECT body FROM unwritten_events WHERE id = ?1", (about,)
    )
    return [msgspec.json.decode(body) for (body,) in rows]


def find_waiting(db: sqlite3.Connection, kind: str, about: str) -> Event | None:
    """The newest event of a kind about one id that the ledger has not taken yet, None when there is none."""
    row = db.execute(
        "SELECT at, body FROM events WHERE kind = ? AND id = ? ORDER BY number DESC LIMIT 1", (kind, about)
    ).fetchone()
    return None if row is None else Event(kind, about, row[0], msgspec.json.decode(row[1]))
