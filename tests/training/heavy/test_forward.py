from typing import Any

import pytest

from freehold.training.heavy.forward import hidden_states, places
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import build_model
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import Shape


@pytest.fixture(scope="module", name="model")
def _model() -> Any:
    return build_model(Shape(layers=3, width=64, heads=2, inner=96, context=64), build_tokenizer([]), seed=5).eval()


def test_hidden_states_and_gradients_are_those_of_the_library(model: Any) -> None:
    examples = [[5, 90, 17, 33, 8, 120, 44], [7, 7, 61]]
    ids = torch.tensor(examples[0] + examples[1])
    positions = torch.tensor([*range(7), *range(3)])
    wanted = torch.tensor([2, 6, 9])
    ours = hidden_states(model, ids, positions, [7, 3], wanted)
    theirs = [model.model(input_ids=torch.tensor([one]), use_cache=False).last_hidden_state[0] for one in examples]
    assert torch.allclose(ours, torch.cat(theirs)[wanted], atol=1e-5)
    weights = list(model.parameters())
    for mine, other in zip(
        torch.autograd.grad(ours.pow(2).sum(), weights),
        torch.autograd.grad(torch.cat(theirs)[wanted].pow(2).sum(), weights),
        strict=True,
    ):
        assert torch.allclose(mine, other, rtol=1e-3, atol=1e-4)


def test_what_stands_in_another_example_changes_nothing(model: Any) -> None:
    positions, wanted = torch.tensor([*range(4), *range(3)]), torch.tensor([4, 5, 6])
    with torch.no_grad():
        first = hidden_states(model, torch.tensor([9, 20, 30, 11, 5, 6, 7]), positions, [4, 3], wanted)
        second = hidden_states(model, torch.tensor([9, 50, 51, 52, 5, 6, 7]), positions, [4, 3], wanted)
    assert torch.equal(first, second)


def test_each_token_of_an_example_has_a_place_among_all_and_a_way_back() -> None:
    groups, back = places([4, 3], torch.device("cpu"))
    assert [into.tolist() for into in groups] == [[[0, 1, 2, 3], [4, 5, 6, 0]]]
    assert back.tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_a_short_example_is_not_attended_to_beside_a_long_one() -> None:
    groups, back = places([9, 7, 3, 3, 1], torch.device("cpu"))
    assert [tuple(into.shape) for into in groups] == [(2, 9), (2, 3), (1, 1)]
    assert torch.cat([into.flatten() for into in groups])[back].tolist() == list(range(23))


def test_groups_change_nothing(model: Any) -> None:
    lengths = [12, 9, 5, 4, 1]
    ids = torch.arange(sum(lengths)) % 60
    positions = torch.cat([torch.arange(length) for length in lengths])
    with torch.no_grad():
        together = hidden_states(model, ids, positions, lengths, torch.arange(len(ids)))
        ends = torch.tensor(lengths).cumsum(0).tolist()
        apart = [
            hidden_states(model, ids[end - size : end], torch.arange(size), [size], torch.arange(size))
            for size, end in zip(lengths, ends, strict=True)
        ]
    assert torch.allclose(together, torch.cat(apart), rtol=1e-4, atol=1e-5)


def test_a_model_of_another_kind_is_refused(model: Any) -> None:
    other = build_model(Shape(layers=1, width=32, heads=2, inner=32, context=8), build_tokenizer([]), seed=1)
    other.config.num_key_value_heads = 1
    with pytest.raises(ValueError, match="only a Llama"):
        hidden_states(other, torch.tensor([1]), torch.tensor([0]), [1], torch.tensor([0]))
