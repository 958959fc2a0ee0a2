"""LiteLLM's model groups (the entries of model_list that share a name) as workloads: route, strategy, limits, budget,
retries and times. Pure; vendors are still accounts here, their names come later."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from freehold.config.litellm_models import Account, Deployment, LeftOut, mapping, number, sequence
from freehold.config.money import MAX_DOLLARS

STRATEGIES = {"simple-shuffle": "weighted", "latency-based-routing": "fastest", "cost-based-routing": "cheapest"}
DAY = frozenset(("1d", "24h", "daily"))
MONTH = frozenset(("1mo", "30d", "31d", "monthly"))
MAX_RETRIES = 10


class Target(Struct, frozen=True, kw_only=True):
    """One entry of a route. `weight` is None where it has no say."""

    account: Account
    model: str
    weight: Decimal | None = None


class Group(Struct, kw_only=True):
    """One workload to write. `name` is what callers ask LiteLLM for. `settings` are the lines below its route."""

    name: str
    route: list[Target]
    strategy: str = "ordered"
    settings: dict[str, object]


class Rules(Struct, frozen=True, kw_only=True):
    """What holds for all groups: the strategy and its LiteLLM name, retries, fallbacks by group, aliases by name."""

    routing: str
    retries: int | None
    fallbacks: Mapping[str, Sequence[str]]
    default_fallbacks: Sequence[str]
    aliases: Mapping[str, str]


def rules(config: Mapping[str, object], left_out: list[LeftOut]) -> Rules:
    """The rules of router_settings, which override the same names in litellm_settings."""
    general, router = mapping(config.get("litellm_settings")), mapping(config.get("router_settings"))
    both = {**general, **router}
    routing = str(both.get("routing_strategy") or "simple-shuffle")
    if routing not in STRATEGIES:
        said = f'Freehold has no strategy like "{routing}"; models that share a name share the requests evenly.'
        left_out.append(LeftOut("router_settings.routing_strategy", said))
    fallbacks: dict[str, list[str]] = {}
    for entry in sequence(both.get("fallbacks")):
        for name, models in mapping(entry).items():
            fallbacks.setdefault(name, []).extend(_names(f"fallbacks.{name}", models, left_out))
    everywhere = _names("default_fallbacks", both.get("default_fallbacks"), left_out)
    aliases: dict[str, str] = {}
    for alias, of in mapping(both.get("model_group_alias")).items():
        aliases[alias] = str(mapping(of).get("model", of))
    return Rules(
        routing=routing,
        retries=_retries("router_settings.num_retries", number(both.get("num_retries")), left_out),
        fallbacks=fallbacks,
        default_fallbacks=[*everywhere, *fallbacks.pop("*", [])],
        aliases=aliases,
    )


def _names(where: str, models: object, left_out: list[LeftOut]) -> list[str]:
    """The names in a list of fallbacks; entries that change the request as well are left out."""
    entries = sequence(models)
    if not all(isinstance(entry, str) for entry in entries) or (models is not None and not isinstance(models, list)):
        left_out.append(LeftOut(f"router_settings.{where}", "Only a list of names can be carried over."))
    return [entry for entry in entries if isinstance(entry, str)]


def groups(found: Sequence[Deployment], rules: Rules, left_out: list[LeftOut]) -> list[Group]:
    """The workloads for the entries of model_list and for the aliases."""
    members: dict[str, list[Deployment]] = {}
    for deployment in found:
        if "*" in deployment.group or "*" in deployment.model:
            _leave_wildcard(deployment, left_out)
        else:
            members.setdefault(deployment.group, []).append(deployment)
    made = {name: _group(name, some, rules, left_out) for name, some in members.items()}
    own = {name: list(group.route) for name, group in made.items()}
    for name, group in made.items():
        _fall_back(name, group, own, rules, left_out)
    for name in sorted(rules.fallbacks.keys() - made.keys()):
        left_out.append(LeftOut(f"router_settings.fallbacks.{name}", "No entry of model_list has that name."))
    for alias, name in rules.aliases.items():
        if name in made:
            group = made[name]
            made[alias] = Group(
                name=alias,
                route=group.route,
                strategy=group.strategy,
                settings=group.settings,
            )
        else:
            left_out.append(LeftOut(f"router_settings.model_group_alias.{alias}", f'No entry is called "{name}".'))
    return list(made.values())


def _leave_wildcard(deployment: Deployment, left_out: list[LeftOut]) -> None:
    said = "Callers name any model of the vendor as vendor/model; a wildcard needs nothing written."
    if deployment.group != f"{deployment.account.base}/*":
        said += f' What was "{deployment.group}" is now "{deployment.account.base}/...".'
    left_out.append(LeftOut(f"{deployment.path}.model_name", said))


def titles(names: Sequence[str], left_out: list[LeftOut]) -> dict[str, str]:
    """The name of each workload: LiteLLM's where ours may be like that."""
    found: dict[str, str] = {}
    for name in names:
        title = re.sub(r"[^A-Za-z0-9._:-]+", "-", name).strip("-") or "model"
        while title in ("default", "requested") or title in found.values():
            title += "-1"
        if title != name:
            left_out.append(LeftOut(f"model_name {name}", f'A workload cannot be called so here; ask for "{title}".'))
        found[name] = title
    return found


