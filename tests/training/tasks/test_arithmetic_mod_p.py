"""Arithmetic modulo a prime: by hand, and by an evaluator of another make (Python's own grammar)."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.training.tasks.arithmetic_mod_p import ArithmeticModP, reductions
from freehold.training.tasks.task import Problem


def problem_of(expression: str, p: int = 11) -> Problem:
    return Problem("arithmetic-mod-p", 1, {"expression": expression, "p": p})


def value_of(expression: str, p: int) -> int:
    """The value by Python's precedence, over the field."""

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.Constant):
            return int(str(node.value))
        assert isinstance(node, ast.BinOp)
        left, right = value(node.left), value(node.right)
        if isinstance(node.op, ast.Div):
            return left * pow(right, p - 2, p) % p
        if isinstance(node.op, ast.Mult):
            return left * right % p
        return (left + right if isinstance(node.op, ast.Add) else left - right) % p

    return value(ast.parse(expression, mode="eval").body)


BY_HAND = [
    ("4*(3+5)/2", ("4*8/2", "10/2", "5"), "5"),  # 4*8 = 32 = 10; 10/2 = 5
    ("3-(7-10*2)", ("3-(7-9)", "3-9", "5"), "5"),  # 20 = 9; 7-9 = -2 = 9; 3-9 = -6 = 5
    ("3/4", ("9",), "9"),  # 4*9 = 36 = 3
    ("2+3*4+6", ("2+1+6", "3+6", "9"), "9"),
    ("8/(3*5)", ("8/4", "2"), "2"),
]


@pytest.mark.parametrize(("expression", "lines", "answer"), BY_HAND)
def test_an_expression_is_reduced_one_operation_a_line(expression: str, lines: tuple[str, ...], answer: str) -> None:
    solution = ArithmeticModP().solve(problem_of(expression))
    assert (solution.lines, solution.answer) == (lines, answer)


def test_a_fine_step_says_the_operation_before_the_expression() -> None:
    lines = ArithmeticModP(steps="fine").solve(problem_of("4*(3+5)/2")).lines
    assert lines == ("3+5=8;4*8/2", "4*8=10;10/2", "10/2=5;5")


@given(seed=st.integers(0, 2**40), level=st.integers(1, 8), p=st.sampled_from([5, 7, 11, 13]))
@settings(max_examples=150, deadline=None)
def test_every_order_of_reduction_leads_to_the_value_that_another_evaluator_finds(
    seed: int, level: int, p: int
) -> None:
    expression = ArithmeticModP(p=p).generate(level, seed).data["expression"]
    expected = value_of(expression, p)
    tokens = tuple(_spaced(expression).split())
    while len(tokens) > 1:
        choices = list(reductions(tokens, p))
        _, tokens = choices[seed % len(choices)]
        assert value_of("".join(tokens), p) == expected
    assert tokens == (str(expected),)


def _spaced(expression: str) -> str:
    for sign in "+-*/()":
        expression = expression.replace(sign, f" {sign} ")
    return expression


@given(seed=st.integers(0, 2**40), level=st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_a_level_is_the_number_of_operators_and_numbers_are_residues(seed: int, level: int) -> None:
    expression = ArithmeticModP().generate(level, seed).data["expression"]
    parts = _spaced(expression).split()
    assert sum(part in "+-*/" for part in parts) == level
    assert all(int(part) < 11 for part in parts if part.isdecimal())


def test_operators_are_drawn_as_in_the_published_setting() -> None:
    """One expansion draws a sign with even odds and draws again where no second number fits: of the 121 pairs of a value and a
    first number, all fit for + and -, 111 for *, 100 for / and 10 in 11 of (0, 0). So * has 111 and / 100.9 of 453.9."""
    signs = "".join(ArithmeticModP().generate(1, seed).data["expression"] for seed in range(6000))
    counts = {sign: signs.count(sign) / 6000 for sign in "+-*/"}
    assert counts["+"] == pytest.approx(121 / 453.9, abs=0.025)
    assert counts["-"] == pytest.approx(121 / 453.9, abs=0.025)
    assert counts["*"] == pytest.approx(111 / 453.9, abs=0.025)
    assert counts["/"] == pytest.approx(100.9 / 453.9, abs=0.025)


@pytest.mark.parametrize(
    ("trace", "verdicts", "answer"),
    [
        ("2+3\n5", ["refuted", "verified"], "5"),
        ("2+1\n3", ["verified", "verified"], "3"),
        ("2+1", ["verified"], None),
        ("5*4\n9", ["refuted", "verified"], "9"),
        ("two\n2+1\n3", ["not_checkable", "verified", "verified"], "3"),
        ("2+1\n3\n3", ["verified", "verified", "refuted"], "3"),
        ("", [], None),
    ],
)
def test_each_line_is_judged_by_the_line_before_it(trace: str, verdicts: list[str], answer: str | None) -> None:
    check = ArithmeticModP().verify(problem_of("2+3*4"), trace)
    assert [step.verdict for step in check.steps] == verdicts
    assert check.answer == answer


def test_a_number_is_read_up_to_as_many_digits_as_python_reads() -> None:
    traces = [f"{'1' * size}*4\n0" for size in (4_300, 4_301)]  # an even number of ones is a multiple of 11
    checks = [ArithmeticModP().verify(problem_of("2+3*4"), trace) for trace in traces]
    assert [[step.verdict for step in check.steps] for check in checks] == [
        ["refuted", "verified"],
        ["not_checkable", "refuted"],
    ]


def test_operations_may_be_taken_in_another_order_that_gives_the_same() -> None:
    assert ArithmeticModP().verify(problem_of("(1+2)*(3+4)"), "(1+2)*7\n3*7\n10").sound
    assert ArithmeticModP().verify(problem_of("1+2-4"), "1+9\n10").sound
    assert not ArithmeticModP().verify(problem_of("1-2-4"), "1-9\n3").sound


def test_redundant_brackets_and_blanks_make_no_other_problem() -> None:
    task = ArithmeticModP()
    assert (
        task.canonical(problem_of("((4))*((3+5))/2")) == task.canonical(problem_of("4*(3+5)/2")) == b"4*(3+5)/2 mod 11"
    )
    assert task.canonical(problem_of("(4*3)+5")) == b"4*3+5 mod 11"
    assert task.canonical(problem_of("4-(3+5)")) == b"4-(3+5) mod 11"
    assert task.canonical(problem_of("4*3", 7)) != task.canonical(problem_of("4*3"))
