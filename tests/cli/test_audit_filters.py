"""Which entries a filter means, as a person writes it."""

import contextlib
from pathlib import Path

import pytest

from cli.ledgers import answer, id_of, ledger, settle
from freehold.cli.audit import open_ledger
from freehold.cli.audit_filters import Filters, find, pseudonym, read_filters
from freehold.errors import InvalidField, NotFound
from freehold.gateway.erasures import erase
from freehold.store.callers import create_key
from freehold.store.database import open_database

NOTHING: dict[str, str | None] = dict.fromkeys(
    ("since", "until", "workload", "model", "subject", "key_id", "outcome", "kind")
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Answers 1 to 3 of patient-7, 4 of patient-8 for another workload, and a key that was made."""
    ledger(tmp_path, 3)
    answer(tmp_path, 4, subject="patient-8", workload="claims", status="failed", deployment="own/nano", key_id="key_2")
    settle(tmp_path)
    with contextlib.closing(open_database(tmp_path)) as db:
        create_key(db, name="team")
    settle(tmp_path)
    return tmp_path


def found(data: Path, words: dict[str, str] | None = None, *, newest_first: bool = False) -> list[str]:
    """The ids of answers, and the kinds of other entries."""
    opened = open_ledger(data)
    filters = read_filters(opened, **{**NOTHING, **(words or {})})
    entries = (one.entry for one in find(opened, filters, newest_first=newest_first))
    return [entry.id if entry.kind == "answer" else entry.kind for entry in entries]


def test_without_filters_it_is_everything_in_the_order_of_the_log(data: Path) -> None:
    everything = [*map(id_of, (1, 2, 3, 4)), "key.created"]
    assert found(data) == everything
    assert found(data, newest_first=True) == everything[::-1]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ({"workload": "claims"}, [4]),
        ({"workload": "claim"}, []),
        ({"model": "openai/*"}, [1, 2, 3]),
        ({"model": "own/nano"}, [4]),
        ({"subject": "patient-7"}, [1, 2, 3]),
        ({"key_id": "key_2"}, [4]),
        ({"outcome": "failed"}, [4]),
        ({"kind": "answer", "since": "2026-11-24T12:00:02", "until": "2026-11-24T12:00:04"}, [2, 3]),
        ({"kind": "ans*", "until": "2026-11-24"}, []),
        ({"kind": "answer", "since": "2026-11-24T13:00:03+01:00"}, [3, 4]),
        ({"workload": "triage", "subject": "patient-8"}, []),
    ],
)
def test_all_that_is_given_must_fit(data: Path, words: dict[str, str], numbers: list[int]) -> None:
    assert found(data, words) == [id_of(number) for number in numbers]


def test_kinds_and_keys_are_found_by_what_entries_are_about(data: Path) -> None:
    assert found(data, {"kind": "key.*"}) == ["key.created"]
    (key,) = [one.entry.id for one in find(open_ledger(data), Filters(kind="key.created"))]
    assert found(data, {"key_id": key}) == ["key.created"]


def test_a_pseudonym_finds_what_its_subject_finds_and_the_erasure(data: Path) -> None:
    name = pseudonym(open_ledger(data), "patient-7")
    assert found(data, {"subject": name}) == found(data, {"subject": "patient-7"})
    erase(data, "patient-7", "GDPR Art. 17(1)(b)")
    settle(data)
    assert found(data, {"subject": name}) == [*map(id_of, (1, 2, 3)), "erasure"]
    with pytest.raises(NotFound, match="Nothing is known of a data subject 'patient-7'"):
        found(data, {"subject": "patient-7"})


@pytest.mark.parametrize("words", [{"since": "yesterday"}, {"until": "24.11.2026"}])
def test_what_is_no_time_is_told(data: Path, words: dict[str, str]) -> None:
    with pytest.raises(InvalidField, match="is no day or time"):
        found(data, words)


def test_what_is_no_outcome_is_told_with_those_there_are(data: Path) -> None:
    with pytest.raises(InvalidField) as caught:
        found(data, {"outcome": "lost"})
    assert caught.value.advice == "Write one of answered, failed, refused, cancelled, swept."
