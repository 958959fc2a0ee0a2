"""Feedback: what end users say of answers, from a caller's request to an event behind the answer's record.

    POST /v1/feedback   {"id": "rec_...", "score": 0.0 to 1.0}            or   "thumbs": "up" | "down"
                        optional: "comment": text, "corrected": the better answer, as text

The ledger gets the score and a commitment to the words; the words are sealed under the key of the answer's subject, so that an
erasure takes them along. It looks records up in the store, in a thread: nothing here is on the way of a model request.
"""

import contextlib
import re
import time
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from freehold.errors import InvalidField, MalformedBody, NotConfigured, NotFound
from freehold.gateway.contents import DAY_SECONDS
from freehold.gateway.item_rows import FEEDBACK, MILLION
from freehold.gateway.seams import Recorder
from freehold.ledger.commitments import commit_fields
from freehold.store.callers import Key
from freehold.store.database import open_database
from freehold.store.events import Event
from freehold.store.records import Private, Record, new_id

LONGEST: Final = 64 << 10
"""Characters of a comment, and of a corrected answer."""

PENDING_SECONDS: Final = 10.0
"""A record this young may still be on its way into the store."""

_RECORD: Final = re.compile(r"rec_([0-9a-f]{12})[0-9a-f]{20}")


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request. `id` is what the answer's header x-freehold-receipt says."""

    id: str
    score: float | None = None
    thumbs: Literal["up", "down"] | None = None
    comment: str | None = None
    corrected: str | None = None


class Feedback:
    """Takes feedback for the records of one data folder. `take` looks into the store: call it in a thread."""

    def __init__(self, data: Path, recorder: Recorder) -> None:
        self._data = data
        self._recorder = recorder

    def read(self, body: bytes) -> Said:
        """What a caller says. Raises MalformedBody, InvalidField."""
        try:
            said = msgspec.json.decode(body, type=Said)
        except msgspec.ValidationError as error:
            raise InvalidField(
                f"The feedback cannot be read: {error}.", 'Send {"id": "rec_...", "score": 1}.'
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise MalformedBody("The body is not JSON.") from None
        _check(said)
        return said

    def find(self, said: Said, key: Key, now: float) -> Record | None:
        """The record that is meant; None while it may still be on its way. `now` is in Unix seconds.

        Raises NotFound for one that there is not, or that is another project's."""
        with contextlib.closing(open_database(self._data)) as db:
            row = db.execute("SELECT body FROM records WHERE id = ?", (said.id,)).fetchone()
        if row is None:
            made = _RECORD.fullmatch(said.id)
            if made is not None and 0 <= now - int(made[1], 16) / 1000 + 1 < PENDING_SECONDS:
                return None
            raise _unknown(said.id)
        record = msgspec.json.decode(row[0], type=Record)
        if key.role != "admin" and record.project != key.project:
            raise _unknown(said.id)
        if record.status != "answered":
            raise InvalidField(f"{said.id} was not answered, so there is nothing to say of it.", param="id")
        return record

    def keep(self, said: Said, record: Record, key: Key, keep_days: int) -> str:
        """Notes the feedback; gives its id. What a comment says is kept for so many days. Raises RecordNotKept."""
        now = time.time()
        label = f"lab_{new_id(now).removeprefix('rec_')}"
        body: dict[str, Any] = {
            "label": label,
            "workload": record.workload,
            "model": record.deployment,
            "by": key.id,
        }
        score = _score(said)
        if score is not None:
            body["score_ppm"] = round(score * MILLION)
        words = {
            name: text.encode()
            for name, text in (("comment", said.comment), ("corrected", said.corrected))
            if text is not None
        }
        private = None
        if words:
            committed = commit_fields(words)
            body["commitments"] = {name: value.hex() for name, value in committed.commitments.items()}
            until = int(now) + keep_days * DAY_SECONDS
            private = Private(subject="", keep_until=until, salts=committed.salts, contents=words)
        self._recorder.append(Event(FEEDBACK, record.id, int(now * 1000), body), private)
        return label


def require_ledger(*, logged: bool) -> None:
    """Raises NotConfigured where the ledger is off: feedback is sealed with its contents."""
    if not logged:
        raise NotConfigured(
            "Feedback is kept in the ledger, which is off.", "Take out enabled = false below [ledger] in freehold.toml."
        )


def _check(said: Said) -> None:
    if said.score is not None and said.thumbs is not None:
        raise InvalidField("`score` and `thumbs` say the same thing.", "Send one of them.", param="score")
    if said.score is not None and not 0 <= said.score <= 1:
        raise InvalidField("`score` must be a number from 0 to 1.", param="score")
    if said.score is None and said.thumbs is None and said.corrected is None:
        raise InvalidField("Nothing is said.", 'Send "score", "thumbs" or "corrected".', param="score")
    for name, text in (("comment", said.comment), ("corrected", said.corrected)):
        if text is not None and len(text) > LONGEST:
            raise InvalidField(f"`{name}` is longer than {LONGEST:,} characters.", param=name)


def _score(said: Said) -> float | None:
    return said.score if said.thumbs is None else float(said.thumbs == "up")


def _unknown(record_id: str) -> NotFound:
    return NotFound(
        f"There is no answer {record_id[:80]!r} for this key.",
        "Its id stands in the answer's x-freehold-receipt header.",
    )
