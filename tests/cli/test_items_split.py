"""`freehold items split`: how many items went where, and a word when they hardly differ."""

from pathlib import Path

import pytest

from cli.shelved import command, fill, told
from freehold.cli.items import open_items
from freehold.errors import InvalidField
from trials.shelves import KEEP_UNTIL, item


def test_items_are_dealt_and_counted(tmp_path: Path) -> None:
    fill(tmp_path, 30)
    found = told("split", "triage", data=tmp_path)
    assert (sum(found["splits"].values()), found["clusters"], found["largest_cluster"]) == (30, 30, 1)
    done = command("split", "triage", data=tmp_path)
    assert "30 clusters of 30 items; the largest has 1.\n" in done.stdout
    assert done.stderr == ""
    assert told("split", "triage", data=tmp_path) == found


def test_a_workload_without_items_is_told(tmp_path: Path) -> None:
    done = command("split", "triag", data=fill(tmp_path))
    assert done.exit_code == 0
    assert done.stderr == "There are no items of triag. `freehold items list --summary` says what there is.\n"


def test_all_may_go_into_one_split(tmp_path: Path) -> None:
    assert told("split", "triage", "--shares", "0,1,0", data=fill(tmp_path))["splits"] == {"trial": 3}


def test_items_that_hardly_differ_are_a_word_worth(tmp_path: Path) -> None:
    with open_items(tmp_path, make=True) as opened:
        opened.items.add([item(number, conversation="one talk") for number in range(6)], KEEP_UNTIL, "s")
    done = command("split", "triage", data=tmp_path)
    assert "One cluster holds 100% of the items" in done.stderr


@pytest.mark.parametrize("shares", ["", "1", "0.5,0.5", "0.5,0.4,0.2", "-0.1,1,0.1", "a,b,c", "nan,0.5,0.5"])
def test_shares_add_up_to_one(tmp_path: Path, shares: str) -> None:
    with pytest.raises(InvalidField, match="are no shares"):
        command("split", "triage", "--shares", shares, data=fill(tmp_path))
