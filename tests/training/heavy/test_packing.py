from typing import Any

import pytest

from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import build_model
from freehold.training.heavy.packing import IGNORED, Tokens, deal, lay_out, loss_of, pack, parts
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


def test_a_packed_row_has_the_loss_of_its_examples_each_alone(model: Any) -> None:
    with torch.no_grad():
        packed = float(loss_of(model, lay_out([EXAMPLES], 32, 0)))
        alone = sum(float(loss_of(model, lay_out([[one]], len(one.ids), 0))) for one in EXAMPLES)
        plain = sum(float(plain_loss(model, one)) for one in EXAMPLES)
    assert packed == pytest.approx(alone, rel=1e-5)
    assert packed == pytest.approx(plain, rel=1e-5)


def plain_loss(model: Any, example: Tokens) -> Any:
    """The loss as the library itself computes it, without any of our masks and positions."""
    ids = torch.tensor([example.ids])
    labels = torch.tensor([[IGNORED] * example.reply + list(example.ids[example.reply :])])
    return model(input_ids=ids, labels=labels).loss * (len(example.ids) - example.reply)


def test_what_stands_in_another_example_of_the_row_changes_nothing(model: Any) -> None:
    other = Tokens((9, 50, 51, 52, 53, 54), 3)
    with torch.no_grad():
        first = model.model(**given(lay_out([[EXAMPLES[0], EXAMPLES[1]]], 16, 0))).last_hidden_state[:, 6:11]
        second = model.model(**given(lay_out([[other, EXAMPLES[1]]], 16, 0))).last_hidden_state[:, 6:11]
    assert torch.equal(first, second)


def given(batch: Any) -> dict[str, Any]:
    return {"input_ids": batch.ids, "attention_mask": batch.mask, "position_ids": batch.positions, "use_cache": False}


def test_only_replies_count() -> None:
    batch = lay_out([EXAMPLES[:2]], 12, 0)
    assert batch.labels[0].tolist() == [-100, -100, 11, 40, 41, -100, -100, -100, -100, 12, -100, -100]
    assert batch.positions[0].tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 0]
    assert batch.trained == 4


def test_a_step_in_parts_has_the_gradients_of_a_step_in_one(model: Any) -> None:
    batch = lay_out([[one] for one in EXAMPLES] + [EXAMPLES[:2]], 16, 0)

    def gradients(count: int) -> list[Any]:
        model.zero_grad()
        for part in parts(batch, count):
            (loss_of(model, part) / batch.trained).backward()
        return [weight.grad.clone() for weight in model.parameters()]

    for count in (2, 3, 4):
        for whole, cut in zip(gradients(1), gradients(count), strict=True):
            assert torch.allclose(whole, cut, rtol=1e-4, atol=1e-7)


def test_examples_are_dealt_where_the_least_room_is_left() -> None:
    rows = deal([Tokens((1,) * size, 1) for size in (5, 9, 4, 3, 1)], 10)
    assert [[len(one.ids) for one in row] for row in rows] == [[9, 1], [5, 4], [3]]


def test_a_batch_takes_whole_examples_from_the_stream_until_it_is_full() -> None:
    stream = iter([Tokens((number,) * 7, 3) for number in range(1, 40)])
    batch = pack(stream, rows=2, length=16, pad=0)
    assert batch.ids.tolist() == [[1] * 7 + [2] * 7 + [0] * 2, [3] * 7 + [4] * 7 + [0] * 2]


def test_a_stream_of_examples_that_never_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="longer than 8"):
        pack(iter([Tokens((1,) * 9, 1)] * 2000), 1, 8, 0)
    with pytest.raises(ValueError, match="ended"):
        pack(iter([Tokens((1,) * 3, 1)]), 1, 8, 0)
