"""One value of the file as the type that its setting declares, or a sentence that says what to write instead.

It knows types, not settings: what a value means together with others is judged by the reader of its table.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import cast

from msgspec import UNSET, UnsetType, inspect

from freehold.config import toml
from freehold.config.file import File, suggest
from freehold.config.money import nano
from freehold.config.positions import KeyPath
from freehold.config.shape import Setting, bare, words

MAX_WHOLE = 2**63 - 1
SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "min": Decimal(60), "h": Decimal(3600)}

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\Z")
_NUMBER = re.compile(r"[+-]?\d[\d_]*(\.\d+)?\Z")


def plain(file: File, path: KeyPath, written: object, setting: Setting) -> object | UnsetType:
    """The value of a setting that is not a table or a list. UNSET when it cannot be used; then the problem is noted."""
    if setting.unit == "usd":
        return _money(file, path, written)
    found = _fit(written, setting.kind)
    if found is UNSET:
        file.wrong(path, f"must be {words(setting.kind)}, not {shown(written)}.", _advice(written, setting))
        return UNSET
    if setting.path:
        return str(file.beside(str(found)))
    return found


def shown(written: object) -> str:
    """The value as the file writes it, shortened."""
    match written:
        case dict():
            return "a table"
        case list():
            return "a list"
        case date() | datetime() | time():
            return "a date or time"
        case _:
            text = toml.value(written)
            return text if len(text) <= 60 else f"{text[:57]}..."


def _money(file: File, path: KeyPath, written: object) -> int | UnsetType:
    try:
        return nano(written)
    except ValueError as problem:
        file.wrong(path, f"{problem}; it is {shown(written)}.")
        return UNSET


def _fit(written: object, kind: inspect.Type) -> object | UnsetType:
    """The value as the type, or UNSET. A bool is no number here, and a whole number is also a number."""
    match kind:
        case inspect.BoolType():
            return written if isinstance(written, bool) else UNSET
        case inspect.IntType():
            whole = isinstance(written, int) and not isinstance(written, bool) and abs(written) <= MAX_WHOLE
            return written if whole and _inside(cast(int, written), kind) else UNSET
        case inspect.FloatType():
            return _number(written, kind)
        case inspect.LiteralType():
            return written if isinstance(written, str) and written in kind.values else UNSET
        case inspect.StrType():
            return written if isinstance(written, str) else UNSET
        case inspect.UnionType():
            fits = (_fit(written, bare(one)) for one in kind.types)
            return next((fit for fit in fits if fit is not UNSET), UNSET)
        case inspect.DictType():
            pairs = cast("Mapping[str, object]", written) if isinstance(written, Mapping) else None
            values = {name: _fit(value, bare(kind.value_type)) for name, value in (pairs or {}).items()}
            return UNSET if pairs is None or UNSET in values.values() else values
        case _:
            return UNSET


def _number(written: object, kind: inspect.FloatType) -> float | UnsetType:
    if isinstance(written, bool) or not isinstance(written, int | Decimal | float):
        return UNSET
    if isinstance(written, int) and abs(written) > MAX_WHOLE:
        return UNSET
    number = float(written)
    # The comparison is false for nan; infinity is no time and no share.
    return number if abs(number) < float("inf") and _inside(number, kind) else UNSET


def _inside(number: float, kind: inspect.IntType | inspect.FloatType) -> bool:
    return not (
        (kind.ge is not None and number < kind.ge)
        or (kind.gt is not None and number <= kind.gt)
        or (kind.le is not None and number > kind.le)
        or (kind.lt is not None and number >= kind.lt)
    )


def _advice(written: object, setting: Setting) -> str:
    """What to write instead, where the mistake is a common one."""
    name, kind = toml.key(setting.name), setting.kind
    if isinstance(written, str):
        return _advice_for_text(written.strip(), name, kind)
    if isinstance(kind, inspect.BoolType) and written in (0, 1):
        return f"Write {name} = {'true' if written else 'false'}."
    if isinstance(kind, inspect.IntType) and isinstance(written, Decimal) and written.is_finite():
        whole = written == written.to_integral_value() and abs(written) <= MAX_WHOLE
        return f"Write {name} = {int(written)}." if whole and _inside(int(written), kind) else ""
    if isinstance(kind, inspect.StrType) and isinstance(written, int | Decimal):
        return f"Write {name} = {toml.string(toml.value(written))}."
    if isinstance(written, Mapping | list):
        return f"Write {name} = followed by the value itself."
    return ""


def _advice_for_text(text: str, name: str, kind: inspect.Type) -> str:
    lower = text.lower()
    if isinstance(kind, inspect.BoolType) and lower in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        return f"Write {name} = {'true' if lower in ('true', 'yes', 'on', '1') else 'false'}, without quotes."
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        if _NUMBER.match(text):
            return f"Write {name} = {text}, without quotes."
        duration = _DURATION.match(lower)
        if isinstance(kind, inspect.FloatType) and duration and duration[2] in SECONDS:
            seconds = (Decimal(duration[1]) * SECONDS[duration[2]]).normalize()
            return f"Write {name} = {seconds:f}: times are in seconds."
    if isinstance(kind, inspect.LiteralType):
        return suggest(text, [str(choice) for choice in kind.values])
    return ""
