"""The processes that share each step of a run: which one is the first, what it says to the others, and sums over all of them.

It knows numbers and gradients, and no trainer. The executor has torch's launcher start them; `accelerate` joins them, one a GPU (nccl), or each a share of the
CPU's cores (gloo). Where a run has one process, each function gives back what it was given. It exists apart since TRL's stages and the loop of `pretrain` both
need it.
"""

from datetime import timedelta
from typing import Any, TypeVar

from freehold.errors import ConfigError
from freehold.training.heavy.libraries import library, torch

T = TypeVar("T")

PATIENCE = timedelta(days=1)
"""How long a process waits for another: the first one tries held-out problems, or samples, while the others wait. When one dies the launcher ends them all, at
once."""


def join(processes: int) -> None:
    """Joins the processes of a run, where the launcher has started this one as one of them; `cuda` is the GPU of its own from then on. Raises ConfigError where
    there are fewer GPUs."""
    if processes == 1 or not torch.distributed.is_torchelastic_launched():
        return
    gpus = int(torch.cuda.device_count())
    if 0 < gpus < processes:
        raise ConfigError(f"{processes} processes need a GPU each, and there are {gpus}.", "Lower `processes`.")
    library("accelerate").PartialState(cpu=not gpus, timeout=PATIENCE)


def shared() -> bool:
    """Whether several processes share each step."""
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())


def number() -> int:
    """Which of the processes this one is, counted from 0."""
    return int(torch.distributed.get_rank()) if shared() else 0


def many() -> int:
    """How many processes share each step."""
    return int(torch.distributed.get_world_size()) if shared() else 1


def first() -> bool:
    """Whether this process is the one that tells and writes: the only one, or the first of those that share a step."""
    return number() == 0


def together() -> None:
    """Waits for the other processes, so that none ends while the first still writes."""
    if shared():
        torch.distributed.barrier()


def agreed(device: Any, *, said: bool) -> bool:
    """Whether any of the processes said so: the same in all of them."""
    return greatest(device, float(said)) > 0


def greatest(device: Any, value: float) -> float:
    """The greatest value that any of the processes has: the same in all of them."""
    if not shared():
        return value
    found = torch.tensor([value], device=device)
    torch.distributed.all_reduce(found, op=torch.distributed.ReduceOp.MAX)
    return float(found.item())


def of_first(value: T | None) -> T:
    """What the first process has, in all of them; what the others have does not matter. Tensors must be on the CPU."""
    said: list[Any] = [value]
    if shared():
        torch.distributed.broadcast_object_list(said)
    return said[0]


def summed(model: Any, value: float) -> float:
    """Adds up the gradients of a model over the processes, and a value: the same bits in all of them, in one exchange. One that had nothing to compute has no
    gradients, and adds 0."""
    if not shared():
        return value
    weights = list(model.parameters())
    mine = [torch.zeros_like(one) if one.grad is None else one.grad for one in weights]
    flat = torch.cat([*(one.flatten() for one in mine), torch.tensor([value], device=model.device)])
    torch.distributed.all_reduce(flat)
    sizes = [one.numel() for one in weights]
    for weight, total in zip(weights, flat[:-1].split(sizes), strict=True):
        weight.grad = total.view_as(weight)
    return float(flat[-1])
