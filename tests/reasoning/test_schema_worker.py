"""What the schema worker answers, asked in this process."""

import pytest

pytest.importorskip("jsonschema", reason="the extra `reasoning` is not installed")

from freehold.reasoning.schema_worker import prepare


def test_errors_have_their_path_and_at_most_five_are_told() -> None:
    answer = prepare()
    schema = {"type": "array", "items": {"type": "integer"}}
    assert answer({"schema": schema, "value": [1, "a"]}) == {"errors": [["$[1]", "'a' is not of type 'integer'"]]}
    assert len(answer({"schema": schema, "value": ["a"] * 9})["errors"]) == 5


def test_formats_of_the_draft_are_held() -> None:
    assert prepare()({"schema": {"format": "date"}, "value": "2024-02-30"})["errors"] != []
