"""A LiteLLM configuration as a freehold.toml, and the list of all that could not be carried over.

Pure: from the parsed YAML to text. Nothing is dropped in silence: what has no place here is named, with its reason. Keys
that stand in LiteLLM's file are not copied. The meaning of LiteLLM's settings is that of docs.litellm.ai/docs/proxy/configs
and docs.litellm.ai/docs/routing, read on 2026-11-24.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from freehold.config import toml
from freehold.config.discovery import KnownVendor
from freehold.config.litellm_models import (
    ENVIRON,
    NO_NUMBER,
    Account,
    Deployment,
    LeftOut,
    deployments,
    is_reference,
    mapping,
    number,
)
from freehold.config.litellm_reasons import reason
from freehold.config.litellm_workloads import Group, Target, groups, rules, titles
from freehold.config.money import MAX_DOLLARS
from freehold.config.settings import Timeouts

HEAD = """# Made from a LiteLLM configuration by `freehold import litellm`. Check it with `freehold check`.
# Callers keep the model names that they used; they may also name any vendor/model.
"""
SECTIONS = ("router_settings", "litellm_settings", "general_settings")
CARRIED = {
    "router_settings": frozenset(
        (
            "routing_strategy",
            "num_retries",
            "timeout",
            "stream_timeout",
            "fallbacks",
            "default_fallbacks",
            "model_group_alias",
        )
    ),
    "litellm_settings": frozenset(
        ("num_retries", "request_timeout", "fallbacks", "default_fallbacks", "model_group_alias")
    ),
    "general_settings": frozenset(("max_request_size_mb", "global_max_parallel_requests")),
}

NUMBERS = frozenset(
    (
        "num_retries",
        "timeout",
        "stream_timeout",
        "request_timeout",
        "max_request_size_mb",
        "global_max_parallel_requests",
    )
)


class Imported(Struct, frozen=True):
    """The text of a freehold.toml, and what is not in it."""

    toml: str
    left_out: tuple[LeftOut, ...]


def convert(config: Mapping[str, object], known: Mapping[str, KnownVendor]) -> Imported:
    """The configuration in our words. `config` is what a YAML reader gives; `known` are the built-in vendors. Entries of
    `left_out` keep the order of LiteLLM's file: model_list, then the sections."""
    left_out: list[LeftOut] = []
    found = deployments(config, known, left_out)
    rule = rules(config, left_out)
    jobs = groups(found, rule, left_out)
    names = _vendor_names(found, known)
    lines = [HEAD, *_door(config), *_timeouts(config)]
    for account, name in names.items():
        lines += _vendor(account, name, known)
    retries = {} if rule.retries is None else {"retries": rule.retries}
    lines += _workload("default", '["requested"]', retries)
    jobs = [job for job in jobs if not _needless(job, names)]
    titled = titles([job.name for job in jobs], left_out)
    for job in jobs:
        lines += _workload(titled[job.name], _route(job, names), _with_strategy(job))
    lines += _prices(found, names, left_out)
    left_out += _sections(config)
    return Imported("\n".join(lines).rstrip("\n") + "\n", tuple(left_out))


def _vendor_names(found: Sequence[Deployment], known: Mapping[str, KnownVendor]) -> dict[Account, str]:
    """A name for each account. The one with the vendor's usual key has the first right to the vendor's own name."""
    accounts = list(dict.fromkeys(deployment.account for deployment in found))
    accounts.sort(key=lambda account: not _is_usual(account, known))
    names: dict[Account, str] = {}
    for account in accounts:
        name, number = account.base, 1
        while name in names.values() or (account.like is None and name in known):
            number += 1
            name = f"{account.base}-{number}"
        names[account] = name
    return names


def _is_usual(account: Account, known: Mapping[str, KnownVendor]) -> bool:
    if account.like is None or account.base_url is not None:
        return False
    return account.api_key is None or account.api_key.removeprefix(ENVIRON) in known[account.like].key_env


def _vendor(account: Account, name: str, known: Mapping[str, KnownVendor]) -> Iterator[str]:
    yield f"[vendors.{toml.key(name)}]"
    if account.like is None:
        yield 'speaks = "openai-chat"'
    elif account.like != name:
        yield f"like = {toml.string(account.like)}"
    if account.base_url is not None:
        yield f"base_url = {_reference(account.base_url)}"
    usual = known[account.like].key_env if account.like is not None else ()
    key = account.api_key or (ENVIRON + usual[0] if usual else None)
    if key is not None:
        yield f"api_key = {_reference(key)}"
    if account.headers:
        pairs = ", ".join(f"{toml.key(header)} = {_reference(value)}" for header, value in account.headers)
        yield f"headers = {{ {pairs} }}"
    yield ""


