"""Optimizers: AdamW for everything, or Muon for the matrices inside (Jordan et al. 2024) and AdamW for the rest.

Muon's steps are scaled to the size that AdamW's have (Liu et al. 2025, arXiv 2502.16982), so one learning rate serves both. Torch brings a Muon that
orthogonalises in bfloat16, one matrix after the other; on a CPU without bfloat16 that took as long as the whole backward pass (1.1 s of 2.4 s a step of 4,096
tokens, 0.9 M weights, one core). Here it is done in the precision of the run, which is bfloat16 where that is faster, all matrices of one shape at once.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from freehold.training.heavy.libraries import torch
from freehold.training.recipe import Learning

SMALL = 1e-8
MOMENTUM = 0.95
ROUNDS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration that brings singular values near 1 in five rounds (Jordan et al. 2024)."""

LIKE_ADAM = 0.2
"""The root mean square of a step of AdamW, by which an orthogonal step is scaled (Liu et al. 2025)."""


def optimizers_of(model: Any, learning: Learning) -> list[Any]:
    """The optimizers of a model. Embeddings and gains are not decayed."""
    named = list(model.named_parameters())
    inner = [weight for name, weight in named if weight.ndim == 2 and "embed" not in name and "lm_head" not in name]
    known = {id(weight) for weight in inner}
    other = [weight for _, weight in named if id(weight) not in known]
    if learning.optimizer == "muon":
        return [Muon(inner, learning.weight_decay), _adam([{"params": other, "weight_decay": 0.0}], learning)]
    groups = [
        {"params": inner, "weight_decay": learning.weight_decay},
        {"params": other, "weight_decay": 0.0},
    ]
    return [_adam(groups, learning)]


def step_all(optimizers: Iterable[Any], rate: float, precision: str = "float32") -> None:
    """One step of each at this rate, and the gradients away. Weights and momenta are float32 always; in `precision` Muon's steps are made orthogonal."""
    for optimizer in optimizers:
        if isinstance(optimizer, Muon):
            optimizer.precision = precision
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


class Muon:
    """Muon over matrices, with Nesterov's momentum and decay apart from the gradient. It has what `step_all` and a checkpoint need of an optimizer."""

    def __init__(self, weights: list[Any], weight_decay: float) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": weights, "lr": 0.0, "weight_decay": weight_decay}]
        self._momenta = [torch.zeros_like(weight) for weight in weights]
        self.precision = "float32"

    def step(self) -> None:
        """One step of every matrix that has a gradient."""
        group = self.param_groups[0]
        alike: defaultdict[tuple[int, ...], list[tuple[Any, Any]]] = defaultdict(list)
        with torch.no_grad():
            for weight, momentum in zip(group["params"], self._momenta, strict=True):
                if weight.grad is None:
                    continue
                momentum.lerp_(weight.grad, 1 - MOMENTUM)
                alike[tuple(weight.shape)].append((weight, weight.grad.lerp(momentum, MOMENTUM)))
            for shape, pairs in alike.items():
                steps = orthogonal(torch.stack([step for _, step in pairs]), self.precision)
                scale = group["lr"] * LIKE_ADAM * max(shape) ** 0.5
                for (weight, _), step in zip(pairs, steps, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step, alpha=scale)

    def zero_grad(self, *, set_to_none: bool = True) -> None:
        """Drops the gradients."""
        assert set_to_none
        for weight in self.param_groups[0]["params"]:
            weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The momenta."""
        return {"momenta": self._momenta}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts the momenta back."""
        for momentum, kept in zip(self._momenta, state["momenta"], strict=True):
            momentum.copy_(kept)


def orthogonal(matrices: Any, precision: str = "float32") -> Any:
    """The nearest orthogonal matrices, nearly: (n, rows, columns), float32, with singular values between about 0.7 and 1.2. In bfloat16 the rounds are too
    coarse for anything else, and fine for that (Jordan et al. 2024)."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if tall else matrices
    found = (found / (found.norm(dim=(1, 2), keepdim=True) + SMALL)).to(getattr(torch, precision))
    for _ in range(ROUNDS):
        square = found @ found.mT
        found = torch.baddbmm(found, torch.baddbmm(square, square, square, beta=b, alpha=c), found, beta=a)
    return (found.mT if tall else found).float()


def _adam(groups: list[dict[str, Any]], learning: Learning) -> Any:
    return torch.optim.AdamW(groups, lr=learning.rate, betas=learning.betas, eps=SMALL, fused=True)
