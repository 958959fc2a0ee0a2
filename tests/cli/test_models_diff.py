"""`freehold models diff`: what is not the same in both."""

import json
from pathlib import Path

from cli.model_shelf import added, models


def test_versions_that_differ_are_told_and_end_with_1(tmp_path: Path) -> None:
    added(tmp_path, 1)
    added(tmp_path, 2)
    said = models(tmp_path, "diff", "nano@1", "nano@2", "--json")
    assert said.exit_code == 1
    found = json.loads(said.stdout)
    assert (found["from"], found["to"]) == ("own/nano@1", "own/nano@2")
    assert (
        {"files.nano.gguf", "lineage.weights"}
        <= set(found["differs"])
        <= {
            "files.nano.gguf",
            "lineage.weights",
            "lineage.created",
        }
    )
    assert "files.nano.gguf" in models(tmp_path, "diff", "nano@1", "nano@2").stdout


def test_a_version_is_the_same_as_itself(tmp_path: Path) -> None:
    added(tmp_path, 1)
    said = models(tmp_path, "diff", "nano@1", "nano")
    assert (said.exit_code, said.stdout) == (0, "own/nano@1 and own/nano@1 are the same.\n")
