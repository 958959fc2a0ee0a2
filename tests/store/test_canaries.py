"""Canaries in the store: arms that stick, changes with their events, outcomes that wait once and are counted once."""

import contextlib
import sqlite3
from typing import Any

import msgspec
import pytest

from freehold.errors import InvalidField, NotFound
from freehold.store.canaries import (
    MILLION,
    Canary,
    active_canaries,
    arrived_outcomes,
    assign,
    change_canary,
    find_canary,
    first_lately,
    first_of,
    forget_outcomes,
    hear_of_records,
    keep_state,
    last_canary,
    list_canaries,
    read_state,
    start_canary,
    take_outcomes,
    told,
    waiting_outcomes,
)
from freehold.store.database import transaction
from freehold.store.events import Event, take_events
from store.samples import NOON, record


def started(db: sqlite3.Connection, **fields: Any) -> Canary:
    given: dict[str, Any] = {
        "workload": "triage",
        "candidate": "own/nano",
        "route": "r1",
        "steps": (10_000, 500_000, MILLION),
        "rules": {"margin": 0.03, "min_items": 5},
        "now": NOON,
    }
    return start_canary(db, **{**given, **fields})


def events(db: sqlite3.Connection) -> list[Event]:
    found: list[Event] = []
    take_events(db, found.extend)
    return found


def store(db: sqlite3.Connection, number: int, canary: str, **fields: Any) -> None:
    """A record of a canary, as the drain stores it."""
    one = record(number, canary=canary, arm="candidate", propensity_ppm=10_000, conversation=f"c{number}", **fields)
    body = msgspec.json.encode(one).decode()
    (newest,) = db.execute("SELECT coalesce(max(rowid), 0) FROM records").fetchone()
    db.execute(
        f"INSERT INTO records VALUES ({', '.join('?' * 20)})",
        (one.id, one.ended_at, *["acme", "support", "key_1", "triage", "x", "answered"], *[0] * 11, body),
    )
    hear_of_records(db, newest)


def test_a_canary_begins_at_its_first_step_and_an_event_tells_of_it(db: sqlite3.Connection) -> None:
    canary = started(db, evidence={"by": "anna"})
    assert (canary.phase, canary.step, canary.share_ppm) == ("running", 0, 10_000)
    assert find_canary(db, canary.id) == last_canary(db, "triage") == canary
    (event,) = events(db)
    assert (event.kind, event.id, event.at) == ("canary.started", canary.id, int(NOON * 1000))
    assert event.body["by"] == "anna"
    assert event.body["rules"] == {"margin": "0.03", "min_items": 5}
    assert event.body["share_ppm"] == 10_000
    assert canary.salt not in msgspec.json.encode(event).decode()


@pytest.mark.parametrize("steps", [(), (500_000,), (500_000, 10_000, MILLION), (0, MILLION), (MILLION, MILLION)])
def test_steps_must_rise_and_end_with_everything(db: sqlite3.Connection, steps: tuple[int, ...]) -> None:
    with pytest.raises(InvalidField, match="steps must rise"):
        started(db, steps=steps)


def test_one_canary_at_a_time_decides_about_a_workload(db: sqlite3.Connection) -> None:
    first = started(db)
    with pytest.raises(InvalidField, match=rf"{first.id} \(own/nano\) of triage is running"):
        started(db, candidate="own/other")
    other = started(db, workload="claims")
    assert {one.id for one in active_canaries(db)} == {first.id, other.id}


def test_a_canary_on_a_route_that_is_gone_makes_way_and_is_told_as_ended(db: sqlite3.Connection) -> None:
    first = started(db)
    second = started(db, route="r2")
    assert [one.id for one in active_canaries(db)] == [second.id]
    ended = find_canary(db, first.id)
    assert ended is not None
    assert (ended.phase, ended.reason) == ("aborted", "the configuration changed the route")
    assert [event.kind for event in events(db)] == ["canary.started", "canary.aborted", "canary.started"]


