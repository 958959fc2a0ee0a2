"""Canaries: which candidate takes which share of a workload, since when, and what was decided about it.

A change of a canary and the event that tells of it are one transaction, and so are the outcomes that a decision rests on:
they wait in a table of their own, filled by the database when a record is stored, and leave it when they are counted. So
each counts once, whoever dies when. It knows nothing of statistics: `rules` and the state of a test are the trials' own.
"""

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.errors import InvalidField, NotFound
from freehold.store.database import transaction
from freehold.store.events import keep_event
from freehold.store.records import Record

Phase = Literal["running", "paused", "promoted", "rolled_back", "aborted"]
"""How a canary stands. `paused` keeps its share and is watched, and does not advance. `promoted` serves first until the
configuration changes the route; the other two have ended."""

Arm = Literal["candidate", "incumbent"]

_HEAR: Final = """
    INSERT INTO canary_outcomes (canary, record)
    SELECT json_extract(body, '$.canary'), id FROM records WHERE rowid > ? AND instr(body, '"canary":"')
"""

MILLION: Final = 1_000_000
UNFINISHED: Final[tuple[Phase, ...]] = ("running", "paused")
ID_START: Final = "can_"

REMEMBERED: Final = 10_000
"""Conversations that a watch without an end remembers at least, and at most twice as many."""

ROUTE_CHANGED: Final = "the configuration changed the route"
GRADERS_CHANGED: Final = "who grades its answers changed"


class Canary(Struct, frozen=True, kw_only=True):
    """One canary. `steps` are shares in millionths, `step` the index of the one in force. `route` is the digest of the route
    that the candidate is held against, `graders` that of who grades, empty where nobody knows it. `judged` says how far judges are
    believed, which is the trials' own, as `rules` are; empty where none grades. `salt` is secret to the callers: who does not know it
    cannot choose an arm. `reason` says why it ended. Times are Unix seconds."""

    id: str
    workload: str
    candidate: str
    route: str
    steps: tuple[int, ...]
    step: int = 0
    phase: Phase = "running"
    salt: str
    rules: dict[str, Any]
    graded: bool = False
    graders: str = ""
    judged: dict[str, Any] = {}
    created_at: float
    changed_at: float
    reason: str = ""

    @property
    def share_ppm(self) -> int:
        """The share of conversations that the candidate gets now, in millionths."""
        if self.phase == "promoted":
            return MILLION
        return self.steps[self.step] if self.phase in UNFINISHED else 0


class Outcome(Struct, frozen=True):
    """A record of one of a canary's arms that has not been counted yet. `number` is its place in the order of arrival."""

    number: int
    record: Record


def assign(canary: Canary, conversation: str) -> Arm:
    """The arm of a conversation: the same for as long as the share is, and a candidate's for every larger share."""
    digest = hashlib.blake2b(conversation.encode("utf-8", "replace"), digest_size=8, key=bytes.fromhex(canary.salt))
    drawn = int.from_bytes(digest.digest(), "big") * MILLION >> 64
    return "candidate" if drawn < canary.share_ppm else "incumbent"


def start_canary(
    db: sqlite3.Connection,
    *,
    workload: str,
    candidate: str,
    route: str,
    steps: Sequence[int],
    rules: Mapping[str, Any],
    graded: bool = False,
    graders: str = "",
    judged: Mapping[str, Any] | None = None,
    evidence: Mapping[str, Any] | None = None,
    now: float | None = None,
) -> Canary:
    """A new canary at its first step. `steps` are in millionths, rising, and end with all. `evidence` goes into the event.

    Raises InvalidField for steps that do not rise, and while another canary of the workload is in force."""
    if not steps or list(steps) != sorted(set(steps)) or steps[0] <= 0 or steps[-1] != MILLION:
        raise InvalidField("The steps must rise and end with 100.", "Write --steps 1,5,25,50,100.", param="steps")
    now = time.time() if now is None else now
    canary = Canary(
        id=ID_START + secrets.token_hex(8),
        workload=workload,
        candidate=candidate,
        route=route,
        steps=tuple(steps),
        salt=secrets.token_hex(16),
        rules=dict(rules),
        graded=graded,
        graders=graders,
        judged=dict(judged or {}),
        created_at=now,
        changed_at=now,
    )
    with transaction(db):
        for other in active_canaries(db):
            if other.workload == workload:
                _make_way(db, other, route, now)
        _write(db, canary)
        keep_event(db, "canary.started", canary.id, {**told(canary), **(evidence or {})}, now)
    return canary


