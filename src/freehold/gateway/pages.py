"""What the door shows about itself: the models that a key may ask for, and why a route would choose as it does.

Functions from the book and a key to plain data; nothing here is on the path of a model request.
"""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

from freehold.errors import InvalidField, OutOfScope, UnknownModel
from freehold.gateway.book import DEFAULT, Book, Plan, check_scope
from freehold.gateway.canaries import Canaries
from freehold.gateway.deployments import Deployment
from freehold.gateway.needs import Needs
from freehold.gateway.routing import Target, choose, explain, prefix_key
from freehold.messages import Message, Role, Text
from freehold.store.callers import Key
from freehold.store.canaries import MILLION, Canary

CREATED = 1_700_000_000
_YES = frozenset({"1", "true", "yes"})
FLAGS = ("vision", "audio", "files", "tools", "json_schema", "json_object", "reasoning", "stream")


def list_models(book: Book, key: Key) -> dict[str, Any]:
    """The models and workloads that this key may ask for, as OpenAI's list of models with our own fields beside."""
    usable = [name for name in book.settings.workloads if _may_use(book, key, name)]
    rows: list[dict[str, Any]] = [_workload_row(name) for name in usable if name != DEFAULT]
    if any(book.plan(name, "").targets is None for name in usable):
        names = book.deployments.names(book.today)
        rows += [row for name in names if (row := _row(book, key, name)) is not None]
    return {"object": "list", "data": rows, "has_more": False}


def show_model(book: Book, key: Key, name: str) -> dict[str, Any]:
    """One model of that list. Raises `UnknownModel` or `OutOfScope`."""
    if name in book.settings.workloads:
        if not _may_use(book, key, name):
            raise OutOfScope(f"This key may not use the workload {name}.")
        return _workload_row(name)
    target = book.target(name)
    row = _row(book, key, target.deployment.name)
    if row is None:
        raise OutOfScope(f"This key may not use {name}.")
    return row


def explain_route(book: Book, key: Key, asked: Mapping[str, str], canaries: Canaries | None = None) -> dict[str, Any]:
    """Why a request would go where it goes, and which canary may have it go elsewhere.

    `asked` may name `workload` or `model`, `input_tokens`, `max_tokens`, any of the needs (`vision`, `tools`, ...) as true, and
    what a sticky route goes by: `system`, the operator's words, and `prompt`, what the user says first. Raises what the request itself would raise.
    """
    model = asked.get("model", "")
    plan = book.plan(asked.get("workload"), model)
    if plan.targets is None and not model:
        raise InvalidField(
            "The default workload asks for what the caller names.", "Add ?model=VENDOR/MODEL.", param="model"
        )
    targets = check_scope(key, plan, book.targets(plan, model))
    needs = Needs(
        **{flag: asked.get(flag, "").lower() in _YES for flag in FLAGS},
        likely=_count(asked, "input_tokens") or 0,
        bound=_count(asked, "input_tokens") or 0,
        output=_count(asked, "max_tokens"),
    )
    now = asyncio.get_running_loop().time()
    system, prompt = asked.get("system", ""), asked.get("prompt", "")
    sticky = prefix_key(_opening(system, prompt), model or plan.name, key.id) if plan.sticky else None
    choice = choose(targets, needs, strategy=plan.strategy, now=now, sticky_key=sticky, draw=random.Random())  # noqa: S311
    opening = " ".join(f"{system} {prompt}".split()) if plan.sticky else None
    by_name = {target.deployment.name: target for target in targets}
    return {
        "workload": plan.name,
        "strategy": plan.strategy,
        "sticky": plan.sticky,
        "targets": [
            {
                "deployment": why.deployment,
                "rank": why.rank,
                "reason": why.reason,
                **_state(by_name[why.deployment], needs, now),
            }
            for why in explain(choice, plan.strategy, opening=opening)
        ],
        "failover": _failover(plan),
        "canary": _canary(None if canaries is None else canaries.of(plan)),
    }


def _opening(system: str, prompt: str) -> tuple[Message, ...]:
    """The beginning of a conversation, as a dialect reads one whose contents are plain text."""
    said: tuple[tuple[Role, str], ...] = (("system", system), ("user", prompt))
    return tuple(Message(role, (Text(text),)) for role, text in said if text)


def _canary(canary: Canary | None) -> dict[str, Any] | None:
    """Which share of the conversations a candidate gets before all others; None where none does."""
    if canary is None:
        return None
    return {
        "id": canary.id,
        "candidate": canary.candidate,
        "phase": canary.phase,
        "share": canary.share_ppm / MILLION,
        "step": canary.step + 1,
        "steps": len(canary.steps),
    }


def _state(target: Target, needs: Needs, now: float) -> dict[str, Any]:
    deployment = target.deployment
    price = target.price
    return {
        "dialects": list(deployment.ways),
        "weight": target.weight,
        "breaker": deployment.breaker.state(now),
        "in_flight": deployment.in_flight,
        "first_token_seconds": deployment.latency.first.average,
        "first_token_p95_seconds": deployment.latency.first.p95(),
        "whole_seconds": deployment.latency.whole.average,
        "whole_p95_seconds": deployment.latency.whole.p95(),
        "dollars_per_million": None if price is None else {"input": price.input / 1e9, "output": price.output / 1e9},
        "retires": deployment.model.retires if deployment.model is not None else None,
    }


def _failover(plan: Plan) -> str:
    hedge = "" if plan.hedge is None else f", with a second request after {plan.hedge.after}"
    return f"{plan.retries} more tries on each, then the next{hedge}"


def _count(asked: Mapping[str, str], name: str) -> int | None:
    text = asked.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidField(f"`{name}` is not a number of tokens.", param=name)
    return int(text)


def _may_use(book: Book, key: Key, workload: str) -> bool:
    """Whether the key may ask in this workload, and at least one model of its route for it."""
    targets = book.plan(workload, "").targets
    return key.may_use_workload(workload) and (
        targets is None or any(key.may_use_model(target.deployment.name) for target in targets)
    )


def _workload_row(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "freehold", "kind": "workload"}


def _row(book: Book, key: Key, name: str) -> dict[str, Any] | None:
    if not key.may_use_model(name):
        return None
    try:
        return _describe(book.target(name).deployment)
    except UnknownModel:
        return None


def _describe(deployment: Deployment) -> dict[str, Any]:
    row = deployment.model
    described: dict[str, Any] = {
        "id": deployment.name,
        "object": "model",
        "created": CREATED,
        "owned_by": deployment.vendor.name,
        "type": "model",
        "display_name": deployment.name,
        "created_at": "2023-11-14T22:13:20Z",
        "kind": "model",
    }
    if deployment.weights is not None:
        described["weights"] = deployment.weights
    if row is not None:
        described |= {
            "context_tokens": row.context_tokens,
            "max_output_tokens": row.max_output_tokens,
            "abilities": sorted(row.abilities),
            "retires": row.retires,
        }
    return described
