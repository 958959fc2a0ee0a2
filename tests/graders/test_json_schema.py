"""JSON schema: where it comes from, and what it says. One process for all."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("jsonschema", reason="the extra `reasoning` is not installed")

from freehold.graders.json_schema import JsonSchema, JsonSchemaOptions, schema_of
from freehold.items import Given, Item
from graders.samples import item

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.fixture(scope="module")
def grader() -> Iterator[JsonSchema]:
    made = JsonSchema(JsonSchemaOptions(schema=SCHEMA, anywhere=True))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"age": 7}', 1.0),
        ('{"age": "7"}', 0.0),
        ("{}", 0.0),
        ('Here it is: {"age": 7}', 1.0),
        ("age 7", 0.0),
        ("", 0.0),
    ],
)
def test_the_schema_decides(grader: JsonSchema, text: str, score: float) -> None:
    assert grader.grade(item(), Given(text=text)).score == score


def test_what_is_wrong_is_told(grader: JsonSchema) -> None:
    assert "'7' is not of type 'integer'" in grader.grade(item(), Given(text='{"age": "7"}')).reason


def test_the_schema_stands_in_the_item_or_in_its_request() -> None:
    asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}
    assert schema_of(Item(id="1", workload="w", input=asked)) == SCHEMA
    assert schema_of(item(schema=SCHEMA)) == SCHEMA
    assert schema_of(item(schema='{"type": "object"}')) == {"type": "object"}
    assert schema_of(item(schema="no json")) is None
    assert schema_of(item()) is None
