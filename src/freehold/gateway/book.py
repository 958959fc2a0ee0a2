"""The settings made ready for the hot path: workloads with resolved routes, prices of today, and who pays for what.

A book is built from settings, never changed by them afterwards, and replaced whole on a reload; a request keeps the one
that it started with. Looking something up is a dictionary access, so that the hot path asks no file and no database.
"""

from collections.abc import Sequence
from datetime import date
from itertools import chain
from typing import Literal

from msgspec import Struct

from freehold.catalog.rows import Price
from freehold.config.customers import Limits, on_its_plan
from freehold.config.digest import digest, route_digest
from freehold.config.settings import (
    Capture,
    Hedge,
    PriceSettings,
    Settings,
    Shadow,
    Strategy,
    Timeouts,
    Workload,
)
from freehold.errors import OutOfScope, UnknownModel, UnknownWorkload
from freehold.gateway.contents import Keeping
from freehold.gateway.deployments import MAX_DEPLOYMENTS, Deployments
from freehold.gateway.routing import Target
from freehold.store.callers import Key
from freehold.store.counters import Counters
from freehold.store.grants import BudgetRule, Charge, QuotaCharge, RateCheck
from freehold.store.scopes import Kind

REQUESTED = "requested"
DEFAULT = "default"


class Plan(Struct, frozen=True):
    """One workload, ready. `targets` None means that the caller names the model."""

    name: str
    targets: tuple[Target, ...] | None
    strategy: Strategy
    sticky: bool
    hedge: Hedge | None
    retries: int
    timeouts: Timeouts
    keeping: Keeping
    trace: bool | Literal["inline"]
    capture: Capture | None
    shadow: Shadow | None
    route: str
    """The digest of the route, by which a canary knows that it is still the one that it was begun on."""


class Payers(Struct, frozen=True):
    """Whose budgets and rates a request counts against; `names` tells them apart in messages."""

    budgets: tuple[Charge, ...]
    rates: tuple[RateCheck, ...]
    budget_names: tuple[str, ...]
    rate_names: tuple[str, ...]
    hard: bool
    requests_per_minute: int | None
    tokens_per_minute: int | None


