"""The lives of a run: each time a process takes it up, and how that ended; and what the ledger is told of them.

    lives.jsonl      a line when a life begins, and one when it ends, by the process that trains

A killed process leaves a life without an end. Whoever looks next tells the ledger of it, once: what it has been told of is counted in the store, so
nothing is told twice and nothing is lost, whoever looks first. It knows lines and events, and no model.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from freehold.store.database import transaction
from freehold.store.events import count_told, keep_event

STARTED: Final = "training.started"
ENDED: Final = "training.ended"

How = Literal["done", "stopped", "failed", "killed"]
"""All steps were done; it was told to stop and can go on; an error ended it; its process went away without a word."""


class Life(Struct, frozen=True, kw_only=True):
    """One life, numbered from 1. Times in Unix milliseconds; `ended_at` is None and `how` empty while it goes on, or when its process was killed. `why` is a
    sentence or an error's code. `weights` are the SHA-256 of the files that it wrote, by name, when it was done; `ancestry` that of what they are made from,
    `drawn` that of what tasks drew for them."""

    number: int
    begun_at: int
    ended_at: int | None = None
    how: How | Literal[""] = ""
    why: str = ""
    step: int = 0
    tokens: int = 0
    weights: dict[str, str] = {}
    ancestry: str = ""
    drawn: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Life).decode


def write_life(path: Path, life: Life) -> None:
    """Adds a line: a life that begins, or that has ended."""
    with path.open("ab") as file:
        file.write(_encode(life) + b"\n")


def read_lives(path: Path) -> list[Life]:
    """The lives of a run in order, each as its last line has it; none where none began."""
    found: dict[int, Life] = {}
    content = path.read_bytes() if path.exists() else b""
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            life = _decode(line)
        except msgspec.MsgspecError:
            continue  # torn by a crash of the machine
        found[life.number] = life
    return [found[number] for number in sorted(found)]


def tell(
    db: sqlite3.Connection, run: str, lives: Sequence[Life], about: Mapping[str, Any], *, alive: bool, now: int
) -> int:
    """Notes for the ledger what it has not been told of these lives; says how many events. The last one goes on when the run is `alive`, and was killed by
    `now` (Unix milliseconds) when it is not and says nothing of its end. `about` goes into each entry."""
    noted = 0
    with transaction(db):
        started, ended = (count_told(db, kind, run) for kind in (STARTED, ENDED))
        for life in lives:
            if life.number > started:
                keep_event(db, STARTED, run, {**about, "life": life.number}, life.begun_at / 1000)
                noted += 1
            if life.number > ended and not (alive and life is lives[-1] and life.ended_at is None):
                keep_event(db, ENDED, run, {**about, **_end(life)}, (life.ended_at or now) / 1000)
                noted += 1
    return noted


def _end(life: Life) -> dict[str, Any]:
    told: dict[str, Any] = {"life": life.number, "how": life.how or "killed", "step": life.step, "tokens": life.tokens}
    more = {"why": life.why, "weights": life.weights, "ancestry": life.ancestry, "drawn": life.drawn}
    return told | {name: value for name, value in more.items() if value}
