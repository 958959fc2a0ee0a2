from pathlib import Path
from typing import Any

import pytest

from freehold.training.heavy import reinforce
from freehold.training.heavy.direct import preferred
from freehold.training.heavy.export import export_gguf
from freehold.training.heavy.libraries import library, torch
from freehold.training.heavy.reinforce import grpo
from freehold.training.heavy.tuning import opened
from freehold.training.progress import Step, read_progress
from freehold.training.recipe import Recipe
from training.heavy.test_foreign import base, digits_first, tokenizer_with
from training.heavy.tiny import recipe

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(name="start", params=["nothing", "another model"])
def _start(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A GGUF file beside which nothing lies, or another model."""
    words = tokenizer_with(digits_first)
    place = tmp_path / "weights"
    place.mkdir()
    export_gguf(base(tmp_path / "base", words), place / "base.gguf", "F32", "own/tiny")
    if request.param == "another model":
        base(place, words, initializer_range=0.1)
    return place / "base.gguf"


def started(stage: str, start: Path, **reward: Any) -> Recipe:
    table = {"group": 2, "prompts": 2, **reward}
    changes: dict[str, Any] = {"learning__steps": 1, "learning__length": 128, "watch__items": 1}
    return recipe(stage=stage, start=str(start), shape=None, reward=table, **changes)


def test_pairs_are_preferred_to_what_the_gguf_file_says_of_them(start: Path, tmp_path: Path) -> None:
    made = started("dpo", start)
    pair = {"prompt": "<|im_start|>user\n1+2=?<|im_end|>\n", "chosen": "3", "rejected": "4"}
    folder = tmp_path / "run"
    folder.mkdir()
    preferred(made, folder, lambda: False, opened(made), [pair] * 8)
    (step,) = [line for line in read_progress(folder / "progress.jsonl") if isinstance(line, Step)]
    assert step.loss == pytest.approx(0.693147, abs=1e-5), "before the first step both are alike: log 2"
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "model", "progress.jsonl"]


@pytest.mark.parametrize("beta", [0.0, 0.04])
def test_a_reinforced_model_is_held_to_the_gguf_file_where_it_is_held(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beta: float
) -> None:
    found: list[Any] = []
    plain: Any = library("trl").GRPOTrainer

    class Noted(plain):
        def __init__(self, **given: Any) -> None:
            plain.__init__(self, **given)
            found.append(None if self.ref_model is None else dict(self.ref_model.state_dict()))

    monkeypatch.setattr(library("trl"), "GRPOTrainer", Noted)
    made = started("grpo", start, beta=beta)
    folder = tmp_path / "run"
    folder.mkdir()
    assert grpo(made, folder).done
    (held,) = found
    if not beta:
        assert held is None
        return
    begun = opened(made)[0].state_dict()
    assert held.keys() == begun.keys()
    assert all(torch.equal(value, begun[name]) for name, value in held.items())
    assert sorted(path.name for path in folder.glob("start-*")) == []


def test_weights_in_a_folder_are_not_written_again(tmp_path: Path) -> None:
    made = started("grpo", base(tmp_path / "base", tokenizer_with(digits_first)), beta=0.04)
    model, _ = opened(made)
    model.save_pretrained = None
    with reinforce.held_to_start(made, model, tmp_path):
        assert model.config._name_or_path == str(tmp_path / "base")
