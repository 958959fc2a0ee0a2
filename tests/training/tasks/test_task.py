"""What holds for every task: problems, traces, splits, replies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.arithmetic_mod_p import ArithmeticModP
from freehold.training.tasks.linear_equations_mod_p import LinearEquationsModP
from freehold.training.tasks.selftest import wrong_lines
from freehold.training.tasks.task import (
    MARKERS,
    Problem,
    Solution,
    Task,
    judge,
    lines_of,
    pieces,
    read_reply,
    write_reply,
)
from training.tasks.samples import TASKS, named

seeds = st.integers(0, 2**40)
each_task = pytest.mark.parametrize("task", TASKS, ids=named)


@each_task
@given(seed=seeds, place=st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_every_solution_verifies_and_is_graded_right(task: Task, seed: int, place: int) -> None:
    levels = task.levels + task.beyond[:1]
    problem = task.generate(levels[place % len(levels)], seed)
    solution = task.solve(problem)
    assert judge(task, problem, write_reply(solution)).proven
    assert task.grade(problem, write_reply(solution, thinking=False)).score == 1.0
    assert task.item(problem).reference == solution.answer


@each_task
@given(seed=seeds, data=st.data())
@settings(max_examples=30, deadline=None)
def test_every_changed_step_is_refuted(task: Task, seed: int, data: st.DataObject) -> None:
    problem = task.generate(data.draw(st.sampled_from(task.levels)), seed)
    solution = task.solve(problem)
    place = data.draw(st.integers(0, len(solution.lines) - 1))
    changes = list(wrong_lines(task, solution.lines[place]))
    kind, line = data.draw(st.sampled_from(changes))
    lines = [*solution.lines[:place], line, *solution.lines[place + 1 :]]
    check = task.verify(problem, "\n".join(lines))
    assert check.steps[place].verdict in ("refuted", "not_checkable"), kind
    assert all(step.verdict == "verified" for step in check.steps[:place])
    assert not check.sound


@each_task
def test_the_line_after_an_error_is_judged_by_what_the_error_wrote(task: Task) -> None:
    def judged_again(seed: int) -> bool:
        problem = task.generate(task.levels[-1], seed)
        first, *rest = task.solve(problem).lines
        for kind, line in wrong_lines(task, first):
            check = task.verify(problem, "\n".join((line, *rest)))
            if kind == "another digit" and check.steps[0].verdict == check.steps[1].verdict == "refuted":
                return True
        return False

    assert any(judged_again(seed) for seed in range(40))


@each_task
@given(text=st.text(max_size=300))
@settings(max_examples=30, deadline=None)
def test_no_text_makes_judging_fail_or_is_proven_by_chance(task: Task, text: str) -> None:
    problem = task.generate(task.levels[-1], 3)
    judgement = judge(task, problem, text)
    assert not judgement.proven
    assert judgement.grade.score == float(text.strip() == task.solve(problem).answer)
    task.verify(problem, text)


LONG = "9" * 4_301
"""A number with more digits than Python reads."""

WIDE = "0" * 4_301


@each_task
@pytest.mark.parametrize(
    "trace",
    [
        f"{LONG}+1\n1",
        f"1+1=2;{LONG}*2\n1",
        f"1+1={LONG}\n1",
        f"{WIDE}-1:\n1",
        f"{WIDE}-1:=5\n1",
        f"r1*{LONG}:a=1",
        f"r1*4:{LONG}*4={LONG}",
        f"{LONG}a={LONG}",
        f"A. Items can be returned within 30 days. limit {LONG}",
    ],
    ids=range(9),
)
def test_no_number_is_too_long_to_be_judged(task: Task, trace: str) -> None:
    for seed in range(8):
        problem = task.generate(task.levels[1], seed)
        assert not judge(task, problem, f"<think>\n{trace}\n</think>\n{LONG}").proven


@each_task
def test_texts_are_made_of_the_vocabulary(task: Task) -> None:
    known = task.vocabulary() | set(MARKERS)
    for level in task.levels + task.beyond[:1]:
        for seed in range(15):
            problem = task.generate(level, seed)
            text = f"{task.render(problem)}\n{write_reply(task.solve(problem))}"
            assert set(pieces(text)) <= known
            assert "".join(pieces(text)) == text
    assert len(known) <= 256


@each_task
def test_splits_are_disjoint_and_shared_as_stated(task: Task) -> None:
    level = task.levels[3]
    problems = {task.digest(problem): problem for problem in (task.generate(level, seed) for seed in range(800))}
    assert len(problems) == 800
    splits = [task.split(problem) for problem in problems.values()]
    assert 18 <= splits.count("val") <= 66
    assert 18 <= splits.count("test") <= 66
    assert splits == [task.split(problem) for problem in problems.values()]


def test_the_split_hangs_on_the_problem_and_not_on_how_its_steps_are_written() -> None:
    problem = ArithmeticChains().generate(4, 11)
    assert ArithmeticChains(steps="fine").digest(problem) == ArithmeticChains().digest(problem)
    assert ArithmeticChains(digits=7).digest(problem) == ArithmeticChains().digest(problem)


def test_the_digest_is_the_sha256_of_name_and_canonical_form() -> None:
    problem = Problem("arithmetic-chains", 2, {"terms": ["+12", "-5"]})
    # printf 'arithmetic-chains\0+12-5' | sha256sum
    expected = "3eae6a60cb7027fa064ceefa67061f0de1e933bc2d536681ec65e412997ba738"
    assert ArithmeticChains().digest(problem) == expected


PINNED = [
    # checked by hand: 281-806+691-62 = 972-868; 1/2 = 6 and 5/6 = 10; 5*2+10*6 = 70 = 4, 3*6+2*2+7*6 = 64 = 9, 6+10*2+5*6 = 56 = 1
    (TASKS[0], 4, "281-806+691-62=?", "104", "2ab7f9e01aff66ce"),
    (TASKS[2], 4, "1/2+5/6-10 mod 11=?", "6", "ada987bba111cda7"),
    (TASKS[4], 3, "0a+5b+10c=4,3a+2b+7c=9,1a+10b+5c=1 mod 11=?", "a=6,b=2,c=6", "d72d9962905c938e"),
]


@pytest.mark.parametrize(("task", "level", "asked", "answer", "digest"), PINNED, ids=lambda value: str(value)[:20])
def test_seed_1_gives_these_problems_for_ever(task: Task, level: int, asked: str, answer: str, digest: str) -> None:
    problem = task.generate(level, 1)
    assert (task.render(problem), task.solve(problem).answer) == (asked, answer)
    assert (task.digest(problem)[:16], task.split(problem)) == (digest, "train")


def test_seed_1_of_the_refund_policy_is_this_case_for_ever() -> None:
    problem = TASKS[7].generate(3, 1)
    assert "The case: toys, $46.00, bought on day 82, returned on day 89, member no, gift yes" in TASKS[7].render(
        problem
    )
    # 10 days, 7 were taken; opened toys are refused, but faulty items refunded, and they have no fee; a gift: no postage
    assert TASKS[7].solve(problem).answer == "refund $46.00"
    assert TASKS[7].digest(problem)[:16] == "cbb5b36a9b276de3"


@each_task
def test_a_seed_gives_the_same_problem_again_and_another_seed_another(task: Task) -> None:
    assert task.generate(task.levels[-1], 5) == task.generate(task.levels[-1], 5)
    assert task.generate(task.levels[-1], 5) != task.generate(task.levels[-1], 6)


@each_task
def test_a_level_that_is_not_there_is_an_error_that_names_those_that_are(task: Task) -> None:
    with pytest.raises(ValueError, match=str(task.levels[-1])):
        task.generate(99, 0)


def test_a_reply_is_taken_apart_at_its_markers() -> None:
    solution = Solution(("1+1=2", "2+1=3"), "3")
    assert write_reply(solution) == "<think>\n1+1=2\n2+1=3\n</think>\n3"
    assert write_reply(solution, thinking=False) == "3"
    reading = read_reply("<think>\n1+1=2\n2+1=3\n</think>\n3")
    assert (reading.trace, reading.answer, reading.finished) == ("1+1=2\n2+1=3", "3", True)


def test_thinking_that_never_ends_has_no_answer() -> None:
    reading = read_reply("<think>\n1+1=2\n3")
    assert (reading.trace, reading.answer, reading.finished) == ("1+1=2\n3", "", False)


def test_an_opening_marker_in_the_prompt_need_not_be_repeated() -> None:
    reading = read_reply("1+1=2\n</think>\n 2 ")
    assert (reading.trace, reading.answer, reading.finished) == ("1+1=2", "2", True)


def test_an_answer_that_does_not_follow_from_the_steps_is_not_proven() -> None:
    task = ArithmeticChains()
    problem = Problem(task.name, 3, {"terms": ["+2", "+3", "-1"]})
    wrong_then_right = judge(task, problem, "<think>\n2+3=6\n6-1=5\n</think>\n4")
    assert wrong_then_right.grade.score == 1.0
    assert [step.verdict for step in wrong_then_right.check.steps] == ["refuted", "verified"]
    assert (wrong_then_right.follows, wrong_then_right.proven) == (False, False)


def test_pieces_are_words_with_their_blank_single_digits_and_markers() -> None:
    assert pieces("<think>\nlimit 30+14, /no_think") == [
        "<think>", "\n", "limit", " ", "3", "0", "+", "1", "4", ",", " ", "/no_think",
    ]  # fmt: skip


def test_blank_lines_are_no_steps() -> None:
    assert lines_of("\n a \n\n b\r\n") == ["a", "b"]


def test_the_problems_of_both_tasks_over_a_field_know_their_modulus() -> None:
    assert " mod 7=?" in ArithmeticModP(p=7).render(ArithmeticModP(p=7).generate(3, 1))
    assert " mod 13=?" in LinearEquationsModP(p=13).render(LinearEquationsModP(p=13).generate(2, 1))
