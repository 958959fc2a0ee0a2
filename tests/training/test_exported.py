"""A finished run, exported: whole or not at all, with papers that say what its run knows."""

import hashlib
import json
import stat
from pathlib import Path

import msgspec
import pytest

from cli.train_runs import finished
from freehold.errors import ConfigError, ExportRefused, RegistryError, TrainingError
from freehold.training.ancestry import Ancestry
from freehold.training.executor import LocalExecutor, Parity
from freehold.training.exported import Exported, export, find_exported, parameters_in
from freehold.training.lineage import Lineage, Measured, Source
from freehold.training.progress import Alarm, Ended, Progress
from freehold.training.runs import ANCESTRY, RunFolder

CHAINS = Source("freehold/arithmetic-chains", "program", "freehold-tasks", "2026-01-01", "Apache-2.0", 0)
LLAMA = Source("meta/llama-3.2-1b", "weights", "llama-3.2-community-license", "2024-09-25", "", 0)
PARITY = '{"strings":10,"splits":0,"items":20,"same":20,"right_before":18,"right_after":18,"low":0.7,"high":0.97}'

TENSORS = {
    "__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]},
    "b": {"dtype": "F32", "shape": [5], "data_offsets": [48, 68]},
}


def done(data: Path, ancestry: Ancestry | None = None) -> RunFolder:
    """A run that is done, with weights of 17 numbers."""
    place = finished(data)
    place.weights.mkdir()
    head = json.dumps(TENSORS).encode()
    (place.weights / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + bytes(68))
    (place.weights / "config.json").write_text('{"max_position_embeddings": 128}')
    made_from = ancestry or Ancestry(sources=(CHAINS,), start="older-1", inherited=("c" * 64,))
    (place.path / ANCESTRY).write_bytes(msgspec.json.encode(made_from))
    return place


