"""What names a thing that the vendor keeps inside tools and items, and what only looks like it."""

from typing import Any

import msgspec
import pytest

from freehold.dialects.responses_kept import kept_in_items, kept_in_tools
from freehold.dialects.responses_request import read_request


def fields(**values: Any) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in values.items()}


@pytest.mark.parametrize(
    ("tool", "place"),
    [
        ({"type": "file_search", "vector_store_ids": ["vs_1"]}, "vector_store_ids"),
        ({"type": "code_interpreter", "container": "cntr_1"}, "container"),
        ({"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file_1"]}}, "container.file_ids"),
        ({"type": "image_generation", "input_image_mask": {"file_id": "file_1"}}, "input_image_mask.file_id"),
        (
            {"type": "shell", "environment": {"type": "container_reference", "container_id": "cntr_1"}},
            "environment.container_id",
        ),
        (
            {"type": "shell", "environment": {"type": "container_auto", "skills": [{"skill_id": "skill_1"}]}},
            "environment.skills[0].skill_id",
        ),
    ],
)
def test_a_tool_that_names_what_is_kept_is_told_with_its_place(tool: dict[str, Any], place: str) -> None:
    search = {"type": "web_search"}
    assert list(kept_in_tools(fields(tools=[search, tool]))) == [f"tools[1].{place}"]
    request = read_request(msgspec.json.encode({"model": "m", "input": "hi", "tools": [search, tool]}))
    assert request.references == (f"tools[1].{place}",)
    assert request.bound == f"tools[1].{place}"


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [], "memory_limit": "4g"}},
        {"type": "web_search", "user_location": {"type": "approximate", "city": "file_id"}},
        {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example/", "allowed_tools": ["file_id"]},
        {"type": "function", "name": "look", "parameters": {"properties": {"file_id": {"type": "string"}}}},
        {"type": "custom", "name": "look", "format": {"type": "text", "container": "x"}},
    ],
)
def test_a_tool_that_names_nothing_kept_passes(tool: dict[str, Any]) -> None:
    assert list(kept_in_tools(fields(tools=[tool]))) == []
    request = read_request(msgspec.json.encode({"model": "m", "input": "hi", "tools": [tool]}))
    assert (request.references, request.bound) == ((), None)


STORED: dict[str, Any] = {"type": "file_search", "vector_store_ids": ["vs_1"]}
RAN: dict[str, Any] = {"type": "code_interpreter_call", "id": "ci_1", "code": "1", "outputs": [], "status": "completed"}


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (
            {"type": "additional_tools", "role": "developer", "tools": [{"type": "web_search"}, STORED]},
            "tools[1].vector_store_ids",
        ),
        ({"type": "tool_search_output", "call_id": None, "tools": [STORED]}, "tools[0].vector_store_ids"),
        ({**RAN, "container_id": "cntr_1"}, "container_id"),
        (
            {
                "type": "shell_call",
                "call_id": "call_1",
                "action": {"commands": ["ls"]},
                "environment": {"type": "container_reference", "container_id": "cntr_1"},
            },
            "environment.container_id",
        ),
    ],
)
def test_an_item_that_names_what_is_kept_is_told_with_its_place(item: dict[str, Any], place: str) -> None:
    request = read_request(msgspec.json.encode({"model": "m", "input": [{"role": "user", "content": "hi"}, item]}))
    assert (request.references, request.bound) == ((f"input[1].{place}",), f"input[1].{place}")


NAMES_NOTHING: list[dict[str, Any]] = [
    {
        "type": "additional_tools",
        "role": "developer",
        "tools": [{"type": "function", "name": "f", "parameters": {}}],
    },
    {"type": "mcp_list_tools", "server_label": "docs", "tools": [{"name": "f", "input_schema": {"file_id": "x"}}]},
    {**RAN, "container_id": None},
]


@pytest.mark.parametrize("item", NAMES_NOTHING)
def test_an_item_that_names_nothing_kept_passes(item: dict[str, Any]) -> None:
    request = read_request(msgspec.json.encode({"model": "m", "input": [item]}))
    assert (request.references, request.bound) == ((), None)


def test_a_picture_that_the_vendor_keeps_is_found_in_what_a_tool_gave() -> None:
    shot = {"type": "computer_screenshot", "file_id": "file_1"}
    item = {"type": "computer_call_output", "call_id": "call_1", "output": shot}
    assert list(kept_in_items(fields(input=[{"role": "user", "content": "hi"}, item]))) == ["input[1].output.file_id"]
    assert list(kept_in_items(fields(input="hi"))) == []
    sent = {**item, "output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,AA=="}}
    request = read_request(msgspec.json.encode({"model": "m", "input": [sent]}))
    assert request.references == ()
