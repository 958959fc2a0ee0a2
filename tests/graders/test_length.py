"""Length: what is counted."""

import pytest

from freehold.errors import InvalidGrader
from freehold.graders.length import Length, counted
from graders.samples import grade, item, score

TEXT = " One, two.\n\nThree? It is 3.5 m! \n"


@pytest.mark.parametrize(("unit", "count"), [("characters", 30), ("words", 7), ("lines", 2), ("sentences", 3)])
def test_each_unit_is_counted_as_the_page_says(unit: str, count: int) -> None:
    assert counted(TEXT, unit) == count
    assert score(Length, item(), TEXT, unit=unit, least=count, most=count) == 1.0
    assert score(Length, item(), TEXT, unit=unit, most=count - 1) == 0.0
    assert score(Length, item(), TEXT, unit=unit, least=count + 1) == 0.0


def test_the_count_is_told() -> None:
    assert grade(Length, item(), TEXT, most=5).reason == "It has 7 words."


@pytest.mark.parametrize("options", [{}, {"least": 3, "most": 2}, {"most": -1}, {"most": 5, "unit": "pages"}])
def test_bounds_that_hold_for_nothing_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidGrader):
        score(Length, item(), "a", **options)