class Book:
    """Everything that a request looks up in the settings."""

    def __init__(self, settings: Settings, deployments: Deployments, counters: Counters, today: date) -> None:
        self.settings = settings
        self.deployments = deployments
        self._counters = counters
        self._targets: dict[str, Target] = {}
        self._payers: dict[tuple[str, str], Payers] = {}
        self._plans: dict[str, Plan] = {}
        self._projects = {name: on_its_plan(project, settings.plans) for name, project in settings.projects.items()}
        self._quotas: dict[tuple[str, str], tuple[QuotaCharge, ...]] = {}
        self.today = today
        self.policy = digest(settings)
        self.keeping = Keeping(settings.ledger)
        """For requests that belong to no workload yet."""
        self.refresh(today)

    def refresh(self, today: date) -> None:
        """Looks prices up anew, since they carry dates."""
        self.today = today
        self._targets = {}
        self._plans = {name: self._plan(workload) for name, workload in self.settings.workloads.items()}

    def plan(self, header: str | None, model: str) -> Plan:
        """The workload that a request belongs to: by header, by its model's name, else the default one.
        Raises `UnknownWorkload` for a header that names none."""
        if header is not None:
            plan = self._plans.get(header)
            if plan is None:
                raise UnknownWorkload(
                    f"There is no workload {header[:200]!r}.",
                    f"Configured are {', '.join(self._plans)}.",
                )
            return plan
        return self._plans.get(model) or self._plans[DEFAULT]

    def traces(self, workload: str) -> bool | Literal["inline"]:
        """Whether answers of this workload are traced; false for one that there is not."""
        plan = self._plans.get(workload)
        return plan is not None and plan.trace

    def keep_days(self, workload: str) -> int:
        """For how many days what is said of this workload's answers is kept: as long as its items, else its contents."""
        job = self.settings.workloads.get(workload)
        if job is not None and job.capture is not None:
            return job.capture.keep_days
        return job.keep_days if job is not None and job.keep_days is not None else self.settings.ledger.keep_days

    def targets(self, plan: Plan, model: str) -> tuple[Target, ...]:
        """The route's targets; for a route that asks for what the caller names, the one target it names."""
        if plan.targets is not None:
            return plan.targets
        return (self.target(model),)

    def target(self, model: str) -> Target:
        """The deployment of one model with today's price. Raises `UnknownModel`."""
        target = self._targets.get(model)
        if target is None:
            deployment = self.deployments.get(self.deployments.resolve(model))
            target = Target(deployment, self._price(deployment.name), source=self._source(deployment.name))
            if len(self._targets) < MAX_DEPLOYMENTS:
                self._targets[model] = target
        return target

    def candidate(self, model: str) -> Target | None:
        """The deployment of a candidate; None when the settings have no such model any more."""
        try:
            return self.target(model)
        except UnknownModel:
            return None

    def payers(self, key: Key, workload: str) -> Payers:
        """Whose budgets and rates apply to this key's requests in this workload."""
        found = self._payers.get((key.id, workload))
        if found is None:
            found = self._find_payers(key, workload)
            if len(self._payers) < MAX_DEPLOYMENTS:
                self._payers[key.id, workload] = found
        return found

    def quotas(self, project: str, model: str) -> tuple[QuotaCharge, ...]:
        """What bounds a project's use of one model."""
        customer = self._projects.get(project)
        if customer is None or model not in customer.quotas:
            return ()
        found = self._quotas.get((project, model))
        if found is None:
            charges = (self._counters.quotas(project, model, quota) for quota in customer.quotas[model])
            found = self._quotas[project, model] = tuple(chain.from_iterable(charges))
        return found

    def forget_payers(self) -> None:
        """Called when keys have changed: a key's budgets and limits stand on the key."""
        self._payers = {}

    def _plan(self, workload: Workload) -> Plan:
        requested = any(entry.model == REQUESTED for entry in workload.route)
        targets = (
            None
            if requested
            else tuple(
                Target(
                    deployment := self.deployments.get(entry.model),
                    self._price(deployment.name),
                    entry.weight,
                    entry.when,
                    source=self._source(deployment.name),
                )
                for entry in workload.route
            )
        )
        return Plan(
            workload.name,
            targets,
            workload.strategy,
            workload.sticky,
            workload.hedge,
            workload.retries,
            workload.timeouts or self.settings.timeouts,
            Keeping(self.settings.ledger, workload),
            workload.trace,
            workload.capture,
            workload.shadow,
            route_digest(workload),
        )

    def _price(self, name: str) -> Price | None:
        own = self.settings.prices.get(name)
        if own is not None:
            return price_of(own, self.today)
        deployment = self.deployments.get(name)
        if deployment.vendor.transport != "http":
            return FREE
        return self.deployments.catalog.price_at(deployment.model, self.today) if deployment.model is not None else None

    def _source(self, name: str) -> str:
        """Where the price of a deployment comes from, for the record."""
        if name in self.settings.prices:
            return "settings"
        return "catalog" if self.deployments.get(name).vendor.transport == "http" else "own"

    def _find_payers(self, key: Key, workload: str) -> Payers:
        project = self._projects.get(key.project)
        job = self.settings.workloads.get(workload)
        sources: tuple[tuple[Kind, str, Sequence[BudgetRule], Limits | None], ...] = (
            ("key", key.id, key.budgets, _key_limits(key)),
            ("project", key.project, project.budget if project else (), project.limits if project else None),
            ("workload", workload, job.budget if job else (), job.limits if job else None),
        )
        budgets: list[Charge] = []
        rates: list[RateCheck] = []
        budget_names: list[str] = []
        rate_names: list[str] = []
        for kind, name, caps, limits in sources:
            shown = key.name if kind == "key" else name
            for charge in self._counters.charges(kind, name, caps):
                budgets.append(charge)
                budget_names.append(f"the budget of {kind} {shown} per {charge.per}")
            if limits is not None:
                rates.append(self._counters.rate(kind, name, limits.requests_per_minute, limits.tokens_per_minute))
                rate_names.append(f"{kind} {shown}")
        return Payers(
            tuple(budgets),
            tuple(rates),
            tuple(budget_names),
            tuple(rate_names),
            any(charge.hard is not None for charge in budgets),
            min((r.requests_per_minute for r in rates if r.requests_per_minute is not None), default=None),
            min((r.tokens_per_minute for r in rates if r.tokens_per_minute is not None), default=None),
        )


FREE = Price(input=0, output=0)
"""What a model costs that this machine serves itself, until the settings give it a price."""


def price_of(own: PriceSettings, today: date) -> Price:
    """A price from the settings, as the catalog would hold it."""
    return Price(
        input=own.input,
        output=own.output,
        cache_read=own.cache_read,
        cache_write_5m=own.cache_write,
        cache_write_1h=own.cache_write,
        since=today.isoformat(),
    )


def check_scope(key: Key, plan: Plan, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets that this key may use. Raises `OutOfScope` when the workload, or every target, is beyond it."""
    if not key.may_use_workload(plan.name):
        raise OutOfScope(
            f"This key may not use the workload {plan.name}.", "Ask an admin for a key with a wider scope."
        )
    if key.models is None:
        return targets
    allowed = tuple(target for target in targets if key.may_use_model(target.deployment.name))
    if not allowed:
        names = ", ".join(target.deployment.name for target in targets)
        raise OutOfScope(f"This key may not use {names}.", "Ask an admin for a key with a wider scope.")
    return allowed


def _key_limits(key: Key) -> Limits | None:
    if key.requests_per_minute is None and key.tokens_per_minute is None:
        return None
    return Limits(requests_per_minute=key.requests_per_minute, tokens_per_minute=key.tokens_per_minute)
