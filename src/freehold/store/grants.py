"""What is asked of the counters, and what they answer. Pure data; the counting itself is in `counters.py`."""

from typing import Literal, Protocol

from msgspec import Struct

from freehold.store.scopes import Period

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


class Grant(Struct):
    """Leave to dispatch. `nano` and `tokens` are what is reserved; `passed` the indexes of the budgets whose soft limit
    is passed, this request included; `second` when the rates counted it. Give it to `settle` exactly once."""

    charges: tuple[Charge, ...]
    rates: tuple[RateCheck, ...]
    nano: int
    tokens: int
    passed: tuple[int, ...]
    second: int
    settled: bool = False


class BudgetDenied(Struct, frozen=True):
    """The hard limit of the budget at `index` would be passed. Amounts in nano-dollars."""

    index: int
    spent: int
    reserved: int
    limit: int


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


class BudgetRule(Protocol):
    """A budget as the configuration or a key declares it."""

    @property
    def nano(self) -> int: ...
    @property
    def per(self) -> Period: ...
    @property
    def hard(self) -> bool: ...
