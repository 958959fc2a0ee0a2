"""What the commands of `freehold models` have in common: which registry, and that the ledger hears of it."""

import contextlib
import json
from pathlib import Path

import pytest

from cli.commands import run
from cli.ledgers import settle
from cli.model_shelf import GGUF, added, models, promoted, word
from freehold.cli.audit import OpenLedger
from freehold.errors import MalformedTile, RegistryError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.entry import read_entry
from freehold.ledger.tiles import CHECKPOINT
from freehold.store.database import open_database


def test_another_registry_can_be_named_and_the_ledger_of_the_data_folder_hears_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(GGUF + b"a")
    data, shared = tmp_path / "data", tmp_path / "shared"
    words = ("--licence", "MIT", "--data", str(data), "--registry", str(shared))
    assert run("models", "add", "nano", str(path), *words).exit_code == 0
    assert (shared / "log.jsonl").exists()
    assert not (data / "models").exists()
    with contextlib.closing(open_database(data)) as db:
        assert db.execute("SELECT kind, id FROM events").fetchall() == [("model.registered", "own/nano@1")]
    where = ("--data", str(data), "--registry", str(shared))
    said = run("models", "promote", "nano@1", *word(tmp_path), *where)
    assert f"serves what is promoted in {data / 'models'}, and not in {shared}" in said.stderr
    assert "and not in" not in models(data, "list").stderr


def test_what_was_done_becomes_signed_entries_of_the_ledger(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    promoted(tmp_path, 2)
    models(tmp_path, "rollback", "nano", "--reason", "too slow")
    settle(tmp_path)
    said = run("audit", "search", "--json", "--data", str(tmp_path)).stdout
    assert "model.rolled-back" in said
    assert run("audit", "verify", "--data", str(tmp_path)).exit_code == 0
    with contextlib.closing(open_database(tmp_path)) as db:
        assert db.execute("SELECT kind, id FROM entries ORDER BY place").fetchall() == [
            ("model.registered", "own/nano@1"),
            ("model.promoted", "own/nano@1"),
            ("model.registered", "own/nano@2"),
            ("model.promoted", "own/nano@2"),
            ("model.rolled-back", "own/nano@1"),
        ]


def test_deeds_reach_the_ledger_although_another_registry_had_them_and_each_once(tmp_path: Path) -> None:
    path, other = tmp_path / "b.gguf", ("--registry", str(tmp_path / "other"))
    path.write_bytes(GGUF + b"b")
    models(tmp_path, "add", "nano", str(path), "--licence", "MIT", *other)
    models(tmp_path, "promote", "nano@1", *word(tmp_path), *other)
    checkpoint = LedgerFolder(tmp_path).log / CHECKPOINT
    settle(tmp_path)
    before = checkpoint.read_bytes()
    promoted(tmp_path, 1)
    settle(tmp_path)
    after = checkpoint.read_bytes()
    checkpoint.write_bytes(before)  # as the writer leaves it between committing entries and publishing them
    added(tmp_path, 1)
    checkpoint.write_bytes(after)
    settle(tmp_path)
    ledger = OpenLedger(tmp_path)
    entries = [read_entry(leaf) for _, leaf in ledger.leaves(range(ledger.size))]
    assert [(entry.kind, entry.body.get("registry", "")) for entry in entries] == [
        ("model.registered", other[1]),
        ("model.promoted", other[1]),
        ("model.registered", ""),
        ("model.promoted", ""),
    ]
    (tmp_path / "models" / "log.jsonl").write_bytes(b"")
    assert models(tmp_path, "verify").exit_code == 1


def test_a_damaged_ledger_stops_a_deed_before_it_is_done(tmp_path: Path) -> None:
    promoted(tmp_path, 1)
    promoted(tmp_path, 2)
    settle(tmp_path)
    damage(tmp_path)
    path = tmp_path / "c.gguf"
    path.write_bytes(GGUF + b"c")
    before = (tmp_path / "models" / "log.jsonl").read_bytes()
    deeds = (
        ("add", "nano", str(path), "--licence", "MIT"),
        ("promote", "nano@1", *word(tmp_path)),
        ("rollback", "nano"),
    )
    for words in deeds:
        with pytest.raises(MalformedTile, match="ends within its entry"):
            models(tmp_path, *words)
    assert (tmp_path / "models" / "log.jsonl").read_bytes() == before


def test_a_deed_of_which_the_ledger_could_not_be_told_is_told_as_done(tmp_path: Path) -> None:
    added(tmp_path, 1)
    settle(tmp_path)
    damage(tmp_path)
    path = tmp_path / "c.gguf"
    path.write_bytes(GGUF + b"c")
    with pytest.raises(
        RegistryError, match=r"own/nano@1 is registered, and the ledger could not be told: .* ends within"
    ):
        models(tmp_path, "add", "nano", str(path), "--licence", "MIT", "--registry", str(tmp_path / "other"))


def damage(data: Path) -> None:
    """Cuts the last byte off the newest bundle of the ledger."""
    bundle = max((LedgerFolder(data).log / "tile" / "entries").rglob("*.p/*"), key=lambda path: int(path.name))
    bundle.write_bytes(bundle.read_bytes()[:-1])


def test_a_version_is_described_with_what_serves(tmp_path: Path) -> None:
    added(tmp_path, 1)
    found = json.loads(models(tmp_path, "show", "nano@1", "--json").stdout)
    assert (found["id"], found["serves"], found["promoted"], found["context"]) == ("own/nano@1", "nano.gguf", False, 0)
    assert [line["deed"] for line in found["history"]] == ["registered"]
