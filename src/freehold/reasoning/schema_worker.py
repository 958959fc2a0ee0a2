"""What the schema worker does: hold a JSON value against a JSON Schema, in a process that can be killed.

It runs as a program under the limits of `worker.py` and knows no step. It exists because a schema may hold a regular
expression, and one text is enough to keep a bad one busy for years.
"""

import sys
from collections.abc import Callable
from typing import Any

from freehold.reasoning.extras import library
from freehold.reasoning.worker import serve

MOST_ERRORS: int = 5


def prepare() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The function that answers `{"schema": ..., "value": ...}` with `{"errors": [[path, message], ...]}`.

    The draft is the one that `$schema` names, else 2020-12. Nothing is fetched: a reference that leads outside is an
    error.
    """
    jsonschema, referencing = library("jsonschema"), library("referencing")

    def answer(question: dict[str, Any]) -> dict[str, Any]:
        schema = question["schema"]
        draft = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        draft.check_schema(schema)
        validator = draft(schema, registry=referencing.Registry(), format_checker=draft.FORMAT_CHECKER)
        errors = sorted(validator.iter_errors(question["value"]), key=lambda error: (error.json_path, error.message))
        return {"errors": [[error.json_path, error.message[:300]] for error in errors[:MOST_ERRORS]]}

    return answer


if __name__ == "__main__":
    # jsonschema imports this one where it happens to be installed (Jupyter brings it): seconds of CPU, measured as 3 s, to check
    # `iri`, and a verdict that would depend on what else a machine has. None makes the import fail, which jsonschema expects.
    sys.modules["rfc3987_syntax"] = None  # pyright: ignore[reportArgumentType] (what the import system documents)
    serve(prepare)
