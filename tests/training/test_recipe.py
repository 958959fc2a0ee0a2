from pathlib import Path

import pytest

from architecture.source import ROOT
from freehold.catalog.weights import NAMED, SHIPPED
from freehold.errors import ConfigError
from freehold.redaction.rules import RULES
from freehold.training.recipe import folder_of, parse_recipe, read_recipe, require_problems, tasks_of, write_recipe

SMALL = """
model = "own/small"
stage = "pretrain"
[shape]
layers = 2
width = 64
heads = 2
inner = 128
[[mix]]
task = "arithmetic-chains"
levels = [2, 3]
[learning]
steps = 10
"""


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_recipe(text.encode())
    return caught.value


def test_a_recipe_is_read_with_its_defaults() -> None:
    recipe = parse_recipe(SMALL.encode())
    assert recipe.shape is not None
    assert (recipe.shape.layers, recipe.shape.context, recipe.learning.rows, recipe.direct) == (2, 512, 16, 0.1)


def test_what_a_recipe_starts_from_is_a_folder_what_came_along_or_what_is_fetched_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder_of("smollm2-135m") == tmp_path / "freehold" / "weights" / NAMED["smollm2-135m"].file
    assert folder_of("own/nano") == SHIPPED / "nano"
    assert [folder_of(name) for name in ("nano", "a/b")] == [Path("nano"), Path("a/b")]


def test_a_name_may_begin_as_the_terms_of_a_base_ask() -> None:
    assert parse_recipe(SMALL.replace("own/small", "own/Llama-claims").encode()).model == "own/Llama-claims"


def test_every_recipe_of_the_repository_can_be_read_and_has_tasks_that_are_there() -> None:
    paths = sorted((ROOT / "recipes").glob("*.toml"))
    names = {path.stem for path in paths}
    assert {
        "nano",
        "micro",
        "mini",
        "nano-arithmetic",
        "nano-equations",
        "nano-direct",
        "nano-distil",
        "nano-grpo",
        "smollm2-sft",
    } <= names
    for path in paths:
        assert tasks_of(read_recipe(path)), path.name
        require_problems(read_recipe(path))


def test_levels_that_the_options_of_a_task_leave_without_problems_are_told_with_those_that_have_some() -> None:
    text = SMALL.replace('"arithmetic-chains"', '"refund-policy"\noptions = { kinds = ["no-receipt"] }')
    require_problems(parse_recipe(text.replace("[2, 3]", "[0, 1]").encode()))
    with pytest.raises(ConfigError, match="refund-policy has no problem of level 3") as caught:
        require_problems(parse_recipe(text.replace("[2, 3]", "[0, 1, 3]").encode()))
    assert caught.value.advice.endswith("there are problems of 0, 1.")


def test_a_misspelt_key_is_an_error_that_names_the_right_one() -> None:
    error = refused(SMALL.replace("steps = 10", "steps = 10\nweight_decay = 0.1"))
    assert "weight_decay" in error.sentence
    assert error.advice == "Did you mean `weight-decay`?"
    assert refused(SMALL.replace("stage =", "stagee = 1\nstage =")).advice == "Did you mean `stage`?"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("width = 64", "width = 60", "multiples of 32"),
        ("heads = 2", "heads = 3", "even multiple of `heads`"),
        ("steps = 10", "steps = 10\nlength = 1024", "longer than `context`"),
        ("steps = 10", "steps = 10\nrows = 3\naccumulate = 4", "`accumulate` is more than `rows`"),
        ("steps = 10", "steps = 0", ">= 1"),
        ('"own/small"', '"openai/gpt"', "own/"),
        ('"pretrain"', '"pretrian"', "pretrian"),
        ('"pretrain"', '"distil"', "needs `teacher`"),
        ('"pretrain"', '"grpo"', "needs `start`"),
        (
            'stage = "pretrain"',
            'stage = "grpo"\nstart = "own/nano"\nreward = {}\nlora = { dropout = 0.1 }',
            "`dropout` makes the policy",
        ),
        ("[shape]", "[shape", "is not TOML"),
        ("[[mix]]", "[[mix]]\nbegins = 0.1", "no task of the mix is drawn"),
    ],
)
def test_what_cannot_be_run_is_an_error_that_says_why(before: str, after: str, said: str) -> None:
    assert said in refused(SMALL.replace(before, after)).sentence


def test_a_task_or_a_level_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no task 'sums'"):
        tasks_of(parse_recipe(SMALL.replace("arithmetic-chains", "sums").encode()))
    with pytest.raises(ConfigError, match="no level 77"):
        tasks_of(parse_recipe(SMALL.replace("[2, 3]", "[77]").encode()))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_recipe(tmp_path / "none.toml")


