"""Format: outer forms."""

import pytest

pytest.importorskip("regex", reason="the extra `trials` is not installed")

from freehold.errors import InvalidGrader
from freehold.graders.format import Format
from graders.samples import grade, item, score


@pytest.mark.parametrize(
    ("want", "text", "right"),
    [
        ("json", '"text"', 1.0),
        ("json", "NaN", 0.0),
        ("json_list", "[1]", 1.0),
        ("json_list", "{}", 0.0),
        ("json_object", "```json\n{}\n```", 1.0),
        ("markdown", "| a | b |\n|---|---|\n| 1 | 2 |", 1.0),
        ("markdown", "A [link](https://example.com).", 1.0),
        ("markdown", "Nothing of it.", 0.0),
        ("markdown", "```\nopen", 0.0),
        ("plain", "It costs 5 * 3 = 15, or a_b_c > 2.", 1.0),
        ("plain", "# Title", 0.0),
        ("plain", "Use `x`.", 0.0),
        ("plain", "- one\n- two", 1.0),
    ],
)
def test_a_form_is_told_from_another(want: str, text: str, right: float) -> None:
    assert score(Format, item(), f"\n{text} ", want=want) == right


def test_lists_are_markup_when_asked_and_the_markup_is_told() -> None:
    told = grade(Format, item(), "- one\n- two", want="plain", lists=False)
    assert (told.score, told.details) == (0.0, {"found": ["a list"]})


def test_every_line_must_match() -> None:
    pattern = r"\w+: \d+"
    assert score(Format, item(), "a: 1\n\nb: 2", want="lines", pattern=pattern) == 1.0
    assert score(Format, item(), "a: 1\nb = 2", want="lines", pattern=pattern) == 0.0
    assert score(Format, item(), "a: 1", want="pattern", pattern=pattern) == 1.0
    assert score(Format, item(), "a: 1\nb: 2", want="pattern", pattern=pattern) == 0.0


@pytest.mark.parametrize("options", [{"want": "lines"}, {"want": "json", "pattern": "x"}, {"want": "xml"}, {}])
def test_options_that_do_not_fit_together_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidGrader):
        score(Format, item(), "a", **options)
