from pathlib import Path

import pytest

from freehold.errors import ExportRefused
from freehold.training.heavy import export, parity
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import load_model, save_model
from freehold.training.heavy.parity import Parity, checked_export, fault_of, round_to_half, undecided
from freehold.training.recipe import tasks_of
from training.heavy.tiny import recipe, trained

pytestmark = pytest.mark.filterwarnings("ignore")

MIX = tasks_of(recipe())


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("run") / "run", learning__steps=60, watch__every=1000) / "model"


def test_llama_cpp_says_token_by_token_what_the_weights_say(folder: Path, tmp_path: Path) -> None:
    found = checked_export(folder, tmp_path / "m.gguf", "F16", "own/tiny", MIX, 24, strings=1_000, items=10)
    assert (found.strings, found.splits, found.items, found.same) == (1_000, 0, 10, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["m.gguf"]


def test_weights_in_the_wrong_order_are_found_and_nothing_is_left(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_NAMES", {**export._NAMES, "mlp.gate_proj": "ffn_up", "mlp.up_proj": "ffn_gate"})  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(ExportRefused, match="greedy replies are others"):
        checked_export(folder, tmp_path / "m.gguf", "F16", "own/tiny", MIX, 24, strings=10, items=10)
    assert list(tmp_path.iterdir()) == []


def test_a_vocabulary_that_cuts_otherwise_is_found(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "SPLITTING", "gpt-2")
    monkeypatch.setattr(parity, "_SIGNS", "ab12 ")
    monkeypatch.setattr(export, "MERGE", ("1", "2"))
    with pytest.raises(ExportRefused):
        checked_export(folder, tmp_path / "m.gguf", "F16", "own/tiny", MIX, 24, strings=200, items=1)


def test_rounding_is_told_apart_from_an_export_that_differs(folder: Path, tmp_path: Path) -> None:
    model, tokenizer = load_model(folder)
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(1 + 2**-12)  # lost in half precision, which has 11 bits
        model.model.layers[0].mlp.up_proj.weight.mul_(1.3)
    save_model(model, tokenizer, tmp_path / "model")
    found = checked_export(tmp_path / "model", tmp_path / "m.gguf", "F16", "own/tiny", MIX, 24, strings=10, items=40)
    assert (found.items, found.same) == (40, 40)
    assert found.moved <= 4
    round_to_half(model)
    values = model.model.embed_tokens.weight
    assert torch.equal(values, values.half().float())


def test_replies_that_part_are_a_tie_only_where_the_weights_are_undecided(folder: Path) -> None:
    model, _ = load_model(folder)
    asked = [1, 20, 30]
    with torch.no_grad():
        best, *_, worst = model(input_ids=torch.tensor([asked])).logits[0, -1].argsort(descending=True).tolist()
    assert not undecided(model, asked, [best], [worst], 4)
    with torch.no_grad():
        model.model.embed_tokens.weight[worst] = model.model.embed_tokens.weight[best]  # the head is tied to it
    assert undecided(model, asked, [best], [worst], 4)
    assert not undecided(model, asked, [best], [best], 4)


def found(**changes: int) -> Parity:
    return Parity(
        **{"strings": 100, "splits": 0, "items": 200, "same": 200, "right_before": 190, "right_after": 190, **changes}
    )


def test_half_precision_must_be_the_same_and_quantised_within_the_interval() -> None:
    assert fault_of(found(), "F16") == ""
    assert "1 of 200 greedy replies" in fault_of(found(same=199), "F16")
    assert "1 of 200 greedy replies" in fault_of(found(same=197, undecided=2), "F16")
    assert fault_of(found(same=198, undecided=2), "F16") == ""
    assert fault_of(found(same=150, right_after=184), "Q8_0") == ""
    assert "180 answers are right" in fault_of(found(same=150, right_after=180), "Q4_0").replace("of 200 ", "")
    assert "3 of 100 strings" in fault_of(found(splits=3), "Q8_0")
