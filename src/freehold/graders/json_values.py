"""Two JSON values under a rule: the same sign by sign, in words, as numbers, as dates, as lists, sets or rows.

It knows the rules and no path. It exists because the fields of an extracted record are right in different ways: an amount
within a cent, a date however it is written, tags in any order, the lines of an invoice paired by their numbers.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, cast

from msgspec import Meta, Struct

from freehold.graders.json_paths import ABSENT, leaves, read_path, value_at, write_path
from freehold.graders.json_reply import json_text
from freehold.graders.numeric import near, read_number
from freehold.graders.plain_text import normalised
from freehold.reasoning.date_words import dates

Match = Literal["exact", "normalised", "numeric", "date", "regex", "list", "set", "rows", "ignore"]

MOST_ELEMENTS = 300
"""Of a set or of rows: they are compared each with each."""


class TooMany(Exception):
    """A set or rows with more elements than can be compared each with each."""


class FieldRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the value of one field is compared."""

    match: Annotated[
        Match,
        Meta(
            description="exact (JSON's equality, 1 is 1.0) · normalised (words) · numeric · date (the day, however written) · "
            "regex (of the reply's value alone) · list (in order) · set (any order) · rows (objects in any order) · ignore"
        ),
    ] = "exact"
    weight: Annotated[float, Meta(ge=0, description="How much it counts.")] = 1.0
    required: Annotated[bool, Meta(description="The reply scores 0 unless this field is wholly right.")] = False
    tolerance: Annotated[float, Meta(ge=0, description="numeric: how far off it may be, absolutely.")] = 0.0
    relative: Annotated[float, Meta(ge=0, description="numeric: how far off, as a share of the right number.")] = 0.0
    decimal: Annotated[Literal["point", "comma"], Meta(description="numeric: how numbers in text are written.")] = (
        "point"
    )
    day_first: Annotated[
        bool | None, Meta(description="date: 03/04/2024 is 3 April (true) or 4 March (false); unset, it is wrong.")
    ] = None
    pattern: Annotated[str, Meta(max_length=10_000, description="regex: what the whole value must match.")] = ""
    each: Annotated["FieldRule | None", Meta(description="list, set: the rule of the elements; default: exact.")] = None
    key: Annotated[str, Meta(description="rows: the field that says which rows belong together.")] = ""
    fields: Annotated[
        dict[str, "FieldRule"], Meta(description="rows: the rules of a row's fields; default: exact.")
    ] = {}
    partial: Annotated[bool, Meta(description="list, set, rows: give part of the score for a part that is right.")] = (
        True
    )


class Compared(Struct, frozen=True):
    """How right a value is, from 0 to 1, and why."""

    score: float
    why: str = ""


Patterns = Callable[[str, str], bool | None]
"""Whether a pattern matches the whole of a text; None when it was not done in time."""


class Undecided(Exception):
    """A pattern that was not done in time."""


def compare(rule: FieldRule, right: Any, found: Any, matches: Patterns) -> Compared:
    """How right `found` is. Either may be ABSENT: both absent is right, one of them is wrong (but for `regex`, which asks
    for a value and knows no right one). Raises TooMany and Undecided."""
    if rule.match == "regex":
        return _pattern(rule, found, matches)
    if right is ABSENT or found is ABSENT:
        both = right is found
        return Compared(
            float(both), "" if both else "It is missing." if found is ABSENT else "There should be nothing."
        )
    if rule.match in ("list", "set", "rows"):
        return _many(rule, right, found, matches)
    holds = same(right, found, lambda one, other: _same_leaf(rule, one, other))
    return Compared(float(holds), "" if holds else f"It is {_gist(found)}, not {_gist(right)}.")


def same(right: Any, found: Any, same_leaf: Callable[[Any, Any], bool]) -> bool:
    """Whether two values have the same shape and the same leaves. Null and absent names are one."""
    if isinstance(right, Mapping) and isinstance(found, Mapping):
        one, other = _present(right), _present(found)
        return one.keys() == other.keys() and all(same(one[name], other[name], same_leaf) for name in one)
    if isinstance(right, list) and isinstance(found, list):
        first, second = cast("list[Any]", right), cast("list[Any]", found)
        return len(first) == len(second) and all(same(a, b, same_leaf) for a, b in zip(first, second, strict=True))
    if isinstance(right, Mapping | list) or isinstance(found, Mapping | list):
        return False
    return same_leaf(right, found)


def equal(right: Any, found: Any) -> bool:
    """JSON's equality of two leaves: 1 is 1.0, true is not 1."""
    return isinstance(right, bool) == isinstance(found, bool) and right == found


def _same_leaf(rule: FieldRule, right: Any, found: Any) -> bool:
    if rule.match == "normalised":
        return normalised(_text(right)) == normalised(_text(found)) and bool(_text(found).strip() or not _text(right))
    if rule.match == "numeric":
        one, other = (read_number(_text(value), take="only", decimal=_written(rule, value)) for value in (right, found))
        return one is not None and other is not None and near(other, one, rule.tolerance, rule.relative, "either")
    if rule.match == "date":
        wanted = _days(right, rule.day_first) if isinstance(right, str) else set[date]()
        said = _days(found, rule.day_first) if isinstance(found, str) else set[date]()
        return (len(said) == 1 and said == wanted) or (bool(wanted) and right == found)
    return equal(right, found)


