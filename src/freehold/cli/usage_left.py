"""What is left of every hard budget and quota at this moment: of projects, workloads and keys, as the door counts them."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.cli.audit import dollars
from freehold.cli.usage_project import require_known
from freehold.config.customers import on_its_plan
from freehold.config.settings import Settings
from freehold.store.callers import list_keys
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.folder import COUNTERS
from freehold.store.grants import Charge
from freehold.store.scopes import QuotaMeasure

COLUMNS = ("whose", "of", "per", "used", "reserved", "most", "left")
COST: QuotaMeasure = "cost"


class Standing(Struct, frozen=True):
    """One budget or quota. `of` is `budget`, or the model of a quota; amounts are in `measure`, `cost` in nano-dollars."""

    whose: str
    of: str
    per: str
    measure: QuotaMeasure
    used: int
    reserved: int
    most: int
    left: int


def standings(data: Path, settings: Settings, project: str | None = None) -> list[Standing]:
    """How everything stands that bounds somebody, of one project or of all. Raises StoreError before the door's first start, NotFound for a
    project that there is not."""
    now = time.time()
    with contextlib.closing(Counters.open(data / COUNTERS, None)) as counters:
        found = [
            _standing(counters, whose, of, measure, charge, now)
            for whose, of, measure, charge in _bounds(counters, data, settings, project)
            if charge.hard is not None
        ]
    if project is not None and not found:
        with contextlib.closing(open_database(data)) as db:
            require_known(db, project, settings.projects)
    return found


def rows(found: list[Standing]) -> list[tuple[Any, ...]]:
    """For people: dollars with their sign, everything else with its measure."""
    return [
        (
            one.whose,
            one.of,
            one.per,
            *(_shown(value, one.measure) for value in (one.used, one.reserved, one.most, one.left)),
        )
        for one in found
    ]


def _bounds(
    counters: Counters, data: Path, settings: Settings, wanted: str | None
) -> Iterator[tuple[str, str, QuotaMeasure, Charge]]:
    for one in settings.projects.values():
        if wanted not in (None, one.name):
            continue
        project = on_its_plan(one, settings.plans)
        for charge in counters.charges("project", project.name, project.budget):
            yield f"project {project.name}", "budget", COST, charge
        for model, quotas in project.quotas.items():
            for quota in quotas:
                for held in counters.quotas(project.name, model, quota):
                    yield f"project {project.name}", model, held.measure, Charge(held.slot, held.per, held.most)
    for workload in settings.workloads.values() if wanted is None else ():
        for charge in counters.charges("workload", workload.name, workload.budget):
            yield f"workload {workload.name}", "budget", COST, charge
    with contextlib.closing(open_database(data)) as db:
        keys = list_keys(db)
    for key in keys:
        if wanted in (None, key.project) and key.revoked_at is None:
            for charge in counters.charges("key", key.id, key.budgets):
                yield f"key {key.name} ({key.id})", "budget", COST, charge


def _standing(counters: Counters, whose: str, of: str, measure: QuotaMeasure, charge: Charge, now: float) -> Standing:
    stands = counters.remaining(charge, now)
    assert charge.hard is not None
    left = max(0, charge.hard - stands.spent - stands.reserved)
    return Standing(whose, of, charge.per, measure, stands.spent, stands.reserved, charge.hard, left)


def _shown(value: int, measure: QuotaMeasure) -> str:
    return f"${dollars(value)}" if measure == COST else f"{value:,} {measure}"