def child(folder: Path, script: str) -> LocalExecutor:
    """An executor whose child is a shell script; its last argument is where the GGUF file goes."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\nfor out; do :; done\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return LocalExecutor({"PATH": "/usr/bin:/bin"}, str(path))


def writes(folder: Path) -> LocalExecutor:
    return child(folder, f"""printf 'GGUF %s' "$5" > "$out"; echo '{PARITY}'""")


def read(found: Exported) -> Lineage:
    return msgspec.json.decode((found.folder / "lineage.json").read_bytes(), type=Lineage)


def test_an_export_holds_weights_for_both_worlds_and_all_papers(tmp_path: Path) -> None:
    found = export(done(tmp_path), "q8_0", writes(tmp_path), "Apache-2.0")
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "MODEL_CARD.md", "bom.cdx.json", "config.json", "lineage.json", "model.safetensors", "parity.json", "recipe.json",
        "small.gguf",
    ]  # fmt: skip
    assert found.weights.read_bytes() == b"GGUF Q8_0"
    assert found.parity == Parity(
        strings=10, splits=0, items=20, same=20, right_before=18, right_after=18, low=0.7, high=0.97
    )
    assert [path.name for path in found.folder.parent.iterdir()] == ["q8_0"]


def test_weights_that_the_run_did_not_end_with_are_not_exported_as_its_own(tmp_path: Path) -> None:
    place = done(tmp_path)
    with place.held():
        pass
    export(place, "f16", writes(tmp_path))
    weights = place.weights / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"!")
    with pytest.raises(
        ConfigError, match=rf"model/model\.safetensors is not what the run {place.path.name} ended with"
    ):
        export(place, "q8_0", writes(tmp_path))
    assert [path.name for path in (place.path / "export").iterdir()] == ["f16"]


def test_adapters_are_exported_without_the_weights_that_they_change(tmp_path: Path) -> None:
    place = done(tmp_path)
    place.adapter.mkdir()
    head = json.dumps({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    (place.adapter / "adapter_model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + bytes(24))
    (place.adapter / "adapter_config.json").write_text("{}")
    found = export(place, "lora", writes(tmp_path), "Apache-2.0")
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "MODEL_CARD.md", "adapter_config.json", "adapter_model.safetensors", "bom.cdx.json", "lineage.json", "parity.json",
        "recipe.json", "small.gguf",
    ]  # fmt: skip
    assert found.weights.read_bytes() == b"GGUF LORA"
    lineage = read(found)
    assert (lineage.parameters, lineage.architecture) == (6, "low-rank adapters of a LlamaForCausalLM")
    assert (lineage.start, lineage.measured[-1].name) == ("older-1", "all levels, as exported (lora)")


def test_the_lineage_says_what_the_run_knows(tmp_path: Path) -> None:
    place = done(tmp_path)
    lineage = read(export(place, "f16", writes(tmp_path), "Apache-2.0"))
    assert (lineage.model, lineage.run, lineage.start) == ("own/small", place.path.name, "older-1")
    assert lineage.weights == hashlib.sha256(b"GGUF F16").hexdigest()
    assert (lineage.parameters, lineage.task, lineage.licence) == (17, "arithmetic-chains", "Apache-2.0")
    assert (lineage.dataset, lineage.inherited, lineage.sources) == ("", ("c" * 64,), (CHAINS,))
    assert lineage.measured == (
        Measured("arithmetic-chains, level 2, with steps", 0.9, 0.7, 0.97, 20),
        Measured("all levels, as exported (f16)", 0.9, 0.7, 0.97, 20),
    )
    assert lineage.limits == (
        "1 of 8 rows is longer than 64 tokens and not learned.",
        "Training ended after 100 steps and 20,000 tokens: all steps are done.",
    )


def test_a_run_that_an_alarm_ended_is_exported_only_when_that_is_wanted_and_its_lineage_tells_it(
    tmp_path: Path,
) -> None:
    place = done(tmp_path)
    told = Progress(place.progress)
    told.tell(Alarm(step=100, what="unfinished", sentence="Nothing ends."))
    told.tell(Ended(step=100, done=True, why="Nothing ends.", elapsed=50.0, tokens=20_000))
    told.close()
    with pytest.raises(TrainingError, match=r"was ended by an alarm: Nothing ends\."):
        export(place, "f16", writes(tmp_path))
    assert not (place.path / "export").exists()
    assert read(export(place, "f16", writes(tmp_path), despite_alarm=True)).limits == (
        "1 of 8 rows is longer than 64 tokens and not learned.",
        "Training ended by an alarm after 100 steps and 20,000 tokens: Nothing ends.",
    )


def test_duties_of_the_base_stand_in_the_papers(tmp_path: Path) -> None:
    place = done(tmp_path, Ancestry(base="meta/llama-3.2-1b", sources=(CHAINS,)))
    found = export(place, "f16", writes(tmp_path))
    assert read(found).owed.notices == ("Built with Llama",)
    assert "It starts from meta/llama-3.2-1b" in (found.folder / "MODEL_CARD.md").read_text()


def test_weights_are_exported_as_they_are_with_their_papers_and_nothing_is_asked_of_a_child(tmp_path: Path) -> None:
    place = done(tmp_path)
    found = export(place, "safetensors", child(tmp_path, "exit 9"), "MIT")
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "MODEL_CARD.md", "bom.cdx.json", "config.json", "lineage.json", "model.safetensors", "recipe.json",
    ]  # fmt: skip
    digest = hashlib.sha256((place.weights / "model.safetensors").read_bytes()).hexdigest()
    assert (read(found).weights, found.parity, found.weights.name) == (digest, None, "model.safetensors")
    assert [one.name for one in read(found).measured] == ["arithmetic-chains, level 2, with steps"]
    (place.weights / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"has no model\.safetensors yet"):
        export(place, "safetensors", child(tmp_path, "exit 9"))


def test_rows_that_were_learned_from_are_not_told_as_held_out(tmp_path: Path) -> None:
    place = done(tmp_path)
    recipe = place.recipe()
    (place.path / "recipe.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(recipe, mix=())))
    found = export(place, "f16", writes(tmp_path))
    assert [one.name for one in read(found).measured] == ["arithmetic-chains, level 2, with steps"]
    assert "as exported" not in (found.folder / "MODEL_CARD.md").read_text()


def test_a_refused_export_leaves_what_was_there(tmp_path: Path) -> None:
    place = done(tmp_path)
    before = export(place, "f16", writes(tmp_path))
    line = "2026-01-01 10:00:00,000 training ERROR small.gguf does not say what the weights say. Tell us."
    for code, error in ((3, ExportRefused), (1, TrainingError)):
        failing = child(tmp_path, f"""echo x > "$out"; echo "{line}" >&2; exit {code}""")
        with pytest.raises(error, match=r"^.*small\.gguf does not say what the weights say\. Tell us\.$"):
            export(place, "f16", failing)
        assert before.weights.read_bytes() == b"GGUF F16"
        assert [path.name for path in before.folder.parent.iterdir()] == ["f16"]


def test_an_export_is_found_by_its_kind_and_the_finest_without(tmp_path: Path) -> None:
    place = done(tmp_path)
    with pytest.raises(RegistryError, match="is not exported") as caught:
        find_exported(place, None)
    assert f"freehold train export {place.path.name}" in caught.value.advice
    export(place, "q4_0", writes(tmp_path))
    assert find_exported(place, None).name == "q4_0"
    export(place, "f16", writes(tmp_path))
    assert find_exported(place, None).name == "f16"
    with pytest.raises(RegistryError, match="is not exported as q8_0"):
        find_exported(place, "q8_0")


def test_a_run_that_does_not_tell_its_ancestry_and_a_file_without_weights_are_errors(tmp_path: Path) -> None:
    place = done(tmp_path)
    (place.path / ANCESTRY).unlink()
    with pytest.raises(ConfigError, match="does not tell what it was made from"):
        export(place, "f16", writes(tmp_path))
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"\x08" + bytes(7) + b"no JSON!")
    with pytest.raises(ConfigError, match="is no safetensors file"):
        parameters_in(path)
