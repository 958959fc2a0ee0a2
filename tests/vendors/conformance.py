"""A vendor's fixture: what it must be sent for what a caller asks, and how its answers are read.

`tests/vendors/NAME.json`, with `_` for `-`, has four lists. `asks`: a caller's body in the dialect `front`, what goes to
the vendor in the dialect `dialect` for `model` (`sent`, `dropped`), or the words of the error (`unsupported`). `answers`
and `streams`: what the vendor says, and its words, chain of thought, finish and usage in ours. `errors`: its error
answers, and what we make of them.
"""

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.messages import Finish

FOLDER = Path(__file__).parent


class Ask(Struct, kw_only=True, forbid_unknown_fields=True):
    says: str
    front: str
    dialect: str
    model: str
    caller: dict[str, Any]
    sent: dict[str, Any] | None = None
    dropped: list[str] = []
    unsupported: str | None = None


class Answer(Struct, kw_only=True, forbid_unknown_fields=True):
    says: str
    dialect: str
    body: dict[str, Any] = {}
    events: list[dict[str, Any] | str] = []
    text: str
    reasoning: str = ""
    finish: Finish
    usage: dict[str, Any]


class Refused(Struct, kw_only=True, forbid_unknown_fields=True):
    says: str
    dialect: str
    status: int
    headers: dict[str, str]
    body: Any
    sentence: str
    kind: str | None = None
    native: str | None = None
    retry_after: float | None = None
    should_retry: bool | None = None


class Fixture(Struct, kw_only=True, forbid_unknown_fields=True):
    source: str
    asks: list[Ask]
    answers: list[Answer]
    streams: list[Answer]
    errors: list[Refused]


def file_of(vendor: str) -> Path:
    return FOLDER / f"{vendor.replace('-', '_')}.json"


def stream_of(answer: Answer) -> bytes:
    """The events as bytes, named where they have a type, as the dialects with named events do."""
    written = b""
    for event in answer.events:
        if isinstance(event, str):
            written += f"data: {event}\n\n".encode()
            continue
        name = f"event: {event['type']}\n" if "type" in event else ""
        written += f"{name}data: {json.dumps(event)}\n\n".encode()
    return written
