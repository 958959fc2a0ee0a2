"""What is right for an item."""

import pytest

from freehold.graders.reference import MISSING, NOT_TEXT, asked, at, right_texts, text_of, texts_of, why_no_texts
from freehold.items import Item
from graders.samples import item


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("a", ("a",)),
        (["a", 2, 2.0, 2.5, False], ("a", "2", "2", "2.5", "false")),
        ([" ", "a"], ("a",)),
        ([], ()),
        ([["a"]], ()),
        ({"a": 1}, ()),
        (None, ()),
    ],
)
def test_a_reference_is_text_a_number_or_several(value: object, texts: tuple[str, ...]) -> None:
    assert texts_of(value) == texts
    assert right_texts(item(value)) == texts


def test_why_there_is_none_is_told() -> None:
    assert why_no_texts(item()) == MISSING
    assert why_no_texts(item({"a": 1})) == NOT_TEXT


def test_a_path_leads_into_the_item() -> None:
    one = item({"a": [1, {"b": 2}]}, "hello", language="de")
    assert at(one, "reference.a.1.b") == 2
    assert at(one, "metadata.language") == "de"
    assert at(one, "input.messages.0.role") == "user"
    assert at(one, "reference.a.9") is None
    assert at(one, "labels") is None


def test_the_question_is_what_the_user_said_last() -> None:
    turns = [
        {"role": "user", "content": "first"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}],
        },
        {"role": "assistant", "content": "no"},
    ]
    assert asked(Item(id="1", workload="w", input={"messages": turns})) == "a\nb"
    assert asked(Item(id="1", workload="w", input={"messages": "none"})) == ""
    assert text_of(5) == ""
