"""`freehold terms override`: an event for the ledger, with a reason and a name."""

import contextlib
from pathlib import Path

import pytest

from cli.commands import run
from cli.model_shelf import word
from freehold.errors import ConfigError, InvalidField, NotFound, NotSigned
from freehold.store.database import open_database
from freehold.store.events import Event, take_events

WORDS = ("--use", "distil", "--student", "own/x", "--reason", "Order form 7.")


def signing(folder: Path) -> tuple[str, ...]:
    return word(folder)[2:]


def events(data: Path) -> list[Event]:
    taken: list[Event] = []
    with contextlib.closing(open_database(data)) as db:
        take_events(db, taken.extend)
    return taken


def test_an_override_is_an_event_with_the_newest_date_of_the_terms(tmp_path: Path) -> None:
    said = run("terms", "override", "openai-services-agreement", *WORDS, *signing(tmp_path), "--data", str(tmp_path))
    assert (said.exit_code, said.stderr) == (0, "")
    assert "own/x may distil rows under openai-services-agreement (2026-01-01), signed by ops." in said.stdout
    (event,) = events(tmp_path)
    assert (event.kind, event.id) == ("training.override", "own/x")
    assert event.body["note"].startswith("freehold/word/v1\ntraining.override\n")
    assert {name: told for name, told in event.body.items() if name not in ("note", "signed_at")} == {
        "terms": "openai-services-agreement",
        "terms_date": "2026-01-01",
        "use": "distil",
        "student": "own/x",
        "reason": "Order form 7.",
        "by": "ops",
    }


def test_unknown_terms_can_be_answered_for_too(tmp_path: Path) -> None:
    assert run("terms", "override", "-", *WORDS, *signing(tmp_path), "--data", str(tmp_path)).exit_code == 0
    (event,) = events(tmp_path)
    assert (event.body["terms"], event.body["terms_date"]) == ("", "")


def test_without_a_key_it_is_refused_and_the_advice_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NotSigned, match="signed by who answers for it") as caught:
        run("terms", "override", "echo", *WORDS, "--data", str(tmp_path))
    assert "`freehold people create NAME --out NAME.key >> freehold.toml`" in caught.value.advice
    assert "No such option: --by" in run("terms", "override", "echo", *WORDS, "--by", "legal").stderr
    key = tmp_path / "eve.key"
    run("people", "create", "eve", "--out", str(key))
    with pytest.raises(ConfigError, match="does not name this key as eve's"):
        run("terms", "override", "echo", *WORDS, "--sign", str(key), "--data", str(tmp_path))
    assert events(tmp_path) == []


def test_terms_that_there_are_not_and_a_use_that_there_is_not_are_errors(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        run("terms", "override", "no-such", *WORDS, "--data", str(tmp_path))
    with pytest.raises(InvalidField):
        run("terms", "override", "echo", *WORDS, "--use", "steal", "--data", str(tmp_path))
    with pytest.raises(InvalidField):
        run("terms", "override", "echo", *WORDS, "--reason", " ", "--data", str(tmp_path))
    assert events(tmp_path) == []
