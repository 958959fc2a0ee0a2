"""The addresses in parts of a request that have no place in our words: a video's, a recording's, what is newer than this code.

Whoever answers fetches them, as it does a picture's, and a server in one's own network would fetch them from inside. It
looks at what no other file here reads, knows no kind of part by name, and judges nothing (see `gateway/inputs.py`).
Messages is left out: there such a part is a record of what the vendor's own tools found, and nobody fetches it again.
Source: vLLM's documentation, "Multimodal inputs" (`video_url`, `audio_url`).
"""

import re
from collections.abc import Iterator
from typing import Any, Final, cast

import msgspec

from freehold.messages import Opaque, Request

_ADDRESS: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
_READ: Final = frozenset(
    {"text", "input_text", "output_text", "refusal", "image_url", "file", "input_image", "input_file"}
)
_HOLDERS: Final = {"openai-chat": "messages", "openai-responses": "input"}
"""The field of each dialect in which the parts stand."""


def addresses(request: Request) -> list[str]:
    """Every `scheme://...` in a part, or in what a tool gave, that we cannot read; each once. Cheap when all can be read."""
    holder = _HOLDERS.get(request.dialect)
    if holder is None or not any(isinstance(part, Opaque) for turn in request.messages for part in turn.parts):
        return []
    raw = request.fields.get(holder)
    found: object = None if raw is None else msgspec.json.decode(raw)
    return list(dict.fromkeys(address for item in _objects(found) for address in _in_item(item)))


def _in_item(item: dict[str, Any]) -> Iterator[str]:
    for part in _objects(item.get("content")):
        if part.get("type") not in _READ:
            yield from _in_value(part)
    if str(item.get("type", "")).endswith("_output"):
        yield from _in_value(item.get("output"), named=True)


def _in_value(value: object, *, named: bool = False) -> Iterator[str]:
    """The addresses in any value; with `named` only those under a key that calls itself one, for what else may hold words."""
    if isinstance(value, list):
        for inner in cast("list[object]", value):
            if not isinstance(inner, str) or not named:
                yield from _in_value(inner, named=named)
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            if not isinstance(inner, str) or not named or key.endswith("url"):
                yield from _in_value(inner, named=named and not isinstance(inner, str))
    elif isinstance(value, str) and not named and _ADDRESS.match(value):
        yield value


def _objects(value: object) -> list[dict[str, Any]]:
    each = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", one) for one in each if isinstance(one, dict)]
