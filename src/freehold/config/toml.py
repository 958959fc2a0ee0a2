"""How names and values are written in TOML, for messages and for the files that Freehold writes. TOML 1.0.0."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import cast

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def key(name: str) -> str:
    """A key, quoted only where it must be."""
    return name if _BARE.match(name) else string(name)


def string(text: str) -> str:
    """A basic string: the escapes of JSON, plus DEL, which TOML forbids and JSON allows."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def value(thing: object) -> str:
    """A value on one line. Raises `TypeError` for what TOML cannot hold (None, bytes)."""
    match thing:
        case str():
            return string(thing)
        case bool():
            return "true" if thing else "false"
        case int():
            return str(thing)
        case Decimal():
            return format(thing, "f") if thing.is_finite() else str(float(thing))
        case float():
            return repr(thing)
        case date() | datetime() | time():
            return thing.isoformat()
        case list() | tuple():
            return f"[{', '.join(value(item) for item in cast(list[object], thing))}]"
        case Mapping():
            pairs = cast(Mapping[str, object], thing).items()
            return f"{{ {', '.join(f'{key(name)} = {value(item)}' for name, item in pairs)} }}" if pairs else "{}"
        case _:
            raise TypeError(f"TOML has no {type(thing).__name__}.")
