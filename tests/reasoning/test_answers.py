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
        ("**Answer:** 42", "42"),
        ("**Answer**: 42", "42"),
        ("**Answer: 42**", "42"),
        ("The answer is: **42**.", "42"),
        ("## Answer\n\n9 apples", "9 apples"),
        ("**Final Answer**\n42.", "42"),
        ("Final answer 42", "42"),
        ("Answer - 42", "42"),
        ("The answer would be 42 if all 7 came.", "42 if all 7 came"),
        ("The answer's 42, of 50.", "42, of 50"),
        ("The answers are 2 and 3.", "2 and 3"),
        ("The answer to question 3 is 42.", "42"),
        ("The answer to 3.5 + 1.5 is 5.", "5"),
        ("Answer for 2024: 42", "42"),
        ("Answer (in 10 km) = 42", "42"),
        ("The answer, rounded to 2 places, is 3.14.", "3.14"),
        ("The answer for 5 boxes is 42", "42"),
        ("The answer to what is 6 * 7 is 42.", "42"),
        ("The answer is 42. I hope this answer helps with all 3!", "42"),
        ("The answer is 42. Ask again if this answer is not clear within 2 days.", "42"),
        ("The answer is 42. The answer is correct to 2 places.", "42"),
        ("The answer is 42. To answer the rest: there are 3.", "42"),
        ("The answer is not guilty.", "not guilty"),
        ("The answer is 5. Wait, the answer is 7.", "7"),
    ],
)
def test_the_last_stated_answer_is_found(text: str, answer: str) -> None:
    ((start, end, found),) = final_answers(text, whole=False)
    assert (found, text[start:end]) == (answer, answer)


@pytest.mark.parametrize(
    "text",
    [
        "What is the answer? 42",
        "It has an answer in 3 parts.",
        "I'll answer in 3 steps: one is 5. So, 42",
        "The answer is not 5, it is 42.",
        "The answer to question 3. It is 42",
    ],
)
def test_the_word_alone_states_nothing(text: str) -> None:
    assert final_answers(text, whole=False) == []


@pytest.mark.parametrize(
    "piece", ["answer ", "answer", "the answer to ", "answer\n", "answer,", " ", "answer is ", "\n"]
)
def test_no_text_takes_longer_than_in_proportion_to_its_length(piece: str) -> None:
    """One that backtracks without bound would not come back from this."""
    assert len(final_answers(f"answer{piece * (20_000 // len(piece))}", whole=False)) <= 1


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
