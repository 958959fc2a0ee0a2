"""A shadow's event becomes a pair, unless the answer's subject is gone."""

import contextlib
from pathlib import Path

from freehold.gateway.shadow_rows import take_shadow
from freehold.store.database import open_database
from freehold.store.events import Event
from freehold.store.shadows import waiting_pairs

BODY = {
    "workload": "triage",
    "candidate": "own/nano",
    "shadow": "rec_2",
    "outcome": "answered",
    "cost": 5,
    "total_us": 9,
}


def test_an_event_becomes_one_pair_and_says_where_its_words_are_sealed(tmp_path: Path) -> None:
    with contextlib.closing(open_database(tmp_path)) as db:
        event = Event("shadow", "rec_1", 1000, BODY)
        assert take_shadow(db, event, "a" * 64) == "shadow:rec_1"
        assert take_shadow(db, event, "a" * 64) == "shadow:rec_1"
        (pair,) = waiting_pairs(db, 10)
        assert (pair.record, pair.shadow, pair.candidate, pair.at) == ("rec_1", "rec_2", "own/nano", 1000)


def test_an_erased_subject_leaves_no_pair(tmp_path: Path) -> None:
    with contextlib.closing(open_database(tmp_path)) as db:
        assert take_shadow(db, Event("shadow", "rec_1", 1000, BODY), None) is None
        assert waiting_pairs(db, 10) == []
