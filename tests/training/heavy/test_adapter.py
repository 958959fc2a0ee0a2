"""Adapters as they were learned: in PEFT's format, and laid over their base by llama.cpp."""

import json
from pathlib import Path

import pytest

from freehold.errors import ConfigError, ExportRefused
from freehold.serving.gguf import read_head
from freehold.training.heavy import adapter
from freehold.training.heavy.adapter import export_adapter
from freehold.training.heavy.export import NAMES, TURNED
from freehold.training.heavy.libraries import library, transformers
from freehold.training.heavy.model import load_model
from freehold.training.heavy.parity import checked_adapter
from freehold.training.heavy.tuning import sft
from freehold.training.recipe import tasks_of
from freehold.training.runs import RunFolder
from training.heavy.tiny import finished, recipe

pytestmark = pytest.mark.filterwarnings("ignore")

MIX = tasks_of(recipe())
SWAPPED = {**NAMES, "self_attn.q_proj": "attn_k", "self_attn.k_proj": "attn_q"}


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("base"), learning__steps=60, watch__every=1000)


@pytest.fixture(scope="module", name="run")
def _run(base: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of adapters that change the base a lot, so that a file which says nothing of them would be found."""
    folder = tmp_path_factory.mktemp("tuned") / "run"
    folder.mkdir()
    made = recipe(
        stage="sft", start=str(base), shape=None, learning__steps=30, learning__rate=3e-2, lora={"rank": 4, "alpha": 12}
    )
    sft(made, folder)
    return RunFolder(folder)


def test_they_are_kept_as_peft_reads_them_and_merged_are_the_weights_of_the_run(base: Path, run: RunFolder) -> None:
    assert sorted(path.name for path in run.adapter.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    about = json.loads((run.adapter / "adapter_config.json").read_bytes())
    assert (about["base_model_name_or_path"], about["r"], about["lora_alpha"]) == (base.name, 4, 12)
    under = load_model(base / "model")[0]
    merged = library("peft").PeftModel.from_pretrained(under, str(run.adapter)).merge_and_unload().state_dict()
    for name, values in load_model(run.weights)[0].state_dict().items():
        assert (values - merged[name]).abs().max() < 1e-6


def test_llama_cpp_lays_them_over_their_base_and_says_what_the_merged_weights_say(
    base: Path, run: RunFolder, tmp_path: Path
) -> None:
    to = tmp_path / "a.gguf"
    found = checked_adapter(run, base / "model", to, "own/tiny", MIX, 24, strings=100, items=20)
    assert (found.splits, found.items, found.same) == (0, 20, 20)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gguf"]
    assert read_head(to).kind == "adapter"
    # The base alone says something else, so the adapters were heard.
    empty = tmp_path / "empty"
    empty.mkdir()
    weights = library("safetensors.numpy").load_file(str(run.adapter / adapter.VALUES))
    library("safetensors.numpy").save_file(
        {name: values * 0 for name, values in weights.items()}, str(empty / adapter.VALUES)
    )
    (empty / adapter.CONFIG).write_bytes((run.adapter / adapter.CONFIG).read_bytes())
    silent = RunFolder(tmp_path / "silent")
    silent.path.mkdir()
    empty.rename(silent.adapter)
    silent.weights.symlink_to(run.weights)
    with pytest.raises(ExportRefused, match="over its base what the merged weights say"):
        checked_adapter(silent, base / "model", to, "own/tiny", MIX, 24, strings=10, items=20)


@pytest.mark.parametrize(("what", "value"), [("NAMES", SWAPPED), ("TURNED", ())])
def test_adapters_of_other_weights_or_in_another_order_are_found_and_nothing_is_left(
    what: str, value: object, base: Path, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(TURNED) < set(NAMES)
    monkeypatch.setattr(adapter, what, value)
    with pytest.raises(ExportRefused, match="greedy replies are others"):
        checked_adapter(run, base / "model", tmp_path / "a.gguf", "own/tiny", MIX, 24, strings=10, items=20)
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_adapters_and_a_base_that_is_no_llama_are_errors(
    base: Path, run: RunFolder, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="kept no adapters"):
        checked_adapter(RunFolder(base), base / "model", tmp_path / "a.gguf", "own/tiny", MIX, 24)
    with pytest.raises(ConfigError, match="changes a gpt2"):
        export_adapter(run.adapter, transformers.GPT2Config(), tmp_path / "a.gguf", "own/tiny")
    assert list(tmp_path.iterdir()) == []
