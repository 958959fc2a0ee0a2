"""Records, times and questions that the tests of the store have in common."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freehold.store.records import Record

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
HOUR = 3600
DAY = 86400

SLOTS = 64
"""Room enough for a test; the file then has 68 kB and not 17 MB."""


def at(text: str) -> float:
    """The Unix seconds of an ISO 8601 time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def record(number: int = 0, **fields: Any) -> Record:
    """An answered request; `number` makes its id."""
    given: dict[str, Any] = {
        "id": f"rec_{number:06}",
        "started_at": NOON - 1,
        "ended_at": NOON,
        "dialect": "openai-chat",
        "operation": "generate",
        "status": "answered",
        "http_status": 200,
        "organisation": "acme",
        "project": "support",
        "key_id": "key_1",
        "workload": "triage",
        "model": "small",
        "deployment": "openai/gpt-5-mini",
        "input_tokens": 10,
        "output_tokens": 3,
        "cost_nano": 7,
    }
    return Record(**{**given, **fields})


def stored_ids(db: sqlite3.Connection) -> list[str]:
    """The ids of all stored records, in order."""
    return [row[0] for row in db.execute("SELECT id FROM records ORDER BY id")]


def counted(db: sqlite3.Connection) -> tuple[int, int]:
    """How many requests, and how many nano-dollars, the hourly sums hold."""
    return db.execute("SELECT coalesce(sum(requests), 0), coalesce(sum(cost_nano), 0) FROM usage_hours").fetchone()


def segments(journal: Path) -> list[str]:
    """The names of the segments in a journal, in order."""
    return sorted(path.name for path in journal.iterdir())
