"""An engine reads what was registered, or does not start."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from cli.model_shelf import GGUF, blob_of, models
from freehold.catalog.weights import digest
from freehold.cli.registered import require_registered
from freehold.config.settings import Engine
from freehold.errors import FetchError
from freehold.serving import vllm
from freehold.serving.groups import Group
from freehold.serving.launch import EngineSpec
from freehold.training.registry import Registry
from freehold.vendors.own import Served


def spec_of(**weights: str) -> EngineSpec:
    """An engine that serves models with weights of these SHA-256s."""
    models = {name: Served(base_url="http://127.0.0.1:9", weights=sha256) for name, sha256 in weights.items()}
    return EngineSpec(name="nano", argv=(), environ={}, health="", models=models)


def change(blob: Path) -> None:
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes() + b"!")


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    for name in ("nano", "other"):
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(GGUF + name.encode())
        models(tmp_path, "add", name, str(path), "--licence", "MIT")
    return Registry(tmp_path / "models").blobs


def test_a_file_that_was_changed_is_named(tmp_path: Path, blobs: Path) -> None:
    path = blob_of(tmp_path, "nano")
    group = Group(Engine(name="nano", weights=str(path)))
    require_registered(group, spec_of(nano=digest(path)), blobs)
    change(path)
    with pytest.raises(
        FetchError, match=f"own/nano is not what was registered: it has the SHA-256 {digest(path)[:12]}"
    ):
        require_registered(group, spec_of(nano=digest(path)), blobs)


def test_the_weights_below_an_adapter_are_looked_at_though_no_answer_names_them(tmp_path: Path, blobs: Path) -> None:
    base, over = blob_of(tmp_path, "other"), blob_of(tmp_path, "nano")
    adapter = Engine(name="nano", weights=str(base), adapter=str(over))
    group = Group(replace(adapter, adapter=None), adapters=(adapter,), asked=False)
    require_registered(group, spec_of(nano=digest(over)), blobs)
    change(base)
    with pytest.raises(FetchError, match="own/nano is not what was registered"):
        require_registered(group, spec_of(nano=digest(over)), blobs)


@pytest.mark.parametrize("names", [("model.safetensors",), ("a-1.safetensors", "a-2.safetensors")])
def test_of_a_folder_each_file_is_looked_at(tmp_path: Path, names: tuple[str, ...]) -> None:
    blobs, folder = tmp_path / "blobs", tmp_path / "run"
    blobs.mkdir()
    folder.mkdir()
    for name in (*names, "config.json"):
        (tmp_path / name).write_bytes(name.encode())
        blob = (tmp_path / name).rename(blobs / digest(tmp_path / name))
        (folder / name).symlink_to(blob)
    group = Group(Engine(name="nano", weights=str(folder), engine="vllm"))
    require_registered(group, spec_of(nano=vllm.folder_digest(folder)), blobs)
    for name in (names[-1], "config.json"):
        changed = (folder / name).resolve()
        before = changed.read_bytes()
        change(changed)
        with pytest.raises(FetchError, match=f"The file {name} of own/nano is not what was registered"):
            require_registered(group, spec_of(nano=vllm.folder_digest(folder)), blobs)
        changed.write_bytes(before)


def test_a_file_of_ones_own_is_nobody_elses_to_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.gguf").write_bytes(GGUF)
    group = Group(Engine(name="mine", weights=str(tmp_path / "mine.gguf")))
    require_registered(group, spec_of(mine="a" * 64), tmp_path / "blobs")
    monkeypatch.setattr(Path, "rglob", None)
    require_registered(Group(Engine(name="far", url="http://127.0.0.1:9/v1")), spec_of(), tmp_path / "blobs")