def _pattern(rule: FieldRule, found: Any, matches: Patterns) -> Compared:
    if found is ABSENT or isinstance(found, Mapping | list):
        return Compared(0.0, "It is missing." if found is ABSENT else "It is no text.")
    holds = matches(rule.pattern, _text(found))
    if holds is None:
        raise Undecided
    return Compared(float(holds), "" if holds else f"{_gist(found)} does not match the pattern.")


def _many(rule: FieldRule, right: Any, found: Any, matches: Patterns) -> Compared:
    """Lists in order: the share of the longer one's places that are right. Sets and rows: F1, 2 x right / (wanted + said)."""
    if not isinstance(right, list) or not isinstance(found, list):
        return Compared(
            0.0, f"It is {_gist(found)}, which is no list." if not isinstance(found, list) else "No list was asked for."
        )
    wanted, said = cast("list[Any]", right), cast("list[Any]", found)
    if not wanted and not said:
        return Compared(1.0)
    each = rule.each or FieldRule()
    if rule.match == "list":
        gained = sum(compare(each, one, other, matches).score for one, other in zip(wanted, said, strict=False))
        score = gained / max(len(wanted), len(said))
    else:
        if max(len(wanted), len(said)) > MOST_ELEMENTS:
            raise TooMany
        pairs = _scores(rule, each, wanted, said, matches)
        score = 2 * _paired(pairs, len(wanted)) / (len(wanted) + len(said))
    whole = score >= 1.0
    why = "" if whole else f"{len(said)} said, {len(wanted)} wanted, {score:.0%} right."
    return Compared(1.0 if whole else score if rule.partial else 0.0, why)


def _scores(
    rule: FieldRule, each: FieldRule, wanted: list[Any], said: list[Any], matches: Patterns
) -> list[tuple[float, int, int]]:
    """(score, place wanted, place said) of every two that may belong together."""
    found: list[tuple[float, int, int]] = []
    for i, one in enumerate(wanted):
        for j, other in enumerate(said):
            if rule.match == "rows":
                score = _row(rule, one, other, matches)
            else:
                score = compare(each, ABSENT if one is None else one, ABSENT if other is None else other, matches).score
            if score > 0:
                found.append((score, i, j))
    return found


def _paired(pairs: list[tuple[float, int, int]], wanted: int) -> float:
    """The sum of the scores when each element belongs to one at most: the best first, then made larger where moving one
    element frees another (augmenting paths over equal scores, so a set is paired as well as it can be)."""
    total, taken = 0.0, dict[int, int]()
    for level in sorted({score for score, _, _ in pairs}, reverse=True):
        edges: dict[int, list[int]] = {}
        fixed, used = set(taken), set(taken.values())
        for score, i, j in pairs:
            if score == level and i not in used and j not in fixed:
                edges.setdefault(i, []).append(j)
        matched: dict[int, int] = {}
        for i in range(wanted):
            if i in edges and _augment(i, edges, matched, set()):
                total += level
        taken |= matched
    return total


def _augment(i: int, edges: Mapping[int, list[int]], matched: dict[int, int], seen: set[int]) -> bool:
    for j in edges[i]:
        if j not in seen:
            seen.add(j)
            if j not in matched or _augment(matched[j], edges, matched, seen):
                matched[j] = i
                return True
    return False


def _row(rule: FieldRule, right: Any, found: Any, matches: Patterns) -> float:
    """How right one row is: the weighted share of its fields. With a `key`, 0 for rows whose keys differ."""
    if not isinstance(right, Mapping) or not isinstance(found, Mapping):
        return 0.0
    if rule.key:
        path = read_path(rule.key)
        one, other = value_at(right, path), value_at(found, path)
        if one is ABSENT or other is ABSENT or normalised(_text(one)) != normalised(_text(other)):
            return 0.0
    rules = rule.fields or dict.fromkeys(_names(right, found), FieldRule())
    scores: list[tuple[float, float]] = []
    for written, inner in rules.items():
        path = read_path(written)
        if inner.match != "ignore":
            score = compare(inner, value_at(right, path), value_at(found, path), matches).score
            if inner.required and score < 1:
                return 0.0
            scores.append((inner.weight, score))
    weight = sum(weight for weight, _ in scores)
    return sum(weight * score for weight, score in scores) / weight if weight else 1.0


def _names(*rows: Any) -> list[str]:
    """The paths of all leaves of the rows."""
    return list(dict.fromkeys(write_path(path) for row in rows for path, _ in leaves(row) if path))


def _days(text: str, day_first: bool | None) -> set[date]:  # noqa: FBT001
    """What day the text may name: empty when it names none, or several in one."""
    stripped = text.strip()
    try:
        if len(stripped) == 10 or stripped[10:11] in ("T", " "):
            return {date.fromisoformat(stripped[:10])}
    except ValueError:
        pass
    written = dates(stripped)
    if len(written) != 1:
        return set()
    readings = written[0].readings
    if day_first is not None and len(readings) == 2:
        return {readings[1] if day_first else readings[0]}
    return set(readings)


def _written(rule: FieldRule, value: Any) -> str:
    """JSON's own numbers have a point, whatever people write."""
    return rule.decimal if isinstance(value, str) else "point"


def _present(value: Any) -> dict[str, Any]:
    return {name: inner for name, inner in cast("Mapping[str, Any]", value).items() if inner is not None}


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value if isinstance(value, str) else json_text(value)


def _gist(value: Any) -> str:
    text = json_text(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
