"""Drawing from a split."""

from itertools import islice

import pytest

from freehold.items import Item
from freehold.training.tasks.apart import digest_of
from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.arithmetic_mod_p import ArithmeticModP
from freehold.training.tasks.drawing import BARREN, PATIENCE, SEEDS, draw, has_problems, held_out
from freehold.training.tasks.refund_policy import RefundPolicy
from freehold.training.tasks.task import NoProblem, Problem, Split
from freehold.training.tasks.workload import WorkloadTask


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


class Sparse(ArithmeticChains):
    """Every other seed has no problem, as at a level of refund-policy that few policies reach."""

    def generate(self, level: int, seed: int) -> Problem:
        if seed % 2:
            raise NoProblem("an odd seed")
        return super().generate(level, seed)


def test_a_seed_without_a_problem_is_passed_over() -> None:
    assert len(list(islice(draw(Sparse(), "train", {2: 1.0}, 1), 200))) == 200
    found = held_out(Sparse(), "test", 3, 50)
    assert len({Sparse().digest(problem) for problem in found}) == 50
    assert {Sparse().split(problem) for problem in found} == {"test"}


class Barren(ArithmeticChains):
    """No seed has a problem; each look costs as much as thousands of problems do."""

    looks = 0

    def generate(self, level: int, seed: int) -> Problem:
        self.looks += 1
        raise NoProblem(f"level {level} is empty")


def test_a_level_without_problems_is_told_before_long() -> None:
    task = Barren()
    with pytest.raises(NoProblem, match="level 3 is empty"):
        held_out(task, "test", 3, 50)
    assert task.looks == SEEDS
    assert not has_problems(task, 3)
    with pytest.raises(ValueError, match="no problem of level 2 for train"):
        next(draw(task, "train", {2: 1.0}, 1))
    assert task.looks <= 2 * SEEDS + PATIENCE // BARREN


def test_no_weight_is_an_error() -> None:
    with pytest.raises(ValueError, match="above 0"):
        next(draw(ArithmeticChains(), "train", {2: 0.0}, 1))


def test_of_problems_that_can_be_listed_each_comes_once_before_one_comes_again() -> None:
    items = [Item(id=name, workload="w", input={"messages": [{"role": "user", "content": name}]}) for name in "abcdef"]
    splits: dict[str, Split] = {name: "val" if name in "ef" else "train" for name in "abcdef"}
    task = WorkloadTask(items, {"kind": "exact"}, splits=splits)
    drawn = [problem.data["item"] for problem in islice(draw(task, "train", {1: 1.0}, 3), 12)]
    assert [sorted(drawn[at : at + 4]) for at in (0, 4, 8)] == [list("abcd")] * 3
    assert len({tuple(drawn[at : at + 4]) for at in (0, 4, 8)}) > 1
    assert {problem.data["item"] for problem in held_out(task, "val", 1, 50)} == {"e", "f"}
    assert len(held_out(task, "val", 1, 1)) == 1
    assert held_out(task, "test", 1, 50) == []
    with pytest.raises(ValueError, match="w has no problem for test"):
        next(draw(task, "test", {1: 1.0}, 3))


def test_what_is_drawn_where_nothing_is_set_apart_is_what_it_always_was() -> None:
    chains, policies = ArithmeticChains(), RefundPolicy()
    assert [chains.render(one) for one in islice(draw(chains, "train", {2: 1.0, 3: 1.0}, 7), 6)] == [
        "428+7=?",
        "199+688-856=?",
        "875-28-69=?",
        "156-275=?",
        "434-732=?",
        "524+855+456=?",
    ]
    drawn = [policies.digest(one)[:12] for one in islice(draw(policies, "train", {1: 1.0, 2: 1.0}, 7), 6)]
    assert drawn == ["d5fa5fedf60f", "5e2e7c50acd2", "63597ac6c27c", "da910b9f162f", "875c8f3204f9", "9223cb019bf3"]


def test_a_problem_that_is_set_apart_is_drawn_again() -> None:
    task = ArithmeticChains()
    weights = {2: 1.0, 3: 1.0}
    task.apart = frozenset(digest_of(text) for text in ("428 + 7 = ?", "875-28-69=? /no_think"))
    drawn = [task.render(one) for one in islice(draw(task, "train", weights, 7), 3_000)]
    assert not {"428+7=?", "875-28-69=?"} & set(drawn)
    assert {task.split(one) for one in islice(draw(task, "train", weights, 7), 300)} == {"train"}
    small = ArithmeticChains(digits=1)
    every = {small.render(one) for one in islice(draw(small, "train", {2: 1.0}, 1), 4_000)}
    small.apart = frozenset(map(digest_of, every))
    with pytest.raises(ValueError, match="no problem of level 2 for train that may be drawn"):
        next(draw(small, "train", {2: 1.0}, 1))


def test_of_problems_that_can_be_listed_one_that_is_set_apart_does_not_come() -> None:
    items = [Item(id=name, workload="w", input={"messages": [{"role": "user", "content": name}]}) for name in "abc"]
    splits: dict[str, Split] = dict.fromkeys("abc", "train")
    task = WorkloadTask(items, {"kind": "exact"}, splits=splits)
    task.apart = frozenset({digest_of("b")})
    assert {one.data["item"] for one in islice(draw(task, "train", {1: 1.0}, 3), 9)} == {"a", "c"}
