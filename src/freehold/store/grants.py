"""What is asked of the counters, and what they answer. Pure data; the counting itself is in `counters.py`."""

from typing import Literal, Protocol

from msgspec import Struct

from freehold.store.scopes import Period, QuotaMeasure

Measure = Literal["requests", "tokens"]


class Charge(Struct, frozen=True, gc=False):
    """A budget that applies to a request: its slot, its period and its limits in nano-dollars; None means no such limit."""

    slot: int
    per: Period
    hard: int | None
    soft: int | None = None


class RateCheck(Struct, frozen=True, gc=False):
    """A rate that applies to a request."""

    slot: int
    requests_per_minute: int | None
    tokens_per_minute: int | None


class QuotaCharge(Struct, frozen=True, gc=False):
    """A project's quota of one model: its slot, its period, and the most of `measure` (tokens, requests, nano-dollars)."""

    slot: int
    per: Period
    most: int
    measure: QuotaMeasure
    model: str


class Held(Struct):
    """What is reserved in a quota for one request: `amount` of its measure."""

    quota: QuotaCharge
    amount: int


class Grant(Struct):
    """Leave to dispatch. `nano` and `tokens` are what is reserved; `passed` the indexes of the budgets whose soft limit
    is passed, this request included; `second` when the rates counted it; `held` what is reserved in quotas of the models that
    may be asked. Give it to `settle` exactly once, with `model` as the one that was, and `answered` as whether that counts as a
    request."""

    charges: tuple[Charge, ...]
    rates: tuple[RateCheck, ...]
    nano: int
    tokens: int
    passed: tuple[int, ...]
    second: int
    held: tuple[Held, ...] = ()
    model: str = ""
    answered: bool = False
    settled: bool = False


class BudgetDenied(Struct, frozen=True):
    """The hard limit of the budget at `index` would be passed. Amounts in nano-dollars."""

    index: int
    spent: int
    reserved: int
    limit: int


class QuotaDenied(Struct, frozen=True):
    """This quota would be passed by an `amount` more. `spent` and `reserved` are in its measure."""

    quota: QuotaCharge
    amount: int
    spent: int
    reserved: int


class RateDenied(Struct, frozen=True):
    """The rate at `index` is used up. `retry_after` is in seconds; None when the request alone is above the limit."""

    index: int
    retry_after: float | None
    measure: Measure
    limit: int


class Remaining(Struct, frozen=True):
    """How a budget stands, in nano-dollars. `left` is what a hard limit still lets through; None without one."""

    spent: int
    reserved: int
    left: int | None


class QuotaRule(Protocol):
    """A quota as the configuration declares it: the most of each measure, None where it bounds that not."""

    @property
    def tokens(self) -> int | None: ...
    @property
    def requests(self) -> int | None: ...
    @property
    def nano(self) -> int | None: ...
    @property
    def per(self) -> Period: ...


class BudgetRule(Protocol):
    """A budget as the configuration or a key declares it."""

    @property
    def nano(self) -> int: ...
    @property
    def per(self) -> Period: ...
    @property
    def hard(self) -> bool: ...
