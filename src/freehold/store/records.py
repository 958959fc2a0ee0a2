"""The record of one answer: who asked, what was tried, what it used and what it cost. Never what was said.

It knows neither file nor database; `journal.py` writes it down and `drain.py` stores it. There is one record for each
request that reached the door, answered or not: audit, usage and bill are read from it.
"""

import os
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

Status = Literal["answered", "failed", "refused", "cancelled", "swept"]
"""How a request ended: with a whole answer; by a failure on the vendors' side or ours; turned away by the door; left by
its caller; with the death of its process."""

Outcome = Literal["answered", "failed", "refused", "cancelled"]

Count = Annotated[int, Meta(le=2**63 - 1)]
"""A number that the database can hold. Checked when a record is read, so that one nonsensical count is set aside there and
does not keep all others from being stored."""


class Attempt(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One request to one deployment. `ms` from its dispatch to its end, `status` the vendor's HTTP status, `code` the code
    of our error; `hedge` says that it was sent because another one was slow, `estimated` that no vendor told us the cost: it is the most
    that may be billed for an answer that did not come."""

    deployment: str
    outcome: Outcome
    ms: float
    status: int | None = None
    code: str | None = None
    cost_nano: int = 0
    hedge: bool = False
    estimated: bool = False


class AppliedPrice(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """The price that the cost was counted with: `rates` in nano-dollars per million tokens by kind of token (or per single
    use, for kinds that are not tokens), as the catalog had them on `as_of` (ISO 8601) from `source`."""

    rates: dict[str, int]
    as_of: str
    source: str


class Record(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One answer, or one request that got none.

    Times are Unix seconds, durations milliseconds, money nano-dollars. `model` is what the caller asked for, `deployment`
    the `vendor/model` that answered or failed last, empty when none was asked. `organisation`, `project` and `key_id` are
    empty when the caller is unknown. The token counts mean what `messages.Usage` says; `estimated` that we counted them.
    `dropped` names the parameters that the deployment did not take. `weights` is the SHA-256 of an own model's weights,
    `policy` the digest of the configuration in force, `durability` what the record survived before the answer was given.
    `commitments` are salted commitments to contents, in hexadecimal digits, by field. `conversation` is a keyed digest of the
    conversation, 16 hexadecimal digits, where its workload ties requests together. `canary` is the rollout that the request took
    part in, `arm` the side it was assigned to, `propensity_ppm` the probability of that, in millionths. `extra` is for rooms that
    come later.
    """

    id: str
    started_at: float
    ended_at: float
    dialect: str
    operation: str
    status: Status
    http_status: int
    organisation: str = ""
    project: str = ""
    key_id: str = ""
    workload: str = ""
    model: str = ""
    deployment: str = ""
    code: str | None = None
    finish: str | None = None
    native_finish_reason: str | None = None
    input_tokens: Count = 0
    output_tokens: Count = 0
    cache_read_tokens: Count = 0
    cache_write_5m_tokens: Count = 0
    cache_write_1h_tokens: Count = 0
    reasoning_tokens: Count = 0
    audio_input_tokens: Count = 0
    audio_output_tokens: Count = 0
    searches: Count = 0
    service_tier: str | None = None
    estimated: bool = False
    cost_nano: Count = 0
    reserved_nano: int = 0
    price: AppliedPrice | None = None
    streamed: bool = False
    first_token_ms: float | None = None
    total_ms: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    dropped: tuple[str, ...] = ()
    weights: str | None = None
    policy: str = ""
    durability: str = ""
    commitments: dict[str, str] = {}
    conversation: str = ""
    canary: str = ""
    arm: str = ""
    propensity_ppm: int = 0
    extra: dict[str, Any] = {}


class Private(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What goes with a record and is kept apart from it, sealed: who it is about, the salts that open its commitments,
    and the contents where they are kept. `keep_until` is in Unix seconds."""

    subject: str
    keep_until: int
    salts: dict[str, bytes]
    contents: dict[str, bytes] = {}


_VERSION_AND_VARIANT: Final = 0x7 << 76 | 0b10 << 62
_RANDOM_BITS: Final = (1 << 76) - 1 & ~(0b11 << 62)


def new_id(now: float, draw: Callable[[int], bytes] = os.urandom) -> str:
    """A new record's id: `rec_` and a UUIDv7 (RFC 9562, section 5.7) in 32 hexadecimal digits. Sorts by `now`, in Unix
    seconds, to the millisecond. `draw` gives random bytes."""
    bits = int.from_bytes(draw(10), "big") & _RANDOM_BITS | _VERSION_AND_VARIANT
    return f"rec_{int(now * 1000) << 80 | bits:032x}"
