"""When two inputs count as the same: a digest that leaves out how they were written down and how they were sampled. Pure.

What it covers is what the model was asked: who says what in which order, the calls of tools and their results, the tools and
the form that the answer must have. Runs of white space count as one space, and text in Unicode's composed form (NFC).
"""

import re
import unicodedata
from collections.abc import Mapping
from hashlib import blake2b, sha256
from typing import Any, Final, cast

import msgspec

CONTENT_BYTES: Final = 16

_ASKED: Final = ("messages", "tools", "tool_choice", "response_format")
_SPACE: Final = re.compile(r"\s+")
_NAMES: Final = frozenset({"id", "tool_call_id"})
"""Names that vendors make up at every call."""


def input_digest(body: Mapping[str, Any]) -> bytes:
    """SHA-256 over the normalised input; `body` is one of Chat Completions."""
    asked = {name: _normal(body[name]) for name in _ASKED if body.get(name) is not None}
    return sha256(msgspec.json.encode(asked, order="sorted")).digest()


def content_key(digest: bytes, secret: bytes) -> bytes:
    """The digest under this data folder's secret, 16 bytes: nobody can try out short inputs against it without the secret."""
    return blake2b(digest, digest_size=CONTENT_BYTES, key=secret[:64], person=b"item").digest()


def _normal(value: Any) -> Any:
    if isinstance(value, str):
        return _SPACE.sub(" ", unicodedata.normalize("NFC", value)).strip()
    if isinstance(value, list):
        return [_normal(one) for one in _flat(cast("list[Any]", value))]
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {name: _text_of(_normal(one)) for name, one in pairs.items() if one is not None and name not in _NAMES}
    return value


def _flat(values: list[Any]) -> list[Any]:
    """The operator's words are the same whether they are called the system's or the developer's."""
    flat: list[Any] = []
    for one in values:
        pairs = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
        flat.append({**pairs, "role": "system"} if pairs.get("role") == "developer" else one)
    return flat


def _text_of(value: Any) -> Any:
    """A content of one text is that text."""
    if isinstance(value, list) and len(cast("list[Any]", value)) == 1:
        (only,) = cast("list[Any]", value)
        if isinstance(only, dict) and set(cast("dict[str, Any]", only)) == {"type", "text"}:
            return cast("dict[str, Any]", only)["text"]
    return cast("Any", value)
