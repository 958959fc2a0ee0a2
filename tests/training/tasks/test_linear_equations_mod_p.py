"""Linear equations modulo a prime: by hand, in each way to write the steps."""

import pytest

from freehold.training.tasks.linear_equations_mod_p import LinearEquationsModP, Steps
from freehold.training.tasks.task import Problem

BY_HAND = Problem("linear-equations-mod-p", 2, {"rows": [[3, 4, 5], [2, 0, 7]], "p": 11})
SWAPPED = Problem("linear-equations-mod-p", 2, {"rows": [[0, 2, 4], [1, 1, 3]], "p": 11})

LINES: dict[Steps, tuple[str, ...]] = {
    # 1/3 = 4, so 3a+4b=5 is a+5b=9; less twice that, 2a+0b=7 is 1b=0; less 5 times that, the first is a=9.
    "whole": ("a+5b=9,1b=0", "a=9,b=0"),
    "rows": ("r1*4:a+5b=9", "r2-2r1:1b=0", "r2*1:b=0", "r1-5r2:a=9"),
    "terms": (
        "r1*4:3*4=1,4*4=5,5*4=9",
        "r2-2r1:2-2*1=0,0-2*5=1,7-2*9=0",
        "r2*1:1*1=1,0*1=0",
        "r1-5r2:5-5*1=0,9-5*0=9",
    ),
    "products": (
        "r1*4:3*4=1,4*4=5,5*4=9",
        "r2-2r1:2*1=2;2-2=0,2*5=10;0-10=1,2*9=7;7-7=0",
        "r2*1:1*1=1,0*1=0",
        "r1-5r2:5*1=5;5-5=0,5*0=0;9-0=9",
    ),
}


@pytest.mark.parametrize("steps", LINES)
def test_the_steps_are_those_done_by_hand(steps: Steps) -> None:
    solution = LinearEquationsModP(steps=steps).solve(BY_HAND)
    assert solution.lines == LINES[steps]
    assert solution.answer == "a=9,b=0"


def test_rows_that_change_places_have_a_line_of_their_own() -> None:
    lines = LinearEquationsModP(steps="rows").solve(SWAPPED).lines
    assert lines == ("r1<>r2", "r1*1:a+1b=3", "r2-0r1:2b=4", "r2*6:b=2", "r1-1r2:a=1")
    assert LinearEquationsModP(steps="whole").solve(SWAPPED).lines == ("a+1b=3,2b=4", "a=1,b=2")


@pytest.mark.parametrize("task", [LinearEquationsModP(steps=steps) for steps in LINES], ids=list(LINES))
def test_however_they_are_written_steps_verify(task: LinearEquationsModP) -> None:
    for lines in LINES.values():
        check = task.verify(BY_HAND, "\n".join(lines))
        assert (check.sound, check.answer) == (True, "a=9,b=0")


@pytest.mark.parametrize(
    ("trace", "verdicts"),
    [
        ("r1*4:a+5b=8\nr2-2r1:1b=2", ["refuted", "verified"]),  # 7 - 2*8 = -9 = 2, by the row as it was written
        ("r1*5:a+5b=9", ["refuted"]),
        ("r2*6:a+0b=9", ["refuted"]),
        ("r1<>r2", ["refuted"]),
        ("multiply by four", ["not_checkable"]),
        ("r1*4:3*4=1,4*4=5,5*4=8\nr2-2r1:2-2*1=0,0-2*5=1,7-2*8=2", ["refuted", "verified"]),
        ("r1*4:3*4=1,4*4=5", ["not_checkable"]),
        ("r1*4:3*4=1,4*4=5,5*4=9\nr2-2r1:2*1=2;2-2=0,2*5=9;0-9=2,2*9=7;7-7=0", ["verified", "refuted"]),  # 2*5 is 10
        ("r2-2r1:2*3=6;2-6=7,2*4=8;0-8=3,2*5=10;7-10=8", ["refuted"]),
        ("a+5b=9,1b=1\na=4,b=1", ["refuted", "verified"]),  # 9 - 5*1 = 4
        ("a+5b=9,1c=1", ["not_checkable"]),
        ("a+5b=9,1b=0\na=9,b=0\na=9,b=0", ["verified", "verified", "refuted"]),
        ("a=0,b=0\na=0,b=0", ["refuted", "verified"]),
    ],
)
def test_each_line_is_judged_by_the_system_as_written(trace: str, verdicts: list[str]) -> None:
    check = LinearEquationsModP().verify(BY_HAND, trace)
    assert [step.verdict for step in check.steps] == verdicts


def test_a_true_row_that_is_not_the_next_step_is_refuted() -> None:
    assert LinearEquationsModP().verify(BY_HAND, "r2*6:a=9").steps[0].verdict == "refuted"


def test_a_trace_that_loses_its_pivot_says_so() -> None:
    check = LinearEquationsModP(steps="rows").verify(BY_HAND, "r1*4:a+5b=9\nr2-2r1:0b=0\nr2*1:b=0")
    assert [step.verdict for step in check.steps] == ["verified", "refuted", "refuted"]
    assert check.steps[2].reason == "No row can be the pivot."
    assert check.answer is None


def test_the_prompt_writes_every_coefficient() -> None:
    assert LinearEquationsModP().render(BY_HAND) == "3a+4b=5,2a+0b=7 mod 11=?"


def test_the_order_of_the_equations_makes_no_other_problem() -> None:
    task = LinearEquationsModP()
    other = Problem(task.name, 2, {"rows": [[2, 0, 7], [3, 4, 5]], "p": 11})
    assert task.digest(other) == task.digest(BY_HAND)


def test_every_system_has_as_many_equations_as_its_level_and_one_solution() -> None:
    for level in (1, 3, 5):
        for seed in range(40):
            problem = LinearEquationsModP().generate(level, seed)
            rows: list[list[int]] = problem.data["rows"]
            values = [int(part.partition("=")[2]) for part in LinearEquationsModP().solve(problem).answer.split(",")]
            assert len(rows) == len(values) == level
            assert all(sum(a * x for a, x in zip(row, values, strict=False)) % 11 == row[-1] for row in rows)


def test_coefficients_are_drawn_evenly() -> None:
    numbers = [n for seed in range(600) for row in LinearEquationsModP().generate(3, seed).data["rows"] for n in row]
    shares = [numbers.count(value) / len(numbers) for value in range(11)]
    assert min(shares) > 0.08
    assert max(shares) < 0.102
