"""Arithmetic chains: by hand."""

import pytest

from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.columns import summed
from freehold.training.tasks.task import Problem

BY_HAND = [
    (["+123", "-45", "+678"], ("123-45=78", "78+678=756"), "756"),
    (["+45", "-123"], ("45-123=-78",), "-78"),
    (["+0", "-999", "+999", "-1"], ("0-999=-999", "-999+999=0", "0-1=-1"), "-1"),
]


@pytest.mark.parametrize(("terms", "lines", "answer"), BY_HAND)
def test_a_chain_is_summed_from_left_to_right(terms: list[str], lines: tuple[str, ...], answer: str) -> None:
    solution = ArithmeticChains().solve(Problem("arithmetic-chains", len(terms), {"terms": terms}))
    assert (solution.lines, solution.answer) == (lines, answer)


FINE_BY_HAND = [
    (["+45", "-123", "+198"], ("0045-0123:02,02,-9,-9,=9922", "9922+0198:10,12,11,10,=0120"), "120"),
    (["+45", "-123"], ("0045-0123:02,02,-9,-9,=9922", "0000-9922:-8,-7,-0,-0,=0078"), "-78"),
    (["+7", "-7"], ("0007-0007:00,00,00,00,=0000",), "0"),
]


@pytest.mark.parametrize(("terms", "lines", "answer"), FINE_BY_HAND)
def test_fine_steps_are_sums_by_hand_and_a_total_below_zero_is_taken_from_zero_at_the_end(
    terms: list[str], lines: tuple[str, ...], answer: str
) -> None:
    solution = ArithmeticChains(steps="fine").solve(Problem("arithmetic-chains", len(terms), {"terms": terms}))
    assert (solution.lines, solution.answer) == (lines, answer)


def test_fine_steps_are_written_wide_enough_for_every_total_of_more_terms() -> None:
    lines = ArithmeticChains(steps="fine").solve(Problem("arithmetic-chains", 6, {"terms": ["+999"] * 6})).lines
    assert lines[0] == "00999+00999:18,19,19,01,00,=01998"


def test_either_way_of_writing_verifies_whatever_the_task_writes() -> None:
    problem = Problem("arithmetic-chains", 3, {"terms": ["+45", "-123", "+198"]})
    check = ArithmeticChains().verify(problem, "0045-0123:02,02,-9,-9,=9922\n9922+0198:10,12,11,10,=0120")
    assert (check.sound, check.answer) == (True, "120")
    check = ArithmeticChains(steps="fine").verify(problem, "45-123=-78\n-78+198=120")
    assert (check.sound, check.answer) == (True, "120")


@pytest.mark.parametrize(
    ("trace", "verdicts", "answer"),
    [
        ("0045-0123:02,02,-9,-9,=9922", ["verified"], None),  # below zero, and not taken from zero
        ("0045-0123:03,02,-9,-9,=9923\n0000-9923:-7,-7,-0,-0,=0077", ["refuted", "verified"], "-77"),
        (
            "0045-0123:02,02,09,-9,=9922\n0000-9922:-8,-7,-0,-0,=0078",
            ["refuted", "verified"],
            "-78",
        ),  # a borrow is missing
        (
            "0045-0123:02,02,-9,-9,=9922\n0000-9922:-8,-7,-0,-0,=0078\n0000-0078:-2,-2,-9,-9,=9922",
            ["verified", "verified", "refuted"],
            "-78",
        ),
        ("0045-0123:02,02,00,00,=0022", ["refuted"], "22"),
    ],
)
def test_each_fine_line_is_judged_by_itself(trace: str, verdicts: list[str], answer: str | None) -> None:
    check = ArithmeticChains().verify(Problem("arithmetic-chains", 2, {"terms": ["+45", "-123"]}), trace)
    assert [step.verdict for step in check.steps] == verdicts
    assert check.answer == answer


@pytest.mark.parametrize(
    ("trace", "verdicts", "answer"),
    [
        ("2+3=6\n6-1=5", ["refuted", "verified"], "5"),
        ("2+3=5\n5+1=6", ["verified", "refuted"], "6"),
        ("2+3=5", ["verified"], None),
        ("2+3=5\n5-1=4\n4+0=4", ["verified", "verified", "refuted"], "4"),
        ("two and three\n5-1=4", ["not_checkable", "verified"], "4"),
        ("2+3=05\n5-1=4", ["refuted", "verified"], "4"),
        ("2+3=6>5\n5-1=4", ["not_checkable", "verified"], "4"),
        ("", [], None),
    ],
)
def test_each_line_is_judged_by_itself(trace: str, verdicts: list[str], answer: str | None) -> None:
    check = ArithmeticChains().verify(Problem("arithmetic-chains", 3, {"terms": ["+2", "+3", "-1"]}), trace)
    assert [step.verdict for step in check.steps] == verdicts
    assert check.answer == answer


def test_what_a_line_should_have_been_is_told() -> None:
    check = ArithmeticChains().verify(Problem("arithmetic-chains", 2, {"terms": ["+2", "+3"]}), "2+3=6")
    assert check.steps[0].found == "2+3=5"


def test_a_level_is_the_number_of_terms_and_digits_bound_them() -> None:
    for level in (2, 5, 8):
        for seed in range(50):
            terms = ArithmeticChains().generate(level, seed).data["terms"]
            assert len(terms) == level
            assert all(0 <= int(term[1:]) <= 999 for term in terms)
    longer = [ArithmeticChains(digits=6).generate(2, seed).data["terms"][0] for seed in range(50)]
    assert max(map(len, longer)) == 7


def test_the_prompt_shows_the_sum() -> None:
    assert ArithmeticChains().render(Problem("arithmetic-chains", 3, {"terms": ["+1", "-2", "+3"]})) == "1-2+3=?"


def test_numbers_have_1_to_12_digits() -> None:
    with pytest.raises(ValueError, match="1 to 12"):
        ArithmeticChains(digits=13)


def test_a_sum_is_read_up_to_as_many_digits_as_python_reads() -> None:
    task = ArithmeticChains(steps="fine")
    problem = Problem("arithmetic-chains", 2, {"terms": ["+1", "+2"]})
    widest, wider = (summed(1, "+", 2, width)[0] for width in (4_300, 4_301))
    assert task.verify(problem, widest).sound
    assert [step.verdict for step in task.verify(problem, wider).steps] == ["not_checkable"]
