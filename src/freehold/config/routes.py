"""The tables [workloads.NAME]: their routes, budgets, limits and times, each judged on its own and together."""

from collections.abc import Collection
from functools import partial
from typing import cast

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from freehold.config import toml
from freehold.config.capture import capture
from freehold.config.discovery import OWN
from freehold.config.file import File, listed, place, suggest
from freehold.config.graders import graders
from freehold.config.positions import KeyPath
from freehold.config.settings import Budget, Conditions, Judging, Shadow, TargetSettings, Timeouts, Workload
from freehold.config.tables import Reader, mapping, one_or_many, pairs_of, table, well_named
from freehold.config.values import shown

DEFAULT = "default"
REQUESTED = "requested"


class Names(Struct, frozen=True, kw_only=True):
    """What a route may name: vendors (configured or built in) and own models."""

    vendors: Collection[str]
    own: Collection[str]


def workloads(file: File, written: object, names: Names, timeouts: Timeouts) -> dict[str, Workload]:
    """The workloads of the file; `default`, which takes the model that the caller names, is there unless the file
    says otherwise. `timeouts` are those of [timeouts], which a workload changes in part."""
    found = {DEFAULT: Workload(name=DEFAULT, route=(TargetSettings(model=REQUESTED),))}
    for name, pairs in mapping(file, ("workloads",), written).items():
        workload = _workload(file, name, pairs, names, timeouts)
        if workload is not None:
            found[name] = workload
    return found


def budgets(file: File, path: KeyPath, written: object) -> tuple[Budget, ...] | UnsetType:
    """One table, or a list of them."""
    entries = one_or_many(path, written)
    found: list[Budget] = []
    for here, entry in entries:
        if pairs_of(entry) is None:
            file.wrong(
                here, f"must be a table, not {shown(entry)}.", 'Write { usd = 200, per = "month", hard = true }.'
            )
            continue
        budget = table(file, here, entry, Budget)
        if budget is None:
            continue
        if any(budget.per == other.per and budget.hard == other.hard for other in found):
            kind = "hard" if budget.hard else "soft"
            file.wrong(here, f"is a second {kind} budget for the same {budget.per}.", "Keep the smaller of the two.")
        found.append(budget)
    return tuple(found) if len(found) == len(entries) else UNSET


def target_vendor(model: str) -> str | None:
    """The vendor that an entry of a route names; None for "requested"."""
    return None if model == REQUESTED else model.partition("/")[0]


def is_model(name: str) -> bool:
    """Whether a vendor's model can have this name."""
    return bool(name) and name.isprintable() and " " not in name


def named(file: File, path: KeyPath, model: str, names: Names) -> bool:
    """Whether `model` is vendor/name of a vendor and an own model that exist; else the problem is noted."""
    vendor, slash, name = model.partition("/")
    if not slash or not vendor or not is_model(name):
        advice = 'Write vendor/model, such as "openai/gpt-5-mini".'
        file.wrong(path, f"is {shown(model)}, which is not vendor/model.", suggest(model, [REQUESTED]) or advice)
        return False
    if vendor not in names.vendors:
        advice = suggest(vendor, names.vendors) or f"There are {listed(sorted(names.vendors))}."
        file.wrong(path, f'names the vendor "{vendor}", which is neither configured nor built in.', advice)
        return False
    if vendor == OWN and name not in names.own:
        advice = suggest(name, names.own) or f"Add [own.{toml.key(name)}] with its weights, or promote a version."
        file.wrong(path, f'names the own model "{name}", and there is no [own.{toml.key(name)}].', advice)
        return False
    known = file.known.get(vendor)
    if known is not None and known.models and name not in known.models:
        advice = suggest(name, known.models) or f"Its models are {listed(known.models)}."
        file.wrong(path, f'names "{model}", and {vendor} has no such model.', advice)
        return False
    return True