def _group(name: str, members: list[Deployment], rules: Rules, left_out: list[LeftOut]) -> Group:
    ordered = any(member.number("order") is not None for member in members)
    if ordered:
        members = sorted(members, key=lambda member: member.number("order") or 0)
    weights = [None] * len(members) if ordered else _weights(members)
    route: list[Target] = []
    for member, weight in zip(members, weights, strict=True):
        same = [target for target in route if (target.account, target.model) == (member.account, member.model)]
        if not same:
            route.append(Target(account=member.account, model=member.model, weight=weight))
    group = Group(name=name, route=route, settings={})
    if not ordered and len(route) > 1:
        group.strategy = STRATEGIES.get(rules.routing, "weighted")
    group.settings = _settings(members, rules, left_out)
    return group


def _weights(members: Sequence[Deployment]) -> list[Decimal | None]:
    """As simple-shuffle draws: by weight where any is set, else by rpm, else by tpm; what lacks it is never drawn."""
    for name in ("weight", "rpm", "tpm"):
        numbers = [member.number(name) for member in members]
        if any(numbers):
            return [weight or Decimal(0) for weight in numbers]
    return [None] * len(members)


def _settings(members: Sequence[Deployment], rules: Rules, left_out: list[LeftOut]) -> dict[str, object]:
    first = members[0]
    settings: dict[str, object] = {}
    retries = _retries(first.path, first.number("num_retries", "max_retries"), left_out)
    retries = rules.retries if retries is None else retries
    if retries is not None:
        settings["retries"] = retries
    if len(members) == 1:
        settings |= _limits(first) | _budget(first, left_out)
    else:
        for member in members:
            _leave_single(member, left_out)
    times = {
        ours: max(numbers)
        for ours, theirs in (("first_token", "timeout"), ("idle", "stream_timeout"))
        if (numbers := [found for member in members if (found := member.number(theirs))])
    }
    return settings | ({"timeouts": times} if times else {})


def _limits(member: Deployment) -> dict[str, object]:
    names = (("requests_per_minute", "rpm"), ("tokens_per_minute", "tpm"))
    limits = {ours: int(found) for ours, theirs in names if (found := member.number(theirs)) and found >= 1}
    return {"limits": limits} if limits else {}


def _budget(member: Deployment, left_out: list[LeftOut]) -> dict[str, object]:
    cap = member.number("max_budget")
    if cap is None:
        return {}
    cap = cap.quantize(Decimal("1E-9")).normalize()
    duration = str(member.params.get("budget_duration") or "30d").lower()
    if duration in DAY | MONTH and cap <= MAX_DOLLARS:
        return {"budget": {"usd": cap, "per": "day" if duration in DAY else "month", "hard": True}}
    said = f'Budgets run per calendar day or month, and this one runs for "{duration}".'
    said = said if cap <= MAX_DOLLARS else f"A budget is at most {MAX_DOLLARS:,} dollars."
    left_out.append(LeftOut(f"{member.path}.litellm_params.max_budget", said))
    return {}


def _leave_single(member: Deployment, left_out: list[LeftOut]) -> None:
    """What LiteLLM sets for one of several deployments, and Freehold only for the whole workload."""
    for name in ("rpm", "tpm"):
        if member.number(name) is not None:
            said = "It says how to share the requests. A limit belongs to a whole workload, project or key."
            left_out.append(LeftOut(f"{member.path}.litellm_params.{name}", said))
    if member.number("max_budget") is not None:
        said = "A budget belongs to a whole workload, project or key."
        left_out.append(LeftOut(f"{member.path}.litellm_params.max_budget", said))


def _fall_back(
    name: str, group: Group, own: Mapping[str, Sequence[Target]], rules: Rules, left_out: list[LeftOut]
) -> None:
    """The fallbacks behind the group's own models. Only `ordered` and `weighted` can keep them behind."""
    behind: list[Target] = []
    for other in [*rules.fallbacks.get(name, ()), *rules.default_fallbacks]:
        target = rules.aliases.get(other, other)
        if target not in own:
            said = f'"{other}" is not in model_list, or could not be carried over.'
            left_out.append(LeftOut(f"router_settings.fallbacks.{name}", said))
        elif target != name:
            behind += own[target]
    fresh = [Target(account=one.account, model=one.model, weight=Decimal(0)) for one in behind]
    before = {(target.account, target.model) for target in group.route}
    fresh = [target for target in fresh if (target.account, target.model) not in before]
    if not fresh:
        return
    if group.strategy in ("fastest", "cheapest"):
        said = f'"{name}" has fallbacks, which "{group.strategy}" would ask first at times. Its models share evenly.'
        left_out.append(LeftOut("router_settings.routing_strategy", said))
        group.strategy = "weighted"
    group.route += {(target.account, target.model): target for target in fresh}.values()


def _retries(path: str, found: Decimal | None, left_out: list[LeftOut]) -> int | None:
    if found is not None and found > MAX_RETRIES:
        left_out.append(LeftOut(path, f"At most {MAX_RETRIES} retries are possible; that is what was written."))
    return None if found is None else min(int(found), MAX_RETRIES)
