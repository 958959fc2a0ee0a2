"""JSON, strictly, and against its schema."""

import sys
from pathlib import Path

import pytest

from reasoning.reading import found, verdicts

pytest.importorskip("jsonschema", reason="the extra `reasoning` is not installed")

from freehold.reasoning import schema
from freehold.reasoning.schema import Schema, read_json

S = Schema()
SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer"}},
    "required": ["age"],
    "additionalProperties": False,
}


def test_an_answer_is_held_against_the_schema() -> None:
    assert verdicts(S, '{"age": 7}', kind="answer", schema=SCHEMA) == ["verified"]
    assert verdicts(S, '```json\n{"age": 7}\n```', kind="answer", schema=SCHEMA) == ["verified"]
    (one,) = found(S, '{"age": "7"}', kind="answer", schema=SCHEMA)
    assert one.verdict == "refuted"
    assert "$.age: '7' is not of type 'integer'" in one.found


@pytest.mark.parametrize(
    "text", ['{"age": 7,}', '{"age": NaN}', '{"age": 7, "age": 8}', "The age is 7.", "[" * 100_000]
)
def test_what_a_strict_reader_refuses_is_refuted(text: str) -> None:
    assert verdicts(S, text, kind="answer", schema=SCHEMA) == ["refuted"]


def test_a_schema_that_cannot_be_applied_decides_nothing() -> None:
    assert verdicts(S, "{}", kind="answer", schema={"type": 7}) == ["not_checkable"]
    outside = {"$ref": "https://schemas.invalid/x.json"}
    assert verdicts(S, "{}", kind="answer", schema=outside) == ["not_checkable"]


def test_a_bad_pattern_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SECONDS", 0.5)
    slow = {"type": "string", "pattern": "^(a+)+$"}
    assert verdicts(S, '"' + "a" * 40 + '!"', kind="answer", schema=slow) == ["not_checkable"]


def test_what_else_is_installed_decides_nothing_and_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rfc3987_syntax.py").write_text("raise SystemExit('it was imported')")
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    fresh = Schema()
    try:
        verdict = verdicts(fresh, '"no iri"', kind="answer", schema={"type": "string", "format": "iri"})
    finally:
        fresh.close()
    assert verdict == ["verified"]


def test_fences_in_a_step_must_be_json() -> None:
    assert verdicts(S, '```json\n{"a": 1}\n```\nand\n```json\n{a: 1}\n```') == ["verified", "refuted"]
    assert verdicts(S, '{"a": 1') == []


def test_a_key_that_stands_twice_is_named() -> None:
    assert read_json('{"k": 1, "k": 2}') == (None, "the key 'k' stands twice")
