"""The registry: content-addressed, only added to, and whole whenever it is killed."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.errors import NotSigned, PromotionRefused, RegistryError
from freehold.store.database import open_database
from freehold.store.events import Event, take_events
from freehold.training.registry import Damage, Registry
from training.versions import TRIED, add, manifest
from training.words import KEYS, word_for

ONE = {"nano.gguf": b"GGUF one", "model.safetensors": b"one"}
TWO = {"nano.gguf": b"GGUF two", "model.safetensors": b"one"}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def test_where_no_folder_can_be_there_is_nothing_and_a_log_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Registry(tmp_path / "file" / "models").serving() == {}
    (tmp_path / "models" / "log.jsonl").mkdir(parents=True)
    with pytest.raises(RegistryError, match=r"log\.jsonl cannot be read: Is a directory"):
        Registry(tmp_path / "models").versions()


def test_a_version_has_a_number_a_digest_and_its_files_by_their_hash(registry: Registry) -> None:
    one, two, other = add(registry, "nano", ONE), add(registry, "nano", TWO), add(registry, "micro", ONE)
    assert [one.id, two.id, other.id] == ["own/nano@1", "own/nano@2", "own/micro@1"]
    assert registry.weights_file(two).read_bytes() == b"GGUF two"
    assert registry.weights_file(two).name == hashlib.sha256(b"GGUF two").hexdigest()
    assert len(list((registry.folder / "blobs").iterdir())) == 3, "what two versions share is there once"
    assert [version.id for version in registry.versions()] == ["own/micro@1", "own/nano@1", "own/nano@2"]


def test_files_are_private_and_cannot_be_written(registry: Registry) -> None:
    add(registry, "nano", ONE)
    modes = {path.stat().st_mode & 0o777 for path in (registry.folder / "blobs").iterdir()}
    assert modes == {0o400}
    assert (registry.folder / "log.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_same_version_is_not_registered_twice(registry: Registry) -> None:
    assert add(registry, "nano", ONE) == add(registry, "nano", ONE)
    assert len(registry.lines()) == 1


def test_a_file_that_is_not_the_one_that_was_named_is_refused(registry: Registry, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF other")
    with pytest.raises(RegistryError, match=r"nano\.gguf is not the file that was named"):
        registry.add(manifest("nano", {"nano.gguf": b"GGUF one"}), {"nano.gguf": other})
    assert registry.versions() == []
    assert list((registry.folder / "blobs").iterdir()) == []


def test_versions_are_found_by_number_digest_and_name(registry: Registry) -> None:
    one, two = add(registry, "nano", ONE), add(registry, "nano", TWO)
    assert registry.find("nano@1") == one
    assert registry.find(f"own/nano@sha256:{two.digest[:8]}") == two
    assert registry.find("nano") == two, "the newest, while none serves"
    registry.promote(one, TRIED)
    assert registry.find("nano").number == 1


@pytest.mark.parametrize("text", ["nano@3", "mini", "nano@abcdef"])
def test_a_version_that_is_not_there_is_told_with_those_that_are(text: str, registry: Registry) -> None:
    add(registry, "nano", ONE)
    with pytest.raises(RegistryError, match=f"There is no {text} in the registry"):
        registry.find(text)


def test_promotions_and_rollbacks_are_a_stack(registry: Registry) -> None:
    one, two, three = (add(registry, "nano", {"nano.gguf": b"GGUF %d" % number}) for number in (1, 2, 3))
    for version in (one, two, three):
        registry.promote(version, TRIED)
    assert registry.serving()["nano"].number == 3
    assert registry.roll_back("nano", {"by": "ops"}).evidence == {"from": 3, "by": "ops"}
    assert registry.serving()["nano"].number == 2
    registry.roll_back("nano", {})
    assert registry.serving()["nano"].number == 1
    with pytest.raises(RegistryError, match="only one was promoted"):
        registry.roll_back("nano", {})
    registry.promote(three, TRIED)
    assert registry.serving()["nano"].number == 3


def test_what_serves_cannot_be_promoted_again(registry: Registry) -> None:
    one = add(registry, "nano", ONE)
    registry.promote(one, TRIED)
    with pytest.raises(RegistryError, match="serves already"):
        registry.promote(one, TRIED)


def test_a_word_promotes_once_and_only_where_a_known_key_signed_it(registry: Registry) -> None:
    one, two = add(registry, "nano", ONE), add(registry, "nano", TWO)
    word = word_for(one.manifest)
    for evidence, keys in (
        ({}, KEYS),
        ({"override": "urgent", "by": "ops"}, KEYS),
        (word, ()),
        (word_for(two.manifest), KEYS),
    ):
        with pytest.raises(NotSigned):
            registry.promote(one, evidence, keys)
    assert registry.serving() == {}
    assert registry.promote(one, word, KEYS).evidence == {"weights": one.manifest.weights, **word}
    registry.promote(two, TRIED)
    with pytest.raises(PromotionRefused, match="signed for an earlier promotion"):
        registry.promote(one, word, KEYS)


def test_a_model_that_was_never_promoted_cannot_be_rolled_back(registry: Registry) -> None:
    add(registry, "nano", ONE)
    with pytest.raises(RegistryError, match="none was promoted"):
        registry.roll_back("nano", {})


def test_a_version_without_a_gguf_file_cannot_be_served(registry: Registry) -> None:
    version = add(registry, "nano", {"model.safetensors": b"one"})
    with pytest.raises(RegistryError, match="has no GGUF file"):
        registry.weights_file(version)


def taken(data: Path) -> list[Event]:
    found: list[Event] = []
    with contextlib.closing(open_database(data)) as db:
        take_events(db, found.extend)
    return found


def test_every_line_becomes_one_event_however_often_it_is_noted(registry: Registry, tmp_path: Path) -> None:
    one = add(registry, "nano", ONE)
    two = add(registry, "nano", TWO)
    with contextlib.closing(open_database(tmp_path)) as db:
        assert registry.note(db, nothing) == 2
        registry.promote(one, TRIED)
        registry.promote(two, word_for(two.manifest), KEYS)
        registry.roll_back("nano", {})
        registry.promote(two, {"trial": "trial_2"})
        assert registry.note(db, nothing) == 4
        assert registry.note(db, nothing) == 0
    events = taken(tmp_path)
    assert [(event.kind, event.id) for event in events] == [
        ("model.registered", "own/nano@1"),
        ("model.registered", "own/nano@2"),
        ("model.promoted", "own/nano@1"),
        ("model.promoted", "own/nano@2"),
        ("model.rolled-back", "own/nano@1"),
        ("model.promoted", "own/nano@2"),
    ]
    assert events[0].body["weights"] == hashlib.sha256(b"GGUF one").hexdigest()
    assert events[3].body["override"] == "urgent"
    raw = (registry.folder / "log.jsonl").read_bytes().splitlines()
    assert [event.body["line"] for event in events] == [hashlib.sha256(line).hexdigest() for line in raw]
    with contextlib.closing(open_database(tmp_path)) as db:
        assert registry.note(db, lambda about: [event.body for event in events if event.id == about]) == 0


def test_a_registry_s_deeds_are_told_whatever_another_one_has_of_the_same_name(tmp_path: Path) -> None:
    mine, other, copy = (Registry(tmp_path / name) for name in ("models", "other", "copy"))
    add(other, "nano", ONE)
    add(mine, "nano", TWO)
    shutil.copytree(mine.folder, copy.folder)
    with contextlib.closing(open_database(tmp_path)) as db:
        for registry, about in ((other, {"registry": "/other"}), (mine, {}), (copy, {"registry": "/copy"})):
            assert registry.note(db, nothing, about) == 1
            assert registry.note(db, nothing, about) == 0
    events = taken(tmp_path)
    assert [event.body.get("registry") for event in events] == ["/other", None, "/copy"]
    assert {event.id for event in events} == {"own/nano@1"}


def nothing(_: str) -> list[dict[str, Any]]:
    """What a ledger has that has taken nothing."""
    return []


def test_a_torn_line_is_not_there_and_the_next_one_takes_its_place(registry: Registry) -> None:
    one = add(registry, "nano", ONE)
    with (registry.folder / "log.jsonl").open("ab") as file:
        file.write(b'{"deed":"promoted","mo')
    assert registry.serving() == {}
    registry.promote(one, TRIED)
    assert [line.deed for line in registry.lines()] == ["registered", "promoted"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(cut=st.integers(min_value=0, max_value=1 << 20))
def test_a_log_that_is_cut_anywhere_has_its_first_whole_lines(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    registry = Registry(tmp_path_factory.mktemp("cut") / "models")
    one, two = add(registry, "nano", ONE), add(registry, "nano", TWO)
    registry.promote(one, TRIED)
    registry.promote(two, TRIED)
    log = registry.folder / "log.jsonl"
    whole = registry.lines()
    content = log.read_bytes()
    at = cut % (len(content) + 1)
    log.write_bytes(content[:at])
    assert registry.lines() == whole[: content[:at].count(b"\n")]


@pytest.mark.parametrize("change", ["edit", "drop", "swap"])
def test_a_log_that_was_edited_is_noticed(change: str, registry: Registry) -> None:
    one, two = add(registry, "nano", ONE), add(registry, "nano", TWO)
    registry.promote(one, {**TRIED, "by": "ops"})
    registry.promote(two, {**TRIED, "by": "ops"})
    log = registry.folder / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    if change == "edit":
        lines[2] = lines[2].replace(b'"by":"ops"', b'"by":"eve"')
    elif change == "drop":
        del lines[1]
    else:
        lines[2], lines[3] = lines[3], lines[2]
    log.write_bytes(b"".join(lines))
    with pytest.raises(RegistryError, match="does not follow the one before it"):
        registry.lines()
    assert [damage.path for damage in registry.verify()] == ["log.jsonl"]


def test_verifying_names_what_was_changed_and_what_is_gone(registry: Registry) -> None:
    one = add(registry, "nano", ONE)
    two = add(registry, "nano", TWO)
    assert list(registry.verify()) == []
    changed, gone = registry.weights_file(one), registry.folder / "manifests" / two.digest
    changed.chmod(0o600)
    changed.write_bytes(b"GGUF 0ne")
    gone.unlink()
    was, now = hashlib.sha256(b"GGUF one").hexdigest(), hashlib.sha256(b"GGUF 0ne").hexdigest()
    assert list(registry.verify()) == [
        Damage("own/nano@1", "nano.gguf", f"sha256 {now} instead of {was}"),
        Damage("own/nano@2", "manifest", "it is gone or was changed"),
    ]
    changed.unlink()
    assert [damage.wrong for damage in registry.verify()] == ["it is gone", "it is gone or was changed"]
    assert list(registry.verify("micro")) == []


def test_a_damaged_file_is_mended_by_registering_the_version_again(registry: Registry) -> None:
    one = add(registry, "nano", ONE)
    damaged = registry.weights_file(one)
    damaged.chmod(0o600)
    damaged.write_bytes(b"GGUF 0ne")
    assert add(registry, "nano", ONE).number == 1
    assert list(registry.verify()) == []


def test_an_export_is_whole_or_not_there(registry: Registry, tmp_path: Path) -> None:
    one = add(registry, "nano", {"nano.gguf": b"GGUF one", "hf/config.json": b"{}"})
    registry.export(one, tmp_path / "out", {"README.md": b"card"})
    found = {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    assert found == {"nano.gguf": b"GGUF one", "hf/config.json": b"{}", "README.md": b"card"}
    with pytest.raises(RegistryError, match="is there already"):
        registry.export(one, tmp_path / "out")
    damaged = registry.weights_file(one)
    damaged.chmod(0o600)
    damaged.write_bytes(b"GGUF 0ne")
    with pytest.raises(RegistryError, match=r"nano\.gguf is not the file"):
        registry.export(one, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.glob(".again*"))


WRITER = """
import sys
from pathlib import Path
from freehold.training.registry import Registry
from training.versions import TRIED, add
registry = Registry(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    version = add(registry, "nano", {"nano.gguf": b"GGUF %d" % number * 20_000})
    registry.promote(version, TRIED)
    print(number, flush=True)
"""


def test_kill_9_loses_no_promotion_that_was_told_and_leaves_nothing_broken(tmp_path: Path) -> None:
    tests = Path(__file__).parent.parent
    registry = Registry(tmp_path / "models")
    told = 0
    for _ in range(3):
        environ = {**os.environ, "PYTHONPATH": str(tests)}
        command = [sys.executable, "-c", WRITER, str(tmp_path / "models")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(4):
                told = max(told, int(writer.stdout.readline()))
            time.sleep(0.004)
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:
                told = max(told, int(line))
        assert list(registry.verify()) == []
        assert len(registry.versions()) >= told
        json.loads((registry.folder / "log.jsonl").read_bytes().splitlines()[0])
    for number in range(1, told + 1):
        assert any(line.deed == "promoted" and line.version == number for line in registry.lines())
