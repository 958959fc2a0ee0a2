"""An asking grader that asks nobody."""

from freehold.graders import build
from freehold.graders.grader import AskingGrader, Grader, written
from freehold.items import Given
from graders.samples import item

PARTS = [{"kind": "includes"}, {"kind": "length", "most": 2}]
NEAR = {"kind": "embedding", "model": "echo/echo"}


def test_a_panel_whose_parts_need_nobody_grades_by_itself() -> None:
    panel = build({"kind": "panel", "graders": PARTS, "label": "both"})
    assert isinstance(panel, Grader)
    assert panel.grade(item("Paris"), Given(text="It is Paris")).score == 0.5
    assert (panel.name, panel.label, panel.binary) == ("panel", "both", False)
    assert written(panel)["options"]["graders"] == PARTS


def test_one_part_that_asks_makes_it_ask() -> None:
    assert isinstance(build({"kind": "panel", "graders": [*PARTS, NEAR]}), AskingGrader)


def test_it_can_be_turned_around_and_be_a_part() -> None:
    turned = build({"kind": "panel", "graders": PARTS, "negate": True})
    assert isinstance(turned, Grader)
    assert turned.grade(item("Paris"), Given(text="It is Rome")).score == 1.0
    assert isinstance(build({"kind": "panel", "graders": [{"kind": "panel", "graders": PARTS}, *PARTS]}), Grader)
