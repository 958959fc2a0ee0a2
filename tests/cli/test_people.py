"""People who answer for something, with keys of their own."""

import json
from pathlib import Path

import pytest

from cli.commands import run
from freehold.cli.people import fault_of, people_in, sign
from freehold.errors import ConfigError
from freehold.ledger.word import read_key
from freehold.training.provenance import OVERRIDE

ABOUT = {"terms": "t", "terms_date": "d", "use": "distil", "student": "own/x", "reason": "r"}


def person(folder: Path, name: str = "ann") -> Path:
    """Makes the key of a person; gives its file. What `people create` prints is added to the configuration."""
    path = folder / f"{name}.key"
    said = run("people", "create", name, "--out", str(path))
    with (folder / "freehold.toml").open("a") as file:
        file.write(said.stdout)
    return path


def test_a_key_is_printed_as_the_configuration_takes_it(tmp_path: Path) -> None:
    path = person(tmp_path)
    assert people_in(tmp_path / "freehold.toml") == {"ann": read_key(path).verifier}
    said = json.loads(run("people", "create", "bob@example.com", "--out", str(tmp_path / "b"), "--json").stdout)
    assert (said["name"], said["key"].partition("+")[0]) == ("bob@example.com", "bob@example.com")


def test_what_is_no_key_of_theirs_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "freehold.toml"
    config.write_text('[people.ann]\nkey = "nonsense"\n')
    with pytest.raises(ConfigError, match=r"\[people\.ann\] key: .* is not a key"):
        people_in(config)
    key = read_key(person(tmp_path, "bob")).verifier
    config.write_text(f'[people.ann]\nkey = "{key}"\n')
    with pytest.raises(ConfigError, match=r"\[people\.ann\] key is the key of bob"):
        people_in(config)


def test_only_who_the_configuration_names_signs_and_only_as_themselves(tmp_path: Path) -> None:
    path, config = person(tmp_path), tmp_path / "freehold.toml"
    with pytest.raises(ConfigError, match="is ann's, and --by says bob"):
        sign(OVERRIDE, ABOUT, path, "bob", config)
    config.write_text("")
    with pytest.raises(ConfigError, match="does not name this key as ann's"):
        sign(OVERRIDE, ABOUT, path, None, config)


def test_a_signed_entry_has_no_fault_until_a_word_of_it_changes(tmp_path: Path) -> None:
    path, config = person(tmp_path), tmp_path / "freehold.toml"
    word = sign(OVERRIDE, ABOUT, path, None, config)
    body = {**ABOUT, "by": word.by, "signed_at": word.signed_at, "note": word.note}
    keys = list(people_in(config).values())
    assert fault_of(OVERRIDE, body, keys) == ""
    assert fault_of(OVERRIDE, {**body, "student": "own/y"}, keys) == "What was signed is not what is written."
    assert (fault_of(OVERRIDE, body, ()) or "").startswith("No trusted key has signed")
    assert fault_of(OVERRIDE, {**ABOUT, "by": "ann"}, keys) is None


def test_nobody_signs_in_the_name_of_another(tmp_path: Path) -> None:
    person(tmp_path)
    word = sign(OVERRIDE, ABOUT, person(tmp_path, "bob"), None, tmp_path / "freehold.toml")
    body = {**ABOUT, "by": "ann", "signed_at": word.signed_at, "note": word.note}
    keys = people_in(tmp_path / "freehold.toml").values()
    assert fault_of(OVERRIDE, body, keys) == "What was signed is not what is written."
