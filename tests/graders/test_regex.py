"""Regex: found, in time."""

import time

import pytest

pytest.importorskip("regex", reason="the extra `trials` is not installed")

from freehold.errors import InvalidGrader
from freehold.graders.regex import Regex
from graders.samples import grade, item, score


@pytest.mark.parametrize(
    ("options", "said", "right"),
    [
        ({"pattern": r"\bB-\d{3}\b"}, "It is B-123.", 1.0),
        ({"pattern": r"\bB-\d{3}\b"}, "It is B-12.", 0.0),
        ({"pattern": r"B-\d+", "whole": True}, " B-12 \n", 1.0),
        ({"pattern": r"B-\d+", "whole": True}, "It is B-12", 0.0),
        ({"pattern": "paris", "ignore_case": True}, "PARIS", 1.0),
        ({"pattern": "^two$", "multiline": True}, "one\ntwo", 1.0),
        ({"pattern": "one.two", "dot_all": True}, "one\ntwo", 1.0),
        ({"pattern": r"#(\w+)", "group": 1}, "#rome, I mean #Paris", 1.0),
        ({"pattern": r"#(\w+)", "group": 1, "take": "first"}, "#rome, I mean #Paris", 0.0),
    ],
)
def test_the_pattern_decides(options: dict[str, object], said: str, right: float) -> None:
    assert score(Regex, item("Paris"), said, **options) == right


def test_a_pattern_that_would_never_be_done_leaves_the_reply_unscored() -> None:
    began = time.monotonic()
    told = grade(Regex, item(), "a" * 60 + "!", pattern="(a|a|aa)+$")
    assert (told.score, told.reason) == (None, "The pattern was not done within 0.5 s.")
    assert time.monotonic() - began < 60, "without the limit it would take longer than the universe has"


@pytest.mark.parametrize(("options", "param"), [({"pattern": "("}, "pattern"), ({"pattern": "a", "group": 1}, "group")])
def test_a_pattern_that_is_none_is_refused(options: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidGrader) as caught:
        score(Regex, item(), "a", **options)
    assert caught.value.param == param
