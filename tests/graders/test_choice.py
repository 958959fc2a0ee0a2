"""Choice: which option a reply picks."""

import pytest

from freehold.graders.choice import Choice, lettered, pick, shown_options
from graders.samples import item, score

CITIES = {"A": "Paris", "B": "Paris, Texas", "C": "Rome", "D": "None of these"}


@pytest.mark.parametrize(
    ("said", "letter"),
    [
        ("B", "B"),
        ("(b)", "B"),
        ("**C.**", "C"),
        ("Answer: D", "D"),
        ("B) Paris, Texas", "B"),
        ("Option C", "C"),
        ("The answer is (A).", "A"),
        ("It was not A. The correct answer is B.", "B"),
        ("\\boxed{C}", "C"),
        ("A city in France is Paris. The answer to this question is B.", "B"),
        ("rome!", "C"),
        ("I think of Paris, Texas.", "B"),
        ("It could be Rome.\n\nNo: it is in Texas, so Paris, Texas.", "B"),
        ("C\n\nBecause it is the capital of Italy.", "C"),
        ("A) Rome", None),
        ("A) is in France, so B) it is", None),
        ("A) Rome is wrong.\n\nThe answer is D.", "D"),
        ("B) since it is in Texas", "B"),
        ("Paris or Rome", None),
        ("E", None),
        ("A nice question", None),
        ("", None),
    ],
)
def test_a_reply_picks_one_option_or_none(said: str, letter: str | None) -> None:
    assert pick(said, CITIES) == letter


def test_options_stand_in_the_question() -> None:
    question = "A. Lincoln asked:\nWhich?\n(A) one\n(B) two\n\nC: three\nX) no option"
    assert shown_options(question) == {"A": "one", "B": "two", "C": "three"}
    assert shown_options("Which?\nB) two\nC) three") == {}


def test_options_of_an_item_are_a_list_or_a_table() -> None:
    assert lettered(["x", 2]) == {"A": "x", "B": "2"}
    assert lettered({"b": "x", "A": "y"}) == {"B": "x", "A": "y"}
    assert lettered({"long": "x"}) == {}
    assert lettered(["x"] * 27) == {}
    assert lettered(None) == {}


@pytest.mark.parametrize(
    ("reference", "options", "right"),
    [
        ("B", {}, 1.0),
        ("no", {}, 1.0),
        (["b"], {}, 1.0),
        (1, {"index_from": 0}, 1.0),
        (2, {"index_from": 1}, 1.0),
        (3, {"index_from": 1}, None),
        (1, {}, None),
        ("maybe", {}, None),
        ("A", {}, 0.0),
    ],
)
def test_the_reference_is_a_letter_a_text_or_a_place(
    reference: object, options: dict[str, object], right: float | None
) -> None:
    assert score(Choice, item(reference, choices=["yes", "no"]), "It is no.", **options) == right


def test_no_option_is_wrong_or_unscored_as_asked() -> None:
    one = item("A", choices=["yes", "no"])
    assert score(Choice, one, "Perhaps.") == 0.0
    assert score(Choice, one, "Perhaps.", unclear="unscored") is None
    assert score(Choice, item("A"), "A") is None
    assert score(Choice, item("no"), "no", choices=["yes", "no"]) == 1.0
