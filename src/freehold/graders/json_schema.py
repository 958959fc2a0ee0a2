"""JSON schema: the reply is the JSON that its schema asks for.

It knows where a schema may stand in an item; the schema is applied by `reasoning/schema.py`, in a process that can be
killed. It exists because most replies that programs read are promised in a schema.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, cast

from msgspec import Meta

from freehold.graders.grader import Case, Grader, Options, decided, is_empty, unscored, wrong
from freehold.graders.json_reply import json_of, json_text
from freehold.graders.reference import at
from freehold.items import Given, Grade, Item
from freehold.reasoning.schema import Schema
from freehold.reasoning.trace import Step
from freehold.reasoning.verifier import Context


class JsonSchemaOptions(Options, frozen=True, kw_only=True):
    """Which schema, and where the JSON may stand."""

    schema: Annotated[
        dict[str, Any] | None,
        Meta(description="The schema; default: the item's `metadata.schema`, else what the request itself asks for."),
    ] = None
    anywhere: Annotated[bool, Meta(description="Take the last object or list that stands in other text.")] = False


class JsonSchema(Grader):
    """The reply is one JSON value that the schema permits. JSON is read strictly: no comments, no comma too many, no key
    twice. One fence around it is forgiven. Needs the extra `reasoning`; holds one process."""

    name: ClassVar[str] = "json_schema"
    version: ClassVar[str] = "1"
    takes = JsonSchemaOptions
    options: JsonSchemaOptions

    def __init__(self, options: JsonSchemaOptions) -> None:
        super().__init__(options)
        self._verifier = Schema()

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when the schema permits the reply; unscored when there is no schema, or it cannot be applied."""
        schema = self.options.schema or schema_of(item)
        if schema is None:
            return unscored("There is no schema in the table, the item or its request.")
        if is_empty(given):
            return wrong("The reply is empty.")
        value, said = json_of(given.text, anywhere=self.options.anywhere)
        if said:
            return wrong(f"The reply is not JSON: {said}.")
        text = json_text(value)
        step = Step(index=0, text=text, start=0, end=len(text), kind="answer")
        (finding,) = self._verifier.check(step, Context(schema=schema))
        if finding.verdict == "not_checkable":
            return unscored(finding.reason)
        return decided(finding.verdict == "verified", finding.reason)

    def close(self) -> None:
        """Ends the process."""
        self._verifier.close()

    @classmethod
    def selftest(cls) -> list[Case]:
        """Permitted, forbidden, no JSON, and a schema that cannot be applied."""
        schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}
        asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}
        item = Item(id="1", workload="w", input=asked)
        plain = Item(id="2", workload="w", input={})
        own = Item(id="3", workload="w", input={}, metadata={"schema": schema})
        bad = Item(id="4", workload="w", input={}, metadata={"schema": {"type": "nonsense"}})
        return [
            Case(role="gold", item=item, given=Given(text='{"age": 7}')),
            Case(role="gold", item=own, given=Given(text='```json\n{"age": 7}\n```')),
            Case(role="corrupted", item=item, given=Given(text='{"age": -7}')),
            Case(role="corrupted", item=item, given=Given(text='{"age": 7,}')),
            Case(role="corrupted", item=item, given=Given(text='Here: {"age": 7}.')),
            Case(role="garbage", item=item, given=Given(text="]][[{")),
            Case(role="empty", item=item, given=Given()),
            Case(role="unscorable", item=plain, given=Given(text='{"age": 7}')),
            Case(role="unscorable", item=bad, given=Given(text="1")),
        ]


GRADER = JsonSchema


def schema_of(item: Item) -> dict[str, Any] | None:
    """The schema of the item: `metadata.schema` (a table, or JSON text), else the request's `response_format`."""
    found = at(item, "metadata.schema")
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            found = None
    if not isinstance(found, Mapping):
        found = at(item, "input.response_format.json_schema.schema")
    return dict(cast("Mapping[str, Any]", found)) if isinstance(found, Mapping) else None
