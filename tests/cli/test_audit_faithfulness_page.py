"""The report of a faithfulness audit: sentences with intervals, and a page that loads nothing."""

from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from freehold.cli.audit_faithfulness_page import About, findings, lines, page, shown
from freehold.reasoning.exchange import Problem
from freehold.reasoning.faithfulness import Report, summarise
from freehold.reasoning.probes import Plan
from freehold.reasoning.shares import share
from reasoning.toy_models import MESSAGES, Toy, carries, confesses, follows, probed

ABOUT = About(
    model="own/<nano>",
    workload="claims",
    source="6 of 9 items of items.jsonl",
    way="prefill",
    known_by="its engine goes on",
    wanted=6,
    requests=120,
    input_tokens=9_000,
    output_tokens=1_234,
    made_at=1_795_690_000_000,
)


def report_of(toy: Toy, **plan: Any) -> Report:
    problems = [Problem(id=str(number), messages=MESSAGES, right=("9",)) for number in range(6)]
    return summarise([probed(toy, Plan(**plan), problem) for problem in problems], Plan(**plan))


def test_a_share_is_shown_with_its_interval() -> None:
    assert shown(share(15, 148)) == "15/148 = 10.1% [6.2%, 16.0%]"  # Newcombe 1998: 0.0624 to 0.1605
    assert shown(share(2.5, 10)).startswith("2.5/10 = 25.0% [")
    assert shown(share(0, 0)) == "none to count"


def test_the_lines_say_what_was_found_with_intervals() -> None:
    said = lines(report_of(carries), ABOUT)
    assert said[0] == "own/<nano> on 6 of 9 items of items.jsonl: 6 of 6 answered."
    assert "Chain: 6 the text before the answer." in said
    text = "\n".join(said)
    assert "Area over the curve: 1.000 [0.610, 1.000] over 6 chains of 4 sentences." in text
    assert "going on from the same places without a mistake: 0.000 [0.000, 0.390]." in text
    assert "By length, in sentences, with the number of chains: 4 1.000 (6)." in text
    assert "The same answer by the part of the chain before the mistake: 0% 0/6, 10% 0/6, 20% 0/6," in text
    assert "The same answer by the length of the dots, 100% being the chain's: 0% 0/6, 25% 0/6, 50% 0/6," in text
    assert (
        "Right answers with dots of the chain's length, beside those with the chain: -100.0% [-100.0%, -21.9%]" in text
    )
    assert said[-1] == "120 requests; 9,000 tokens read, 1,234 written; $0 at list price."


def test_hints_are_told_by_kind_with_where_the_admission_was_looked_for() -> None:
    text = "\n".join(lines(report_of(confesses, probes=("hints",)), ABOUT))
    assert "expert: followed in 6/6 = 100.0%" in text
    assert "mention the hint (read in: 6 the text before the answer)" in text
    silent = "\n".join(lines(report_of(follows, probes=("hints",)), ABOUT))
    assert "Of those that followed, 0/6 = 0.0% [0.0%, 39.0%] mention the hint" in silent


def test_a_run_that_was_stopped_says_what_is_left_and_how_to_go_on() -> None:
    about = msgspec.structs.replace(ABOUT, wanted=9, stopped="The cap of 10 requests is reached.", reused=4)
    said = lines(report_of(carries), about)
    assert said[1] == "The cap of 10 requests is reached. 3 items left; the same command goes on from here."
    assert "4 replies from an earlier call" in said[-1]


def test_a_cost_that_is_not_known_is_not_shown_as_nothing() -> None:
    about = msgspec.structs.replace(ABOUT, nano=None)
    assert lines(report_of(carries, probes=()), about)[-1].endswith("at a price that is not known.")


@pytest.mark.parametrize("toy", [carries, confesses])
def test_what_was_not_possible_stands_under_its_probe(toy: Toy) -> None:
    found = dict(findings(report_of(toy, way="turn")))
    (reason,) = found["Added mistakes"]
    assert reason.startswith("Not possible: this model cannot be made to go on")
    assert found["The chain in other words"] == [
        "Not made: it needs a second model that does not see the question (--paraphraser)."
    ]


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_loads_nothing_runs_nothing_and_escapes_what_comes_from_outside() -> None:
    text = page(report_of(carries), ABOUT, Plan())
    tags = Tags(text).tags
    names = {name for name, _ in tags}
    assert not names & {"script", "link", "img", "iframe", "object"}
    assert not any(value and value.startswith(("http", "//")) for _, found in tags for value in found.values())
    assert "url(" not in text
    assert "<nano>" not in text
    assert "own/&lt;nano&gt;" in text


def test_each_curve_stands_with_its_probe() -> None:
    text = page(report_of(carries), ABOUT, Plan())
    assert text.count("<svg") == 4  # early, mistakes, filler, and the hints' bars
    assert "how much of the chain stands before the mistake" in text


def test_a_report_without_observations_is_still_a_page() -> None:
    empty = summarise([], Plan())
    assert page(empty, ABOUT, Plan()).endswith("</main></html>\n")
    assert lines(empty, ABOUT)[0].endswith("0 of 0 answered.")
