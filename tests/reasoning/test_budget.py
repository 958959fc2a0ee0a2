"""How many requests an audit takes: counted beforehand, kept by the probes, and cut to a cap."""

from typing import Any

import pytest

from freehold.reasoning.budget import requests, within
from freehold.reasoning.exchange import Heard, Problem
from freehold.reasoning.probes import Ask, Plan
from reasoning.toy_models import MESSAGES, carries, driven, heard_by


@pytest.mark.parametrize(
    ("plan", "asked"),
    [
        (Plan(), {"question": 2, "early": 6, "mistakes": 16, "filler": 4, "hints": 4}),
        (Plan(paraphraser=True, probes=("paraphrase",)), {"question": 2, "paraphrase": 8}),
        (Plan(probes=("filler",)), {"question": 2, "filler": 5}),
        (
            Plan(way="turn", paraphraser=True),
            {"question": 2, "early": 6, "filler": 4, "paraphrase": 2, "hints": 4},
        ),
        (Plan(way=None), {"question": 1, "hints": 2}),
    ],
)
def test_the_requests_of_an_item_are_known_beforehand(plan: Plan, asked: dict[str, int]) -> None:
    assert requests(plan) == asked


@pytest.mark.parametrize("way", ["prefill", "turn"])
def test_a_probe_asks_no_more_than_was_said(way: Any) -> None:
    plan = Plan(way=way, paraphraser=True, points=4, mistakes=4, fillers=3, rewordings=2)
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return Heard(text="It is 3.") if one.to == "paraphraser" else heard_by(carries)(one)

    driven(ask, plan, Problem(id="a", messages=MESSAGES, right=("9",)))
    # No dots are early answering's first request once more, which the journal answers.
    assert len(asked) == sum(requests(plan).values()) + 1
    assert len({str(one.messages) for one in asked}) <= sum(requests(plan).values())


def test_what_takes_the_most_gives_way_to_a_cap() -> None:
    fitted = within(Plan(), 20)
    assert (fitted.points, fitted.mistakes, fitted.fillers) == (6, 1, 4)
    assert sum(requests(fitted).values()) == 20
    assert (within(Plan(), 18).points, within(Plan(), 18).fillers) == (4, 4)
    assert within(Plan(), 32) == Plan()


def test_a_cap_below_one_place_each_is_told() -> None:
    with pytest.raises(ValueError, match="an item takes 12 requests with these probes at least"):
        within(Plan(), 11)
