"""Whose labels count for the judges of a canary: those of the same judges and models, as far as a trial has counted them in."""

import math
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.errors import TrialError
from freehold.trials import labelled_trials
from freehold.trials.labelled_trials import LabelledTrials, Sought, find_correction, pinned, said_by
from freehold.trials.labels import LABELS, Said, keep_label, read_labels
from freehold.trials.plan import Plan, TrialFolder
from trials.labelled import JUDGE, hits, labelled_trial

REGEX: dict[str, Any] = {"kind": "regex", "pattern": "yes"}
SOUGHT = Sought(
    workload="triage", candidate="rack/new", incumbents=("rack/good",), tables=(JUDGE,), judged=True, alpha=0.05
)
BOTH = (hits("rack/new", 80, 80, 20, 20), hits("rack/good", 80, 80, 20, 20))
GOOD = [(1.0, 1.0)] * 60


def test_graders_that_take_part_are_pinned_and_say_whether_they_are_judges() -> None:
    found = pinned([REGEX, JUDGE, {"kind": "pairwise", "models": ["rack/judge"], "rubric": "x"}, {"kind": "nonsense"}])
    assert [(one.name, one.judge, one.binary) for one in found] == [("regex", False, True), ("polite", True, True)]


def test_without_judges_there_is_nothing_to_correct(tmp_path: Path) -> None:
    assert find_correction(tmp_path, replace(SOUGHT, tables=(REGEX,))) is None
    assert find_correction(tmp_path, replace(SOUGHT, judged=False)) is None
    assert LabelledTrials(tmp_path).correction(replace(SOUGHT, judged=False)) is None


def test_a_judge_whom_no_trial_has_asked_is_not_believed_and_the_way_out_is_named(tmp_path: Path) -> None:
    labelled_trial(tmp_path, GOOD, GOOD, calibrations=BOTH, candidate="rack/other")
    labelled_trial(tmp_path, GOOD, GOOD, calibrations=BOTH, workload="claims", trial_id="trial_y")
    labelled_trial(tmp_path, GOOD, GOOD, calibrations=BOTH, tables=[{**JUDGE, "rubric": "?"}], trial_id="trial_z")
    found = find_correction(tmp_path, SOUGHT)
    assert found is not None
    assert (found.method, found.judges, found.trial) == ("none", ("polite",), "")
    assert found.missing.startswith("no trial of rack/new against rack/good on triage has asked `polite`")
    assert "`freehold trial plan triage --candidate rack/new`" in found.missing
    assert "`freehold trial label`" in found.missing


def test_the_hits_of_a_judge_alone_are_taken_from_the_trial(tmp_path: Path) -> None:
    folder = labelled_trial(tmp_path, GOOD, GOOD, calibrations=BOTH)
    found = find_correction(tmp_path, SOUGHT)
    assert found is not None
    assert (found.method, found.trial, found.labels) == ("hits", "trial_x", 200)
    assert found.factor == pytest.approx(0.843368, abs=2e-6)  # 0.005^(1/160) + 0.005^(1/40) - 1
    assert len(found.results) == 64
    other = find_correction(tmp_path, replace(SOUGHT, incumbents=("rack/older", "rack/good")))
    assert other == found
    folder.results.unlink()
    assert find_correction(tmp_path, SOUGHT) != found


def test_a_judge_beside_other_graders_or_of_grades_goes_by_what_people_said_of_the_same_items(tmp_path: Path) -> None:
    labelled_trial(tmp_path, GOOD, GOOD, calibrations=BOTH)
    mixed = find_correction(tmp_path, replace(SOUGHT, tables=(REGEX, JUDGE)))
    assert mixed is not None
    assert (mixed.method, mixed.labels, mixed.trial) == ("people", 120, "trial_x")
    graded = {**JUDGE, "levels": 5}
    labelled_trial(tmp_path, GOOD, GOOD, tables=[graded], trial_id="trial_y")
    by_grades = find_correction(tmp_path, replace(SOUGHT, tables=(graded,)))
    assert by_grades is not None
    assert (by_grades.method, by_grades.trial) == ("people", "trial_y")


