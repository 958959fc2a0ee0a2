"""A text reduced to its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.graders.plain_text import holds_words, normalised


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The  QUICK, brown fox!", "quick brown fox"),
        ("ﬁne ＡＢＣ x²", "fine abc x2"),
        ("Straße", "strasse"),
        ("1,234,567.50 and 1,23", "1234567.50 and 1,23"),
        ("don't", "dont"),
        ("U.S. and e.g. this", "us and eg this"),
        ("10:30 1/2 a@b", "10 30 1 2 b"),
        ("5 % 5% 3‰", "5% 5% 3‰"),
        ("-3 x-3 3-5 −4", "-3 x 3 3 5 -4"),
        ("$5 €6", "$5 €6"),
        ("a the an", "a the an"),
        ("a cat", "cat"),
        ("well_known–thing", "well known thing"),
        ("**bold** `code`", "bold code"),
        ("\u200b", ""),
    ],
)
def test_the_rule_is_what_the_page_says(text: str, words: str) -> None:
    assert normalised(text) == words


@given(st.text(max_size=60))
def test_there_are_no_outer_or_double_spaces(text: str) -> None:
    words = normalised(text)
    assert words == " ".join(words.split())


@given(st.text(max_size=60))
def test_case_and_outer_space_change_nothing(text: str) -> None:
    assert normalised(f"  {text}\n") == normalised(text)


def test_words_are_whole() -> None:
    assert holds_words("it was yes terday", "yes")
    assert not holds_words("it was yesterday", "yes")
    assert not holds_words("dark blue", "blue dark")
    assert not holds_words("anything", "")


def test_scripts_without_spaces_are_searched_by_signs() -> None:
    assert holds_words("答えは東京です", "東京")
    assert not holds_words("答えは京都です", "東京")
