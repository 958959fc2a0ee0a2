"""The page says what the report says, escapes names and loads nothing."""

import pytest
from msgspec.structs import replace

from cli.test_trial_page import NASTY, Tags
from freehold.cli.report_page import end, index, page, saved, usd
from freehold.trials.independence import Concentration, Ending, Move, Moved, Saving
from trials.test_independence import SOME, report, trial

LIKE_TRAFFIC = [(10_000.0, 9_000.0), (10_000.0, 7_000.0)] * 50


def test_the_page_leads_with_the_next_move_and_shows_each_row() -> None:
    of = [replace(one, cost_nano=one.requests * 10_000) for one in SOME]
    text = page(report(trial(costs=LIKE_TRAFFIC), of=of))
    for shown in (
        "Move <b>claims</b> from openai/gpt-5-mini to own/nano: it would have saved $0.0012 ($0.0011 to $0.0013 at 95 %)",
        "own model",
        "tested way out",
        "no tested way out",
        "2027-02-07, in 73 days",
        "unknown: no date is announced",
        "unknown: the catalog does not have it",
        "unknown: no trial",
        "passed trial_1000",
        "2 of 3 workloads can leave or have left; 1 model in use ends within 180 days.",
    ):
        assert shown in text
    assert text.count('class="ln bars"') == 7
    assert text.count('class="ln scale"') == 1


def test_an_empty_house_has_a_page_too() -> None:
    text = page(report(of=()))
    assert text.count("Nothing was answered in this time.") == 4
    assert "No rented model is in use." in text


def test_no_name_can_become_part_of_the_page() -> None:
    of = (replace(SOME[0], workload=NASTY, model=f"{NASTY}/{NASTY}"),)
    moved = [Moved(id=NASTY, workload=NASTY, candidate=f"a/{NASTY}", at=1.0)]
    tried = trial(f"b/{NASTY}", workload=NASTY, incumbent=f"{NASTY}/{NASTY}", costs=[(10.0, 9.0), (10.0, 7.0)] * 50)
    text = page(report(tried, of=of, moved=moved))
    found = Tags(text)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert found.loads == []


def test_a_way_that_does_not_count_says_why_and_a_doubtful_saving_too() -> None:
    text = page(report(trial("mistral/old", costs=LIKE_TRAFFIC), trial(costs=LIKE_TRAFFIC)))
    assert "does not count: mistral/old is retired since 2026-11-26" in text
    assert "doubtful: an answer of openai/gpt-5-mini cost" in text
    assert "No move is shown to save anything." in text


@pytest.mark.parametrize(
    ("nano", "shown"),
    [
        (0, "$0.00"),
        (1_234_567_890_000, "$1,234.57"),
        (-500_000_000, "-$0.50"),
        (12_345_678, "$0.012"),
        (42, "$4.2e-08"),
    ],
)
def test_dollars_have_as_many_digits_as_tell_something(nano: float, shown: str) -> None:
    assert usd(nano) == shown


def test_words_for_an_index_an_end_and_a_saving() -> None:
    assert index(Concentration(hhi=5_312.4, reading="highly concentrated", like=1.882)) == (
        "5,312, highly concentrated, as 1.9 equal vendors"
    )
    gone = Ending(model="m", requests=1, cost_nano=1, retires="2026-11-01", days=-25)
    assert end(gone) == "retired since 2026-11-01"
    move = Move(workload="w", saving=Saving(nano=4e10, low=3e10, high=5e10, level=0.95))
    assert saved(move) == "$40.00 ($30.00 to $50.00 at 95 %)"
