"""JSON: whether an answer is the JSON that its schema asks for, and whether what is fenced as JSON is JSON.

It knows JSON and asks a worker about the schema. It exists because a program reads such an answer, and reads it
strictly: a comma too many, a key twice or a NaN are wrong here, whatever lenient readers do (RFC 8259).

With a schema in the context the whole answer must be one JSON value (a single fence around it is forgiven) that the
schema permits; JSON fences in the steps must be JSON. Without one, only fences are looked at.
"""

import json
import re
from typing import Any, ClassVar

from freehold.reasoning.extras import require
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, finding
from freehold.reasoning.worker import Worker

SECONDS: float = 3.0
MAX_LENGTH: int = 200_000

_FENCE = re.compile(r"```json[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)
_WHOLE = re.compile(r"\s*```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\s*\Z", re.DOTALL | re.IGNORECASE)

_SCHEMA = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}


class Schema:
    """Checks JSON. Needs the extra `reasoning`; holds one worker process, started when first needed."""

    name: ClassVar[str] = "schema"
    version: ClassVar[str] = "1"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", '{"age": 7}', Context(schema=_SCHEMA), kind="answer"),
        Sample("gold", 'So it is:\n```json\n{"age": [1, 2]}\n```'),
        Sample("corrupted", '{"age": -7}', Context(schema=_SCHEMA), kind="answer"),
        Sample("corrupted", '{"age": 7', Context(schema=_SCHEMA), kind="answer"),
        Sample("corrupted", 'So it is:\n```json\n{"age": [1, 2}\n```'),
        Sample("garbage", "The age is {seven}.", Context(schema=_SCHEMA)),
        Sample("garbage", '{"age": 7', kind="answer"),
    )

    def __init__(self) -> None:
        """Raises NotConfigured without jsonschema. Nothing is started."""
        require("jsonschema")
        self._worker = Worker("freehold.reasoning.schema_worker")

    def check(self, step: Step, context: Context) -> list[Finding]:
        """A finding for the answer, or for each JSON fence of a step."""
        if step.kind == "answer" and context.schema is not None:
            whole = _WHOLE.match(step.text)
            span = whole.span(1) if whole else (0, len(step.text))
            return [self._held(step, span, context)]
        return [self._read(step, match.span(1)) for match in _FENCE.finditer(step.text)]

    def close(self) -> None:
        """Ends the worker."""
        self._worker.close()

    def _read(self, step: Step, span: tuple[int, int]) -> Finding:
        _, wrong = read_json(step.text[slice(*span)])
        if wrong:
            return finding(self, step, span, "refuted", wrong, f"It is not JSON: {wrong}.")
        return finding(self, step, span, "verified", "JSON", "It is JSON.")

    def _held(self, step: Step, span: tuple[int, int], context: Context) -> Finding:
        value, wrong = read_json(step.text[slice(*span)])
        if wrong:
            return finding(self, step, span, "refuted", wrong, f"The answer is not JSON: {wrong}.")
        answer = self._worker.ask({"schema": context.schema, "value": value}, context.seconds(SECONDS))
        if answer is None or "error" in answer:
            why = answer["error"] if answer else "no answer within the time"
            return finding(self, step, span, "not_checkable", "", f"The schema could not be applied: {why}.")
        if answer["errors"]:
            told = "; ".join(f"{path}: {message}" for path, message in answer["errors"])
            return finding(self, step, span, "refuted", told[:500], f"The schema does not permit it: {told[:500]}.")
        return finding(self, step, span, "verified", "permitted", "The schema permits it.")


VERIFIER = Schema


def read_json(text: str) -> tuple[Any, str]:
    """The value, and what is wrong with the text as strict JSON; the empty string when nothing is."""
    if len(text) > MAX_LENGTH:
        return None, f"it is longer than {MAX_LENGTH} characters"
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant), ""
    except (ValueError, RecursionError) as error:
        return None, str(error)[:200] or type(error).__name__


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")
