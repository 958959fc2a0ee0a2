"""Adapters in the registry: they know the version that they change, and are served over its weights."""

import json
from pathlib import Path

import pytest

from cli.model_shelf import models
from freehold.cli.models_adapter import is_adapter
from freehold.cli.promoted import promoted_engines
from freehold.config.settings import Engine, Settings
from freehold.errors import RegistryError
from freehold.serving.groups import Group, grouped
from freehold.training.registry import Registry
from serving.tiny_models import adapter, bare, thinker

WORD = ("--override", "a test", "--by", "ops")


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
    models(tmp_path, "promote", "nano@1", *WORD)
    added(tmp_path, "claims", adapter(tmp_path / "claims.gguf", "7"), "--base", "own/nano")
    assert registry.find("claims").manifest.lineage.base == f"own/nano@{first}"
    models(tmp_path, "promote", "claims@1", *WORD)

    def blob(name: str) -> str:
        return str(registry.weights_file(registry.find(name)))

    engines = promoted_engines(tmp_path, Settings())
    nano = Engine(name="nano", weights=blob("nano@1"))
    claims = Engine(name="claims", weights=blob("nano@1"), adapter=blob("claims@1"))
    assert engines == {"claims": claims, "nano": nano}
    assert grouped(engines) == [Group(nano, (claims,))]
    # Another version of nano has an engine of its own; the adapter stays with the weights that it was made for.
    added(tmp_path, "nano", bare(tmp_path / "nano-2.gguf"))
    models(tmp_path, "promote", "nano@2", *WORD)
    assert [group.names for group in grouped(promoted_engines(tmp_path, Settings()))] == [("nano",), ("claims",)]


def test_it_owes_what_the_version_that_it_changes_owes(tmp_path: Path) -> None:
    added(tmp_path, "nano", thinker(tmp_path / "nano.gguf"), "--base", "google/gemma-3-270m")
    added(tmp_path, "claims", adapter(tmp_path / "claims.gguf", "7"), "--base", "own/nano")
    owed = Registry(tmp_path / "models").find("claims").manifest.lineage.owed
    assert owed.notices == ("Gemma is provided under and subject to the Gemma Terms of Use.",)
    assert owed.flowing == ("LicenseRef-Gemma",)


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
