from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.training.heavy import lessons
from freehold.training.heavy.generate import Reply
from freehold.training.heavy.lessons import Solved, Taught, weights_in
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import build_model
from freehold.training.heavy.rows import Row
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import Shape, Teaching, tasks_of
from freehold.training.tasks.drawn import Record
from freehold.training.tasks.task import Solution, write_reply
from training.heavy.tiny import recipe, trained

pytestmark = pytest.mark.filterwarnings("ignore")

LEVELS = [{2: 1.0}]
MIX = tasks_of(recipe())


@pytest.fixture(scope="module", name="teacher")
def _teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("teacher") / "run", learning__steps=2)


def taught(teacher: Path, rung: Any, **more: Any) -> tuple[Taught, Any, Any]:
    words = build_tokenizer([MIX[0][0]])
    model = build_model(Shape(layers=1, width=32, heads=1, inner=32, context=64), words, seed=9)
    return Taught(recipe(), MIX, words, Teaching(run=str(teacher), rung=rung, **more), 24, Record()), model, words


def writes(monkeypatch: pytest.MonkeyPatch, reply: Any) -> None:
    """The teacher says what `reply` gives for a problem, whatever its weights."""
    asked: list[Row] = []
    real = lessons.prompt

    def noted(row: Row, tokenizer: Any) -> str:
        asked.append(row)
        return real(row, tokenizer)

    def written(_self: Any, _model: Any, _words: Any, prompts: list[str], _draws: Any) -> list[str]:
        return [reply(row) for row in asked[-len(prompts) :]]

    monkeypatch.setattr(lessons, "prompt", noted)
    monkeypatch.setattr(Taught, "_write", written)


def texts(words: Any, batch: Any) -> list[str]:
    joined = words.decode(batch.ids.tolist())
    return [f"<user>{part}" for part in joined.split("<user>")[1:]]


def gold(row: Row) -> str:
    return write_reply(row.task.solve(row.problem))


def test_a_task_teaches_its_own_solutions() -> None:
    words = build_tokenizer([MIX[0][0]])
    model = build_model(Shape(layers=1, width=32, heads=1, inner=32, context=64), words, seed=9)
    lesson = Solved(recipe(direct=0.0), MIX, words, Record())
    first, again = lesson.batch(model, 3, LEVELS), lesson.batch(model, 3, LEVELS)
    assert torch.equal(first.ids, again.ids)
    assert all("<think>\n" in text and text.endswith("<end>") for text in texts(words, first))


def test_of_a_teachers_tries_only_proven_ones_are_learned(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(row: Row) -> str:
        right = row.task.solve(row.problem)
        return write_reply(right if len(right.answer) == 1 else Solution(("1+1=5",), right.answer))

    writes(monkeypatch, half)
    lesson, model, words = taught(teacher, "traces", samples=2)
    found = texts(words, lesson.batch(model, 0, LEVELS))
    assert found
    assert all(len(text.rpartition("\n")[2].removesuffix("<end>")) == 1 and "1+1=5" not in text for text in found)


def test_of_a_teachers_answers_the_steps_are_left_out(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes(monkeypatch, gold)
    lesson, model, words = taught(teacher, "answers")
    found = texts(words, lesson.batch(model, 0, LEVELS))
    assert found
    assert all("/no_think<assistant>" in text and "think>" not in text for text in found)


def seven(_: Row) -> str:
    return "7"


def test_a_teacher_that_is_never_proven_is_an_error(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes(monkeypatch, seven)
    lesson, model, _ = taught(teacher, "traces")
    with pytest.raises(ConfigError, match="proven right on none"):
        lesson.batch(model, 0, LEVELS)


@pytest.mark.parametrize("rung", ["token", "on-policy"])
def test_the_divergence_of_a_teacher_from_itself_is_0_and_from_another_is_not(
    teacher: Path, rung: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes(monkeypatch, gold)
    lesson, other, _ = taught(teacher, rung)
    batch = lesson.batch(other, 0, LEVELS)
    same = lesson._teacher  # pyright: ignore[reportPrivateUsage]
    assert float(lesson.loss(same, batch)) == pytest.approx(0.0, abs=1e-3)
    assert float(lesson.loss(other, batch).detach()) > 0.1


def test_a_teacher_of_another_vocabulary_cannot_be_compared_token_by_token(tmp_path: Path) -> None:
    refunds = [{"task": "refund-policy", "levels": [0]}]
    other = trained(
        tmp_path / "other", mix=refunds, learning__steps=1, learning__length=640, shape__context=640, watch__items=1
    )
    with pytest.raises(ConfigError, match="another vocabulary"):
        taught(other, "token")


def test_a_folder_without_weights_is_an_error(tmp_path: Path, teacher: Path) -> None:
    assert weights_in(teacher) == teacher / "model" == weights_in(teacher / "model")
    with pytest.raises(ConfigError, match="holds no weights"):
        weights_in(tmp_path)


def test_a_student_is_scored_on_what_it_drew_and_on_no_end_that_it_did_not_reach(
    teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson, model, words = taught(teacher, "on-policy")
    stop = words.eos_token_id
    drawn = [Reply((5, 6, 7), False, ()), Reply((5,), True, ()), Reply((), True, ())]

    def generated(_model: Any, asked: list[list[int]], **_: Any) -> list[Reply]:
        return [drawn[place % 3] for place in range(len(asked))]

    monkeypatch.setattr(lessons, "generate", generated)
    batch = lesson.batch(model, 0, LEVELS)
    ends = list(accumulate(batch.lengths))
    replies = [batch.labels[end - size : end] for size, end in zip(batch.lengths, ends, strict=True)]
    told = {tuple(number for number in reply.tolist() if number >= 0) for reply in replies}
    assert told == {(5, 6, 7), (5, stop), (stop,)}
