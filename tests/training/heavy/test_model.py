from pathlib import Path
from typing import Any

from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import build_model, load_model, parameters_of, save_model
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import Shape

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
