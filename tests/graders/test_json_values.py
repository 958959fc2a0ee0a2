"""Two values under a rule."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.graders.json_paths import ABSENT
from freehold.graders.json_values import FieldRule, TooMany, Undecided, compare


def compared(right: Any, found: Any, **rule: Any) -> float:
    return compare(msgspec.convert(rule, FieldRule), right, found, lambda pattern, text: text == pattern).score


@pytest.mark.parametrize(
    ("right", "found", "rule", "score"),
    [
        (1, 1.0, {}, 1.0),
        (1, True, {}, 0.0),
        (1, "1", {}, 0.0),
        ({"a": [1, 2]}, {"a": [1, 2], "b": None}, {}, 1.0),
        ({"a": [1, 2]}, {"a": [2, 1]}, {}, 0.0),
        ("ACME, Inc.", "acme inc", {"match": "normalised"}, 1.0),
        (["The A", "B"], ["a.", "b"], {"match": "normalised"}, 0.0),
        (["The Cat", "B"], ["cat.", "b"], {"match": "normalised"}, 1.0),
        (1200.5, "$1,200.50", {"match": "numeric"}, 1.0),
        (1200.5, 1200.51, {"match": "numeric", "tolerance": 0.01}, 1.0),
        (1200.5, 1200.52, {"match": "numeric", "tolerance": 0.01}, 0.0),
        (1200.5, "1.200,50 EUR", {"match": "numeric", "decimal": "comma"}, 1.0),
        (1200.5, "1200.5 or 1300", {"match": "numeric"}, 0.0),
        (1200.5, "many", {"match": "numeric"}, 0.0),
        ("5%", 0.05, {"match": "numeric"}, 1.0),
        ("5%", "0.05%", {"match": "numeric"}, 0.0),
        ("5%", "500%", {"match": "numeric"}, 0.0),
        ("2024-03-04", "4 March 2024", {"match": "date"}, 1.0),
        ("2024-03-04", "2024-03-04T10:00:00Z", {"match": "date"}, 1.0),
        ("2024-03-04", "2024-03-05", {"match": "date"}, 0.0),
        ("2024-03-04", "03/04/2024", {"match": "date"}, 0.0),
        ("2024-03-04", "03/04/2024", {"match": "date", "day_first": False}, 1.0),
        ("2024-04-03", "03/04/2024", {"match": "date", "day_first": True}, 1.0),
        ("2024-03-04", "next week", {"match": "date"}, 0.0),
        ("anything", "x", {"match": "regex", "pattern": "x"}, 1.0),
        (ABSENT, "x", {"match": "regex", "pattern": "x"}, 1.0),
        ("x", ABSENT, {"match": "regex", "pattern": "x"}, 0.0),
        (ABSENT, ABSENT, {}, 1.0),
        (ABSENT, 1, {}, 0.0),
        (1, ABSENT, {}, 0.0),
    ],
)
def test_each_rule_has_its_own_idea_of_the_same(right: Any, found: Any, rule: dict[str, Any], score: float) -> None:
    assert compared(right, found, **rule) == score


@pytest.mark.parametrize(
    ("right", "found", "rule", "score"),
    [
        (["a", "b"], ["b", "a"], {"match": "set"}, 1.0),
        (["a", "b"], ["a", "c"], {"match": "set"}, 0.5),
        (["a", "b"], ["a"], {"match": "set"}, 2 / 3),
        (["a", "b"], ["a", "a"], {"match": "set"}, 0.5),
        (["a", "b"], ["a"], {"match": "set", "partial": False}, 0.0),
        (["A.", "b"], ["B", "c"], {"match": "set", "each": {"match": "normalised"}}, 0.5),
        (["Ann", "b"], ["B", "ann"], {"match": "set", "each": {"match": "normalised"}}, 1.0),
        ([], [], {"match": "set"}, 1.0),
        ([1], "1", {"match": "set"}, 0.0),
        (["a", "b"], ["b", "a"], {"match": "list"}, 0.0),
        (["a", "b"], ["a", "x", "y"], {"match": "list"}, 1 / 3),
    ],
)
def test_lists_are_in_order_and_sets_in_any(right: Any, found: Any, rule: dict[str, Any], score: float) -> None:
    assert compared(right, found, **rule) == pytest.approx(score)


def test_a_set_is_paired_as_well_as_it_can_be() -> None:
    """10 is near both, 11 only near the first: taking the first one that fits would lose one."""
    each = {"match": "numeric", "tolerance": 1}
    assert compared([10, 9], [10, 11], match="set", each=each) == 1.0
    assert compared([9, 10], [10, 11], match="set", each=each) == 1.0


INVOICE = [{"sku": "A1", "n": 2, "price": 3.5}, {"sku": "B2", "n": 1, "price": 9}]


def test_rows_are_paired_by_their_key_and_graded_by_their_fields() -> None:
    fields = {"sku": {}, "n": {"match": "numeric"}, "price": {"match": "numeric", "weight": 2}}
    rule = {"match": "rows", "key": "sku", "fields": fields}
    assert compared(INVOICE, INVOICE[::-1], **rule) == 1.0
    wrong = [{"sku": "b2", "n": 1, "price": 8}, {"sku": "A1", "n": "2", "price": "3.50"}]
    # row A1 whole; of B2 only n of weight 1 in 4: its sku differs in case. (1 + 0.25) * 2 / 4
    assert compared(INVOICE, wrong, **rule) == pytest.approx(0.625)
    assert compared(INVOICE, INVOICE[:1], **rule) == pytest.approx(2 / 3)


def test_a_required_field_of_a_row_makes_it_right_or_wrong() -> None:
    fields = {"n": {}, "price": {"required": True}}
    wrong = [{"sku": "A1", "n": 2, "price": 4}, INVOICE[1]]
    assert compared(INVOICE, wrong, match="rows", key="sku", fields=fields) == 0.5


def test_rows_without_a_key_find_their_best_partners() -> None:
    changed = [{"sku": "B2", "n": 1, "price": 9}, {"sku": "A1", "n": 2, "price": 0}]
    assert compared(INVOICE, changed, match="rows") == pytest.approx((1 + 2 / 3) * 2 / 4)


def test_too_many_elements_and_a_slow_pattern_are_no_verdict() -> None:
    with pytest.raises(TooMany):
        compared(list(range(301)), [1], match="set")
    with pytest.raises(Undecided):
        compare(FieldRule(match="regex", pattern="x"), "x", "x", lambda pattern, text: None)


@given(st.lists(st.integers(0, 5), max_size=6), st.randoms())
def test_a_set_does_not_see_the_order(numbers: list[int], chance: Any) -> None:
    shuffled = list(numbers)
    chance.shuffle(shuffled)
    assert compared(numbers, shuffled, match="set") == 1.0


@given(st.lists(st.integers(0, 3), max_size=6), st.lists(st.integers(0, 3), max_size=6))
def test_a_set_is_judged_alike_from_both_sides(one: list[int], other: list[int]) -> None:
    assert compared(one, other, match="set") == pytest.approx(compared(other, one, match="set"))
