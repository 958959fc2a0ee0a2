"""`freehold audit verify` tells overrides that a person signed from those that the ledger alone vouches for."""

import contextlib
import json
from pathlib import Path
from typing import Any

from cli.commands import run
from cli.ledgers import ledger, settle
from cli.test_people import person
from freehold.ledger.word import read_key
from freehold.store.database import open_database
from freehold.store.events import keep_event

OVERRIDE = ("terms", "override", "openai-services-agreement", "--use", "distil", "--student", "own/x", "--reason", "r")


def verified(data: Path, config: Path) -> dict[str, Any]:
    return json.loads(run("audit", "verify", "--data", str(data), "--config", str(config), "--json").stdout)


def unsigned(data: Path) -> None:
    """An override as earlier versions took it, by name alone."""
    body = {"terms": "t", "terms_date": "d", "use": "distil", "student": "own/x", "reason": "r", "by": "bob"}
    with contextlib.closing(open_database(data)) as db:
        keep_event(db, "training.override", "own/x", body)


def test_words_are_told_apart_by_who_signed_them(tmp_path: Path) -> None:
    data, config = ledger(tmp_path / "data"), tmp_path / "freehold.toml"
    key = person(tmp_path)
    assert not any("override" in said for said in verified(data, config)["unproven"])
    said = run(*OVERRIDE, "--sign", str(key), "--config", str(config), "--data", str(data))
    assert (said.exit_code, "signed by ann" in said.stdout) == (0, True)
    unsigned(data)
    settle(data)
    found = verified(data, config)
    assert found["ok"]
    assert found["steps"][-1] == {
        "number": 10, "checked": "what people answer for against their keys", "found": "1 word signed",
    }  # fmt: skip
    assert "1 override carries the signature of the person who answers." in found["proven"]
    assert "Who answers for 1 override: no person signed, the ledger alone says so." in found["unproven"]


def test_a_key_that_is_gone_is_named_and_another_in_the_same_name_does_not_fit(tmp_path: Path) -> None:
    data, config = ledger(tmp_path / "data"), tmp_path / "freehold.toml"
    key = person(tmp_path)
    run(*OVERRIDE, "--sign", str(key), "--config", str(config), "--data", str(data))
    settle(data)
    config.write_text("")
    found = verified(data, config)
    name = "+".join(str(read_key(key).verifier).split("+")[:2])
    assert found["ok"]
    assert not any("override" in said for said in found["proven"])
    assert (
        f"Who answers for 1 override: signed with {name}, and [people] has no key of that name to check it with."
        in found["unproven"]
    )
    key.unlink()
    person(tmp_path)
    failure = verified(data, config)["failure"]
    assert (failure["code"], failure["step"]) == ("bad-word", 10)
    assert "training.override own/x, is not the word of ann: No trusted key has signed" in failure["message"]
