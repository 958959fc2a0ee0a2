from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import ConfigError, Contaminated
from freehold.training.dataset import Dataset, Example, Turn
from freehold.training.heavy.taught import as_tokens, asked_of, asks_to_think, taught
from freehold.training.provenance import Pedigree
from freehold.training.recipe import tasks_of
from freehold.training.runs import RunFolder, new_run
from freehold.training.tasks.drawing import held_out
from training.heavy.test_foreign import TEMPLATE, digits_first, tokenizer_with
from training.heavy.tiny import finished, recipe

pytestmark = pytest.mark.filterwarnings("ignore")

OURS = Pedigree(producer="freehold/arithmetic-chains", route="program", terms="freehold-tasks", terms_date="2026-01-01")


@pytest.fixture(name="words")
def _words() -> Any:
    return tokenizer_with(digits_first)


def test_a_row_is_asked_as_the_template_writes_it_and_cut_before_the_reply(words: Any) -> None:
    row = Example(turns=(Turn("system", "Add."), Turn("user", "1+2=?")), reply="3", pedigree=OURS)
    asked = "<|im_start|>system\nAdd.<|im_end|>\n<|im_start|>user\n1+2=?<|im_end|>\n<|im_start|>assistant\n"
    assert asked_of(row, words) == asked
    (one,) = as_tokens([row], words)
    assert words.decode(one.ids[: one.reply]) == asked
    assert words.decode(one.ids[one.reply :]) == "3<|im_end|>"


def test_where_the_template_has_a_switch_a_reply_without_steps_is_asked_with_it_off(words: Any) -> None:
    words.chat_template = TEMPLATE + "{% if enable_thinking is false %}/no_think{% endif %}"
    rows = [
        Example(turns=(Turn("user", "1+2=?"),), reply=reply, pedigree=OURS)
        for reply in ("3", "<think>\n1+2=3\n</think>\n3")
    ]
    assert [asked_of(row, words).endswith("/no_think") for row in rows] == [True, False]


def test_a_tokenizer_without_a_template_is_refused(words: Any) -> None:
    words.chat_template = None
    with pytest.raises(ConfigError, match="no chat template"):
        asked_of(Example(turns=(Turn("user", "1+2=?"),), reply="3", pedigree=OURS), words)


def dataset_run(folder: Path, levels: list[int]) -> RunFolder:
    """A run on one row, whose looks are at policies that have no problems beyond the first level."""
    row = Example(turns=(Turn("user", "What is the capital of France?"),), reply="Paris", pedigree=OURS)
    mix = [{"task": "refund-policy", "options": {"kinds": ["minimum"]}, "levels": levels}]
    base = finished(folder / "base", learning__steps=1)
    made = recipe(stage="sft", start=str(base), shape=None, data="rows.jsonl", mix=mix, watch__items=3)
    return new_run(folder / "run", made, datetime(2026, 1, 1, tzinfo=UTC), rows=Dataset((row,)))


def test_levels_that_have_no_problems_and_are_not_named_seal_none(tmp_path: Path, words: Any) -> None:
    place = dataset_run(tmp_path, [0])
    (one,) = taught(place.recipe(), tasks_of(place.recipe()), words, place.path)
    assert words.decode(one.ids[one.reply :]) == "Paris<|im_end|>"


def test_one_that_is_named_is_an_error(tmp_path: Path, words: Any) -> None:
    place = dataset_run(tmp_path, [0, 1])
    with pytest.raises(ValueError, match="of which 1 have an effect"):
        taught(place.recipe(), tasks_of(place.recipe()), words, place.path)


def test_problems_beyond_the_levels_that_are_named_are_sealed(tmp_path: Path, words: Any) -> None:
    """A row that asks such a problem, by another task's name."""
    mix = [{"task": "arithmetic-chains", "levels": [2]}]
    ((task, _, _),) = tasks_of(recipe(mix=mix))
    (leak, *_) = held_out(task, "val", task.beyond[-1], 3)
    row = Example(turns=(Turn("user", task.render(leak)),), reply="<think>\n1\n</think>\n1", pedigree=OURS)
    base = finished(tmp_path / "base", learning__steps=1)
    made = recipe(stage="sft", start=str(base), shape=None, data="rows.jsonl", mix=mix, watch__items=3)
    place = new_run(tmp_path / "run", made, datetime(2026, 1, 1, tzinfo=UTC), rows=Dataset((row,)))
    with pytest.raises(Contaminated):
        taught(place.recipe(), tasks_of(place.recipe()), words, place.path)


def test_held_out_problems_are_asked_to_be_thought_about_where_some_rows_were(tmp_path: Path, words: Any) -> None:
    question = (Turn("user", "1+2=?"),)
    without, with_steps = (
        Example(turns=question, reply=reply, pedigree=OURS) for reply in ("3", "<think>\n1+2=3\n</think>\n3")
    )
    made = recipe(stage="sft", start="w", data="rows.jsonl", shape=None)
    mute, mixed = (
        new_run(tmp_path, made, datetime(2026, 1, day, tzinfo=UTC), rows=Dataset(rows))
        for day, rows in ((1, (without,)), (2, (without, with_steps)))
    )
    assert asks_to_think(mute.recipe(), mute.path, words)  # nothing in the template says otherwise
    words.chat_template = TEMPLATE + "{% if enable_thinking is false %}/no_think{% endif %}"
    assert not asks_to_think(mute.recipe(), mute.path, words)
    assert asks_to_think(mixed.recipe(), mixed.path, words)


def test_without_rows_of_a_dataset_the_recipe_says_whether_problems_are_thought_about(
    tmp_path: Path, words: Any
) -> None:
    asked = {
        "some": recipe(direct=0.25),
        "none": recipe(direct=1.0),
        "rewarded": recipe(direct=1.0, stage="grpo", start="w", reward={}),
        "answers": recipe(stage="distil", teacher={"run": "t", "rung": "answers"}),
        "traces": recipe(stage="distil", teacher={"run": "t", "rung": "traces"}),
    }
    found = {name: asks_to_think(one, tmp_path, words) for name, one in asked.items()}
    assert found == {"some": True, "none": False, "rewarded": True, "answers": False, "traces": True}
