"""An event is kept exactly when its deed is, and taken exactly once."""

import sqlite3

import pytest

from freehold.store.database import transaction
from freehold.store.events import (
    AT_ONCE,
    Event,
    count_told,
    find_policy,
    find_waiting,
    keep_event,
    keep_policy,
    not_taken,
    set_aside,
    take_events,
)


def taken(db: sqlite3.Connection) -> list[Event]:
    found: list[Event] = []
    take_events(db, found.extend)
    return found


def test_events_are_taken_in_their_order_and_once(db: sqlite3.Connection) -> None:
    keep_event(db, "key.created", "key_1", {"role": "admin", "models": ["a/*"]}, now=1.5)
    keep_event(db, "key.revoked", "key_1", {}, now=2)
    assert taken(db) == [
        Event("key.created", "key_1", 1500, {"role": "admin", "models": ["a/*"]}),
        Event("key.revoked", "key_1", 2000, {}),
    ]
    assert taken(db) == []


def test_an_event_goes_with_its_deed(db: sqlite3.Connection) -> None:
    def undone() -> None:
        with transaction(db):
            keep_event(db, "key.created", "key_1", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        undone()
    assert taken(db) == []


def test_what_could_not_be_taken_stays(db: sqlite3.Connection) -> None:
    def full(_: list[Event]) -> None:
        raise OSError(28, "No space left on device")

    keep_event(db, "key.created", "key_1", {})
    with pytest.raises(OSError, match="No space"):
        take_events(db, full)
    assert [event.id for event in taken(db)] == ["key_1"]


def test_so_many_are_taken_at_once_and_no_more(db: sqlite3.Connection) -> None:
    for number in range(AT_ONCE + 5):
        keep_event(db, "x", str(number), {})
    assert [len(taken(db)), len(taken(db)), len(taken(db))] == [AT_ONCE, 5, 0]


def test_a_policy_is_noted_when_it_changes_and_says_what_it_was_before(db: sqlite3.Connection) -> None:
    for policy in ("aa", "aa", "bb", "aa"):
        keep_policy(db, policy, policy.encode(), {"workloads": ["triage"]}, now=1)
    assert [(event.id, event.body) for event in taken(db)] == [
        ("aa", {"workloads": ["triage"]}),
        ("bb", {"workloads": ["triage"], "before": "aa"}),
        ("aa", {"workloads": ["triage"], "before": "bb"}),
    ]


def test_the_text_of_every_policy_stays_also_where_the_last_one_was_noted_without(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO policy VALUES (1, 'aa')")  # by a Freehold that kept no texts
    for policy in ("aa", "bb", "aa"):
        keep_policy(db, policy, f"text of {policy}".encode(), {})
    assert [find_policy(db, policy) for policy in ("aa", "bb", "cc")] == [b"text of aa", b"text of bb", None]
    assert [event.id for event in taken(db)] == ["bb", "aa"]


def test_an_event_that_waits_is_found_and_one_that_was_taken_is_not(db: sqlite3.Connection) -> None:
    keep_event(db, "trial.planned", "trial_1", {"plan": "a"}, now=1)
    keep_event(db, "trial.planned", "trial_1", {"plan": "b"}, now=2)
    keep_event(db, "trial.ended", "trial_1", {}, now=3)
    assert find_waiting(db, "trial.planned", "trial_1") == Event("trial.planned", "trial_1", 2000, {"plan": "b"})
    assert find_waiting(db, "trial.planned", "trial_2") is None
    assert len(taken(db)) == 3
    assert find_waiting(db, "trial.planned", "trial_1") is None


def test_what_was_told_of_something_is_counted_wherever_it_is_by_now(db: sqlite3.Connection) -> None:
    keep_event(db, "training.started", "run_1", {})
    keep_event(db, "training.ended", "run_1", {})
    keep_event(db, "training.started", "run_2", {})
    db.execute("INSERT INTO entries VALUES (0, 'run_1', 'training.started', 1)")
    set_aside(db, Event("training.started", "run_1", 1, {}), "too large")
    assert count_told(db, "training.started", "run_1") == 3
    assert count_told(db, "training.ended", "run_2") == 0


def test_what_the_ledger_has_not_taken_waits_or_was_set_aside(db: sqlite3.Connection) -> None:
    keep_event(db, "model.registered", "own/nano@1", {"line": "ab"})
    keep_event(db, "model.registered", "own/nano@2", {"line": "cd"})
    set_aside(db, Event("model.promoted", "own/nano@1", 1, {"line": "ef"}), "too large")
    assert not_taken(db, "own/nano@1") == [{"line": "ab"}, {"line": "ef"}]
    assert not_taken(db, "own/nano@3") == []
