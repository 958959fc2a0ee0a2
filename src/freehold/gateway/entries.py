"""What the ledger says of an answer: the record as an entry, in whole numbers and text. Pure.

One record is audit, bill and head of the trace at once, so nothing of it is left out but what was never in it: contents,
and the subject's name. Times are milliseconds since 1970, durations microseconds, money nano-dollars.
"""

from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from freehold.ledger.entry import VERSION, write_entry
from freehold.ledger.tiles import MAX_ENTRY
from freehold.messages import MOST_EXACT
from freehold.store.events import Event
from freehold.store.records import Attempt, Record

ANSWER: Final = "answer"
MOST_ATTEMPTS: Final = 32
MOST_NAMES: Final = 64
LONGEST: Final = 256
"""Characters of a text that comes from outside."""

MOST_LISTED: Final = 12_288
"""Bytes of a list in an entry that would be too large. With `LONGEST`, and six bytes for a character that JSON escapes, no
entry has more than 60,000: one that the ledger refused would hold up all that come after it."""

_Item = TypeVar("_Item")

_encode: Final = msgspec.json.Encoder(order="deterministic").encode

# The fields of these stand in the canonical order, that of their names: to sort them for each entry took two thirds as long as to
# write it. They are given by place, since names cost a fifth of the rest.


class _Caller(Struct, frozen=True, omit_defaults=True, gc=False):
    key: str = ""
    organisation: str = ""
    project: str = ""


class _Usage(Struct, frozen=True, omit_defaults=True, gc=False):
    audio_input: int = 0
    audio_output: int = 0
    cache_read: int = 0
    cache_write_1h: int = 0
    cache_write_5m: int = 0
    estimated: bool = False
    input: int = 0
    output: int = 0
    reasoning: int = 0
    searches: int = 0
    tier: str | None = None


class _Price(Struct, frozen=True, omit_defaults=True, gc=False):
    as_of: str | UnsetType = UNSET
    rates: dict[str, int] | UnsetType = UNSET
    source: str | UnsetType = UNSET


class _Attempt(Struct, frozen=True, omit_defaults=True, gc=False):
    code: str | None = None
    cost: int = 0
    deployment: str = ""
    estimated: bool = False
    hedge: bool = False
    outcome: str = ""
    status: int | None = None
    us: int = 0


class _Answer(Struct, frozen=True, omit_defaults=True, gc=False):
    """An entry of the kind `answer`, field by field as it is written. It exists beside `write_entry` for its speed: the
    types say what that checks value by value. What is `UNSET` here always has a value."""

    arm: str = ""
    asked: str = ""
    at: int | UnsetType = UNSET
    attempts: tuple[_Attempt, ...] = ()
    began: int | UnsetType = UNSET
    caller: _Caller | UnsetType = UNSET
    canary: str = ""
    code: str | None = None
    commitments: dict[str, str] = {}
    conversation: str = ""
    cost: int = 0
    cut: tuple[str, ...] = ()
    """Lists of which only the beginning stands here."""
    deployment: str = ""
    dialect: str = ""
    dropped: tuple[str, ...] = ()
    durability: str = ""
    finish: str | None = None
    first_token_us: int | None = None
    id: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    native_finish: str | None = None
    operation: str = ""
    outcome: str = ""
    policy: str = ""
    price: _Price | None = None
    propensity_ppm: int = 0
    status: int = 0
    streamed: bool = False
    subject: str | None = None
    total_us: int = 0
    usage: _Usage = _Usage()
    v: int | UnsetType = UNSET
    weights: str | None = None
    workload: str = ""


def answer_entry(record: Record, subject: str | None) -> bytes:
    """The entry of a record, as canonical bytes. `subject` is the pseudonym of whom its contents are about."""
    native, first, price = record.native_finish_reason, record.first_token_ms, record.price
    answer = _Answer(
        record.arm,
        _text(record.model),
        int(record.ended_at * 1000),
        tuple([_attempt(attempt) for attempt in record.attempts[:MOST_ATTEMPTS]]),
        int(record.started_at * 1000),
        _Caller(record.key_id, _text(record.organisation), _text(record.project)),
        _text(record.canary),
        record.code,
        record.commitments,
        record.conversation,
        record.cost_nano if record.cost_nano <= MOST_EXACT else MOST_EXACT,
        (),
        _text(record.deployment),
        record.dialect,
        tuple([_text(name) for name in record.dropped[:MOST_NAMES]]) if record.dropped else (),
        record.durability,
        record.finish,
        None if first is None else int(first * 1000),
        record.id,
        ANSWER,
        None if native is None else _text(native),
        record.operation,
        record.status,
        record.policy,
        None if price is None else _Price(price.as_of, price.rates, price.source),
        record.propensity_ppm,
        record.http_status,
        record.streamed,
        subject,
        int(record.total_ms * 1000),
        _usage(record),
        VERSION,
        record.weights,
        _text(record.workload),
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
    most = MOST_EXACT  # nine calls of `min` took a tenth of the whole entry's time
    return _Usage(
        record.audio_input_tokens if record.audio_input_tokens <= most else most,
        record.audio_output_tokens if record.audio_output_tokens <= most else most,
        record.cache_read_tokens if record.cache_read_tokens <= most else most,
        record.cache_write_1h_tokens if record.cache_write_1h_tokens <= most else most,
        record.cache_write_5m_tokens if record.cache_write_5m_tokens <= most else most,
        record.estimated,
        record.input_tokens if record.input_tokens <= most else most,
        record.output_tokens if record.output_tokens <= most else most,
        record.reasoning_tokens if record.reasoning_tokens <= most else most,
        record.searches if record.searches <= most else most,
        None if record.service_tier is None else _text(record.service_tier),
    )


def _attempt(attempt: Attempt) -> _Attempt:
    return _Attempt(
        attempt.code,
        attempt.cost_nano if attempt.cost_nano <= MOST_EXACT else MOST_EXACT,
        _text(attempt.deployment),
        attempt.estimated,
        attempt.hedge,
        attempt.outcome,
        attempt.status,
        int(attempt.ms * 1000),
    )