def change_canary(
    db: sqlite3.Connection,
    canary: Canary,
    kind: str,
    evidence: Mapping[str, Any],
    *,
    phase: Phase | None = None,
    step: int | None = None,
    reason: str = "",
    now: float | None = None,
) -> Canary:
    """The canary after a decision, written with the event `canary.KIND` and its evidence. In the caller's transaction."""
    now = time.time() if now is None else now
    changed = replace(
        canary,
        phase=canary.phase if phase is None else phase,
        step=canary.step if step is None else step,
        reason=reason or canary.reason,
        changed_at=now,
    )
    _write(db, changed)
    if changed.phase not in UNFINISHED:
        ages = (f"{canary.id}:", f"{canary.id};")  # between them stands every id of `first_lately`
        db.execute("DELETE FROM canary_units WHERE canary = ? OR canary BETWEEN ? AND ?", (canary.id, *ages))
    body = {**told(changed), **evidence}
    if reason:
        body["reason"] = reason
    keep_event(db, f"canary.{kind}", canary.id, body, now)
    return changed


def active_canaries(db: sqlite3.Connection) -> list[Canary]:
    """Every canary that decides where requests go: those that run or are paused, and the last one of each workload where
    that was promoted."""
    newest: dict[str, Canary] = {}
    for (body,) in db.execute("SELECT body FROM canaries ORDER BY created_at, rowid"):
        canary = msgspec.json.decode(body, type=Canary)
        newest[canary.workload] = canary
    return [one for one in newest.values() if one.phase in ("running", "paused", "promoted")]


