"""`freehold models add`: files and lineage become a version."""

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from cli.model_shelf import added, models
from freehold.errors import InvalidField, RegistryError
from freehold.training.exported import export
from training.test_exported import done, writes
from training.versions import LINEAGE


def folder_of(path: Path, **files: bytes) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name.replace("__", ".")).write_bytes(content)
    return path


def test_a_file_of_somebody_elses_weights_needs_a_licence_and_gets_a_number(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"GGUF a")
    with pytest.raises(RegistryError, match="needs a lineage, and none is there"):
        models(tmp_path, "add", "nano", str(path))
    said = models(tmp_path, "add", "own/nano", str(path), "--licence", "Apache-2.0", "--base", "meta/llama", "--json")
    found = json.loads(said.stdout)
    assert (found["id"], found["weights"]) == ("own/nano@1", hashlib.sha256(b"GGUF a").hexdigest())
    assert (found["lineage"]["licence"], found["lineage"]["base"]) == ("Apache-2.0", "meta/llama")
    assert added(tmp_path, 2) == "own/nano@2"
    assert ", 1 file. It serves" in models(tmp_path, "add", "nano", str(path), "--licence", "MIT").stdout


def test_weights_of_others_owe_what_their_terms_ask_for_in_card_and_bill(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"GGUF a")
    for name, base in (("gem", "google/gemma-3-270m"), ("lla", "meta/llama-3.2-1b")):
        models(tmp_path, "add", name, str(path), "--licence", "LicenseRef-Theirs", "--base", base)
    card, bom = (models(tmp_path, "show", "gem", paper).stdout for paper in ("--card", "--bom"))
    for paper in (card, bom):
        assert "Gemma is provided under and subject to the Gemma Terms of Use." in paper
        assert "LicenseRef-Gemma" in paper
    assert "its name begins with Llama" in models(tmp_path, "show", "lla", "--card").stdout


def test_a_folder_brings_its_lineage_and_its_context(tmp_path: Path) -> None:
    weights = hashlib.sha256(b"tensors").hexdigest()
    folder = folder_of(tmp_path / "run", model__safetensors=b"tensors", config__json=b'{"max_position_embeddings":512}')
    (folder / ".hidden").write_bytes(b"no")
    (folder / "lineage.json").write_bytes(msgspec.json.encode(replace(LINEAGE, weights=weights)))
    found = json.loads(models(tmp_path, "add", "nano", str(folder), "--json").stdout)
    assert [file["path"] for file in found["files"]] == ["config.json", "model.safetensors"]
    assert (found["context"], found["serves"], found["weights"]) == (512, "", weights)
    assert found["lineage"]["run"] == "run_1"


def test_a_file_brings_the_lineage_that_lies_beside_it_and_names_its_digest(tmp_path: Path) -> None:
    weights = hashlib.sha256(b"GGUF a").hexdigest()
    folder = folder_of(tmp_path / "f16", a__gguf=b"GGUF a", b__gguf=b"GGUF b")
    (folder / "lineage.json").write_bytes(msgspec.json.encode(replace(LINEAGE, weights=weights)))
    found = json.loads(models(tmp_path, "add", "nano", str(folder / "a.gguf"), "--json").stdout)
    assert (found["lineage"]["run"], found["weights"]) == ("run_1", weights)
    with pytest.raises(RegistryError, match="needs a lineage, and none is there"):
        models(tmp_path, "add", "nano", str(folder / "b.gguf"))


def test_a_lineage_of_other_weights_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "run", model__safetensors=b"tensors")
    (folder / "lineage.json").write_bytes(msgspec.json.encode(LINEAGE))
    with pytest.raises(RegistryError, match="is the lineage of other weights"):
        models(tmp_path, "add", "nano", str(folder))
    (folder / "lineage.json").write_bytes(b"{}")
    with pytest.raises(RegistryError, match="is no lineage"):
        models(tmp_path, "add", "nano", str(folder))


def test_one_version_serves_one_file(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "run", a__gguf=b"GGUF a", b__gguf=b"GGUF b")
    with pytest.raises(RegistryError, match=r"holds 2 GGUF files: a\.gguf, b\.gguf"):
        models(tmp_path, "add", "nano", str(folder), "--licence", "MIT")


def test_what_is_not_there_and_a_name_with_a_version_are_told(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="There are no files at"):
        models(tmp_path, "add", "nano", str(tmp_path / "nowhere"), "--licence", "MIT")
    with pytest.raises(InvalidField, match="names a version"):
        models(tmp_path, "add", "nano@2", str(tmp_path), "--licence", "MIT")


def test_an_exported_run_is_registered_under_its_own_name_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    place = done(tmp_path)
    with pytest.raises(RegistryError, match="is not exported"):
        models(tmp_path, "add", place.path.name)
    for kind in ("f16", "q8_0"):
        export(place, kind, writes(tmp_path), "Apache-2.0")
    found = json.loads(models(tmp_path, "add", "small", "--json").stdout)
    assert (found["id"], found["serves"], found["context"]) == ("own/small@1", "small.gguf", 128)
    assert [file["path"] for file in found["files"]] == [
        "config.json", "model.safetensors", "parity.json", "recipe.json", "small.gguf",
    ]  # fmt: skip
    lineage = found["lineage"]
    assert (lineage["run"], lineage["licence"], len(lineage["measured"])) == (place.path.name, "Apache-2.0", 2)
    other = json.loads(models(tmp_path, "add", "small", "--quant", "Q8_0", "--json").stdout)
    assert other["id"] == "own/small@2"
    with pytest.raises(InvalidField, match="There is no 'q5'"):
        models(tmp_path, "add", "small", "--quant", "q5")


def test_what_was_exported_from_one_registry_is_the_same_version_in_another(tmp_path: Path) -> None:
    export(done(tmp_path), "f16", writes(tmp_path))
    first = json.loads(models(tmp_path, "add", "small", "--json").stdout)
    assert models(tmp_path, "export", "small", str(tmp_path / "out")).exit_code == 0
    second = json.loads(models(tmp_path / "other", "add", "small", str(tmp_path / "out"), "--json").stdout)
    assert second["digest"] == first["digest"]
