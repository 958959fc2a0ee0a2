"""`freehold models verify`: what was changed is named, and ends with 1."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cli.commands import run
from cli.ledgers import settle
from cli.model_shelf import added, models, people, promoted
from freehold.training.registry import Line, Registry

Changed = Callable[[list[bytes]], list[bytes]]


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


def anew(lines: list[bytes]) -> list[bytes]:
    """The log without its promotion, its hashes made to fit again."""
    kept = [json.loads(line) for line in lines if b'"deed":"promoted"' not in line]
    before, found = "", list[bytes]()
    for line in kept:
        found.append(json.dumps({**line, "before": before}, sort_keys=True, separators=(",", ":")).encode())
        before = hashlib.sha256(found[-1]).hexdigest()
    return found


def cut(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def gone(_: list[bytes]) -> list[bytes]:
    return []


@pytest.mark.parametrize("changed", [anew, cut, gone])
def test_a_log_that_was_cut_off_or_written_anew_does_not_fit_the_ledger(tmp_path: Path, changed: Changed) -> None:
    promoted(tmp_path, 1)
    added(tmp_path, 2)
    settle(tmp_path)
    assert models(tmp_path, "verify").exit_code == 0
    log = tmp_path / "models" / "log.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in changed(log.read_bytes().splitlines())))
    said = models(tmp_path, "verify")
    assert said.exit_code == 1
    assert "log.jsonl: the ledger has its entry model." in said.stdout
    assert run("audit", "verify", "--data", str(tmp_path)).exit_code == 0


def with_line(data: Path, **evidence: str) -> None:
    """Adds a promotion of the second version to the log, as an earlier release or another hand wrote it."""
    registry = Registry(data / "models")
    version, raw = registry.find("nano@2"), (registry.folder / "log.jsonl").read_bytes().splitlines()
    line = Line(
        deed="promoted", model="nano", version=2, digest=version.digest, at=1, before=hashlib.sha256(raw[-1]).hexdigest(),
        evidence={"weights": version.manifest.weights, **evidence},
    )  # fmt: skip
    with (registry.folder / "log.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")


def test_a_word_that_nobody_signed_is_told_and_an_earlier_one_does_not_count_twice(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    added(tmp_path, 2)
    config = str(people(tmp_path))
    with_line(tmp_path, override="urgent", by="ops")
    said = models(tmp_path, "verify", "--config", config)
    assert (said.exit_code, said.stdout.splitlines()[1:]) == (
        0, ["own/nano@2: no person signed the word for its promotion."],
    )  # fmt: skip
    told = json.loads(models(tmp_path, "verify", "--config", config, "--json").stdout)
    assert (told["sound"], told["unproven"]) == (True, ["own/nano@2: no person signed the word for its promotion."])
    assert Registry(tmp_path / "models").serving()["nano"].number == 2, "what was promoted before goes on serving"
    with_line(tmp_path, **Registry(tmp_path / "models").lines()[1].evidence)
    said = models(tmp_path, "verify", "--config", config)
    assert said.exit_code == 1
    assert "own/nano@2: the word for its promotion: It was signed for an earlier promotion." in said.stdout


def test_a_word_by_a_key_that_the_configuration_does_not_name_is_told_with_the_key(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    said = models(tmp_path, "verify")
    assert said.exit_code == 0
    assert "own/nano@1: the word for its promotion is signed with ops+" in said.stdout


def test_a_registry_elsewhere_is_held_against_its_own_entries_alone(tmp_path: Path) -> None:
    added(tmp_path, 1)
    path, shared = tmp_path / "a.gguf", tmp_path / "shared"
    path.write_bytes(b"GGUF a")
    models(tmp_path, "add", "micro", str(path), "--licence", "MIT", "--registry", str(shared))
    settle(tmp_path)
    assert models(tmp_path, "verify").exit_code == 0
    (shared / "log.jsonl").write_bytes(b"")
    assert models(tmp_path, "verify").exit_code == 0
    said = models(tmp_path, "verify", "--registry", str(shared))
    assert (said.exit_code, said.stdout.partition(":")[0]) == (1, "own/micro@1")
