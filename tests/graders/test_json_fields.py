"""JSON fields: an extracted record, field by field."""

import json
from typing import Any

import pytest

pytest.importorskip("regex", reason="the extra `trials` is not installed")

from freehold.errors import InvalidGrader
from freehold.graders.json_fields import JsonFields
from graders.samples import grade, item, score

INVOICE: dict[str, Any] = {
    "number": "INV-7",
    "issued": "2024-03-04",
    "total": 1200.5,
    "vendor": {"name": "The ACME Co.", "vat": None},
    "lines": [{"sku": "A1", "n": 2}, {"sku": "B2", "n": 1}],
    "notes": "Thanks!",
}
FIELDS: dict[str, Any] = {
    "number": {"match": "regex", "pattern": r"INV-\d+"},
    "issued": {"match": "date"},
    "total": {"match": "numeric", "tolerance": 0.01, "weight": 3, "required": True},
    "vendor.name": {"match": "normalised"},
    "vendor.vat": {},
    "lines": {"match": "rows", "key": "sku", "weight": 2},
    "notes": {"match": "ignore"},
}


def said(**changed: Any) -> str:
    return json.dumps(INVOICE | changed)


def test_a_record_written_otherwise_is_right() -> None:
    text = said(
        issued="March 4, 2024", total="1,200.50", vendor={"name": "acme co"}, lines=INVOICE["lines"][::-1], notes=""
    )
    told = grade(JsonFields, item(INVOICE), f"```json\n{text}\n```", fields=FIELDS)
    assert (told.score, told.reason) == (1.0, "All 6 fields are right.")


def test_the_score_is_the_weighted_share_and_every_field_is_told() -> None:
    told = grade(
        JsonFields, item(INVOICE), said(issued="2024-03-05", vendor={"name": "ACME Co", "vat": "X"}), fields=FIELDS
    )
    assert told.score == pytest.approx(7 / 9)
    assert told.reason == "Not right: issued, vendor.vat."
    assert told.details["fields"]["issued"] == {
        "score": 0.0,
        "match": "date",
        "why": 'It is "2024-03-05", not "2024-03-04".',
        "right": '"2024-03-04"',
        "found": '"2024-03-05"',
    }
    assert told.details["fields"]["vendor.vat"] == {
        "score": 0.0,
        "match": "exact",
        "why": "There should be nothing.",
        "found": '"X"',
    }


def test_without_a_required_field_nothing_counts() -> None:
    told = grade(JsonFields, item(INVOICE), said(total=1200.6), fields=FIELDS)
    assert (told.score, told.reason) == (0.0, "A required field is not right: total.")
    assert told.details["share"] == pytest.approx(6 / 9)


def test_a_list_that_is_partly_right_gives_its_part() -> None:
    told = grade(JsonFields, item(INVOICE), said(lines=[{"sku": "A1", "n": 2}]), fields=FIELDS)
    assert told.score == pytest.approx((7 + 2 * 2 / 3) / 9)


def test_fields_without_a_rule_are_compared_by_the_rest() -> None:
    one = item({"a": 1, "b": {"c": "X"}})
    assert score(JsonFields, one, '{"a": 1, "b": {"c": "x"}}') == 0.5
    assert score(JsonFields, one, '{"a": 1, "b": {"c": "x"}}', rest={"match": "normalised"}) == 1.0
    assert score(JsonFields, one, '{"a": 1}', fields={"a": {}}, rest={"match": "ignore"}) == 1.0


def test_what_the_reference_does_not_have_counts_when_asked() -> None:
    assert score(JsonFields, item({"a": 1}), '{"a": 1, "made_up": 2}') == 1.0
    assert score(JsonFields, item({"a": 1}), '{"a": 1, "made_up": 2}', extra="refuse") == 0.5
    assert score(JsonFields, item({"a": 1}), '{"a": 1, "made_up": null}', extra="refuse") == 1.0


def test_a_star_grades_every_element_by_one_rule() -> None:
    one = item({"rows": [{"x": "A a"}, {"x": "B b"}]})
    rules = {"rows[*].x": {"match": "normalised"}}
    assert score(JsonFields, one, '{"rows": [{"x": "a a"}, {"x": "b"}, {"x": "c"}]}', fields=rules) == pytest.approx(
        1 / 3
    )


def test_a_bound_makes_it_pass_or_fail() -> None:
    one = item({"a": 1, "b": 2, "c": 3, "d": 4})
    text = '{"a": 1, "b": 2, "c": 3, "d": 5}'
    assert score(JsonFields, one, text, pass_at=0.75) == 1.0
    assert score(JsonFields, one, text, pass_at=0.8) == 0.0


@pytest.mark.parametrize("text", ["", "{", '{"a": 1,}', '{"a": 1, "a": 1}', 'It is {"a": 1}.'])
def test_what_a_program_could_not_read_is_wrong(text: str) -> None:
    assert score(JsonFields, item({"a": 1}), text) == 0.0


def test_json_in_prose_is_read_when_asked() -> None:
    assert score(JsonFields, item({"a": 1}), 'It is {"a": 1}.', anywhere=True) == 1.0


@pytest.mark.parametrize("reference", [None, "no json", 5])
def test_without_a_right_record_there_is_no_score(reference: object) -> None:
    assert score(JsonFields, item(reference), "{}") is None


def test_a_reference_may_be_json_in_text() -> None:
    assert score(JsonFields, item('{"a": 1}'), '{"a": 1}') == 1.0


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"fields": {"a..b": {}}}, "fields.a..b"),
        ({"fields": {"a": {"match": "regex"}}}, "fields.a"),
        ({"fields": {"a": {"match": "regex", "pattern": "("}}}, "fields.a"),
        ({"fields": {"a": {"weight": 0}}, "rest": {"weight": 0}}, "fields"),
        ({"fields": {"a": {"match": "fuzzy"}}}, "fields"),
        ({"fields": {"a": {"matches": "exact"}}}, "fields"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(options: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidGrader) as caught:
        score(JsonFields, item({}), "{}", **options)
    assert caught.value.param == param
