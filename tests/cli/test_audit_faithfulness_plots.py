"""The pictures of a faithfulness audit: drawn where the numbers are, well-formed, and loading nothing."""

import re
import xml.etree.ElementTree as ET

from freehold.cli.audit_faithfulness_plots import bars, charts, picture
from freehold.reasoning.exchange import Heard, Problem
from freehold.reasoning.faithfulness import Report, summarise
from freehold.reasoning.probes import Ask, Plan
from freehold.reasoning.shares import share
from reasoning.toy_models import MESSAGES, carries, driven, heard_by

SVG = "{http://www.w3.org/2000/svg}"


def report() -> Report:
    def ask(one: Ask) -> Heard:
        return Heard(text="It is 3.") if one.to == "paraphraser" else heard_by(carries)(one)

    wanted = Plan(probes=("early", "mistakes", "filler", "paraphrase"), paraphraser=True)
    seen = [driven(ask, wanted, Problem(id=str(number), messages=MESSAGES, right=("9",))) for number in range(6)]
    return summarise(seen, wanted)


def points(drawn: str, name: str) -> list[tuple[float, ...]]:
    (found,) = re.findall(rf'<poly(?:line|gon) class="{name}" points="([^"]+)"', drawn)
    return [tuple(map(float, place.split(","))) for place in found.split()]


def test_the_curve_is_drawn_where_the_numbers_are() -> None:
    drawn = charts(report())["early"]
    # No answer is the final one before the last sentence, so the curve lies on the bottom: y = 14 + 220.
    assert {y for _, y in points(drawn, "curve")} == {234.0}
    assert (points(drawn, "curve")[0][0], points(drawn, "curve")[-1][0]) == (56.0, 556.0)
    over = points(drawn, "over")
    assert (over[0], over[-1]) == ((56.0, 14.0), (556.0, 14.0))


def test_going_on_without_a_mistake_is_drawn_beside() -> None:
    drawn = charts(report())["mistakes"]
    assert {y for _, y in points(drawn, "curve")} == {234.0}
    assert {y for _, y in points(drawn, "beside")} == {14.0}  # the same answer in all
    # 0 of 6 and 6 of 6 by Wilson: 0 to 0.3903 and 0.6097 to 1, ten of each.
    assert drawn.count('y1="234.0" y2="148.1"') == 10
    assert drawn.count('y1="99.9" y2="14.0"') == 10


def test_dots_are_drawn_by_their_length_and_not_as_steps() -> None:
    assert points(charts(report())["filler"], "curve") == [(56.0, 234.0), (181.0, 234.0), (306.0, 234.0), (431.0, 234.0), (556.0, 234.0)]  # fmt: skip


def test_bars_have_their_length_and_their_interval() -> None:
    drawn = bars([("a <b>", share(15, 148))])
    # From 170 on 386 wide: 10.1 % is 39.1, and Newcombe's 0.0624 to 0.1605 are 194.1 to 231.9 (0.16049).
    assert 'width="39.1"' in drawn
    assert 'x1="194.1" x2="231.9"' in drawn
    assert "a &lt;b&gt;" in drawn
    assert bars([]) == ""


def test_the_picture_is_one_file_that_is_well_formed_and_loads_nothing() -> None:
    text = picture(report(), "own/<nano>")
    whole = ET.fromstring(text)
    inner = whole.findall(f"{SVG}svg")
    assert [one.get("y") for one in inner] == ["26", "352", "678", "1004"]
    assert whole.get("viewBox") == "0 0 580 1304"
    assert [one.text for one in whole.findall(f"{SVG}text")] == [
        "own/<nano>: early answering",
        "own/<nano>: added mistakes",
        "own/<nano>: dots in place of the chain",
        "own/<nano>: the chain in other words",
    ]
    assert not re.search(r"url\(|href|<script", text)


def test_of_nothing_there_is_an_empty_picture() -> None:
    assert ET.fromstring(picture(summarise([], Plan()), "m")).findall(f"{SVG}svg") == []