def _workload(file: File, name: str, pairs: object, names: Names, timeouts: Timeouts) -> Workload | None:
    here: KeyPath = ("workloads", name)
    if not well_named(file, here):
        return None
    if name == REQUESTED:
        file.wrong(here, f'must not be called "{REQUESTED}".', "In a route that word means the model the caller names.")
        return None
    readers: dict[str, Reader] = {
        "route": partial(_route, names=names),
        "budget": budgets,
        "timeouts": partial(_timeouts, base=timeouts),
        "shadow": partial(_shadow, names=names),
        "judging": _judging,
        "capture": capture,
        "graders": graders,
    }
    found = table(file, here, pairs, Workload, own={"name": name}, readers=readers)
    if found is not None:
        _judge(file, here, found)
    return found


def _route(file: File, path: KeyPath, written: object, *, names: Names) -> tuple[TargetSettings, ...] | UnsetType:
    if isinstance(written, str):
        file.wrong(path, "must be a list.", f"Write route = [{shown(written)}].")
        return UNSET
    if not isinstance(written, list) or not written:
        said = "must not be empty." if isinstance(written, list) else f"must be a list, not {shown(written)}."
        file.wrong(path, said, 'Write route = ["requested"], or name models, first to last.')
        return UNSET
    entries = cast(list[object], written)
    found = [_target(file, (*path, index), entry, names) for index, entry in enumerate(entries)]
    route = tuple(target for target in found if target is not None)
    if len(route) != len(entries):
        return UNSET
    if len(route) > 1 and any(target.model == REQUESTED for target in route):
        said = 'mixes "requested" with named models.'
        file.wrong(path, said, 'Write route = ["requested"] alone, or make a workload of its own for the others.')
        return UNSET
    return route


def _target(file: File, path: KeyPath, entry: object, names: Names) -> TargetSettings | None:
    if isinstance(entry, str):
        target, where = TargetSettings(model=entry), path
    else:
        if pairs_of(entry) is None:
            file.wrong(path, f'must be "vendor/model" or a table, not {shown(entry)}.')
            return None
        target, where = table(file, path, entry, TargetSettings), (*path, "model")
    if target is None:
        return None
    return target if target.model == REQUESTED or named(file, where, target.model, names) else None


def _timeouts(file: File, path: KeyPath, written: object, *, base: Timeouts) -> Timeouts | UnsetType:
    found = table(file, path, written, Timeouts, own=asdict(base))
    return UNSET if found is None else found


def _shadow(file: File, path: KeyPath, written: object, *, names: Names) -> Shadow | UnsetType:
    found = table(file, path, written, Shadow, readers={"budget": budgets})
    if found is None or not named(file, (*path, "model"), found.model, names):
        return UNSET
    return found


def _judging(file: File, path: KeyPath, written: object) -> Judging | UnsetType:
    found = table(file, path, written, Judging, readers={"budget": budgets})
    if found is None:
        return UNSET
    if not any(budget.hard for budget in found.budget):
        file.wrong((*path, "budget"), "needs one that is hard.", 'Write budget = { usd = 5, per = "day" }.')
        return UNSET
    return found


def _judge(file: File, here: KeyPath, workload: Workload) -> None:
    """What is wrong with the workload as a whole."""
    for index, target in enumerate(workload.route):
        if target.when is not None and _never_holds(target.when):
            said = "can never hold: its min_input_tokens is more than its max_input_tokens."
            file.wrong((*here, "route", index, "when"), said)
    if workload.shadow is not None and workload.capture is None:
        said = f"The shadow of {place(here)} does nothing without capture: a copy goes only where an answer is kept beside it."
        file.doubt((*here, "shadow"), said, "Add capture = { share = 1.0 }, or leave shadow out.")
    if workload.strategy == "weighted":
        if not any(target.weight > 0 for target in workload.route):
            file.wrong((*here, "route"), "gives every model the weight 0.", "Give at least one a weight above 0.")
    elif any(target.weight != 1.0 for target in workload.route):
        said = f'The weights in {place(here)} do nothing under strategy = "{workload.strategy}".'
        file.doubt((*here, "route"), said, 'Write strategy = "weighted", or leave the weights out.')


def _never_holds(when: Conditions) -> bool:
    least, most = when.min_input_tokens, when.max_input_tokens
    return least is not None and most is not None and least > most
