"""Tool call: the reply calls the right tools, with the right arguments.

It knows calls and JSON and no tool. It exists because an agent's answer is what it does, and `{"city": "Paris"}` and
`{ "city" : "Paris" }` are one argument.

The reference is one call, `{"name": ..., "arguments": {...}}`, or a list of calls; an empty list means that nothing may be
called. `arguments` may be JSON text.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from msgspec import Meta

from freehold.graders.grader import Case, Grader, Options, decided, is_empty, unscored, wrong
from freehold.graders.json_reply import json_text
from freehold.graders.json_values import equal, same
from freehold.graders.plain_text import normalised
from freehold.graders.reference import MISSING
from freehold.items import Given, Grade, Item, ToolUse
from freehold.reasoning.schema import read_json

Call = tuple[str, Any]


class ToolCallOptions(Options, frozen=True, kw_only=True):
    """How strictly calls are compared."""

    arguments: Annotated[
        Literal["exact", "subset", "ignore"],
        Meta(description="All arguments are the same; the reference's are among them; or only the name counts."),
    ] = "exact"
    text: Annotated[Literal["exact", "normalised"], Meta(description="How text in arguments is compared.")] = "exact"
    ordered: Annotated[bool, Meta(description="Several calls must come in the reference's order.")] = False
    extra: Annotated[Literal["allow", "refuse"], Meta(description="What further calls are.")] = "refuse"


class ToolCall(Grader):
    """The reply calls the right tools with the right arguments, as JSON sees them. An empty reference means that it calls
    none and says something."""

    name = "tool_call"
    version = "1"
    takes = ToolCallOptions
    options: ToolCallOptions

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when every call of the reference is made and, unless allowed, no other."""
        wanted = _wanted(item.reference)
        if wanted is None:
            return unscored(MISSING if item.reference is None else "The item's reference is no call of a tool.")
        if is_empty(given):
            return wrong("The reply is empty.")
        made = [_made(use) for use in given.tool_uses]
        broken = [name for name, arguments in made if arguments is None]
        if broken and self.options.arguments != "ignore":
            return wrong(f"The arguments of {broken[0]} are no JSON object.")
        told = {"wanted": _shown(wanted), "made": _shown(made)}
        missing = self._missing(wanted, made)
        if missing is not None:
            return wrong(f"It lacks the call {_shown([missing])[0]}.", **told)
        if self.options.extra == "refuse" and len(made) > len(wanted):
            return wrong(f"It makes {len(made)} calls, not {len(wanted)}.", **told)
        return decided(True, "It makes the right calls." if wanted else "It rightly calls nothing.", **told)

    def _missing(self, wanted: list[Call], made: list[Call]) -> Call | None:
        """The first call that was not made; each made call stands for one wanted at most."""
        left = list(made)
        for call in wanted:
            place = next((place for place, other in enumerate(left) if self._same(call, other)), None)
            if place is None:
                return call
            left = left[place + 1 :] if self.options.ordered else left[:place] + left[place + 1 :]
        return None

    def _same(self, wanted: Call, made: Call) -> bool:
        (name, right), (other, found) = wanted, made
        if name != other:
            return False
        if self.options.arguments == "ignore":
            return True
        if self.options.arguments == "subset":
            found = {key: value for key, value in found.items() if key in right}
        return same(right, found, self._same_leaf)

    def _same_leaf(self, right: Any, found: Any) -> bool:
        if self.options.text == "normalised" and isinstance(right, str) and isinstance(found, str):
            return normalised(right) == normalised(found)
        return equal(right, found)

    @classmethod
    def selftest(cls) -> list[Case]:
        """The right call, a wrong argument, text instead of a call, and a call too many."""
        item = Item(id="1", workload="w", input={}, reference={"name": "find", "arguments": {"city": "Paris", "n": 1}})
        none = Item(id="2", workload="w", input={}, reference=[])
        good = ToolUse("find", '{ "n": 1.0, "city": "Paris" }')
        more = ToolUse("find", '{"n": 1, "city": "Paris", "unit": "km"}')
        return [
            Case(role="gold", item=item, given=Given(tool_uses=(good,), finish="tool_calls")),
            Case(role="gold", item=item, given=Given(tool_uses=(more,)), table={"arguments": "subset"}),
            Case(role="gold", item=none, given=Given(text="No need to look.")),
            Case(role="corrupted", item=item, given=Given(tool_uses=(ToolUse("find", '{"city": "Rome", "n": 1}'),))),
            Case(role="corrupted", item=item, given=Given(tool_uses=(more,))),
            Case(role="corrupted", item=item, given=Given(tool_uses=(good, good))),
            Case(role="corrupted", item=none, given=Given(tool_uses=(good,))),
            Case(role="garbage", item=item, given=Given(tool_uses=(ToolUse("find", "{{{"),))),
            Case(role="garbage", item=item, given=Given(text='find({"city": "Paris", "n": 1})')),
            Case(role="empty", item=none, given=Given()),
            Case(role="unscorable", item=Item(id="3", workload="w", input={}), given=Given(tool_uses=(good,))),
        ]


GRADER = ToolCall


def _wanted(reference: Any) -> list[Call] | None:
    """The calls of a reference; None for what is none."""
    calls = cast("list[Any]", reference) if isinstance(reference, list) else [reference]
    found: list[Call] = []
    for call in calls:
        table = _table(call)
        table = _table(table.get("function", table))
        name, arguments = table.get("name"), table.get("arguments", {})
        if isinstance(arguments, str):
            arguments, _ = read_json(arguments or "{}")
        if not isinstance(name, str) or not isinstance(arguments, Mapping):
            return None
        found.append((name, dict(cast("Mapping[str, Any]", arguments))))
    return found


def _made(use: ToolUse) -> Call:
    """The call with its arguments as an object; None where they are none. No arguments at all are an empty object."""
    value, _ = read_json(use.arguments.strip() or "{}")
    return use.name, cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _table(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _shown(calls: list[Call]) -> list[str]:
    return [f"{name}({json_text(arguments)[:200]})" for name, arguments in calls]
