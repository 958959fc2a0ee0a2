"""`freehold terms override`: an event for the ledger, with a reason and a name."""

import contextlib
from pathlib import Path

import pytest

from cli.commands import run
from freehold.errors import InvalidField, NotFound
from freehold.store.database import open_database
from freehold.store.events import Event, take_events

WORDS = ("--use", "distil", "--student", "own/x", "--reason", "Order form 7.", "--by", "legal@example.com")


def events(data: Path) -> list[Event]:
    taken: list[Event] = []
    with contextlib.closing(open_database(data)) as db:
        take_events(db, taken.extend)
    return taken


def test_an_override_is_an_event_with_the_newest_date_of_the_terms(tmp_path: Path) -> None:
    said = run("terms", "override", "openai-services-agreement", *WORDS, "--data", str(tmp_path))
    assert said.exit_code == 0
    assert "own/x may distil rows under openai-services-agreement (2026-01-01), by legal@example.com" in said.stdout
    (event,) = events(tmp_path)
    assert (event.kind, event.id) == ("training.override", "own/x")
    assert event.body == {
        "terms": "openai-services-agreement",
        "terms_date": "2026-01-01",
        "use": "distil",
        "student": "own/x",
        "reason": "Order form 7.",
        "by": "legal@example.com",
    }


def test_unknown_terms_can_be_answered_for_too(tmp_path: Path) -> None:
    assert run("terms", "override", "-", *WORDS, "--data", str(tmp_path), "--json").exit_code == 0
    (event,) = events(tmp_path)
    assert (event.body["terms"], event.body["terms_date"]) == ("", "")


def test_terms_that_there_are_not_and_a_use_that_there_is_not_are_errors(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        run("terms", "override", "no-such", *WORDS, "--data", str(tmp_path))
    with pytest.raises(InvalidField):
        run("terms", "override", "echo", *WORDS, "--use", "steal", "--data", str(tmp_path))
    with pytest.raises(InvalidField):
        run("terms", "override", "echo", *WORDS, "--reason", " ", "--data", str(tmp_path))
    assert events(tmp_path) == []