def test_a_change_and_its_event_are_one_transaction(db: sqlite3.Connection) -> None:
    canary = started(db)
    events(db)
    with contextlib.suppress(RuntimeError), transaction(db):
        change_canary(db, canary, "advanced", {"n": 5}, step=1)
        raise RuntimeError
    assert find_canary(db, canary.id) == canary
    assert events(db) == []
    with transaction(db):
        changed = change_canary(db, canary, "advanced", {"n": 5}, step=1, reason="shown", now=NOON + 1)
    assert (changed.share_ppm, changed.changed_at) == (500_000, NOON + 1)
    (event,) = events(db)
    assert (event.kind, event.body["n"], event.body["step"], event.body["reason"]) == ("canary.advanced", 5, 1, "shown")


@pytest.mark.parametrize(
    ("phase", "share", "active"),
    [("paused", 10_000, True), ("promoted", MILLION, True), ("rolled_back", 0, False), ("aborted", 0, False)],
)
def test_what_a_phase_means_for_the_share(db: sqlite3.Connection, phase: Any, share: int, active: bool) -> None:
    canary = started(db)
    with transaction(db):
        canary = change_canary(db, canary, "changed", {}, phase=phase)
    assert canary.share_ppm == share
    assert (active_canaries(db) == [canary]) == active


def test_an_older_promotion_is_nothing_once_a_newer_canary_was_begun_and_ended(db: sqlite3.Connection) -> None:
    first = started(db)
    with transaction(db):
        promoted = change_canary(db, first, "promoted", {}, phase="promoted")
    with pytest.raises(InvalidField, match="is promoted"):
        started(db)
    second = started(db, route="r2", now=NOON + 1)
    with transaction(db):
        change_canary(db, second, "rolled_back", {}, phase="rolled_back")
    assert active_canaries(db) == []
    assert [one.id for one in list_canaries(db, "triage")] == [second.id, promoted.id]


def test_a_workload_without_a_canary_is_told_how_to_begin_one(db: sqlite3.Connection) -> None:
    with pytest.raises(NotFound, match="'triage' never had a canary"):
        last_canary(db, "triage")


def test_a_conversation_keeps_its_arm_and_a_candidates_stays_so_at_every_larger_share(db: sqlite3.Connection) -> None:
    canary = started(db, steps=(100_000, 300_000, MILLION))
    larger = msgspec.structs.replace(canary, step=1)
    whole = msgspec.structs.replace(canary, step=2)
    names = [f"conversation {number}" for number in range(4000)]
    small = {name for name in names if assign(canary, name) == "candidate"}
    assert small == {name for name in names if assign(canary, name) == "candidate"}
    grown = {name for name in names if assign(larger, name) == "candidate"}
    assert small < grown
    assert abs(len(small) / 4000 - 0.1) < 0.02
    assert abs(len(grown) / 4000 - 0.3) < 0.03
    assert {assign(whole, name) for name in names} == {"candidate"}
    assert {assign(msgspec.structs.replace(whole, phase="rolled_back"), name) for name in names} == {"incumbent"}


def test_another_canary_draws_anew(db: sqlite3.Connection) -> None:
    one, other = started(db, steps=(500_000, MILLION)), started(db, steps=(500_000, MILLION), workload="claims")
    names = [f"c{number}" for number in range(400)]
    same = sum(assign(one, name) == assign(other, name) for name in names)
    assert 150 < same < 250


