from pathlib import Path

from freehold.training.curriculum import Pace
from freehold.training.heavy.checkpoint import load_checkpoint, save_checkpoint
from freehold.training.heavy.libraries import torch


def test_weights_optimizers_numbers_and_random_state_come_back(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    model.device = torch.device("cpu")
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_checkpoint(tmp_path, model, [optimizer], {"step": 4}, Pace(opened=3, decay_from=2, ends=9, share=0.5))
    kept, drawn = {name: value.clone() for name, value in model.state_dict().items()}, torch.rand(3)
    optimizer.step()
    assert not torch.equal(model.weight, kept["weight"])
    assert load_checkpoint(tmp_path, model, [optimizer]) == (
        {"step": 4},
        Pace(opened=3, decay_from=2, ends=9, share=0.5),
    )
    assert torch.equal(model.weight, kept["weight"])
    assert torch.equal(torch.rand(3), drawn)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path, torch.nn.Linear(1, 1), []) is None
