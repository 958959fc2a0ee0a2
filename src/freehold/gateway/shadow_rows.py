"""What becomes of a shadow in the ledger writer's hands: a row of the store, and the id under which its words are sealed."""

import sqlite3

from freehold.store.events import Event
from freehold.store.shadows import SHADOW, Pair, keep_pair


def take_shadow(db: sqlite3.Connection, event: Event, subject: str | None) -> str | None:
    """Stores the pair that the event tells of, in the caller's transaction; gives the id to seal its words under. Where the
    answer's subject was erased there is no pair any more, and nobody to keep its words for."""
    if subject is None:
        return None
    body = event.body
    keep_pair(
        db,
        Pair(
            record=event.id,
            workload=body["workload"],
            candidate=body["candidate"],
            shadow=body["shadow"],
            outcome=body["outcome"],
            at=event.at,
        ),
    )
    return f"{SHADOW}:{event.id}"
