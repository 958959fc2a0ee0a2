"""`freehold models export`: a folder that can be taken elsewhere."""

import json
from pathlib import Path

from cli.model_shelf import GGUF, added, models


def test_what_is_exported_can_be_registered_elsewhere(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    added(here, 1)
    assert models(here, "export", "nano@1", str(tmp_path / "out")).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "MODEL_CARD.md", "bom.cdx.json", "lineage.json", "manifest.json", "nano.gguf",
    ]  # fmt: skip
    assert (tmp_path / "out" / "nano.gguf").read_bytes() == GGUF + b"1"
    found = json.loads(models(there, "add", "nano", str(tmp_path / "out"), "--json").stdout)
    before = json.loads(models(here, "show", "nano", "--json").stdout)
    assert (found["id"], found["weights"], found["lineage"]) == ("own/nano@1", before["weights"], before["lineage"])
