"""Adapters in the registry: they know the version that they change, and are served over its weights."""

import hashlib
import json
from pathlib import Path

import pytest

from cli.model_shelf import models, word
from freehold.cli.models_adapter import is_adapter
from freehold.cli.promoted import promoted_engines
from freehold.config.settings import Engine, Settings
from freehold.errors import RegistryError
from freehold.serving.groups import Group, grouped
from freehold.training.registry import Registry
from serving.tiny_models import adapter, bare, thinker


def added(data: Path, name: str, path: Path, *more: str) -> str:
    """Registers a version; gives its digest."""
    said = models(data, "add", name, str(path), "--licence", "MIT", "--json", *more)
    return str(json.loads(said.stdout)["digest"])


def test_an_adapter_is_known_by_its_file(tmp_path: Path) -> None:
    assert is_adapter(adapter(tmp_path / "a.gguf", "7"))
    assert not is_adapter(bare(tmp_path / "m.gguf"))
    (tmp_path / "x.gguf").write_bytes(b"GGUF, and then weights")
    assert not is_adapter(tmp_path / "x.gguf")


def test_its_version_names_the_version_that_it_changes_by_digest_whatever_is_promoted_later(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    first = added(tmp_path, "nano", thinker(tmp_path / "nano.gguf"))
    models(tmp_path, "promote", "nano@1", *word(tmp_path))
    added(tmp_path, "claims", adapter(tmp_path / "claims.gguf", "7"), "--base", "own/nano")
    assert registry.find("claims").manifest.lineage.base == f"own/nano@{first}"
    models(tmp_path, "promote", "claims@1", *word(tmp_path))

    def blob(name: str) -> str:
        return str(registry.weights_file(registry.find(name)))

    engines = promoted_engines(tmp_path, Settings()).engines
    nano = Engine(name="nano", weights=blob("nano@1"))
    claims = Engine(name="claims", weights=blob("nano@1"), adapter=blob("claims@1"))
    assert engines == {"claims": claims, "nano": nano}
    assert grouped(engines) == [Group(nano, (claims,))]
    # Another version of nano has an engine of its own; the adapter stays with the weights that it was made for.
    added(tmp_path, "nano", bare(tmp_path / "nano-2.gguf"))
    models(tmp_path, "promote", "nano@2", *word(tmp_path))
    assert [group.names for group in grouped(promoted_engines(tmp_path, Settings()).engines)] == [
        ("nano",),
        ("claims",),
    ]


def test_it_owes_what_the_version_that_it_changes_owes(tmp_path: Path) -> None:
    added(tmp_path, "nano", thinker(tmp_path / "nano.gguf"), "--base", "google/gemma-3-270m")
    added(tmp_path, "claims", adapter(tmp_path / "claims.gguf", "7"), "--base", "own/nano")
    owed = Registry(tmp_path / "models").find("claims").manifest.lineage.owed
    assert owed.notices == ("Gemma is provided under and subject to the Gemma Terms of Use.",)
    assert owed.flowing == ("LicenseRef-Gemma",)


def learned(data: Path, start: str) -> tuple[str, str]:
    """What `models add` needs of an adapter that a run left which went on from another one: its file, and its lineage."""
    path = adapter(data / "claims.gguf", "7")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return str(path), lineage(data / "claims.json", digest, run="claims-1", start=start)


def lineage(path: Path, weights: str, **known: str) -> str:
    """Writes a lineage; gives its path."""
    about = {"model": "own/x", "created": "2026-01-02T03:04:05Z", "task": "claims", "licence": "MIT", "base": ""}
    rest: dict[str, object] = {
        "parameters": 1,
        "run": "",
        "code": "1",
        "dataset": "",
        "sources": (),
        "owed": {},
        "sealed": 0,
    }
    path.write_text(json.dumps({**about, **rest, "weights": weights, **known}))
    return str(path)


def test_of_a_run_that_went_on_from_another_the_base_is_found_by_that_run(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    for number in (1, 2):
        path = bare(tmp_path / f"nano-{number}.gguf", context=64 * number)
        known = lineage(tmp_path / "nano.json", hashlib.sha256(path.read_bytes()).hexdigest(), run="nano-1")
        models(tmp_path, "add", "nano", str(path), "--lineage", known)
    path, known = learned(tmp_path, "nano-1")
    models(tmp_path, "add", "claims", path, "--lineage", known)
    assert registry.find("claims@1").manifest.lineage.base == f"own/nano@{registry.find('nano@2').digest}"
    models(tmp_path, "promote", "nano@1", *word(tmp_path))
    models(tmp_path, "add", "claims", path, "--lineage", known)
    assert registry.find("claims@2").manifest.lineage.base == f"own/nano@{registry.find('nano@1').digest}"
    models(tmp_path, "add", "claims", path, "--lineage", known, "--base", "own/nano@2")
    assert len(registry.versions("claims")) == 2


def test_the_weights_of_another_run_are_not_its_base(tmp_path: Path) -> None:
    path, known = learned(tmp_path, "nano-1")
    with pytest.raises(RegistryError, match="changes the weights of the run nano-1, and no version of these"):
        models(tmp_path, "add", "claims", path, "--lineage", known)
    other = bare(tmp_path / "nano.gguf")
    told = lineage(tmp_path / "nano.json", hashlib.sha256(other.read_bytes()).hexdigest(), run="nano-2")
    models(tmp_path, "add", "nano", str(other), "--lineage", told)
    with pytest.raises(RegistryError, match=r"the run nano-1, and own/nano@1 has those of nano-2"):
        models(tmp_path, "add", "claims", path, "--lineage", known, "--base", "own/nano@1")


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("", "own/claims is an adapter, and what it changes is said to be 'nothing'"),
        ("acme/nano", "own/claims is an adapter, and what it changes is said to be 'acme/nano'"),
        ("own/nano@9", "There is no own/nano@9 in the registry"),
        ("own/other", "own/other@1 is an adapter itself"),
    ],
)
def test_what_it_changes_must_be_a_registered_version_with_weights(base: str, said: str, tmp_path: Path) -> None:
    added(tmp_path, "nano", bare(tmp_path / "nano.gguf"))
    added(tmp_path, "other", adapter(tmp_path / "other.gguf", "8"), "--base", "own/nano@1")
    path = adapter(tmp_path / "claims.gguf", "7")
    with pytest.raises(RegistryError, match=said):
        models(tmp_path, "add", "claims", str(path), "--licence", "MIT", "--base", base)
