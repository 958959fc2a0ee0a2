"""Paths into JSON: `total`, `vendor.name`, `items[0].price`, `items[*].price`, `"a.b"[2]`; `$` is the whole value.

It knows how a path is written and what it leads to, and compares nothing. It exists because a rule for one field of an
answer needs a name for it, and the same name must stand in the report.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

Part = str | int | None
"""A name, a place in a list from 0, or every place (`[*]`)."""

Path = tuple[Part, ...]


class Absent:
    """No value: the path leads nowhere. JSON's null counts as absent too."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = Absent()

_PART = re.compile(r'(?P<dot>\.)?(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<name>[^\s."\[\]]+)|\[(?P<place>\d{1,6}|\*)\])')


def read_path(written: str) -> Path:
    """The parts of a path. Raises ValueError that says where it cannot be read."""
    if written == "$":
        return ()
    found: list[Part] = []
    place = 0
    while place < len(written):
        match = _PART.match(written, place)
        if match is None or bool(match["dot"]) == (match["place"] is not None or not found):
            raise ValueError(f"{written!r} cannot be read at {written[place:][:20]!r}")
        if match["place"] is not None:
            found.append(None if match["place"] == "*" else int(match["place"]))
        else:
            found.append(match["name"] or re.sub(r"\\(.)", r"\1", match["quoted"] or ""))
        place = match.end()
    if not found:
        raise ValueError("a path is empty")
    return tuple(found)


def write_path(path: Path) -> str:
    """The path as it is written."""
    text = ""
    for part in path:
        if not isinstance(part, str):
            text += f"[{'*' if part is None else part}]"
            continue
        escaped = part.replace("\\", "\\\\").replace('"', '\\"')
        text += ("." if text else "") + (part if re.fullmatch(r'[^\s."\[\]\\]+', part) else f'"{escaped}"')
    return text or "$"


def value_at(value: Any, path: Path) -> Any:
    """What stands at a path without `[*]`; ABSENT where nothing or null does."""
    for part in path:
        if isinstance(part, str) and isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(part)
        elif isinstance(part, int) and isinstance(value, list) and part < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[part]
        else:
            return ABSENT
    return ABSENT if value is None else value


def expanded(path: Path, *values: Any) -> list[Path]:
    """The paths that `path` stands for, each `[*]` as the places of the longest list that any of the values has there."""
    if None not in path:
        return [path]
    star = path.index(None)
    found = [value_at(value, path[:star]) for value in values]
    longest = max((len(cast("list[Any]", one)) for one in found if isinstance(one, list)), default=0)
    return [whole for place in range(longest) for whole in expanded((*path[:star], place, *path[star + 1 :]), *values)]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value below this one that is no object and no list, with its path; empty ones are leaves. Null is none."""
    if isinstance(value, Mapping) and value:
        for name, inner in cast("Mapping[str, Any]", value).items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(cast("list[Any]", value)):
            yield from leaves(inner, (*path, place))
    elif value is not None:
        yield path, value


def covers(rule: Path, path: Path) -> bool:
    """Whether the path is the rule's, or below it."""
    return len(rule) <= len(path) and all(
        part is None or part == other for part, other in zip(rule, path, strict=False)
    )