def test_every_record_of_a_canary_waits_once_to_be_counted(db: sqlite3.Connection) -> None:
    canary = started(db)
    for number in (3, 1, 2):
        store(db, number, canary.id, started_at=NOON + number)
    store(db, 4, "can_other")
    db.execute("INSERT INTO records SELECT 'rec_x', 0, '', '', '', '', '', '', 0,0,0,0,0,0,0,0,0,0,0, '{}'")
    waiting = waiting_outcomes(db, canary.id, 10)
    assert [one.record.id for one in waiting] == ["rec_000001", "rec_000002", "rec_000003"]
    assert [one.record.id for one in waiting_outcomes(db, canary.id, 2)] == ["rec_000001", "rec_000002"]
    assert [one.record.id for one in arrived_outcomes(db, canary.id, 0, 10)] == [
        "rec_000003",
        "rec_000001",
        "rec_000002",
    ]
    assert [one.number for one in arrived_outcomes(db, canary.id, waiting[0].number, 10)] == [waiting[1].number]
    take_outcomes(db, [waiting[0].number])
    assert [one.record.id for one in waiting_outcomes(db, canary.id, 10)] == ["rec_000002", "rec_000003"]
    forget_outcomes(db, [canary.id])
    assert waiting_outcomes(db, "can_other", 10) == []
    assert len(waiting_outcomes(db, canary.id, 10)) == 2


def test_a_record_that_only_speaks_of_a_canary_does_not_wait(db: sqlite3.Connection) -> None:
    one = record(1, model='"canary":"can_1"', extra={"note": '{"canary":"can_1"}'})
    db.execute(
        f"INSERT INTO records VALUES ({', '.join('?' * 20)})",
        (one.id, 0.0, *[""] * 6, *[0] * 11, msgspec.json.encode(one).decode()),
    )
    hear_of_records(db, 0)
    assert db.execute("SELECT count(*) FROM canary_outcomes").fetchone() == (0,)


def test_a_conversation_is_first_once_in_each_canary(db: sqlite3.Connection) -> None:
    assert [first_of(db, "can_1", "a"), first_of(db, "can_1", "a"), first_of(db, "can_2", "a")] == [True, False, True]


def test_what_has_ended_remembers_no_conversations(db: sqlite3.Connection) -> None:
    canary = started(db)
    with transaction(db):
        first_of(db, canary.id, "a")
        first_lately(db, canary.id, "a", 0)
        first_of(db, "can_other", "a")
        change_canary(db, canary, "advanced", {}, step=1)
    assert db.execute("SELECT count(*) FROM canary_units").fetchone() == (3,)
    with transaction(db):
        change_canary(db, canary, "aborted", {}, phase="aborted")
    assert db.execute("SELECT canary FROM canary_units").fetchall() == [("can_other",)]


def test_a_watch_without_an_end_forgets_what_was_long_ago_and_nothing_sooner(db: sqlite3.Connection) -> None:
    with transaction(db):
        assert first_lately(db, "can_1", "a", 9_999)
        assert not first_lately(db, "can_1", "a", 9_999)
        assert not first_lately(db, "can_1", "a", 10_000)  # one conversation ago
        assert not first_lately(db, "can_1", "a", 19_999)  # ten thousand ago
        assert first_lately(db, "can_1", "b", 20_000)
        assert first_lately(db, "can_1", "a", 20_001)
        assert first_lately(db, "can_2", "a", 20_001)
    ages = {age for (age,) in db.execute("SELECT canary FROM canary_units")}
    assert ages == {"can_1:2", "can_2:2"}


def test_the_state_of_the_tests_is_kept_beside_the_canary(db: sqlite3.Connection) -> None:
    canary = started(db)
    assert read_state(db, canary.id) == b""
    keep_state(db, canary.id, b'{"n":1}')
    with transaction(db):
        change_canary(db, canary, "advanced", {}, step=1)
    assert read_state(db, canary.id) == b'{"n":1}'
    assert read_state(db, "can_none") == b""


def test_what_is_told_of_a_canary_has_no_number_but_whole_ones(db: sqlite3.Connection) -> None:
    rules = told(started(db, rules={"margin": 0.03, "graded": True, "n": 2}))["rules"]
    assert rules == {"margin": "0.03", "graded": True, "n": 2}
