"""Tool calls: names and arguments."""

from typing import Any

import pytest

from freehold.graders import made
from freehold.graders.grader import Grader
from freehold.graders.tool_call import ToolCall
from freehold.items import Given, Grade, ToolUse
from graders.samples import item

FIND = {"name": "find", "arguments": {"city": "Paris", "n": 1}}
BOOK = {"type": "function", "function": {"name": "book", "arguments": '{"id": 7}'}}


def graded(reference: Any, *calls: tuple[str, str], **options: Any) -> Grade:
    grader = made(ToolCall, options)
    assert isinstance(grader, Grader)
    return grader.grade(item(reference), Given(tool_uses=tuple(ToolUse(*call) for call in calls)))


@pytest.mark.parametrize(
    ("calls", "options", "score"),
    [
        ([("find", '{"n": 1.0, "city": "Paris"}')], {}, 1.0),
        ([("find", '{"n": 1, "city": "paris"}')], {}, 0.0),
        ([("find", '{"n": 1, "city": "paris"}')], {"text": "normalised"}, 1.0),
        ([("find", '{"n": 2, "city": "Paris"}')], {}, 0.0),
        ([("find", '{"n": 2}')], {"arguments": "ignore"}, 1.0),
        ([("find", "no json")], {"arguments": "ignore"}, 1.0),
        ([("find", '{"n": 1, "city": "Paris", "x": 0}')], {}, 0.0),
        ([("find", '{"n": 1, "city": "Paris", "x": 0}')], {"arguments": "subset"}, 1.0),
        ([("seek", '{"n": 1, "city": "Paris"}')], {}, 0.0),
        ([("find", '{"n": 1, "city": "Paris"}'), ("log", "")], {}, 0.0),
        ([("find", '{"n": 1, "city": "Paris"}'), ("log", "")], {"extra": "allow"}, 1.0),
    ],
)
def test_a_call_is_right_as_the_options_say(
    calls: list[tuple[str, str]], options: dict[str, Any], score: float
) -> None:
    assert graded(FIND, *calls, **options).score == score


def test_several_calls_come_in_any_order_unless_asked() -> None:
    calls = [("book", '{"id": 7}'), ("find", '{"n": 1, "city": "Paris"}')]
    assert graded([FIND, BOOK], *calls).score == 1.0
    assert graded([FIND, BOOK], *calls, ordered=True).score == 0.0
    assert graded([BOOK, FIND], *calls, ordered=True).score == 1.0
    assert graded([FIND, FIND], calls[1]).score == 0.0


def test_an_empty_list_means_that_nothing_is_called() -> None:
    assert graded([], ("find", "{}")).score == 0.0


@pytest.mark.parametrize("reference", [None, "find", 5, [{"arguments": {}}], [{"name": "a", "arguments": "[1]"}]])
def test_a_reference_that_is_no_call_leaves_it_unscored(reference: Any) -> None:
    assert graded(reference, ("find", "{}")).score is None
