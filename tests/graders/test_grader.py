"""What every grader has."""

from freehold.graders.exact import Exact, ExactOptions
from freehold.graders.grader import decided, gist, is_empty, right, unscored, written, wrong
from freehold.items import Given, Grade, ToolUse


def test_grades_are_made_of_a_verdict_and_a_reason() -> None:
    assert right("Yes.", n=1) == Grade(score=1.0, reason="Yes.", details={"n": 1})
    assert wrong("No.") == Grade(score=0.0, reason="No.")
    assert unscored("Who knows.") == Grade(score=None, reason="Who knows.")
    assert decided(True, "a").score == 1.0
    assert decided(False, "a").score == 0.0


def test_a_reply_that_calls_a_tool_is_not_empty() -> None:
    assert is_empty(Given())
    assert is_empty(Given(text=" \n"))
    assert not is_empty(Given(tool_uses=(ToolUse("a", ""),)))


def test_a_grader_is_written_with_every_default_and_without_its_label() -> None:
    grader = Exact(ExactOptions(label="code"))
    assert grader.label == "code"
    assert Exact(ExactOptions()).label == "exact"
    assert written(grader) == {"kind": "exact", "version": "1", "options": {"negate": False, "strip": True}}


def test_a_gist_is_one_line() -> None:
    assert gist("a\n  b") == "a b"
    assert gist("a" * 90) == "a" * 77 + "..."
