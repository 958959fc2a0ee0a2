"""Questions and replies: chain and answer taken apart, answers read and compared, turns begun for a model."""

from typing import Any

import pytest

from freehold.reasoning.exchange import (
    Frame,
    Heard,
    Problem,
    begun,
    ended,
    frame_of,
    more_than,
    read_answer,
    same,
    steps_of,
    take_apart,
    until_answer,
    with_text,
)
from reasoning.toy_models import MESSAGES

OPEN = Problem(id="a", messages=MESSAGES)
NUMBER = Problem(id="a", messages=MESSAGES, right=("9",))
MONEY = Problem(id="a", messages=MESSAGES, right=("refund $9.00",))
CHOICE = Problem(id="a", messages=MESSAGES, choices=("cat", "dog", "red fox"))


@pytest.mark.parametrize(
    ("text", "chain", "chain_is", "stated"),
    [
        ("It is 4. So 9.\nAnswer: 9", "It is 4. So 9.", "visible", "9"),
        ("It is 4.\n\n**Final answer:** 9 apples.", "It is 4.", "visible", "9"),
        ("It is 4.\nThe answer is 9.\nAnswer: 8", "It is 4.", "visible", "9"),
        ("<think>\nIt is 4.\n</think>\nThe answer is 9.", "It is 4.", "shown", "9"),
        ("<think>\nIt is 4", "It is 4", "shown", None),
        (
            "<step>It is 4.</step>\n<step>So 9.</step>\nAnswer: 9",
            "<step>It is 4.</step>\n<step>So 9.</step>",
            "marked",
            "9",
        ),
        ("Answer: 9", "", "none", "9"),
        ("", "", "none", None),
        ("It is 4, and so the answer is 9.", "It is 4, and so the answer is 9.", "visible", "9"),
    ],
)
def test_chain_and_answer_are_taken_apart(text: str, chain: str, chain_is: str, stated: str | None) -> None:
    assert take_apart(Heard(text=text), NUMBER, "auto") == (chain, chain_is, stated)


def test_where_the_chain_is_looked_for_can_be_said() -> None:
    both = Heard(text="It is 4.\nAnswer: 9", reasoning="Hm, 9.", reasoning_is="shown")
    assert take_apart(both, NUMBER, "auto")[:2] == ("Hm, 9.", "shown")
    assert take_apart(both, NUMBER, "visible")[:2] == ("It is 4.", "visible")
    assert take_apart(Heard(text="It is 4.\nAnswer: 9"), NUMBER, "shown") == ("", "none", "9")


@pytest.mark.parametrize(
    ("text", "problem", "read"),
    [
        (" 9 pens.", NUMBER, "9"),
        (" 3 x 3 = 9 pens, 4 of them red", NUMBER, "9"),
        ("$1,250.00", NUMBER, "1250"),
        ("none at all", NUMBER, None),
        ("credit $9.00", MONEY, "credit 9.00"),
        ("refused", MONEY, "refused"),
        ("\n\nAnswer: 12", NUMBER, "12"),
        ("B) dog", CHOICE, "B"),
        ("b", CHOICE, "B"),
        ("**(C)** the fox", CHOICE, "C"),
        ("the red fox", CHOICE, "C"),
        ("D", CHOICE, None),
        ("cats", CHOICE, None),
        (" Paris.", OPEN, "Paris"),
        ("The answer is **Paris**.", OPEN, "Paris"),
        ("", OPEN, None),
    ],
)
def test_answers_are_read_by_the_kind_of_the_problem(text: str, problem: Problem, read: str | None) -> None:
    assert read_answer(text, problem) == read


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("9", "9.0", True),
        ("9", "9 pens", True),
        ("Paris", "paris", True),
        ("the Nile", "Nile", True),
        ("Paris", "London", False),
        ("9", "8", False),
        ("yes", "no", False),
        ("refund 9.00", "credit 9.00", False),
        ("1/2", "0.5", False),  # a fraction and a decimal are the same only to one who computes
    ],
)
def test_answers_are_compared_by_value_where_possible_and_else_by_their_words(
    one: str, other: str, equal: bool
) -> None:
    assert same(one, other) is equal


