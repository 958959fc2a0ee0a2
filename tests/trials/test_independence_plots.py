"""The plots stay inside their pictures, stand where their numbers are and escape names."""

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from freehold.trials.independence import Concentration, Ending, Part, Saving, concentration
from freehold.trials.independence_plots import WIDE, axis_of, interval, longest, remaining, scale, shares


def part(spend: float | None, traffic: float | None, name: str = "openai") -> Part:
    return Part(name=name, requests=1, cost_nano=1, spend=spend, traffic=traffic)


def ending(days: int | None) -> Ending:
    return Ending(model="openai/gpt-5-mini", requests=1, cost_nano=1, retires=None if days is None else "x", days=days)


def test_a_share_is_as_wide_as_it_is_large() -> None:
    picture = shares(part(0.25, 0.5))
    assert '<rect class="spend" width="250.0"' in picture
    assert 'class="traffic" y="15" width="500.0"' in picture
    assert 'aria-label="openai: 25% of the spend, 50% of the traffic"' in picture
    assert 'class="spend" width="0.0"' in shares(part(None, None))


def test_a_name_cannot_break_out_of_a_picture() -> None:
    root = ElementTree.fromstring(shares(part(0.5, 0.5, '"><script>alert(1)</script>')))
    assert root.attrib["aria-label"].startswith('"><script>')
    assert {one.tag for one in root.iter()} == {"svg", "rect"}


def test_the_index_stands_on_its_scale_by_its_root() -> None:
    # 2,500 is the index of four equal vendors; its root is a half of that of 10,000.
    picture = scale(concentration([1, 1, 1, 1]), concentration([1]))
    assert 'd="M500.0 1v17"' in picture
    assert 'd="M1000.0 17v17"' in picture
    assert 'class="high" x="424.3"' in picture
    nothing = Concentration(hhi=None, reading="unknown", like=None)
    assert "unknown" in scale(nothing, nothing)


def test_an_end_stands_at_its_day_and_one_that_is_near_is_marked() -> None:
    assert 'd="M500.0 4V20"' in remaining(ending(365), 730)
    assert "end soon" in remaining(ending(100), 730)
    assert "end soon" not in remaining(ending(365), 730)
    assert 'd="M0.0 4V20"' in remaining(ending(-10), 730)
    assert remaining(ending(None), 730) == ""
    assert longest([ending(None)]) == 180
    assert longest([ending(300), ending(10_000)]) == 730


money = st.floats(-1e15, 1e15)


@given(st.lists(st.tuples(money, money, money), min_size=1, max_size=5))
def test_every_saving_and_nothing_lie_within_the_picture(rows: list[tuple[float, float, float]]) -> None:
    some = [Saving(nano=mid, low=low, high=high, level=0.95) for low, mid, high in map(sorted, rows)]
    for one in some:
        picture = interval(one, axis_of(some))
        ElementTree.fromstring(picture)
        assert all(0 <= float(at) <= WIDE for at in re.findall(r"[MH](-?[\d.]+)", picture))


def test_a_saving_is_coloured_only_where_it_is_shown() -> None:
    assert 'class="bar good"' in interval(Saving(nano=2, low=1, high=3, level=0.95), (-1, 4))
    assert 'class="bar bad"' in interval(Saving(nano=-2, low=-3, high=-1, level=0.95), (-4, 1))
    assert 'class="bar "' in interval(Saving(nano=1, low=-1, high=3, level=0.95), (-4, 4))
