"""What is right for an item: its reference, or a value elsewhere in it, as the graders want it.

It knows the item and no grader. It exists so that "a text, a number, or a list of texts that are all right" is read one
way everywhere, and so that an item without its answer is unscored and never wrong.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from freehold.items import Item

MISSING = "The item has no reference."
NOT_TEXT = "The item's reference is no text, number or list of them."


def right_texts(item: Item) -> tuple[str, ...]:
    """The answers that are right, as text; empty when there is none or it is something else.

    Truth values read `true` and `false`, whole floats without a point (`3.0` is `3`)."""
    return texts_of(item.reference)


def texts_of(value: Any) -> tuple[str, ...]:
    """A text, number or truth value, or each of a list of them, as text; empty for anything else, blanks left out."""
    values = cast("Sequence[Any]", value) if isinstance(value, list | tuple) else (value,)
    found = [_text(one) for one in values]
    return () if None in found else tuple(text for text in found if text and text.strip())


def why_no_texts(item: Item) -> str:
    """The reason to leave the item unscored, when `right_texts` gave none."""
    return MISSING if item.reference is None else NOT_TEXT


def at(item: Item, path: str) -> Any:
    """The value at `reference`, `metadata.NAME...` or `input.NAME...` of the item; None where there is none. Names of a
    list's elements are their numbers, from 0."""
    first, *rest = path.split(".")
    value: Any = {"reference": item.reference, "metadata": item.metadata, "input": item.input}.get(first)
    for name in rest:
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[int(name)]
        else:
            return None
    return value


def asked(item: Item) -> str:
    """What the user said last, as text: the end of the input's messages."""
    messages: Any = item.input.get("messages")
    for message in reversed(cast("list[Any]", messages) if isinstance(messages, list) else []):
        if isinstance(message, Mapping) and cast("Mapping[str, Any]", message).get("role") == "user":
            return text_of(cast("Mapping[str, Any]", message).get("content"))
    return ""


def text_of(content: Any) -> str:
    """The text of a message's content: itself, or its parts' texts, each on lines of its own."""
    if isinstance(content, str):
        return content
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    texts = [cast("Mapping[str, Any]", part).get("text") for part in parts if isinstance(part, Mapping)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else None
