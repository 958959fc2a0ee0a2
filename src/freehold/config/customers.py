"""What callers may use and spend: budgets, rates, quotas for single models, and the plans that many customers share.

Declarations, part of `settings.py`; `projects.py` reads them. A customer is a project with keys of its own.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

Period = Literal["day", "month"]
Positive = Annotated[int, Meta(ge=1)]
Dollars = Annotated[int, Meta(ge=0, extra={"unit": "usd"})]


class Budget(Struct, frozen=True, kw_only=True):
    """`budget` of a workload, a project or a key."""

    nano: Annotated[Dollars, Meta(description="The cap, in US dollars.", extra={"name": "usd"}, examples=[200])]
    per: Annotated[Period, Meta(description="Calendar day or month, UTC.")] = "month"
    hard: Annotated[bool, Meta(description="Refuse what would pass it; false only warns.")] = True


class Limits(Struct, frozen=True, kw_only=True):
    """`limits` of a workload, a project or a key: rates per minute over the whole machine."""

    requests_per_minute: Annotated[Positive | None, Meta(description="Requests in any minute.")] = None
    tokens_per_minute: Annotated[Positive | None, Meta(description="Tokens, in and out, in any minute.")] = None


class Quota(Struct, frozen=True, kw_only=True):
    """An entry of `quotas`: the most that one project may use of one model. What would pass it is refused."""

    tokens: Annotated[Positive | None, Meta(description="Tokens, in and out.", examples=[5000000])] = None
    requests: Annotated[Positive | None, Meta(description="Requests that were answered, or left by their caller.")] = (
        None
    )
    nano: Annotated[
        Dollars | None, Meta(description="What they cost, in US dollars.", extra={"name": "usd"}, examples=[20])
    ] = None
    per: Annotated[Period, Meta(description="Calendar day or month, UTC.")] = "month"


Quotas = dict[str, tuple[Quota, ...]]
"""By model, as vendor/model."""


class CustomerPlan(Struct, frozen=True, kw_only=True):
    """[plans.NAME]: what each project of this plan may use. What a project says itself goes before its plan."""

    name: str
    budget: Annotated[tuple[Budget, ...], Meta(description="One table or a list of them, for each project.")] = ()
    limits: Annotated[Limits | None, Meta(description="Rates of each project.")] = None
    quotas: Annotated[Quotas, Meta(description="By model: a table or a list of them, for each project.")] = {}


class Project(Struct, frozen=True, kw_only=True):
    """[projects.NAME]: what all keys of a project share."""

    name: str
    plan: Annotated[str | None, Meta(description="The plan that it is on, for what it does not say itself.")] = None
    budget: Annotated[tuple[Budget, ...], Meta(description="One table or a list of them.")] = ()
    limits: Annotated[Limits | None, Meta(description="Rates of the whole project.")] = None
    quotas: Annotated[Quotas, Meta(description="By model: a table or a list of them.")] = {}


def on_its_plan(project: Project, plans: Mapping[str, CustomerPlan]) -> Project:
    """The project with what it does not say itself: the budget, the limits, and the quotas of a model, each as its plan has them."""
    plan = plans.get(project.plan or "")
    if plan is None:
        return project
    return replace(
        project,
        budget=project.budget or plan.budget,
        limits=project.limits or plan.limits,
        quotas={**plan.quotas, **project.quotas},
    )
