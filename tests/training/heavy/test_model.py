from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.errors import ConfigError
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import build_model, load_model, parameters_of, save_model, take_over
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import Shape
from freehold.training.tasks import make

SHAPE = Shape(layers=2, width=32, heads=2, inner=64, context=64)


def built(seed: int) -> tuple[Any, Any]:
    words = build_tokenizer([])
    return build_model(SHAPE, words, seed), words


def test_the_seed_makes_the_weights() -> None:
    first, again, other = (built(seed)[0].model.embed_tokens.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_tied_weights_count_once() -> None:
    assert parameters_of(built(1)[0]) == 29_120


def test_a_model_comes_back_from_its_folder_bit_for_bit(tmp_path: Path) -> None:
    model, words = built(1)
    save_model(model, words, tmp_path)
    again, words_again = load_model(tmp_path)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    assert words_again.get_vocab() == words.get_vocab()
    assert {path.suffix for path in tmp_path.iterdir()} >= {".json", ".safetensors"}
    assert not list(tmp_path.glob("*.bin")), "no file that could hold code"


def test_a_new_model_takes_over_weights_and_the_embeddings_of_tokens_that_both_know(tmp_path: Path) -> None:
    old, old_words = built(1)
    save_model(old, old_words, tmp_path)
    words = build_tokenizer([make({"task": "recall"})])
    fresh, new = (build_model(SHAPE, words, 2) for _ in range(2))
    take_over(new, words, tmp_path)
    inner, taken = old.model.layers.state_dict(), new.model.layers.state_dict()
    assert all(torch.equal(value, taken[name]) for name, value in inner.items())
    rows, old_rows, fresh_rows = (model.model.embed_tokens.weight for model in (new, old, fresh))
    known, unknown = words.get_vocab()["<think>"], words.get_vocab()["Ġcoats"]
    assert torch.equal(rows[known], old_rows[old_words.get_vocab()["<think>"]])
    assert torch.equal(rows[unknown], fresh_rows[unknown])
    assert "Ġcoats" not in old_words.get_vocab()


def test_weights_of_another_shape_are_refused_with_theirs(tmp_path: Path) -> None:
    save_model(*built(1), tmp_path)
    words = build_tokenizer([])
    other = build_model(replace(SHAPE, heads=1), words, 1)
    with pytest.raises(ConfigError, match="another shape") as caught:
        take_over(other, words, tmp_path)
    assert "layers 2, width 32, heads 2, inner 64" in caught.value.advice
