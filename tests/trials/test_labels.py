"""What people said of a trial's replies: kept line by line, and counted only in the order that was drawn."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from freehold.errors import TrialError
from freehold.trials.labelled_trials import said_by
from freehold.trials.labels import (
    LABELS,
    Said,
    a_is,
    counting,
    differences,
    drawn,
    keep_label,
    preferences,
    read_labels,
)
from freehold.trials.plan import Plan, PlannedItem
from freehold.trials.results import Row, Told
from trials.test_plan import plan_of


def said(item: str, **fields: object) -> Said:
    return Said(item=item, at=1, **fields)  # type: ignore[arg-type]


def planned(count: int, seed: int = 7) -> tuple[Plan, list[Row]]:
    """Items in conversations of two, all answered by both models."""
    rows = [
        Row(item=f"i{at}", cluster=f"c{at // 2}", candidate=Told(keys=("k",)), incumbent=Told(keys=("k",)))
        for at in range(count)
    ]
    made = plan_of(*(PlannedItem(row.item, "00", row.cluster) for row in rows))
    return replace(made, seed=seed), rows


def test_the_newest_label_of_an_item_counts_and_a_torn_line_does_not(tmp_path: Path) -> None:
    assert read_labels(tmp_path) == ({}, "")
    keep_label(tmp_path, said("a", candidate=1.0))
    with (tmp_path / LABELS).open("ab") as file:
        file.write(b'{"item":"b"')
    torn, before = read_labels(tmp_path)
    assert list(torn) == ["a"]
    assert said_by(tmp_path, before) == torn
    keep_label(tmp_path, said("b", better="neither", by="ann"))
    keep_label(tmp_path, said("a", candidate=0.0, incumbent=1.0))
    found, digest = read_labels(tmp_path)
    assert found == {"a": said("a", candidate=0.0, incumbent=1.0), "b": said("b", better="neither", by="ann")}
    assert said_by(tmp_path, before) == {"a": said("a", candidate=1.0)}  # what was counted then is found again
    assert len(digest) == 64
    assert (tmp_path / LABELS).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / LABELS).read_bytes().count(b"\n") == 3


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / LABELS).write_bytes(b"{}\n")
    with pytest.raises(TrialError, match=r"labels\.log cannot be read"):
        read_labels(tmp_path)


def test_whole_conversations_are_drawn_and_another_seed_draws_others() -> None:
    plan, rows = planned(40)
    order = drawn(plan, rows)
    assert sorted(order) == sorted(row.item for row in rows)
    assert order == drawn(plan, list(reversed(rows)))
    numbers = [int(item[1:]) for item in order]
    assert [at // 2 for at in numbers[::2]] == [at // 2 for at in numbers[1::2]]
    assert order != drawn(*planned(40, seed=8))
    silent = [*rows[:39], Row(item="i39", cluster="c19", candidate=Told(keys=("k",)))]
    assert drawn(plan, silent) == [item for item in order if item != "i39"]


def test_labels_count_up_to_the_first_item_without_one() -> None:
    plan, rows = planned(6)
    first, second, third, *_ = order = drawn(plan, rows)
    assert counting(order, {one: said(one) for one in (first, third)}) == [said(first)]
    assert counting(order, {one: said(one) for one in (first, second, third)}) == [
        said(first),
        said(second),
        said(third),
    ]
    assert counting(order, {}) == []


def test_either_model_may_be_a() -> None:
    plan, rows = planned(60)
    assert {a_is(plan, row.item) for row in rows} == {"candidate", "incumbent"}
    assert [a_is(plan, "i1")] * 3 == [a_is(plan, "i1") for _ in range(3)]


def test_preferences_and_differences_are_the_candidates() -> None:
    some = [
        said("a", better="candidate"),
        said("b", better="incumbent", candidate=0.25, incumbent=1.0),
        said("c", better="neither", candidate=1.0),
        said("d"),
    ]
    assert preferences(some) == {"a": 1.0, "b": -1.0, "c": 0.0}
    assert differences(some) == {"b": -0.75}
