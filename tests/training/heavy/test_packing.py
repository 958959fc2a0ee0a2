from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import build_model
from freehold.training.heavy.packing import IGNORED, Batch, Tokens, lay_out, loss_of, pack, parts, share_of
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import Shape

EXAMPLES = [
    Tokens((9, 20, 30, 11, 40, 41), 3),
    Tokens((9, 21, 22, 31, 12), 4),
    Tokens((9, 33, 34, 35, 36, 37, 38, 39), 2),
]


@pytest.fixture(scope="module", name="model")
def _model() -> Any:
    return build_model(Shape(layers=2, width=32, heads=2, inner=64, context=64), build_tokenizer([]), seed=3).eval()


def test_a_batch_has_the_loss_of_its_examples_each_alone(model: Any) -> None:
    with torch.no_grad():
        packed = float(loss_of(model, lay_out(EXAMPLES)))
        alone = sum(float(loss_of(model, lay_out([one]))) for one in EXAMPLES)
        plain = sum(float(plain_loss(model, one)) for one in EXAMPLES)
    assert packed == pytest.approx(alone, rel=1e-5)
    assert packed == pytest.approx(plain, rel=1e-5)


def plain_loss(model: Any, example: Tokens) -> Any:
    """The loss as the library itself computes it, without any of our positions and places."""
    ids = torch.tensor([example.ids])
    labels = torch.tensor([[IGNORED] * example.reply + list(example.ids[example.reply :])])
    return model(input_ids=ids, labels=labels).loss * (len(example.ids) - example.reply)


def test_examples_lie_end_to_end_the_longest_first_and_only_replies_count() -> None:
    batch = lay_out(EXAMPLES[:2])
    assert batch.ids.tolist() == [9, 20, 30, 11, 40, 41, 9, 21, 22, 31, 12]
    assert batch.labels.tolist() == [-100, -100, 11, 40, 41, -100, -100, -100, -100, 12, -100]
    assert batch.positions.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4]
    assert (batch.lengths, batch.trained) == ((6, 5), 4)
    assert lay_out(EXAMPLES).lengths == (8, 6, 5)


def test_a_step_in_parts_has_the_gradients_of_a_step_in_one(model: Any) -> None:
    batch = lay_out([*EXAMPLES, *EXAMPLES[:2]])

    def gradients(count: int) -> list[Any]:
        model.zero_grad()
        for part in parts(batch, count):
            (loss_of(model, part) / batch.trained).backward()
        return [weight.grad.clone() for weight in model.parameters()]

    for count in (2, 3, 9):
        for whole, cut in zip(gradients(1), gradients(count), strict=True):
            assert torch.allclose(whole, cut, rtol=1e-4, atol=1e-7)


def test_parts_are_cut_between_examples_and_nearly_as_long_as_each_other() -> None:
    batch = lay_out([*EXAMPLES, *EXAMPLES[:2]])
    assert [part.lengths for part in parts(batch, 2)] == [(8, 6), (6, 5, 5)]
    assert [part.lengths for part in parts(batch, 9)] == [(8,), (6,), (6,), (5,), (5,)]
    assert sum(part.trained for part in parts(batch, 3)) == batch.trained == 14


def test_processes_share_a_step_between_them_and_the_last_ones_have_nothing_where_examples_are_few() -> None:
    batch = lay_out([*EXAMPLES, *EXAMPLES[:2]])

    def shares(batch: Batch, count: int, processes: int) -> list[list[tuple[int, ...]]]:
        return [[part.lengths for part in share_of(batch, count, number, processes)] for number in range(processes)]

    assert shares(batch, 1, 1) == [[(8, 6, 6, 5, 5)]]
    assert shares(batch, 1, 2) == [[(8, 6)], [(6, 5, 5)]]
    assert shares(batch, 2, 2) == [[(8,), (6,)], [(6,), (5, 5)]]
    assert shares(lay_out(EXAMPLES[:1]), 2, 3) == [[(6,)], [], []]


def test_a_batch_takes_whole_examples_from_the_stream_until_it_is_full() -> None:
    stream = iter([Tokens((number,) * 7, 3) for number in range(1, 40)])
    assert pack(stream, tokens=32, length=16).ids.tolist() == [1] * 7 + [2] * 7 + [3] * 7 + [4] * 7
    assert pack(stream, tokens=5, length=16).lengths == (7,)


def test_what_does_not_fit_is_passed_over_and_counted() -> None:
    batch = pack(iter([Tokens((1,) * size, 1) for size in (5, 9, 5, 12, 5)]), tokens=15, length=8)
    assert (batch.lengths, batch.passed) == ((5, 5, 5), 2)
    assert batch.to("cpu").passed == 2


def test_a_stream_of_examples_that_never_fit_is_an_error() -> None:
    with pytest.raises(ConfigError, match="longer than 8"):
        pack(iter([Tokens((1,) * 9, 1)] * 2000), 8, 8)
    with pytest.raises(ValueError, match="ended"):
        pack(iter([Tokens((1,) * 3, 1)]), 8, 8)