def test_where_the_judge_treats_both_models_differently_people_decide_or_nobody(tmp_path: Path) -> None:
    unlike = (hits("rack/new", 80, 80, 20, 20), hits("rack/good", 40, 80, 20, 20))
    labelled_trial(tmp_path, GOOD, GOOD, seen=10, calibrations=unlike)
    few = find_correction(tmp_path, SOUGHT)
    assert few is not None
    assert (few.method, few.labels) == ("none", 20)
    assert "does not treat both models alike" in few.missing
    assert few.missing.endswith("`freehold trial label trial_x`, then `freehold trial run trial_x`")
    labelled_trial(tmp_path, GOOD, GOOD, calibrations=unlike, trial_id="trial_y")
    enough = find_correction(tmp_path, SOUGHT)
    assert enough is not None
    assert (enough.method, enough.trial) == ("people", "trial_y")


def test_of_several_trials_the_one_with_the_most_labels_counts(tmp_path: Path) -> None:
    labelled_trial(tmp_path, GOOD, GOOD, calibrations=BOTH)
    less = (hits("rack/new", 40, 40, 20, 20), hits("rack/good", 40, 40, 20, 20))
    labelled_trial(tmp_path, GOOD, GOOD, calibrations=less, trial_id="trial_y")
    found = find_correction(tmp_path, SOUGHT)
    assert found is not None
    assert found.trial == "trial_x"


def test_labels_count_once_a_run_of_the_trial_has_counted_them(tmp_path: Path) -> None:
    folder = labelled_trial(tmp_path, GOOD, GOOD, seen=2)
    labels, before = read_labels(folder.path)
    first = next(iter(labels))
    keep_label(folder.path, Said(item="i9999", at=2, candidate=0.0))
    keep_label(folder.path, Said(item=first, at=3, candidate=0.0))
    assert said_by(folder.path, before) == labels
    assert len(labels) == 2
    assert said_by(folder.path, read_labels(folder.path)[1])[first].candidate == 0.0
    assert said_by(folder.path, "0" * 64) == said_by(folder.path, "") == {}
    (folder.path / LABELS).unlink()
    assert said_by(folder.path, before) == {}


def test_what_was_found_holds_for_a_while_and_while_the_trials_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = LabelledTrials(tmp_path)
    folder = labelled_trial(tmp_path, GOOD, GOOD, calibrations=BOTH)
    found = trials.correction(SOUGHT)
    assert found is not None
    folder.results.write_bytes(b"{")
    assert trials.correction(SOUGHT) == found
    monkeypatch.setattr(labelled_trials, "LOOK_SECONDS", -math.inf)
    assert trials.correction(SOUGHT) == found
    with pytest.raises(TrialError):
        find_correction(tmp_path, SOUGHT)
    afresh = LabelledTrials(tmp_path).correction(SOUGHT)
    assert afresh is not None
    assert (afresh.method, afresh.missing[:22]) == ("none", "trials cannot be read:")


def test_the_plan_of_a_trial_about_something_else_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials, read = LabelledTrials(tmp_path), list[str]()
    real = TrialFolder.read_plan

    def noted(folder: TrialFolder) -> tuple[Plan, str]:
        read.append(folder.path.name)
        return real(folder)

    monkeypatch.setattr(TrialFolder, "read_plan", noted)
    monkeypatch.setattr(labelled_trials, "LOOK_SECONDS", -math.inf)
    labelled_trial(tmp_path, GOOD, GOOD, calibrations=BOTH, candidate="rack/other")
    for _ in range(2):
        missing = trials.correction(SOUGHT)
        assert missing is not None
        assert missing.method == "none"
    labelled_trial(tmp_path, GOOD, GOOD, calibrations=BOTH, trial_id="trial_y")
    for _ in range(2):
        found = trials.correction(SOUGHT)
        assert found is not None
        assert found.trial == "trial_y"
    assert read == ["trial_x", "trial_y", "trial_y"]
