"""`freehold models rollback`: the version before serves again."""

import json
from pathlib import Path

import pytest

from cli.model_shelf import models, promoted
from freehold.errors import RegistryError


def test_the_version_before_serves_again(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    promoted(tmp_path, 2)
    said = models(tmp_path, "rollback", "nano").stdout
    assert said == "own/nano@1 serves again, and own/nano@2 no more.\n"
    assert json.loads(models(tmp_path, "show", "nano", "--json").stdout)["id"] == "own/nano@1"
    with pytest.raises(RegistryError, match="only one was promoted"):
        models(tmp_path, "rollback", "nano")


def test_machines_hear_what_serves_now(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    promoted(tmp_path, 2)
    found = json.loads(models(tmp_path, "rollback", "own/nano", "--reason", "too slow", "--json").stdout)
    assert (found["serves"], found["from"]) == ("own/nano@1", 2)
