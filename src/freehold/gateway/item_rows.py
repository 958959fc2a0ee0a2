"""What becomes of captured items and of feedback in the ledger writer's hands: rows of the store, and what is to be sealed.

An item gets no entry of its own: it is a redacted copy of what its answer's entry commits to, and the policy in that entry says
that it was kept. Feedback gets one, with the score and a commitment to its words. Both are sealed under the key of the record's
subject, so that an erasure takes them along; where that key is gone already, there is nobody to keep them for.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from freehold.store.events import Event
from freehold.store.items import ItemRow, LabelRow, keep_item, keep_label
from freehold.store.records import Private

ITEM: Final = "item"
"""The kind of event, the field that is sealed, and the beginning of the sealed record's id."""

FEEDBACK: Final = "feedback"
LABEL: Final = "label"
MILLION: Final = 1_000_000


def take_item(db: sqlite3.Connection, event: Event, private: Private | None, subject: str | None) -> str | None:
    """Stores the row of an item; gives the id to seal its words under, None where they are not to be kept: a repeated input is
    counted only."""
    if subject is None or private is None:
        return None
    body: Mapping[str, Any] = event.body
    row = ItemRow(
        id=event.id,
        workload=body["workload"],
        at=event.at,
        subject=subject,
        keep_until=private.keep_until,
        content=bytes.fromhex(body["content"]),
        model=body["model"],
        conversation=body["conversation"],
        cost_nano=body["cost_nano"],
        total_ms=body["total_ms"],
        first_token_ms=body["first_token_ms"],
        input_tokens=body["input_tokens"],
        output_tokens=body["output_tokens"],
    )
    return f"{ITEM}:{event.id}" if keep_item(db, row) else None


def take_feedback(db: sqlite3.Connection, event: Event, private: Private | None, subject: str | None) -> str | None:
    """Stores the label that feedback is; gives the id to seal its words under, None where it has none, or its subject is gone."""
    if subject is None:
        return None
    body: Mapping[str, Any] = event.body
    row = LabelRow(
        id=body["label"],
        record=event.id,
        source="feedback",
        at=event.at,
        subject=subject,
        score=None if body.get("score_ppm") is None else body["score_ppm"] / MILLION,
        model=body["model"],
        author=body["by"],
        sealed=private is not None,
    )
    return f"{LABEL}:{row.id}" if keep_label(db, row) and private is not None else None
