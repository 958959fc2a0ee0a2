from typing import Any

import pytest

from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import build_model
from freehold.training.heavy.optimizers import Muon, optimizers_of, orthogonal, step_all
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import Learning, Shape


def model() -> Any:
    return build_model(Shape(layers=1, width=32, heads=1, inner=64, context=64), build_tokenizer([]), seed=1)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [(2, 32, 32), (3, 24, 64), (1, 64, 24)])
def test_orthogonal_steps_have_singular_values_near_1(shape: tuple[int, int, int], precision: str) -> None:
    torch.manual_seed(0)
    found = orthogonal(torch.randn(shape), precision)
    assert found.dtype == torch.float32
    values = torch.linalg.svdvals(found)
    assert float(values.median()) == pytest.approx(1.0, abs=0.25)
    assert float(values.max()) < 1.3


def test_orthogonal_agrees_with_the_polar_factor_in_direction() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(16, 32)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonal(matrix[None])[0]
    likeness = float((found * (u @ v)).sum() / (found.norm() * (u @ v).norm()))
    assert likeness > 0.97


def test_a_step_of_muon_is_as_large_as_one_of_adam() -> None:
    weight = torch.nn.Parameter(torch.zeros(32, 64))
    torch.manual_seed(0)
    weight.grad = torch.randn(32, 64)
    step_all([Muon([weight], 0.0)], 0.01)
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.01 * 0.2, rel=0.25)
    assert weight.grad is None


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_every_weight_has_one_optimizer_and_gains_and_embeddings_are_not_decayed(kind: Any) -> None:
    built = model()
    optimizers = optimizers_of(built, Learning(steps=1, optimizer=kind, weight_decay=0.3))
    groups = [group for one in optimizers for group in one.param_groups]
    ids = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(ids) == sorted(id(weight) for weight in built.parameters())
    decayed = {id(weight) for group in groups if group["weight_decay"] for weight in group["params"]}
    inner = {id(weight) for name, weight in built.named_parameters() if "proj" in name}
    assert decayed == inner


def test_the_state_of_muon_can_be_put_back() -> None:
    def stepped(optimizer: Muon, weight: Any, seed: int) -> None:
        torch.manual_seed(seed)
        weight.grad = torch.randn(8, 8)
        step_all([optimizer], 0.1)

    first, second = (torch.nn.Parameter(torch.eye(8)) for _ in range(2))
    one, two = Muon([first], 0.1), Muon([second], 0.1)
    stepped(one, first, 1)
    second.data.copy_(first.data)
    two.load_state_dict(one.state_dict())
    stepped(one, first, 2)
    stepped(two, second, 2)
    assert torch.equal(first, second)
