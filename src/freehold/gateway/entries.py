"""What the ledger says of an answer: the record as an entry, in whole numbers and text. Pure.

One record is audit, bill and head of the trace at once, so nothing of it is left out but what was never in it: contents,
and the subject's name. Times are milliseconds since 1970, durations microseconds, money nano-dollars.
"""

from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.ledger.entry import MOST_EXACT, VERSION, write_entry
from freehold.ledger.tiles import MAX_ENTRY
from freehold.store.events import Event
from freehold.store.records import AppliedPrice, Attempt, Record

ANSWER: Final = "answer"
MOST_ATTEMPTS: Final = 32
MOST_NAMES: Final = 64
LONGEST: Final = 256
"""Characters of a text that comes from outside."""

MOST_LISTED: Final = 12_288
"""Bytes of a list in an entry that would be too large. With `LONGEST`, and six bytes for a character that JSON escapes, no
entry has more than 60,000: one that the ledger refused would hold up all that come after it."""

_Item = TypeVar("_Item")

_encode: Final = msgspec.json.Encoder(order="sorted").encode


class _Caller(Struct, frozen=True, omit_defaults=True, gc=False):
    organisation: str = ""
    project: str = ""
    key: str = ""


class _Usage(Struct, frozen=True, omit_defaults=True, gc=False):
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    searches: int = 0
    estimated: bool = False
    tier: str | None = None


class _Attempt(Struct, frozen=True, omit_defaults=True, gc=False):
    deployment: str = ""
    outcome: str = ""
    us: int = 0
    status: int | None = None
    code: str | None = None
    cost: int = 0
    hedge: bool = False


class _Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of the kind `answer`, field by field as it is written. It exists beside `write_entry` for its speed: the
    types say what that checks value by value."""

    v: int
    kind: str
    id: str
    at: int
    began: int
    caller: _Caller
    workload: str = ""
    dialect: str = ""
    operation: str = ""
    asked: str = ""
    deployment: str = ""
    weights: str | None = None
    policy: str = ""
    outcome: str = ""
    status: int = 0
    code: str | None = None
    finish: str | None = None
    native_finish: str | None = None
    streamed: bool = False
    first_token_us: int | None = None
    total_us: int = 0
    usage: _Usage = _Usage()
    price: AppliedPrice | None = None
    cost: int = 0
    attempts: tuple[_Attempt, ...] = ()
    dropped: tuple[str, ...] = ()
    durability: str = ""
    subject: str | None = None
    commitments: dict[str, str] = {}
    conversation: str = ""
    canary: str = ""
    arm: str = ""
    propensity_ppm: int = 0
    cut: tuple[str, ...] = ()
    """Lists of which only the beginning stands here."""


def answer_entry(record: Record, subject: str | None) -> bytes:
    """The entry of a record, as canonical bytes. `subject` is the pseudonym of whom its contents are about."""
    answer = _Answer(
        v=VERSION,
        kind=ANSWER,
        id=record.id,
        at=_ms(record.ended_at),
        began=_ms(record.started_at),
        caller=_Caller(_text(record.organisation), _text(record.project), record.key_id),
        workload=_text(record.workload),
        dialect=record.dialect,
        operation=record.operation,
        asked=_text(record.model),
        deployment=_text(record.deployment),
        weights=record.weights,
        policy=record.policy,
        outcome=record.status,
        status=record.http_status,
        code=record.code,
        finish=record.finish,
        native_finish=None if record.native_finish_reason is None else _text(record.native_finish_reason),
        streamed=record.streamed,
        first_token_us=None if record.first_token_ms is None else _us(record.first_token_ms),
        total_us=_us(record.total_ms),
        usage=_usage(record),
        price=record.price,
        cost=min(record.cost_nano, MOST_EXACT),
        attempts=tuple([_attempt(attempt) for attempt in record.attempts[:MOST_ATTEMPTS]]),
        dropped=tuple([_text(name) for name in record.dropped[:MOST_NAMES]]),
        durability=record.durability,
        subject=subject,
        commitments=record.commitments,
        conversation=record.conversation,
        canary=_text(record.canary),
        arm=_text(record.arm),
        propensity_ppm=record.propensity_ppm,
    )
    written = _encode(answer)
    if len(written) <= MAX_ENTRY:
        return written
    attempts, dropped = _fitting(answer.attempts), _fitting(answer.dropped)
    return _encode(replace(answer, attempts=attempts, dropped=dropped, cut=("attempts", "dropped")))


def event_entry(event: Event) -> bytes:
    """The entry of an event, as canonical bytes."""
    return write_entry(event.kind, event.id, event.at, event.body)


def _text(value: str) -> str:
    """Text cut to what an entry holds, and such that UTF-8 can hold it."""
    if len(value) <= LONGEST and value.isascii():
        return value
    return value[:LONGEST].encode("utf-8", "replace").decode()


def _fitting(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """As many of the first items as `MOST_LISTED` bytes hold."""
    left = MOST_LISTED
    for count, item in enumerate(items):
        left -= len(_encode(item)) + 1
        if left < 0:
            return items[:count]
    return items


def _usage(record: Record) -> _Usage:
    most = MOST_EXACT
    return _Usage(
        min(record.input_tokens, most),
        min(record.output_tokens, most),
        min(record.cache_read_tokens, most),
        min(record.cache_write_5m_tokens, most),
        min(record.cache_write_1h_tokens, most),
        min(record.reasoning_tokens, most),
        min(record.audio_input_tokens, most),
        min(record.audio_output_tokens, most),
        min(record.searches, most),
        record.estimated,
        None if record.service_tier is None else _text(record.service_tier),
    )


def _attempt(attempt: Attempt) -> _Attempt:
    return _Attempt(
        _text(attempt.deployment),
        attempt.outcome,
        _us(attempt.ms),
        attempt.status,
        attempt.code,
        min(attempt.cost_nano, MOST_EXACT),
        attempt.hedge,
    )


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _us(milliseconds: float) -> int:
    return int(milliseconds * 1000)
