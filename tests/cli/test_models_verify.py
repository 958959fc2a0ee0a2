"""`freehold models verify`: what was changed is named, and ends with 1."""

import json
from pathlib import Path

from cli.model_shelf import added, models


def test_a_sound_registry_says_so(tmp_path: Path) -> None:
    added(tmp_path, 1)
    added(tmp_path, 2)
    said = models(tmp_path, "verify")
    assert (said.exit_code, said.stdout) == (0, "2 versions, every file as it was registered.\n")


def test_one_changed_bit_is_named(tmp_path: Path) -> None:
    added(tmp_path, 1)
    (blob,) = (tmp_path / "models" / "blobs").iterdir()
    blob.chmod(0o600)
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said = models(tmp_path, "verify")
    assert said.exit_code == 1
    assert said.stdout.startswith("own/nano@1: nano.gguf: sha256 ")
    found = json.loads(models(tmp_path, "verify", "nano", "--json").stdout)
    assert (found["sound"], found["damages"][0]["path"]) == (False, "nano.gguf")
    assert models(tmp_path, "verify", "micro").exit_code == 0