def test_text_is_changed_where_it_stands_and_pictures_stay() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    asked = [{"role": "user", "content": [{"type": "text", "text": "What?"}, picture]}]
    assert with_text(asked, str.upper) == ({"role": "user", "content": [{"type": "text", "text": "WHAT?"}, picture]},)
    assert with_text([{"role": "user", "content": [picture]}], lambda _: "Hm") == (
        {"role": "user", "content": [picture, {"type": "text", "text": "Hm"}]},
    )


def test_a_chain_is_cut_by_sentences_or_by_lines() -> None:
    chain = "A. It is 3. So 4.\n\n  B. It is 5. \n"
    assert [one.text for one in steps_of(chain, "lines")] == ["A. It is 3. So 4.", "B. It is 5."]
    assert [chain[one.start : one.end] for one in steps_of(chain, "lines")] == ["A. It is 3. So 4.", "B. It is 5."]
    assert [one.text for one in steps_of("It is 3. So 4.", "sentences")] == ["It is 3.", "So 4."]


FIELD = Heard(text="\n756", reasoning="\n78+678\n", reasoning_is="shown")
MARKS = Heard(text="<think> 78+678\n</think>\n\n756")


def test_thinking_in_a_field_goes_back_in_that_field_with_the_white_space_that_it_had() -> None:
    frame = frame_of(FIELD, "auto")
    assert take_apart(FIELD, NUMBER, "auto") == ("78+678", "shown", "756")
    assert begun("78", "shown", frame) == {"role": "assistant", "content": "", "reasoning_content": "\n78"}
    assert ended("78", "shown", frame, "") == {"role": "assistant", "content": "\n", "reasoning_content": "\n78\n"}
    assert ended("78", "shown", frame, "Answer:")["content"] == "\nAnswer:"


def test_thinking_between_marks_goes_back_between_marks() -> None:
    frame = frame_of(MARKS, "auto")
    assert begun("78", "shown", frame) == {"role": "assistant", "content": "<think> 78"}
    assert ended("78", "shown", frame, "")["content"] == "<think> 78\n</think>\n\n"


def test_a_chain_without_white_space_around_it_gets_lines_of_its_own() -> None:
    frame = frame_of(Heard(text="9", reasoning="It is 9.", reasoning_is="shown"), "auto")
    assert frame == Frame(field=True, lead="\n", trail="\n", gap="\n\n")
    assert frame_of(FIELD, "visible") == Frame()


def test_a_chain_in_the_text_is_followed_by_the_answers_first_words() -> None:
    assert ended("It is 9.", "visible", Frame(), "Answer:")["content"] == "It is 9.\n\nAnswer:"
    assert ended("", "none", Frame(), "Answer:")["content"] == "Answer:"


@pytest.mark.parametrize(
    ("turn", "heard", "more"),
    [
        ({"content": "", "reasoning_content": "\n78"}, Heard(text="\n9", reasoning="\n78+1"), "+1"),
        ({"content": "", "reasoning_content": "\n78"}, Heard(reasoning="+1"), "+1"),
        ({"content": "\n", "reasoning_content": "\n78\n"}, Heard(text="\n9", reasoning="\n78\n"), "9"),
        ({"content": "It is"}, Heard(text="It is 9."), " 9."),
        ({"content": "It is"}, Heard(text=" 9."), " 9."),
    ],
)
def test_what_a_server_repeats_of_a_turn_is_not_taken_for_new(turn: dict[str, Any], heard: Heard, more: str) -> None:
    assert more_than(turn, heard) == more


@pytest.mark.parametrize(
    ("text", "kept"),
    [(" So 9.\nAnswer: 9", " So 9.\n"), ("+1\n</think>\n9", "+1"), (" So 9.", " So 9.")],
)
def test_going_on_ends_where_thinking_ends_or_an_answer_is_stated(text: str, kept: str) -> None:
    assert until_answer(text) == kept
