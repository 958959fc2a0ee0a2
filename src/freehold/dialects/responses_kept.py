"""The ids of what a vendor keeps that stand inside tools and items of a Responses request: vector stores, containers, files, skills.

It looks for names of fields, and knows no tool by its type: one that comes next year and searches a vector store says so in the same
words. Source: the request types of the `openai` SDK (`types/responses/*_param.py`).
"""

from collections.abc import Iterator
from typing import Any, Final, cast

import msgspec

from freehold.dialects.dialect import Fields

_IDS: Final = frozenset({"vector_store_ids", "container_id", "file_id", "file_ids", "skill_id"})


def kept_in_tools(fields: Fields) -> Iterator[str]:
    """The places in `tools` that name something kept, such as `tools[0].vector_store_ids`. A function's own words are none."""
    yield from _in_tools(_items(fields, "tools"), "tools")


def kept_in_items(fields: Fields) -> Iterator[str]:
    """The places in `input` that name something kept: a picture that a tool gave, the container that the vendor's own tool ran in
    and would run in again, and what the tools name that an item brings."""
    for at, item in enumerate(_items(fields, "input")):
        if str(item.get("type", "")).endswith("_call_output"):
            yield from _places(item.get("output"), f"input[{at}].output")
        elif item.get("type") in ("code_interpreter_call", "shell_call"):
            ran_in = {name: item[name] for name in ("container_id", "environment") if name in item}
            yield from _places(ran_in, f"input[{at}]")
        elif item.get("type") in ("additional_tools", "tool_search_output"):
            yield from _in_tools(_objects(item.get("tools")), f"input[{at}].tools")


def _in_tools(tools: list[dict[str, Any]], path: str) -> Iterator[str]:
    for at, tool in enumerate(tools):
        if tool.get("type") not in ("function", "custom"):
            yield from _places(tool, f"{path}[{at}]")


def _items(fields: Fields, name: str) -> list[dict[str, Any]]:
    raw = fields.get(name)
    return _objects(None if raw is None else msgspec.json.decode(raw))


def _objects(value: object) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def _places(value: object, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for at, inner in enumerate(cast("list[object]", value)):
            yield from _places(inner, f"{path}[{at}]")
    if not isinstance(value, dict):
        return
    for name, inner in cast("dict[str, object]", value).items():
        if (name in _IDS and inner not in (None, [])) or (name == "container" and isinstance(inner, str)):
            yield f"{path}.{name}"
        else:
            yield from _places(inner, f"{path}.{name}")
