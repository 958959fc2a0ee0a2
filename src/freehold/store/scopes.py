"""The names under which money and rates are counted, decided here and nowhere else.

A budget counts under `KIND:NAME:PERIOD` (`workload:ticket-triage:month`, and what its
candidate costs in shadow under `shadow:ticket-triage:month`), a rate under `KIND:NAME:rate`, a project's quota of one model
under `MEASURE:MODEL PROJECT:PERIOD` (`tokens:own/refunds shop:month`). A period is
known by the Unix second at which it began, so that any two can be compared. Pure; it knows neither counters nor records.
"""

from datetime import UTC, datetime
from typing import Literal

Kind = Literal["key", "project", "workload", "shadow"]
QuotaMeasure = Literal["tokens", "requests", "cost"]
Period = Literal["day", "month"]

KINDS: tuple[Kind, ...] = ("key", "project", "workload", "shadow")
PERIODS: tuple[Period, ...] = ("day", "month")
RATE = "rate"


def budget_scope(kind: Kind, name: str, per: Period) -> str:
    """The scope of what `name` spends in one calendar day or month."""
    return f"{kind}:{name}:{per}"


def quota_scope(measure: QuotaMeasure, project: str, model: str, per: Period) -> str:
    """The scope of what a project uses of one model in one calendar day or month. No model has a space in its name."""
    return f"{measure}:{model} {project}:{per}"


def rate_scope(kind: Kind, name: str) -> str:
    """The scope of how fast `name` asks."""
    return f"{kind}:{name}:{RATE}"


def period_of(scope: str) -> Period | None:
    """The period of a budget's scope, None for the scope of a rate. Raises ValueError for anything else."""
    ending = scope.rpartition(":")[2]
    if ending == "day" or ending == "month":
        return ending
    if ending == RATE:
        return None
    raise ValueError(f"{scope!r} is not the scope of a budget or a rate")


def period_start(per: Period, now: float) -> int:
    """The Unix second at which the UTC calendar day or month around `now` began."""
    moment = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((moment if per == "day" else moment.replace(day=1)).timestamp())
