from itertools import islice
from typing import Any

import pytest

from freehold.training import tasks
from freehold.training.heavy.rows import Mix, chat_prompt, rows, solved, tokens_of
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import Portion

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
    assert chat_prompt("1+2=?", words, thinking=False) == "<user>1+2=?/no_think<assistant>"
