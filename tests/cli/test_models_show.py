"""`freehold models show`: for people, as a card, as a bill of materials."""

import json
from pathlib import Path

from cli.model_shelf import added, models, promoted


def test_people_see_files_and_history(tmp_path: Path) -> None:
    added(tmp_path, 1)
    promoted(tmp_path, 2)
    said = models(tmp_path, "show", "nano").stdout
    assert said.startswith("own/nano@2, sha256:")
    assert "it serves now." in said
    assert "nano.gguf" in said
    assert "promoted     own/nano@2" in said
    assert "by ops, drawn none, override a test" in said
    assert "freehold/word" not in said
    assert "it does not serve." in models(tmp_path, "show", "nano@1").stdout


def test_the_card_and_the_bill_of_materials_are_those_of_the_version(tmp_path: Path) -> None:
    added(tmp_path, 1)
    card = models(tmp_path, "show", "nano", "--card").stdout
    assert card.startswith('---\nlicense: "mit"\n')
    bill = json.loads(models(tmp_path, "show", "nano", "--bom").stdout)
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "own/nano")
