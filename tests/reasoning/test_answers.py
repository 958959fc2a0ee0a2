"""Final answers, read and compared without a computer algebra system."""

import pytest

from freehold.reasoning.answers import final_answers, plain, same_answer, without_words
from freehold.reasoning.formulas import Tree


def unsure(left: Tree, right: Tree) -> bool | None:
    return None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So \\boxed{3} and finally \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("Adding up.\n#### 1,200", "1,200"),
        ("The final answer is **42**.", "42"),
        ("Answer: 9 apples", "9 apples"),
    ],
)
def test_the_last_stated_answer_is_found(text: str, answer: str) -> None:
    ((start, end, found),) = final_answers(text, whole=False)
    assert (found, text[start:end]) == (answer, answer)


def test_a_short_text_is_an_answer_only_when_asked() -> None:
    assert final_answers(" 42 ", whole=True) == [(1, 3, "42")]
    assert final_answers("42", whole=False) == []


@pytest.mark.parametrize(
    ("expected", "claimed", "same"),
    [
        ("9 apples", "9", True),
        ("9", "10", False),
        ("9 apples", "9 oranges", None),
        ("1/3", "0.33", None),
        ("0.333", "0.33", None),
        ("50%", "0.5", True),
        ("50%", "50", None),
        ("1,234", "1234", True),
        ("(B)", "b", True),
        ("A", "B", False),
        ("yes", "No", False),
        ("Friday", "monday", False),
        ("2, 3", "3, 2", True),
        ("(1, 2)", "(2, 1)", False),
        ("1, 2", "1, 2, 3", False),
        ("[0,1)", "[0,1]", None),
        ("\\boxed{7}", "$7$.", True),
        ("x^2", "x \\cdot x", None),
        ("", "3", None),
    ],
)
def test_answers_are_the_same_different_or_unsure(expected: str, claimed: str, same: bool | None) -> None:
    assert same_answer(expected, claimed, unsure) is same


def test_typography_and_words_go() -> None:
    assert plain("\\boxed{\\text{12 cm}}.") == "12 cm"
    assert without_words("31 eggs") == "31"
    assert without_words("x + 1") == "x + 1"
