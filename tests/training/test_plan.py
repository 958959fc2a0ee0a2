from pathlib import Path

import msgspec
import pytest

from freehold.catalog.terms import Terms
from freehold.training.dataset import Dataset, Example, Turn, write_dataset
from freehold.training.executor import Calibration
from freehold.training.plan import Weights, flops, is_here, make_plan, memory, parameters, vocabulary_of
from freehold.training.provenance import Pedigree
from freehold.training.recipe import Recipe, Shape, parse_recipe

SHAPE = Shape(layers=2, width=32, heads=2, inner=64, context=128)
SMALL = Weights(SHAPE, 265, 29_120)

RECIPE = b"""
model = "own/t"
stage = "pretrain"
shape = { layers = 2, width = 32, heads = 2, inner = 64, context = 128 }
mix = [{ task = "arithmetic-chains" }]
learning = { steps = 100, rows = 4, length = 64 }
"""


def test_weights_are_those_of_a_llama_with_tied_embeddings() -> None:
    assert parameters(SHAPE, 265) == 29_120  # what transformers counts for this shape
    smollm2 = Shape(layers=12, width=768, heads=12, inner=3072, context=1024)
    assert parameters(smollm2, 0) == 12 * (4 * 768**2 + 3 * 768 * 3072 + 2 * 768) + 768


def test_arithmetic_is_six_operations_a_weight_and_token_and_attention() -> None:
    assert flops(SHAPE, 265, 1000, 64) == 1000 * (6 * 29_120 + 6 * 2 * 32 * 64)


def test_memory_grows_with_the_tokens_of_a_part_of_a_step() -> None:
    made = parse_recipe(RECIPE)
    small, large = memory(SMALL, 64, 64, made), memory(SMALL, 128, 64, made)
    assert 4 * 4 * 29_120 < small < large


def tuned(stage: str, more: str = "") -> Recipe:
    """A recipe that starts from the weights that come with the package: 234,176 of them (`tests/serving/test_shipped.py`)."""
    text = f'model = "own/t"\nstage = "{stage}"\nstart = "own/nano"\nmix = [{{ task = "arithmetic-chains" }}]\n{more}'
    return parse_recipe(f"{text}\n[learning]\nsteps = 10\nrows = 4\nlength = 64\n[watch]\ntokens = 100\n".encode())


def test_a_run_from_weights_is_planned_by_what_their_folder_says() -> None:
    full = make_plan(tuned("sft"), Terms.load())
    assert (full.tokens, full.parameters) == (10 * 4 * 64, 234_176)
    assert full.flops is not None
    assert full.memory is not None
    assert full.flops > 6 * 234_176 * full.tokens
    assert full.memory > 4 * 4 * 234_176
    adapters = make_plan(tuned("sft", "lora = { rank = 2 }"), Terms.load())
    assert adapters.memory is not None
    assert adapters.memory < full.memory - 2 * 4 * 234_176
    drawn = make_plan(tuned("grpo", "reward = { prompts = 3, group = 8 }"), Terms.load())
    assert drawn.tokens == 10 * 3 * 8 * 100
    assert make_plan(tuned("dpo", "reward = {}"), Terms.load()).tokens == 2 * full.tokens


def test_weights_that_are_not_here_are_not_guessed(tmp_path: Path) -> None:
    made = msgspec.structs.replace(tuned("sft"), start=str(tmp_path), base="qwen/qwen3-0.6b")
    assert make_plan(made, Terms.load()).parameters is None
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    assert make_plan(made, Terms.load()).memory is None


def test_the_vocabulary_of_digits_is_bytes_and_markers() -> None:
    assert vocabulary_of(parse_recipe(RECIPE)) == 265


def test_a_plan_without_a_measured_step_has_no_minutes() -> None:
    plan = make_plan(parse_recipe(RECIPE), Terms.load())
    assert (plan.tokens, plan.parameters, plan.minutes, plan.usd) == (25_600, 29_120, None, None)


