import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.errors import ExportRefused
from freehold.training.heavy import export, parity
from freehold.training.heavy.export import export_gguf, widen_gguf
from freehold.training.heavy.generate import generate
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.llama import served
from freehold.training.heavy.model import load_model, save_model
from freehold.training.heavy.parity import Parity, checked_export, compare, fault_of, round_to_half
from freehold.training.recipe import tasks_of
from freehold.training.runs import RunFolder
from training.heavy.tiny import finished, kept_sevens, mix_of, recipe, trained

pytestmark = pytest.mark.filterwarnings("ignore")

MIX = tasks_of(recipe())
SWAPPED = {**export.NAMES, "mlp.gate_proj": "ffn_up", "mlp.up_proj": "ffn_gate"}


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("run") / "run", learning__steps=60, watch__every=1000) / "model"


def test_llama_cpp_says_token_by_token_what_the_weights_say(folder: Path, tmp_path: Path) -> None:
    found = checked_export(folder, tmp_path / "m.gguf", "F16", "own/tiny", MIX, 24, strings=1_000, items=10)
    assert (found.strings, found.splits, found.items, found.same) == (1_000, 0, 10, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["m.gguf"]


def test_a_model_that_never_thought_is_not_asked_to_where_its_export_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = RunFolder(finished(tmp_path, learning__steps=1, direct=1.0))
    texts: list[list[int]] = []

    def written(model: Any, asked: list[list[int]], **more: Any) -> Any:
        texts.extend(asked)
        return generate(model, asked, **more)

    monkeypatch.setattr(parity, "generate", written)
    monkeypatch.setattr(parity, "STRINGS", 50)
    found = parity.export_run(place, "F16", tmp_path / "m.gguf")
    words = load_model(place.weights)[1]
    assert found.items > 0
    assert all(words.decode(ids).endswith("/no_think<assistant>") for ids in texts)


def test_replies_that_may_fill_the_context_leave_no_item_out(folder: Path, tmp_path: Path) -> None:
    context = load_model(folder)[0].config.max_position_embeddings
    found = checked_export(folder, tmp_path / "m.gguf", "F16", "own/tiny", MIX, context, strings=50, items=10)
    assert (found.items, found.same + found.rounded) == (10, 10)


def test_of_a_workload_as_many_items_are_compared_as_there_are(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "items.json").write_bytes(kept_sevens((), range(3), {"kind": "includes"}))
    mix = tasks_of(recipe(mix=mix_of(str(tmp_path / "items.json"))))
    found = checked_export(folder, tmp_path / "m.gguf", "F16", "own/tiny", mix, 24, strings=200)
    assert (found.splits, found.items, found.same + found.rounded) == (0, 3, 3)


def test_weights_in_the_wrong_order_are_found_and_nothing_is_left(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "NAMES", SWAPPED)
    with pytest.raises(ExportRefused, match=r"greedy replies are others; the reply to .* by \d+\.\d+ nats"):
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
    mix = tasks_of(recipe(mix=[{"task": "arithmetic-chains", "levels": [2, 3]}]))
    found = checked_export(tmp_path / "model", tmp_path / "m.gguf", "F16", "own/tiny", mix, 24, strings=10, items=40)
    assert (found.items, found.same + found.rounded) == (40, 40)
    assert found.moved <= 4
    round_to_half(model)
    values = model.model.embed_tokens.weight
    assert torch.equal(values, values.half().float())


def test_replies_that_part_must_be_the_same_once_nothing_is_rounded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = tmp_path / "right.gguf", tmp_path / "wrong.gguf"
    export_gguf(folder, right, "F16", "own/tiny")
    with monkeypatch.context() as patched:
        patched.setattr(export, "NAMES", SWAPPED)
        export_gguf(folder, wrong, "F16", "own/tiny")
    told = compare(folder, wrong, MIX, 24, strings=1, items=10, half=True)
    assert (told.items, told.rounded) == (10, 0)
    assert told.same < 10
    assert re.fullmatch(
        r"the reply to '<user>\d[+-]\d=\?<assistant>' parts at token \d+: '.+' for '.+', which the weights prefer by \d+\.\d{6} nats",
        told.parted[0],
        re.DOTALL,
    )

    def widen(_: Path, to: Path) -> None:
        widen_gguf(right, to)

    monkeypatch.setattr(parity, "widen_gguf", widen)
    spared = compare(folder, wrong, MIX, 24, strings=1, items=10, half=True)
    assert (spared.same, spared.rounded, spared.parted) == (told.same, 10 - told.same, ())
    assert {path.name for path in tmp_path.iterdir()} == {"right.gguf", "wrong.gguf"}


def test_each_reply_that_an_adapter_parts_is_counted_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that ends each reply at once, and cuts no text."""

    @contextmanager
    def silent(*_: Any, **__: Any) -> Generator[Callable[..., dict[str, Any]]]:
        yield lambda *_: {"tokens": []}

    monkeypatch.setattr(parity, "served", silent)
    told = compare(folder, tmp_path / "m.gguf", MIX, 24, strings=1, items=8, adapter=tmp_path / "a.gguf")
    assert (told.items, told.same, told.rounded, len(told.parted)) == (8, 0, 0, 3)
    whole = msgspec.structs.replace(told, splits=0)
    assert fault_of(whole, "LORA").startswith("8 of 8 greedy replies are others; the reply to ")


def test_in_float32_llama_cpp_and_the_weights_agree_on_every_probability(folder: Path, tmp_path: Path) -> None:
    export_gguf(folder, tmp_path / "m.gguf", "F16", "own/tiny")
    widen_gguf(tmp_path / "m.gguf", tmp_path / "wide.gguf")
    model, tokenizer = load_model(folder)
    round_to_half(model)
    asked = tokenizer("<user>3+4=?<assistant>", add_special_tokens=False)["input_ids"]
    with served(tmp_path / "wide.gguf", 128, wide=True) as ask:
        said = ask(
            "/completion", {"prompt": asked, "n_predict": 40, "temperature": 0.0, "n_probs": 3, "return_tokens": True}
        )
    with torch.no_grad():
        chances = model(input_ids=torch.tensor([[*asked, *said["tokens"]]])).logits[0].log_softmax(-1)
    told = [
        (one["logprob"], float(chances[len(asked) - 1 + place, one["id"]]))
        for place, token in enumerate(said["completion_probabilities"][: len(said["tokens"])])
        for one in token["top_logprobs"]
    ]
    assert len(told) > 20
    assert all(theirs == pytest.approx(ours, abs=1e-4) for theirs, ours in told)


def found(**changes: int) -> Parity:
    usual = {"strings": 100, "splits": 0, "items": 200, "same": 200, "right_before": 190, "right_after": 190}
    return msgspec.convert({**usual, **changes}, Parity)


def test_half_precision_must_be_the_same_and_quantised_within_the_interval() -> None:
    assert fault_of(found(), "F16") == ""
    assert "1 of 200 greedy replies" in fault_of(found(same=199), "F16")
    assert "1 of 200 greedy replies" in fault_of(found(same=197, rounded=2), "F16")
    assert fault_of(found(same=198, rounded=2), "F16") == ""
    assert fault_of(found(same=150, right_after=184), "Q8_0") == ""
    assert "180 answers are right" in fault_of(found(same=150, right_after=180), "Q4_0").replace("of 200 ", "")
    assert "3 of 100 strings" in fault_of(found(splits=3), "Q8_0")
