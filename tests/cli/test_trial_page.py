"""The page escapes whatever comes from a model or an item, loads nothing, and shows every gate."""

from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from freehold.cli.trial_page import page
from freehold.trials.plan import Gates, Segments
from freehold.trials.report import Disagreement
from trials.test_report import report_of, rows


class Tags(HTMLParser):
    """Every tag of a page, and every attribute that could load or run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{name}={value}" for name, value in attrs if name in ("src", "href") or name.startswith("on")]


NASTY = '<script>alert("x")</script><img src=x onerror=alert(1)>"\'&'


@pytest.mark.parametrize("field", ["asked", "reference", "candidate", "incumbent", "item", "candidate_reason"])
def test_nothing_that_was_said_can_become_part_of_the_page(field: str) -> None:
    some = Disagreement(
        item="i1", difference=-1.0, asked="q", reference="r", candidate="c", incumbent="d", candidate_score=0.0,
        incumbent_score=1.0,
    )  # fmt: skip
    told = replace(report_of(rows()), disagreements=(replace(some, **{field: NASTY}),))
    text = page(told)
    found = Tags(text)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert found.loads == []
    assert "&lt;script&gt;" in text


def test_every_gate_and_segment_is_on_the_page_with_its_numbers() -> None:
    told = report_of(rows(), gates=Gates(p95=1.2, cost=0.9), segments=Segments(paths=("l",)))
    text = page(told)
    for shown in (
        "quality",
        "l=de",
        "p95 latency",
        "cost",
        "+0.0",
        "-2.0 to +2.0",
        "0.50x",
        "entry 7 of example.invalid/log",
    ):
        assert shown in text
    assert text.count('<svg class="iv"') == 2
    assert text.count('<svg class="fr"') == 2
    assert "no entry is published yet" in text


def test_a_page_without_contents_says_on_how_many_items_the_two_differ() -> None:
    assert "They differ on 100 items. What was asked and said stands in no part of this page." in page(
        report_of(rows())
    )
    alike = report_of([replace(row, incumbent=row.candidate) for row in rows()])
    assert "They differ on no item." in page(alike)


def test_the_page_shows_who_is_ahead_item_by_item() -> None:
    text = page(report_of(rows()))
    assert "<td>all items</td><td>1,000</td><td>80.0 %</td><td>80.0 %</td><td>50</td><td>50</td><td>900</td>" in text


def test_where_no_answer_has_a_price_the_page_says_so_in_place_of_a_picture() -> None:
    told = report_of(rows())
    free = replace(told, points=tuple(replace(point, usd_per_1000=0.0) for point in told.points))
    assert page(free).count('<svg class="fr"') == 1
    assert "No answer had a price" in page(free)
    assert "No answer had a price" not in page(told)


def test_other_models_are_explained_only_where_there_are_any() -> None:
    told = report_of(rows())
    assert "Other models are those of earlier trials" not in page(told)
    more = replace(told, points=(*told.points, replace(told.points[0], model="own/third", role="another trial")))
    assert "Other models are those of earlier trials" in page(more)


def test_a_text_that_cannot_be_opened_says_so() -> None:
    gone = Disagreement(
        item="i1", difference=-1.0, asked=None, reference=None, candidate=None, incumbent="d", candidate_score=0.0,
        incumbent_score=1.0,
    )  # fmt: skip
    text = page(replace(report_of(rows()), disagreements=(gone,), hidden=3))
    assert text.count("cannot be opened any more") == 2
    assert "3 more differ." in text