def test_a_measured_step_gives_minutes_and_cost() -> None:
    measured = Calibration(seconds=3.0, tokens=256, parameters=29_120, memory=2**28, precision="float32", device="cpu")
    plan = make_plan(parse_recipe(RECIPE), Terms.load(), measured, usd_per_hour=12.0)
    assert plan.minutes == pytest.approx(5.0)
    assert plan.usd == pytest.approx(1.0)
    limited = RECIPE.replace(b"steps = 100", b"steps = 100, minutes = 2")
    assert make_plan(parse_recipe(limited), Terms.load(), measured).minutes == pytest.approx(2.0)


def test_minutes_from_weights_count_what_comes_before_the_first_step_and_tell_what_they_assume() -> None:
    measured = Calibration(
        seconds=30.0, tokens=256, parameters=234_176, memory=2**28, precision="float32", device="cpu", before=90.0
    )
    plan = make_plan(tuned("dpo", "reward = {}"), Terms.load(), measured, usd_per_hour=2.0)
    assert plan.minutes == pytest.approx(1.5 + 10 * 0.5)
    assert plan.usd == pytest.approx(6.5 / 60 * 2)
    assert plan.assumes == (
        "both replies of a pair are as long as the tasks' own",
        "the drawing of the pairs is counted",
        "loading, checkpoints and looks at held-out items are not counted",
    )
    assert make_plan(tuned("dpo", "reward = {}"), Terms.load()).assumes == ()


def test_the_memory_of_a_plan_is_that_of_one_process_and_its_minutes_say_that_one_was_measured() -> None:
    shared = parse_recipe(RECIPE.replace(b"steps = 100", b"steps = 100, processes = 2"))
    plan = make_plan(shared, Terms.load())
    assert plan.memory == memory(SMALL, 2 * 64, 64, shared)
    measured = Calibration(seconds=3.0, tokens=256, parameters=29_120, memory=2**28, precision="float32", device="cpu")
    assert make_plan(shared, Terms.load(), measured).assumes == (
        "one process was measured, and several beside each other are taken to be as fast, with nothing for what they exchange",
        "loading, checkpoints and looks at held-out items are not counted",
    )


def test_a_step_can_be_measured_of_a_shape_and_of_weights_that_are_here(tmp_path: Path) -> None:
    assert is_here(parse_recipe(RECIPE))
    assert is_here(tuned("sft"))
    made = msgspec.structs.replace(tuned("sft"), start=str(tmp_path))
    assert not is_here(made)
    (tmp_path / "config.json").write_text("{}")
    assert is_here(made)


def test_rows_whose_terms_forbid_it_are_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    unknown = Pedigree(producer="stranger/model", route="api")
    own = Pedigree(producer="openai/gpt-5", route="api")
    rows = tuple(Example(turns=(Turn("user", "a?"),), reply="b", pedigree=one) for one in (unknown, own))
    write_dataset(Dataset(rows), path)
    text = f'model = "own/t"\nstage = "sft"\nstart = "w"\ndata = "{path}"\n[learning]\nsteps = 5\n'
    terms = make_plan(parse_recipe(text.encode()), Terms.load()).terms
    assert (terms.rows, terms.refused) == (2, 2)
    assert "stranger/model: no terms are known for it." in terms.reasons[0]


def test_weights_of_which_nothing_tells_are_told_in_the_plan(tmp_path: Path) -> None:
    text = f'model = "own/t"\nstage = "sft"\nstart = "{tmp_path}"\nmix = [{{ task = "arithmetic-chains" }}]\n[learning]\nsteps = 5\n'
    terms = make_plan(parse_recipe(text.encode()), Terms.load()).terms
    assert (terms.rows, terms.refused) == (0, 0)
    assert terms.weights == f"Nothing tells what the weights in {tmp_path} were made from."
