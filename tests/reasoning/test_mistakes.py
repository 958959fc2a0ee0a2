"""Mistakes: a sentence is made wrong in one place, and everything else stays as it was."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning.mistakes import PAIRS, another, mistakes, spoilt
from freehold.reasoning.numerals import read_number
from freehold.reasoning.split import sentences


def draw() -> random.Random:
    return random.Random(1)


def test_each_sentence_that_states_something_gets_one_mistake() -> None:
    chain = "There are 4 boxes. Hello there. The left box is larger. It is empty."
    found = mistakes(sentences(chain), draw())
    assert [(one.sentence, one.kind, one.was) for one in found] == [
        (0, "number", "4"),
        (2, "comparison", "left"),
        (3, "negation", "is"),
    ]
    assert found[1].text == "The right box is larger."
    assert found[2].text == "It is not empty."


def test_the_last_number_of_a_sentence_is_the_one_that_is_changed() -> None:
    mistake = spoilt("So 12 x 5 = 60 plants.", 3, draw())
    assert mistake is not None
    assert (mistake.sentence, mistake.was) == (3, "60")
    assert mistake.text == f"So 12 x 5 = {mistake.now} plants."
    assert mistake.now != "60"


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("Step 2: It rises before noon.", "Step 2: It rises after noon."),
        ("1. More people came.", "1. Less people came."),
        ("3) It was not there.", "3) It was there."),
        ("The claim is true.", "The claim is false."),
        ("It must be so.", "It must not be so."),
    ],
)
def test_words_are_turned_round_and_numbers_of_steps_left_alone(sentence: str, text: str) -> None:
    mistake = spoilt(sentence, 0, draw())
    assert mistake is not None
    assert mistake.text == text


@pytest.mark.parametrize("sentence", ["", "Well.", "2.", "Step 4:", "Let us see"])
def test_what_states_nothing_gets_no_mistake(sentence: str) -> None:
    assert spoilt(sentence, 0, draw()) is None


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("1,250", r"\d,\d{3}"),
        ("3.50", r"\d+\.\d{2}"),
        ("7", r"\d+"),
        ("0.001", r"0\.\d{3}"),
        ("12,000,000", r"\d{1,3},\d{3},\d{3}"),
    ],
)
def test_another_number_is_written_as_the_old_one_was(written: str, form: str) -> None:
    for seed in range(50):
        other = another(written, random.Random(seed))
        assert other is not None
        assert re.fullmatch(form, other)
        assert other != written


def test_a_number_with_an_exponent_is_left_alone() -> None:
    assert another("1e9", draw()) is None


def test_the_same_seed_makes_the_same_mistakes() -> None:
    chain = "We have 125 and 17. That makes 142. So 142 is the sum."
    assert mistakes(sentences(chain), random.Random(5)) == mistakes(sentences(chain), random.Random(5))


def test_a_number_keeps_the_zeros_that_it_is_written_with() -> None:
    for seed in range(50):
        padded, zero = another("0078", random.Random(seed)), another("0", random.Random(seed))
        assert padded is not None
        assert zero is not None
        assert re.fullmatch(r"00\d\d", padded)
        assert re.fullmatch(r"[1-9]", zero)


def test_every_pair_of_words_differs_and_none_is_its_own_opposite() -> None:
    assert all(one != two for one, two in PAIRS)
    assert len(set(PAIRS)) == len(PAIRS)


@given(st.integers(0, 10**9), st.text(st.sampled_from("0123456789"), max_size=4), st.integers(0, 10**6))
def test_another_number_always_has_another_value_that_is_not_negative(whole: int, decimals: str, seed: int) -> None:
    written = f"{whole}.{decimals}" if decimals else str(whole)
    other = another(written, random.Random(seed))
    assert other is not None
    before, after = read_number(written), read_number(other)
    assert before is not None
    assert after is not None
    assert after[0] != before[0]
    assert after[0] >= 0
    assert after[1] == before[1]


@given(st.text(st.sampled_from("ab 12,.:=-$%\nis not more"), max_size=80), st.integers(0, 99))
def test_a_mistake_changes_one_place_of_its_sentence_only(sentence: str, seed: int) -> None:
    mistake = spoilt(sentence, 0, random.Random(seed))
    if mistake is None:
        return
    head = next(
        place for place in range(len(sentence) + 1) if sentence[place:].startswith(mistake.was)
        and mistake.text == sentence[:place] + mistake.now + sentence[place + len(mistake.was) :]
    )  # fmt: skip
    assert head >= 0
    assert mistake.text != sentence
