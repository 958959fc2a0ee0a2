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
    for at, tool in enumerate(_items(fields, "tools")):
        if tool.get("type") not in ("function", "custom"):
            yield from _places(tool, f"tools[{at}]")


def kept_in_items(fields: Fields) -> Iterator[str]:
    """The places in `input` that name a picture kept by the vendor, as the outputs of its own tools may."""
    for at, item in enumerate(_items(fields, "input")):
        if str(item.get("type", "")).endswith("_call_output"):
            yield from _places(item.get("output"), f"input[{at}].output")


def _items(fields: Fields, name: str) -> list[dict[str, Any]]:
    raw = fields.get(name)
    found: object = None if raw is None else msgspec.json.decode(raw)
    items = cast("list[Any]", found) if isinstance(found, list) else []
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
