from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.training import tasks
from freehold.training.heavy import lessons, reinforce, taught
from freehold.training.heavy.__main__ import train
from freehold.training.heavy.rows import Mix, Row, chat_prompt, rows, solved, tokens_of
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import APART, Portion
from freehold.training.runs import new_run
from freehold.training.tasks.apart import digests_of, write_apart
from freehold.training.tasks.drawn import BYTES, DRAWN
from freehold.training.tasks.task import Problem
from training.heavy.tiny import finished, recipe

TASK = tasks.make({"task": "arithmetic-chains", "digits": 2})
MIX: Mix = [(TASK, Portion(task="arithmetic-chains"), (2, 3))]
WEIGHTS = [{2: 1.0, 3: 1.0}]


@pytest.fixture(scope="module", name="words")
def _words() -> Any:
    return build_tokenizer([TASK])


def test_only_the_training_split_is_drawn_from() -> None:
    found = list(islice(rows(MIX, WEIGHTS, 0.5, 1), 400))
    assert {TASK.split(row.problem) for row in found} == {"train"}
    assert {row.problem.level for row in found} == {2, 3}
    assert 120 < sum(row.thinking for row in found) < 280


def test_the_same_step_gives_the_same_rows_and_another_gives_others() -> None:
    first, again, other = (list(islice(rows(MIX, WEIGHTS, 0.1, 7, step), 20)) for step in (3, 3, 4))
    assert [row.problem for row in first] == [row.problem for row in again]
    assert [row.problem for row in first] != [row.problem for row in other]


def test_a_level_without_weight_is_not_drawn() -> None:
    found = islice(rows(MIX, [{2: 1.0, 3: 0.0}], 0.0, 1), 50)
    assert {row.problem.level for row in found} == {2}


def test_a_row_is_the_prompt_the_steps_and_the_answer_and_a_stop(words: Any) -> None:
    (one,) = tokens_of(["<user>1+2=?<assistant>"], ["<think>\n1+2=3\n</think>\n3"], words)
    assert words.decode(list(one.ids)) == "<user>1+2=?<assistant><think>\n1+2=3\n</think>\n3<end>"
    assert words.decode(list(one.ids[: one.reply])) == "<user>1+2=?<assistant>"


def test_rows_without_steps_are_asked_for_with_the_control_word(words: Any) -> None:
    texts = [words.decode(list(one.ids)) for one in islice(solved(rows(MIX, WEIGHTS, 0.5, 1), words), 40)]
    for text in texts:
        asked, _, reply = text.partition("<assistant>")
        assert asked.endswith("/no_think") == ("<think>" not in reply)
    assert chat_prompt([("user", "1+2=?")], words, thinking=False) == "<user>1+2=?/no_think<assistant>"


def test_several_messages_are_written_as_the_template_does_it(words: Any) -> None:
    talk = [("system", "Add."), ("user", "1+2=?"), ("assistant", "3"), ("user", "And 4?")]
    assert chat_prompt(talk, words) == "<system>Add.<user>1+2=?<assistant>3<end><user>And 4?<assistant>"
    assert chat_prompt(talk, words, thinking=False).endswith("<user>And 4?/no_think<assistant>")


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("base"), learning__steps=2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stage", ["pretrain", "distil", "sft", "grpo", "dpo"])
def test_no_stage_draws_a_problem_that_is_set_apart(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Everything that a stage learns from comes by `rows`. Without what is set apart it draws the leaks; with it never; and the run keeps what it drew."""
    seen: list[Problem] = []

    def watched(*asked: Any, **more: Any) -> Iterator[Row]:
        for row in rows(*asked, **more):
            seen.append(row.problem)
            yield row

    for module in (lessons, taught, reinforce):
        monkeypatch.setattr(module, "rows", watched)
    changes: dict[str, Any] = {"learning__steps": 2, "watch__items": 1, "watch__tokens": 8}
    if stage == "distil":
        changes["teacher"] = {"run": str(base), "rung": "on-policy"}
    elif stage != "pretrain":
        changes |= {"start": str(base), "shape": None, "reward": {"group": 2, "prompts": 4}}
    made, now = recipe(stage=stage, **changes), datetime(2026, 1, 1, tzinfo=UTC)
    drew: list[set[str]] = []
    for private in ({}, {APART: b""}):
        leaks = {TASK.render(one) for one in seen[:5]}
        if private:
            private = {APART: write_apart(leaks)}
        place = new_run(tmp_path / str(len(drew)), made, now, private=private)
        seen.clear()
        with suppress(ConfigError):  # of so small a model no pair can be drawn
            train(place, lambda: False)
        drew.append({TASK.render(one) for one in seen})
        kept = (place.path / DRAWN).read_bytes()
        assert {kept[at : at + BYTES] for at in range(0, len(kept), BYTES)} == {
            bytes.fromhex(digest)[:BYTES] for one in seen for digest in digests_of(TASK, one)
        }
    assert len(leaks) >= 4
    assert leaks <= drew[0]
    assert drew[1]
    assert not leaks & drew[1]
