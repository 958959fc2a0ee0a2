"""People who answer for something, with keys of their own."""

import json
from pathlib import Path

import pytest

from cli.commands import run
from freehold.cli.people import people_in, sign
from freehold.errors import ConfigError, MalformedKey, NotSigned
from freehold.ledger.word import read_key
from freehold.training.word import OVERRIDE, judge

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


def test_a_name_that_no_key_can_have_is_refused_with_one_that_it_can(tmp_path: Path) -> None:
    with pytest.raises(MalformedKey, match="'ann lee' cannot be a key's name") as refused:
        run("people", "create", "ann lee", "--out", str(tmp_path / "a.key"))
    assert refused.value.advice == "Take a name of one word, such as ann@example.com."
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_key_of_theirs_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "freehold.toml"
    config.write_text('[people.ann]\nkey = "nonsense"\n')
    with pytest.raises(ConfigError, match=r"\[people\.ann\] key: .* is not a key"):
        people_in(config)
    key = read_key(person(tmp_path, "bob")).verifier
    config.write_text(f'[people.ann]\nkey = "{key}"\n')
    with pytest.raises(ConfigError, match=r"\[people\.ann\] key is the key of bob"):
        people_in(config)


def test_a_person_is_added_to_a_file_whose_last_line_has_no_end(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text("[vendors.echo]")
    person(tmp_path)
    assert list(people_in(tmp_path / "freehold.toml")) == ["ann"]


def test_only_who_the_configuration_names_signs(tmp_path: Path) -> None:
    path, config = person(tmp_path), tmp_path / "freehold.toml"
    with pytest.raises(NotSigned) as caught:
        sign(OVERRIDE, ABOUT, None, config)
    assert "freehold people create NAME --out NAME.key >> freehold.toml" in caught.value.advice
    config.write_text("")
    with pytest.raises(ConfigError, match="does not name this key as ann's"):
        sign(OVERRIDE, ABOUT, path, config)


def test_what_somebody_signed_is_judged_as_theirs(tmp_path: Path) -> None:
    path, config = person(tmp_path), tmp_path / "freehold.toml"
    word = sign(OVERRIDE, ABOUT, path, config)
    body = {**ABOUT, "by": word.by, "signed_at": word.signed_at, "note": word.note}
    assert word.by == "ann"
    assert judge(OVERRIDE, body, people_in(config).values()).outcome == "signed"
