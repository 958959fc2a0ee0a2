"""`freehold audit verify` tells overrides that a person signed from those that the ledger alone vouches for."""

import json
from pathlib import Path
from typing import Any

from cli.commands import run
from cli.ledgers import ledger, settle
from cli.test_people import person

OVERRIDE = ("terms", "override", "openai-services-agreement", "--use", "distil", "--student", "own/x", "--reason", "r")


def verified(data: Path, config: Path) -> dict[str, Any]:
    return json.loads(run("audit", "verify", "--data", str(data), "--config", str(config), "--json").stdout)


def test_signed_and_unsigned_words_are_told_apart_and_a_key_that_is_gone_is_named(tmp_path: Path) -> None:
    data, config = ledger(tmp_path / "data"), tmp_path / "freehold.toml"
    key = person(tmp_path)
    assert not any("override" in said for said in verified(data, config)["unproven"])
    said = run(*OVERRIDE, "--sign", str(key), "--config", str(config), "--data", str(data))
    assert (said.exit_code, "by ann, signed" in said.stdout) == (0, True)
    said = run(*OVERRIDE, "--by", "bob", "--data", str(data))
    assert "Nobody signed it: the ledger's keys alone vouch for who answers." in said.stderr
    settle(data)
    found = verified(data, config)
    assert found["ok"]
    assert found["steps"][-1] == {
        "number": 10, "checked": "what people answer for against their keys", "found": "1 word signed",
    }  # fmt: skip
    assert "1 override carries the signature of the person who answers." in found["proven"]
    assert "Who answers for 1 override: no person signed, the ledger alone says so." in found["unproven"]
    config.write_text("")
    failure = verified(data, config)["failure"]
    assert (failure["code"], failure["step"]) == ("bad-word", 10)
    assert "training.override own/x, is not the word of ann: No trusted key has signed" in failure["message"]
