"""Drawing from a split."""

from itertools import islice

import pytest

from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.arithmetic_mod_p import ArithmeticModP
from freehold.training.tasks.drawing import draw, held_out


def test_training_never_meets_a_held_out_problem() -> None:
    task = ArithmeticModP()
    test = {task.digest(problem) for problem in held_out(task, "test", 2, 100)}
    val = {task.digest(problem) for problem in held_out(task, "val", 2, 100)}
    train = {task.digest(problem) for problem in islice(draw(task, "train", {2: 1.0}, 1), 600)}
    assert len(test) == len(val) == 100
    assert not test & val
    assert not train & (test | val)


def test_the_same_seed_draws_the_same_and_levels_come_by_their_weights() -> None:
    task = ArithmeticChains()
    drawn = list(islice(draw(task, "train", {2: 1.0, 5: 3.0, 3: 0.0}, 7), 800))
    assert drawn[:50] == list(islice(draw(task, "train", {2: 1.0, 5: 3.0, 3: 0.0}, 7), 50))
    levels = [problem.level for problem in drawn]
    assert set(levels) == {2, 5}
    assert 540 <= levels.count(5) <= 660


def test_a_level_with_few_problems_ends_and_gives_none_twice() -> None:
    task = ArithmeticModP()
    every = {task.digest(problem): problem for problem in (task.generate(1, seed) for seed in range(12_000))}
    assert 460 <= len(every) <= 473  # 11 * 11 for +, - and *, 11 * 10 for /
    in_test = {digest for digest, problem in every.items() if task.split(problem) == "test"}
    found = [task.digest(problem) for problem in held_out(task, "test", 1, 10_000)]
    assert len(found) == len(set(found))
    assert len(in_test & set(found)) >= 0.9 * len(in_test)


def test_no_weight_is_an_error() -> None:
    with pytest.raises(ValueError, match="above 0"):
        next(draw(ArithmeticChains(), "train", {2: 0.0}, 1))
