"""Quotations: exact, edited, or nowhere."""

import pytest

from freehold.reasoning.quotations import Quotations
from reasoning.reading import found, verdicts

Q = Quotations()
DOCUMENTS = {
    "a": "Other things.",
    "b": "The patient must not take more than\n40 mg of the drug per day, said the label.",
}


@pytest.mark.parametrize(
    "text",
    [
        "It says “must not take more than 40 mg of the drug”.",
        'It says "The patient must not take ... the drug per day."',
        "It says “[t]he patient must not take”.",
        "It says «Said the label».",
    ],
)
def test_exact_words_are_verified_with_their_place(text: str) -> None:
    (one,) = found(Q, text, documents=DOCUMENTS)
    assert one.verdict == "verified"
    assert one.found.startswith("b, characters ")


def test_the_place_is_in_the_characters_of_the_document() -> None:
    (one,) = found(Q, "“more than 40 mg”", documents=DOCUMENTS)
    assert one.found == "b, characters 26 to 41"
    assert DOCUMENTS["b"][26:41] == "more than\n40 mg"
    assert one.claim.text == "more than 40 mg"


@pytest.mark.parametrize(
    ("quoted", "edit"),
    [
        ("The patient must not take more than 400 mg of the drug per day", "'40' became '400'"),
        ("The patient must take more than 40 mg of the drug per day", "'not' was left out"),
        ("The patient must not ever take more than 40 mg of the drug per day", "'ever' was added"),
    ],
)
def test_an_edit_is_refuted_and_named(quoted: str, edit: str) -> None:
    (one,) = found(Q, f"It says “{quoted}”.", documents=DOCUMENTS)
    assert one.verdict == "refuted"
    assert edit in one.reason


def test_what_stands_nowhere_is_unsupported() -> None:
    assert verdicts(Q, "“this was never said by anybody”", documents=DOCUMENTS) == ["unsupported"]


def test_parts_in_the_wrong_order_are_not_verified() -> None:
    assert verdicts(Q, '"said the label ... The patient must"', documents=DOCUMENTS) == ["unsupported"]


def test_the_question_may_be_quoted_and_terms_are_none() -> None:
    assert verdicts(Q, "You ask “how much may I take”.", question="How much may I take?", documents=DOCUMENTS) == [
        "verified"
    ]
    assert verdicts(Q, 'A “safe dose” of 5" pipe', documents=DOCUMENTS) == []
    assert verdicts(Q, "“nothing was supplied at all”") == ["not_checkable"]
