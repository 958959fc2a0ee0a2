"""`freehold items label`: scores and right answers, from a person, and nothing half said."""

from pathlib import Path
from typing import Any

import pytest

from cli.shelved import command, fill, told
from freehold.errors import InvalidField


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return fill(tmp_path)


@pytest.mark.parametrize(
    ("written", "read"), [("Four", "Four"), ('["4", "four"]', ["4", "four"]), ('{"sum": 4}', {"sum": 4}), ("4", "4")]
)
def test_a_right_answer_is_text_or_json(data: Path, written: str, read: Any) -> None:
    told("label", "rec_1", "--reference", written, data=data)
    assert told("show", "rec_1", data=data)["reference"] == read


def test_scores_stay_and_the_newest_right_answer_counts(data: Path) -> None:
    for score, right in (("0", "A"), ("1", "B")):
        said = told("label", "rec_1", "--score", score, "--reference", right, "--by", "ann", "--note", "n", data=data)
        assert (said["item"], said["score"], said["reference"], said["by"]) == ("rec_1", float(score), right, "ann")
    shown = told("show", "rec_1", data=data)
    assert [(one["score"], one["by"], one["note"]) for one in shown["labels"]] == [(0.0, "ann", "n"), (1.0, "ann", "n")]
    assert shown["reference"] == "B"


def test_people_are_told_which_label_it_is(data: Path) -> None:
    assert command("label", "rec_1", "--score", "1", data=data).stdout.startswith("rec_1 is labelled (lab_")


@pytest.mark.parametrize(
    "words", [(), ("--note", "x"), ("--accept",), ("--reference", "[1"), ("--accept", "--reference", "x")]
)
def test_what_says_nothing_is_refused(data: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidField):
        command("label", "rec_1", *words, data=data)
    assert "labels" not in told("show", "rec_1", data=data)


def test_a_score_beyond_its_range_is_refused(data: Path) -> None:
    assert command("label", "rec_1", "--score", "1.5", data=data).exit_code == 2
