"""The report of a journey: one page that holds everything, loads nothing, and says what was not reached."""

import re
from html.parser import HTMLParser

import pytest

from cli.journeys import NAMES, told
from freehold.cli.journey_page import page


class Balance(HTMLParser):
    """Which elements were left open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        if tag not in ("meta", "rect", "path", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "path"):
            assert self.open.pop() == tag


def read(html: str) -> Balance:
    parser = Balance()
    parser.feed(html)
    return parser


def words(html: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.S).split())


def test_it_tells_before_and_after_with_intervals_time_and_cost() -> None:
    said = words(page(told()))
    assert "2 % to 92 %" in said
    assert "1.62 s to 0.31 s" in said
    assert "$0.385 to $0.000" in said
    assert "own/refund after 92 % (84 to 96 %)" in said
    assert "310 receipts verified by a program that is not ours" in said.replace(
        "310 receipts verified", "310 receipts verified"
    )


def test_it_shows_one_answer_with_its_steps_and_receipt_and_every_decision() -> None:
    said = words(page(told()))
    assert "every step proven refund $12.00" in said
    assert "verified 1: limit 30 Rule 1 is applied as it says." in said
    assert "freehold audit show rec_1 --contents" in said
    assert "A canary was taken back can_2 reason worse" in said
    assert "A version was let serve own/refund-next@1 override A drill., signed by journey" in said
    assert "entries 288, 61, 300 hold" in said


def test_nothing_that_was_said_is_markup_and_nothing_is_loaded() -> None:
    html = page(told(), curves="<svg></svg>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;b&gt;wholly&lt;/b&gt;" in html
    read_back = read(html)
    assert (read_back.scripts, read_back.open) == (0, [])
    assert not re.search(r"(?:src|href)=|url\(|@import", html)


def test_it_names_the_vendors_that_answered_at_the_end_and_of_how_many_the_shown_answer_is_one() -> None:
    html = page(told(), curves="<svg></svg>")
    assert "<dt>Who answered at the end</dt><dd>openai/gpt-5-mini 1, own/refund 3</dd>" in html
    assert "<dt>Vendors that had to be up for that</dt><dd>openai</dd>" in html
    assert "the last 4, of which 3 are right and 2 proven" in html


@pytest.mark.parametrize("upto", NAMES)
def test_a_way_that_ended_early_is_told_as_far_as_it_went(upto: str) -> None:
    failure = {
        "stage": NAMES[min(len(NAMES) - 1, NAMES.index(upto) + 1)],
        "sentence": "It broke.",
        "advice": "Mend it.",
    }
    html = page(told(upto=upto, failure=None if upto == "proof" else failure))
    read(html)
    assert ("Not reached in this run." in html) == (upto != "proof")
    assert ("It broke." in html) == (upto != "proof")


def test_without_a_training_it_says_that_nothing_was_trained() -> None:
    shown = told()
    shown["stages"][3]["facts"] = {"trained": False, "version": "own/refund@1", "said": "It is the shipped own/nano."}
    assert "not in this run It is the shipped own/nano." in words(page(shown))


def test_without_strangers_it_says_why() -> None:
    shown = told()
    shown["stages"][7]["facts"] = {**shown["stages"][7]["facts"], "strangers": {"why": "no index answers"}}
    assert "Verifiers of others not run here: no index answers" in words(page(shown))


def test_what_the_training_changed_is_told_where_its_recipe_looked_before() -> None:
    shown = told()
    assert "38 of 40 right, 3 before the training; 37 with every step proven" in words(page(shown))
    shown["stages"][3]["facts"] = {**shown["stages"][3]["facts"], "before": None}
    assert "38 of 40 right; 37 with every step proven" in words(page(shown))