def _reference(text: str) -> str:
    return toml.value({"env": text.removeprefix(ENVIRON)}) if is_reference(text) else toml.string(text)


def _door(config: Mapping[str, object]) -> Iterator[str]:
    general = mapping(config.get("general_settings"))
    size, at_once = number(general.get("max_request_size_mb")), number(general.get("global_max_parallel_requests"))
    if size or at_once:
        yield "[door]"
        if size:
            yield f"max_body_mb = {toml.value(size)}"
        if at_once:
            yield f"max_in_flight = {max(1, int(at_once))}"
        yield ""


def _timeouts(config: Mapping[str, object]) -> Iterator[str]:
    """LiteLLM's timeout is that of one try: our first_token, and whole where the answer is one piece. Its stream_timeout bounds each wait for a chunk: our idle.
    The total must leave room for one try at least."""
    router, general = mapping(config.get("router_settings")), mapping(config.get("litellm_settings"))
    one_try = number(router.get("timeout")) or number(general.get("request_timeout"))
    idle = number(router.get("stream_timeout"))
    if one_try or idle:
        yield "[timeouts]"
        if one_try:
            yield f"first_token = {toml.value(one_try)}"
            yield f"whole = {toml.value(one_try)}"
        if idle:
            yield f"idle = {toml.value(idle)}"
        if one_try and one_try > Timeouts().total:
            yield f"total = {toml.value(one_try)}"
        yield ""


def _needless(job: Group, names: Mapping[Account, str]) -> bool:
    """Whether callers reach the one model behind it by the same name without a workload."""
    if len(job.route) != 1 or job.settings:
        return False
    return job.name == _model(job.route[0], names)


def _model(target: Target, names: Mapping[Account, str]) -> str:
    return f"{names[target.account]}/{target.model}"


def _route(job: Group, names: Mapping[Account, str]) -> str:
    if job.strategy != "weighted" or all(target.weight is None for target in job.route):
        return toml.value([_model(target, names) for target in job.route])
    entries = [
        toml.value({"model": _model(target, names), "weight": 1 if target.weight is None else target.weight})
        for target in job.route
    ]
    return "[\n" + "".join(f"  {entry},\n" for entry in entries) + "]"


def _with_strategy(job: Group) -> dict[str, object]:
    return {**({} if job.strategy == "ordered" else {"strategy": job.strategy}), **job.settings}


def _workload(title: str, route: str, settings: Mapping[str, object]) -> Iterator[str]:
    yield f"[workloads.{toml.key(title)}]"
    yield f"route = {route}"
    for name, value in settings.items():
        yield f"{name} = {toml.value(value)}"
    yield ""


def _prices(found: Sequence[Deployment], names: Mapping[Account, str], left_out: list[LeftOut]) -> Iterator[str]:
    written: dict[str, Mapping[str, Decimal]] = {}
    for deployment in found:
        model = f"{names[deployment.account]}/{deployment.model}"
        if not deployment.costs or "*" in model:
            continue
        if "input" not in deployment.costs or "output" not in deployment.costs:
            left_out.append(LeftOut(f"{deployment.path} cost", "A price needs both the input and the output."))
        elif max(deployment.costs.values()) > MAX_DOLLARS:
            left_out.append(LeftOut(f"{deployment.path} cost", "A price is in dollars per token, and this is none."))
        elif written.setdefault(model, deployment.costs) != deployment.costs:
            left_out.append(LeftOut(f"{deployment.path} cost", f"{model} has another price already."))
    for model, costs in written.items():
        yield f"[prices.{toml.key(model)}]"
        for name, cost in costs.items():
            yield f"{name} = {toml.value(cost.quantize(Decimal('1E-9')).normalize())}"
        yield ""


def _sections(config: Mapping[str, object]) -> Iterator[LeftOut]:
    for section in SECTIONS:
        if not isinstance(config.get(section), Mapping | None):
            yield LeftOut(section, "It is no mapping.")
        for name, value in mapping(config.get(section)).items():
            if name not in CARRIED[section]:
                yield LeftOut(f"{section}.{name}", reason(section, name))
            elif name in NUMBERS and value is not None and number(value) is None:
                yield LeftOut(f"{section}.{name}", NO_NUMBER)
    for name in mapping(config.get("environment_variables")):
        said = f"Set {name} in the environment in which Freehold is started."
        yield LeftOut(f"environment_variables.{name}", said)
    for name in config:
        if name not in (*SECTIONS, "model_list", "environment_variables", "credential_list"):
            yield LeftOut(name, reason("", name))
