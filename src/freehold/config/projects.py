"""The tables [plans.NAME] and [projects.NAME]: their budgets, limits and quotas for single models."""

from collections.abc import Mapping
from functools import partial

from msgspec import UNSET, UnsetType

from freehold.config import toml
from freehold.config.customers import CustomerPlan, Project, Quota, Quotas
from freehold.config.file import File, listed, suggest
from freehold.config.positions import KeyPath
from freehold.config.routes import Names, budgets, named
from freehold.config.tables import Reader, mapping, one_or_many, pairs_of, table, well_named
from freehold.config.values import shown

MEASURES = ("tokens", "requests", "usd")


def plans(file: File, written: object, names: Names) -> dict[str, CustomerPlan]:
    """The plans of the file."""
    found: dict[str, CustomerPlan] = {}
    for name, pairs in mapping(file, ("plans",), written).items():
        here = ("plans", name)
        plan = table(file, here, pairs, CustomerPlan, own={"name": name}, readers=_readers(names))
        if plan is not None and well_named(file, here):
            found[name] = plan
    return found


def projects(file: File, written: object, names: Names, offered: Mapping[str, CustomerPlan]) -> dict[str, Project]:
    """The projects of the file; their plans must be among those `offered`."""
    found: dict[str, Project] = {}
    for name, pairs in mapping(file, ("projects",), written).items():
        here = ("projects", name)
        project = table(file, here, pairs, Project, own={"name": name}, readers=_readers(names))
        if project is None or not well_named(file, here):
            continue
        if project.plan is not None and project.plan not in offered:
            advice = (
                suggest(project.plan, offered) or f"Add [plans.{toml.key(project.plan)}] with its budget or quotas."
            )
            file.wrong((*here, "plan"), f"is {shown(project.plan)}, and there is no such plan.", advice)
            continue
        found[name] = project
    return found


def _readers(names: Names) -> dict[str, Reader]:
    return {"budget": budgets, "quotas": partial(_quotas, names=names)}


def _quotas(file: File, path: KeyPath, written: object, *, names: Names) -> Quotas | UnsetType:
    found: Quotas = {}
    sound = pairs_of(written) is not None
    for model, entries in mapping(file, path, written).items():
        here = (*path, model)
        quotas = _of_model(file, here, entries)
        if quotas is None or not named(file, here, model, names):
            sound = False
            continue
        found[model] = quotas
    return found if sound else UNSET


def _of_model(file: File, here: KeyPath, written: object) -> tuple[Quota, ...] | None:
    found: list[Quota] = []
    for place, entry in one_or_many(here, written):
        if pairs_of(entry) is None:
            said = f"must be a table, not {shown(entry)}."
            file.wrong(place, said, 'Write { tokens = 5000000, per = "month" }.')
            return None
        quota = table(file, place, entry, Quota)
        if quota is None:
            return None
        if (quota.tokens, quota.requests, quota.nano) == (None, None, None):
            file.wrong(place, "bounds nothing.", f"Name at least one of {listed(list(MEASURES))}.")
            return None
        if any(quota.per == other.per for other in found):
            file.wrong(place, f"is a second one for the same {quota.per}.", "Write both in one table.")
            return None
        found.append(quota)
    return tuple(found)
