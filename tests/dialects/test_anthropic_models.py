"""A Messages request goes to the model that it names, and has the vendor ask no other."""

from typing import Any

import pytest

from dialects.messages_sdk import body, target
from freehold.dialects.anthropic_body import write_request
from freehold.dialects.anthropic_count import read_request as read_count
from freehold.dialects.anthropic_models import require_one_model
from freehold.dialects.anthropic_passage import pass_request
from freehold.dialects.anthropic_request import read_request
from freehold.errors import Unsupported
from freehold.messages import Request, Tool

ADVISOR = {"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-8", "max_uses": 1}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 1}
FUNCTION = {"name": "f", "input_schema": {"type": "object", "properties": {"model": {"type": "string"}}}}


def bringing(tool: dict[str, Any]) -> dict[str, Any]:
    added = {"role": "system", "content": [{"type": "tool_addition", "tool": tool}]}
    return {"messages": [{"role": "user", "content": "hi"}, added]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"fallbacks": [{"model": "claude-opus-4-8", "max_tokens": 32_000}]}, "fallbacks"),
        ({"fallbacks": "default"}, "fallbacks"),
        ({"tools": [ADVISOR]}, "tools[0].model"),
        ({"tools": [FUNCTION, SEARCH, ADVISOR]}, "tools[2].model"),
        (bringing({"type": "tool_definition", "definition": ADVISOR}), "messages[1].content[0].tool.definition.model"),
    ],
)
def test_what_asks_another_model_is_refused(fields: dict[str, Any], param: str) -> None:
    data = body(**fields)
    for request in (read_request(data), read_count(data)):
        with pytest.raises(Unsupported, match=r"another model|other models") as caught:
            pass_request(request, data, target())
        assert caught.value.param == param


def test_a_key_that_is_written_with_escapes_is_the_same_key() -> None:
    data = body(tools=[ADVISOR]).replace(b'"model": "claude-opus', b'"m\\u006fdel": "claude-opus')
    assert b"u006f" in data
    with pytest.raises(Unsupported):
        pass_request(read_request(data), data, target())


@pytest.mark.parametrize(
    "fields",
    [
        {"fallbacks": None},
        {"tools": [FUNCTION]},
        {"tools": [FUNCTION, SEARCH]},
        {"tools": [{**ADVISOR, "model": None}]},
        bringing({"type": "tool_reference", "name": "f"}),
        bringing({"type": "tool_definition", "definition": FUNCTION}),
    ],
)
def test_what_asks_nobody_else_passes(fields: dict[str, Any]) -> None:
    data = body(**fields)
    pass_request(read_request(data), data, target())


def test_a_vendor_that_is_not_sent_the_fallbacks_may_be_asked() -> None:
    where = target(refuses=frozenset({"fallbacks"}))
    data = body(fallbacks="default")
    assert b"fallbacks" not in pass_request(read_request(data), data, where)
    assert where.dropped == ["fallbacks"]


def test_a_request_that_is_written_anew_is_held_to_the_same() -> None:
    with pytest.raises(Unsupported) as caught:
        write_request(read_request(body(fallbacks="default")), target())
    assert caught.value.param == "fallbacks"


def test_what_another_dialect_calls_so_is_no_business_of_this_one() -> None:
    chat = Request(dialect="openai-chat", model="m", tools=(Tool("x", kind="advisor"),), unknown=("fallbacks",))
    require_one_model(chat, target())