def find_canary(db: sqlite3.Connection, canary_id: str) -> Canary | None:
    """The canary with that id."""
    row = db.execute("SELECT body FROM canaries WHERE id = ?", (canary_id,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Canary)


def list_canaries(db: sqlite3.Connection, workload: str | None = None) -> list[Canary]:
    """Every canary, newest first; of one workload where one is named."""
    rows = db.execute("SELECT body FROM canaries ORDER BY created_at DESC, rowid DESC")
    found = [msgspec.json.decode(body, type=Canary) for (body,) in rows]
    return [one for one in found if workload is None or one.workload == workload]


def last_canary(db: sqlite3.Connection, workload: str) -> Canary:
    """The newest canary of a workload. Raises NotFound."""
    found = list_canaries(db, workload)
    if not found:
        raise NotFound(
            f"The workload {workload!r} never had a canary.",
            "`freehold canary start WORKLOAD --candidate M` begins one.",
        )
    return found[0]


# --- what a decision rests on ---


def read_state(db: sqlite3.Connection, canary_id: str) -> bytes:
    """The state of a canary's tests, as it was committed with the last decision; empty at the beginning."""
    row = db.execute("SELECT state FROM canaries WHERE id = ?", (canary_id,)).fetchone()
    return b"" if row is None or row[0] is None else bytes(row[0])


def keep_state(db: sqlite3.Connection, canary_id: str, state: bytes) -> None:
    """Keeps the state of a canary's tests. In the caller's transaction."""
    db.execute("UPDATE canaries SET state = ? WHERE id = ?", (state, canary_id))


def hear_of_records(db: sqlite3.Connection, after: int) -> None:
    """Has those of the records stored behind the row `after` that are of a canary's arms wait to be counted.

    In the transaction that stores them, so a record waits exactly when it is stored, once. The text that is looked for cannot
    stand inside a JSON string. A trigger, which looks at every row, took a fifth of the drain.
    """
    db.execute(_HEAR, (after,))


def waiting_outcomes(db: sqlite3.Connection, canary_id: str, limit: int) -> list[Outcome]:
    """The records that wait to be counted, by the time at which their requests began."""
    rows = db.execute(
        "SELECT o.number, r.body FROM canary_outcomes o JOIN records r ON r.id = o.record"
        " WHERE o.canary = ? ORDER BY o.record LIMIT ?",
        (canary_id, limit),
    )
    return [Outcome(number, msgspec.json.decode(body, type=Record)) for number, body in rows]


def arrived_outcomes(db: sqlite3.Connection, canary_id: str, after: int, limit: int) -> list[Outcome]:
    """The records that have arrived since the one with the number `after`, in the order of their arrival."""
    rows = db.execute(
        "SELECT o.number, r.body FROM canary_outcomes o JOIN records r ON r.id = o.record"
        " WHERE o.canary = ? AND o.number > ? ORDER BY o.number LIMIT ?",
        (canary_id, after, limit),
    )
    return [Outcome(number, msgspec.json.decode(body, type=Record)) for number, body in rows]


def take_outcomes(db: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Removes outcomes that have been counted. In the transaction that keeps what they were counted into."""
    db.executemany("DELETE FROM canary_outcomes WHERE number = ?", [(number,) for number in numbers])


def forget_outcomes(db: sqlite3.Connection, watched: Iterable[str]) -> None:
    """Removes the outcomes of all canaries but these, which nobody will count any more."""
    kept = msgspec.json.encode(list(watched)).decode()
    others = "FROM canary_outcomes WHERE canary NOT IN (SELECT value FROM json_each(?))"
    if db.execute(
        f"SELECT 1 {others} LIMIT 1", (kept,)
    ).fetchone():  # a DELETE would take the write lock to find nothing
        db.execute(f"DELETE {others}", (kept,))


def first_of(db: sqlite3.Connection, canary_id: str, conversation: str) -> bool:
    """Whether this conversation was not seen in this canary before; from now on it was. In the caller's transaction."""
    added = db.execute("INSERT INTO canary_units VALUES (?, ?) ON CONFLICT DO NOTHING", (canary_id, conversation))
    return added.rowcount == 1


def first_lately(db: sqlite3.Connection, canary_id: str, conversation: str, seen: int) -> bool:
    """Whether this conversation was not among the last `REMEMBERED` of a watch that has `seen` so many; from now on it was. For
    a watch that has no end, and whose memory needs one. In the caller's transaction."""
    age, begins = divmod(seen, REMEMBERED)
    if begins == 0:
        db.execute("DELETE FROM canary_units WHERE canary = ?", (f"{canary_id}:{age - 2}",))
    before = (f"{canary_id}:{age - 1}", conversation)
    known = db.execute("SELECT 1 FROM canary_units WHERE canary = ? AND conversation = ?", before).fetchone()
    return known is None and first_of(db, f"{canary_id}:{age}", conversation)


def told(canary: Canary) -> dict[str, Any]:
    """What an event says of a canary. Numbers that are no whole ones are text, as an entry needs them."""
    rules = {name: value if isinstance(value, bool | int) else f"{value}" for name, value in canary.rules.items()}
    return {
        "workload": canary.workload,
        "candidate": canary.candidate,
        "route": canary.route,
        "steps_ppm": list(canary.steps),
        "step": canary.step,
        "share_ppm": canary.share_ppm,
        "phase": canary.phase,
        "graded": canary.graded,
        "rules": rules,
    }


def _make_way(db: sqlite3.Connection, other: Canary, route: str, now: float) -> None:
    """Ends a canary that was held against a route which is no longer there. Raises InvalidField for one that is in force."""
    if other.route == route:
        raise InvalidField(
            f"The canary {other.id} ({other.candidate}) of {other.workload} is {other.phase}.",
            f"End it first: `freehold canary abort {other.workload}`"
            + (", or name its candidate in the route." if other.phase == "promoted" else "."),
            param="workload",
        )
    if other.phase in UNFINISHED:
        change_canary(db, other, "aborted", {}, phase="aborted", reason=ROUTE_CHANGED, now=now)


def _write(db: sqlite3.Connection, canary: Canary) -> None:
    db.execute(
        "INSERT INTO canaries (id, workload, phase, created_at, body) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET phase = excluded.phase, body = excluded.body",
        (canary.id, canary.workload, canary.phase, canary.created_at, msgspec.json.encode(canary).decode()),
    )
