"""Plots are well-formed, stay inside their frames and escape what comes from outside."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.trials.plots import HEIGHT, WIDE, WIDTH, axis_of, interval, scatter
from freehold.trials.report import Point
from freehold.trials.results import Gate


def gate(low: float, estimate: float, high: float, limit: float = -0.03) -> Gate:
    return Gate(name="quality", kind="quality", outcome="pass", low=low, estimate=estimate, high=high, limit=limit)


shares = st.floats(-1, 1)


@given(shares, shares, shares)
def test_every_interval_lies_within_its_picture(one: float, two: float, three: float) -> None:
    low, estimate, high = sorted((one, two, three))
    some = gate(low, estimate, high)
    picture = interval(some, axis_of([some]))
    ElementTree.fromstring(picture)
    numbers = [float(number) for number in re.findall(r"[MH](-?[\d.]+)", picture)]
    assert all(0 <= number <= WIDE for number in numbers)


def test_an_interval_stands_where_its_numbers_are() -> None:
    picture = interval(gate(-0.05, 0.0, 0.05), (-0.1, 0.1))
    assert 'd="M250.0 12H750.0"' in picture
    assert 'class="zero" d="M500.0 0V24"' in picture
    assert 'class="limit" d="M350.0 0V24"' in picture
    assert 'aria-label="+0.0 points, -5.0 to +5.0"' in picture
    assert interval(Gate(name="x", kind="quality", outcome="pass"), (-1, 1)) == ""


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1e6), st.text(max_size=60)), min_size=1, max_size=6))
def test_every_point_lies_within_the_picture_whatever_it_is_called(points: list[tuple[float, float, str]]) -> None:
    named = [
        Point(model=name, role="candidate", quality=quality, usd_per_1000=usd, p95_seconds=None)
        for quality, usd, name in points
        if name.isprintable()
    ]
    picture = scatter(named, "usd_per_1000", "dollars")
    if not any(point.usd_per_1000 for point in named):
        assert picture == ""
        return
    root = ElementTree.fromstring(picture)
    circles = [one for one in root.iter() if one.tag == "circle"]
    assert len(circles) == len(named)
    assert all(0 <= float(one.attrib["cx"]) <= WIDTH and 0 <= float(one.attrib["cy"]) <= HEIGHT for one in circles)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'x" onload="y', "a & b"])
def test_a_name_cannot_break_out_of_the_picture(name: str) -> None:
    point = Point(model=name, role="other", quality=0.5, usd_per_1000=1.0, p95_seconds=None)
    root = ElementTree.fromstring(scatter([point], "usd_per_1000", name))
    assert "script" not in {one.tag for one in root.iter()}
    assert name in {one.text for one in root.iter() if one.tag == "text"}


def test_what_costs_nothing_for_all_has_no_picture_and_one_that_does_has() -> None:
    free = Point(model="a", role="other", quality=0.5, usd_per_1000=0.0, p95_seconds=None)
    dear = Point(model="b", role="other", quality=0.5, usd_per_1000=2.0, p95_seconds=None)
    assert scatter([free], "usd_per_1000", "dollars") == ""
    assert scatter([free, dear], "usd_per_1000", "dollars").count("<circle") == 2


def test_what_is_unknown_for_all_has_no_picture() -> None:
    point = Point(model="a", role="other", quality=0.5, usd_per_1000=None, p95_seconds=None)
    assert scatter([point], "usd_per_1000", "dollars") == ""