def test_what_is_kept_of_a_recipe_does_not_depend_on_how_it_was_laid_out() -> None:
    other = "# note\n" + SMALL.replace("layers = 2\nwidth = 64", "width = 64\nlayers = 2")
    assert write_recipe(parse_recipe(other.encode())) == write_recipe(parse_recipe(SMALL.encode()))
    assert write_recipe(parse_recipe(SMALL.replace("10", "11").encode())) != write_recipe(parse_recipe(SMALL.encode()))


def test_processes_share_the_rows_of_tuning_evenly_and_those_of_a_run_from_nothing_as_they_come() -> None:
    tuned = 'model = "own/t"\nstage = "sft"\nstart = "w"\ndata = "d"\n[learning]\nsteps = 5\nprocesses = 2\n'
    assert parse_recipe(tuned.encode()).learning.processes == 2
    assert "cannot be shared evenly" in refused(f"{tuned}rows = 3\n").sentence
    odd = SMALL.replace("steps = 10", "steps = 10\nprocesses = 2\nrows = 3")
    assert parse_recipe(odd.encode()).learning.processes == 2


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_parts_of_a_step_of_tuning_hold_as_many_rows_each(stage: str) -> None:
    written = (
        f'model = "own/t"\nstage = "{stage}"\nstart = "w"\n[[mix]]\ntask = "arithmetic-chains"\n[reward]\n'
        "[learning]\nsteps = 5\nrows = 8\n"
    )
    assert parse_recipe(f"{written}accumulate = 4\n".encode()).learning.accumulate == 4
    error = refused(f"{written}accumulate = 3\n")
    assert "`rows` cannot be shared evenly" in error.sentence
    assert error.advice == "Make it a multiple of `accumulate` times `processes`."


def test_parts_of_a_step_of_reinforcement_hold_as_many_replies_each() -> None:
    written = (
        'model = "own/t"\nstage = "grpo"\nstart = "w"\n[[mix]]\ntask = "arithmetic-chains"\n[reward]\nprompts = 3\ngroup = 2\n'
        "[learning]\nsteps = 5\nrows = 8\n"
    )
    assert parse_recipe(f"{written}accumulate = 3\n".encode()).learning.accumulate == 3
    assert "`prompts` times `group`" in refused(f"{written}accumulate = 4\n").sentence


REFUNDS = '[[mix]]\ntask = "workload"\noptions = { workload = "refunds" }\n'
TUNED = 'model = "own/t"\nstage = "sft"\nstart = "w"\n[learning]\nsteps = 5\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SMALL + REFUNDS, "`pretrain` would learn what stands as right in the items of refunds"),
        (TUNED + REFUNDS, "`sft` without `data` would learn what stands as right in the items of refunds"),
        (TUNED.replace("start", 'data = "d"\nstart') + REFUNDS.replace("workload =", "name ="), "the name of one"),
        (
            TUNED.replace("start", 'data = "d"\nstart') + REFUNDS.replace("options", "levels = [1]\n#"),
            "the name of one",
        ),
    ],
)
def test_a_workloads_references_are_no_rows(text: str, said: str) -> None:
    assert said in refused(text).sentence


def test_a_workload_rewards_and_is_looked_at_and_is_told_under_its_name() -> None:
    looked_at = parse_recipe((TUNED.replace("start", 'data = "d"\nstart') + REFUNDS).encode())
    rewarding = parse_recipe((TUNED.replace("sft", "grpo") + "[reward]\n" + REFUNDS).encode())
    for one in (looked_at, rewarding):
        assert [portion.called for portion in one.mix] == ["refunds"]
        with pytest.raises(ConfigError, match="The items of refunds are not chosen yet"):
            tasks_of(one)
    assert [portion.called for portion in parse_recipe(SMALL.encode()).mix] == ["arithmetic-chains"]


def test_what_rows_are_cleaned_of_is_part_of_a_recipe_that_has_rows_and_of_no_other() -> None:
    text = TUNED.replace("start", 'data = "d"\nstart')
    plain, changed = parse_recipe(text.encode()), parse_recipe(f"{text}[clean]\ncopies = true\nredact = []\n".encode())
    assert (plain.clean.near, plain.clean.copies, plain.clean.redact) == (0.0, False, tuple(RULES))
    assert (changed.clean.copies, changed.clean.redact) == (True, ())
    assert write_recipe(plain) != write_recipe(changed)
    assert b'"clean"' in write_recipe(plain)
    assert b'"clean"' not in write_recipe(parse_recipe(SMALL.encode()))
    assert "Did you mean `near`?" in refused(f"{text}[clean]\nnaer = 0.9\n").advice
