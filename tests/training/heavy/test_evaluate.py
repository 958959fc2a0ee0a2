from typing import Any

import pytest

from freehold.training import tasks
from freehold.training.heavy import evaluate as evaluating
from freehold.training.heavy.evaluate import Score, evaluate, wilson
from freehold.training.heavy.model import build_model
from freehold.training.heavy.rows import Row
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import Shape
from freehold.training.tasks.task import Solution, write_reply

TASK = tasks.make({"task": "arithmetic-chains", "digits": 2})

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("right", "items", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (0, 0, 0.0, 1.0)],
)
def test_bounds_are_wilsons(right: int, items: int, low: float, high: float) -> None:
    """The fourth row is the example of Newcombe 1998, table I."""
    assert wilson(right, items) == pytest.approx((low, high), abs=1e-4)


def test_right_proven_and_unfinished_replies_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(_model: Any, _words: Any, rows: list[Row], _tokens: int) -> tuple[list[str], list[bool], list[int]]:
        gold = [TASK.solve(row.problem) for row in rows]
        texts = [write_reply(one) for one in gold]
        texts[0] = write_reply(Solution(("1+1=3",), gold[0].answer))
        texts[1] = write_reply(Solution(gold[1].lines, "7777"))
        texts[2] = "<think>\n1"
        return texts, [place != 2 for place in range(len(rows))], [10] * len(rows)

    monkeypatch.setattr(evaluating, "answers", said)
    (score,) = evaluate(None, None, TASK, (3,), items=20)
    assert (score.items, score.right, score.proven, score.unfinished, score.tokens) == (20, 18, 17, 1, 10.0)
    assert score.accuracy == pytest.approx(0.9)
    assert score.faithful == pytest.approx(17 / 18)


def test_a_score_without_right_answers_has_no_share_of_proven_ones() -> None:
    score = Score(task="t", level=1, thinking=True, items=5, right=0, proven=0, unfinished=0, tokens=1, low=0, high=1)
    assert score.faithful is None


def test_a_level_without_held_out_problems_has_no_share_of_right_answers() -> None:
    score = Score(task="t", level=1, thinking=True, items=0, right=0, proven=0, unfinished=0, tokens=0, low=0, high=1)
    assert score.accuracy is None


def test_a_model_that_knows_nothing_is_right_about_nothing() -> None:
    words = build_tokenizer([TASK])
    model = build_model(Shape(layers=1, width=32, heads=1, inner=32, context=64), words, seed=1)
    scores = evaluate(model, words, TASK, (2, 3), items=4, tokens=6)
    assert [(one.level, one.items, one.right) for one in scores] == [(2, 4, 0), (3, 4, 0)]
    assert model.training, "it is left as it was"
