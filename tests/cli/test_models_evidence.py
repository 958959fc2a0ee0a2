"""What a promotion rests on: a passed trial counts as the ledger has it, and for the weights that it tried."""

import contextlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from cli.ledgers import settle
from freehold.cli.models_evidence import find_passed, sealed_items
from freehold.cli.trial_opening import ENDED, PLANNED, shelf
from freehold.errors import NotFound, PromotionRefused
from freehold.store.database import open_database
from freehold.store.events import keep_event
from freehold.training.contamination import Gate
from freehold.training.dataset import Example, Turn
from freehold.training.provenance import Pedigree
from freehold.trials.plan import TrialFolder, digest
from freehold.trials.results import Outcome, Results, Verdict, encode
from trials.pipeline import arm, planned
from trials.skilled import write_questions

WEIGHTS = "a" * 64


def tried(
    data: Path, outcome: Outcome = "pass", *, trial: str = "trial_1", weights: str = WEIGHTS, ended_at: int = 1
) -> str:
    """A trial that ended so, its plan and its end noted for the ledger; gives the digest of its results."""
    with shelf(data) as opened:
        items = write_questions(data / "items.jsonl", 20)
        candidate = replace(arm("own/nano"), weights=weights)
        planned(opened, items, candidate, arm("openai/gpt-5-mini"), id=trial)
        folder = TrialFolder(data, trial)
        _, plan = folder.read_plan()
        keep_event(opened.db, PLANNED, trial, {"plan": plan})
        results = Results(
            trial=trial, plan=plan, ended_at=ended_at, spent_nano=0, asked=40, cached=0, captured=0,
            verdict=Verdict(outcome=outcome, sentence=f"It is {outcome}.", gates=()), calibrations=(), rows=(),
        )  # fmt: skip
        content = encode(results)
        folder.write_results(content)
        keep_event(opened.db, ENDED, trial, {"plan": plan, "results": digest(content), "verdict": outcome})
    return digest(content)


def test_a_passed_trial_is_found_by_the_weights_that_it_tried(tmp_path: Path) -> None:
    results = tried(tmp_path)
    found = find_passed(tmp_path, [WEIGHTS])
    assert found is not None
    assert (found.trial, found.results, found.weights, found.place) == ("trial_1", results, WEIGHTS, None)
    assert find_passed(tmp_path, ["b" * 64]) is None
    with pytest.raises(PromotionRefused, match=r"trial_1 tried own/nano@a+, not the weights b"):
        find_passed(tmp_path, ["b" * 64], "trial_1")


def test_any_of_several_hashes_finds_it_and_the_one_that_was_tried_is_told(tmp_path: Path) -> None:
    tried(tmp_path)
    found = find_passed(tmp_path, ["b" * 64, WEIGHTS])
    assert found is not None
    assert found.weights == WEIGHTS
    with pytest.raises(PromotionRefused, match="not the weights bbbbbbbbbbbb or cccccccccccc"):
        find_passed(tmp_path, ["b" * 64, "c" * 64], "trial_1")


def test_once_the_ledger_has_it_its_place_is_known(tmp_path: Path) -> None:
    tried(tmp_path)
    settle(tmp_path)
    found = find_passed(tmp_path, [WEIGHTS])
    assert found is not None
    assert found.place == 1


def test_results_that_are_on_their_way_to_the_ledger_count_before_those_that_it_has(tmp_path: Path) -> None:
    tried(tmp_path, ended_at=1)
    settle(tmp_path)
    folder = TrialFolder(tmp_path, "trial_1")
    content = folder.results.read_bytes().replace(b'"labels": ""', b'"labels": "ab"')
    folder.write_results(content)
    with pytest.raises(PromotionRefused, match="are not those that the ledger holds"):
        find_passed(tmp_path, [WEIGHTS], "trial_1")
    with contextlib.closing(open_database(tmp_path)) as db:
        body = {"plan": folder.read_plan()[1], "results": digest(content), "verdict": "pass"}
        keep_event(db, ENDED, "trial_1", body)
    found = find_passed(tmp_path, [WEIGHTS], "trial_1")
    assert found is not None
    assert (found.results, found.place) == (digest(content), None)


def test_the_newest_of_several_is_taken(tmp_path: Path) -> None:
    for trial, ended_at in (("trial_1", 5), ("trial_2", 9), ("trial_3", 7)):
        tried(tmp_path, trial=trial, ended_at=ended_at)
    found = find_passed(tmp_path, [WEIGHTS])
    assert found is not None
    assert found.trial == "trial_2"


@pytest.mark.parametrize("outcome", ["fail", "inconclusive"])
def test_a_trial_that_did_not_pass_is_none(outcome: Outcome, tmp_path: Path) -> None:
    tried(tmp_path, outcome)
    assert find_passed(tmp_path, [WEIGHTS]) is None
    with pytest.raises(PromotionRefused, match=f"ended with {outcome}"):
        find_passed(tmp_path, [WEIGHTS], "trial_1")


@pytest.mark.parametrize("settled", [False, True])
def test_results_that_were_edited_into_a_pass_are_none(settled: bool, tmp_path: Path) -> None:
    tried(tmp_path, "fail")
    if settled:
        settle(tmp_path)
    path = TrialFolder(tmp_path, "trial_1").results
    path.write_bytes(path.read_bytes().replace(b'"outcome": "fail"', b'"outcome": "pass"'))
    with pytest.raises(PromotionRefused, match="are not those that the ledger holds"):
        find_passed(tmp_path, [WEIGHTS], "trial_1")


def test_a_plan_that_was_edited_is_none(tmp_path: Path) -> None:
    tried(tmp_path, weights="b" * 64)
    path = TrialFolder(tmp_path, "trial_1").plan
    path.write_bytes(path.read_bytes().replace(b"b" * 64, WEIGHTS.encode()))
    assert find_passed(tmp_path, [WEIGHTS]) is None


def test_a_trial_that_is_not_there_is_told(tmp_path: Path) -> None:
    with contextlib.closing(open_database(tmp_path)), pytest.raises(NotFound):
        find_passed(tmp_path, [WEIGHTS], "trial_9")


def test_an_empty_folder_has_no_sealed_items(tmp_path: Path) -> None:
    assert list(sealed_items(tmp_path)) == []


def test_what_a_trial_was_held_on_is_sealed_although_it_stands_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for trial in ("trial_1", "trial_2"):
        tried(tmp_path, trial=trial)
    found = list(sealed_items(tmp_path))
    assert len(found) == 20
    assert (found[3].id, found[3].asked, found[3].task) == ("trial_1/item_00003", "What is 3 + 21?", "sums")
    own = Pedigree(producer="customer/sums", route="customer", terms="customer-data", terms_date="2026-01-01")
    given_away = Example(turns=(Turn("user", "What is 3 + 21?"),), reply="24", pedigree=own)
    assert [leak.item for leak in Gate(found).leaks([given_away])] == ["trial_1/item_00003"]
    (tmp_path / "items.jsonl").unlink()
    assert list(sealed_items(tmp_path)) == []
    assert "No row is held against the items of trial_2" in capsys.readouterr().err
