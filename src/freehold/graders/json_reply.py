"""The JSON in a reply: the whole reply, forgiven one fence around it; or, where asked, the last value that stands in prose.

It knows where JSON may stand and what strict JSON is (`reasoning/schema.py`), and no schema. It exists because a program
reads the reply: what it could not read is wrong, however good it looks.
"""

import json
import re
from typing import Any

from freehold.reasoning.schema import MAX_LENGTH, read_json

_WHOLE = re.compile(r"\s*```(?:json)?[ \t]*\n(?P<inner>.*?)\n?[ \t]*```\s*\Z", re.DOTALL | re.IGNORECASE)
_OPENING = re.compile(r"[{\[]")

MOST_TRIES = 200


def json_of(text: str, *, anywhere: bool = False) -> tuple[Any, str]:
    """The value, and what is wrong with the reply as JSON; the empty string when nothing is. `anywhere` also takes the
    last object or list that stands in other text."""
    fenced = _WHOLE.match(text)
    value, wrong = read_json(fenced["inner"] if fenced else text)
    if wrong and anywhere and len(text) <= MAX_LENGTH:
        found = _last_value(text)
        if found is not None:
            return read_json(found)
    return value, wrong


def json_text(value: Any) -> str:
    """The value as JSON on one line, keys in their order."""
    return json.dumps(value, ensure_ascii=False)


def _last_value(text: str) -> str | None:
    """The last outermost object or list in the text, as it is written."""
    decoder, place, found = json.JSONDecoder(), 0, None
    for _ in range(MOST_TRIES):
        opening = _OPENING.search(text, place)
        if opening is None:
            break
        try:
            _, end = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            place = opening.end()
            continue
        found, place = text[opening.start() : end], end
    return found
