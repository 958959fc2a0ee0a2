"""Which deployments may answer a request, in which order, and why. Pure: the same state gives the same choice.

1 the route's targets whose conditions hold · 2 without those that lack an ability or the room · 3 without those whose
breaker is open, unless nobody else is left · 4 ordered by the strategy, or by the prompt's prefix when sticky.
The first is asked; the others are the failover, in this order.
"""

import hashlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from freehold.catalog.catalog import at_moment
from freehold.catalog.cost import Ceiling, ceiling, rates_of, worst_case
from freehold.catalog.rows import Price, Rates
from freehold.config.settings import Conditions, Strategy
from freehold.errors import ContextTooLong, FreeholdError, InvalidField, Unbounded, UnpricedModel, Unsupported
from freehold.gateway.deployments import Deployment
from freehold.gateway.kept_ids import PREFIX
from freehold.gateway.needs import Needs
from freehold.messages import File, Image, Message, Part, Request, Text, ToolCall, ToolResult, Usage
from freehold.store.records import AppliedPrice

ASSUMED_OUTPUT = 1_000
"""Output tokens that the cheapest is judged by, when the caller names no cap."""

KINDS = (
    "input",
    "output",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
)
"""Kinds of token that a record names the rate of."""

SHOWN_OPENING = 40
"""Characters of a conversation's opening that an explanation repeats."""


class Target(Struct):
    """One entry of a route, resolved. `price` is that of the day, the dearest where hours differ; None where it is
    unknown. `source` says where it comes from; `ceiling` and `applied` are made from it: what a request can cost at most, and what a
    record says of it."""

    deployment: Deployment
    price: Price | None
    weight: float = 1.0
    when: Conditions | None = None
    source: str = "catalog"
    ceiling: Ceiling | None = None
    applied: AppliedPrice | None = None

    def __post_init__(self) -> None:
        if self.price is not None:
            self.ceiling = ceiling(self.price)
            self.applied = applied(self.price, self.source)

    def price_at(self, moment: float, usage: Usage) -> tuple[Price | None, AppliedPrice | None]:
        """The price at a moment, in Unix seconds, and what the record of this usage says of it: the rates that it is counted with."""
        price = self.price
        if price is None:
            return None, None
        if price.off_peak is not None:
            price = at_moment(price, datetime.fromtimestamp(moment, UTC))
        rates = rates_of(price, usage)
        return price, self.applied if rates is self.price else applied(price, self.source, rates)


def applied(price: Price, source: str, rates: Rates | None = None) -> AppliedPrice:
    """The price as a record keeps it: the rates in nano-dollars per million tokens (its own, or those of a tier), as of the day they hold from, and
    whether the catalog, the settings or nobody (`own`: served here) says so."""
    kept = {kind: value for kind in KINDS if (value := getattr(rates or price, kind))}
    if price.search:
        kept["search"] = price.search
    return AppliedPrice(rates=kept, as_of=price.since or "", source=source)


class Why(Struct, frozen=True):
    """What became of one target: its `rank` (0 is asked first), or None and the reason it was left out."""

    deployment: str
    rank: int | None
    reason: str


class Choice(Struct, frozen=True):
    """The targets to ask, first to last, and what became of those left out."""

    targets: tuple[Target, ...]
    left_out: tuple[Why, ...] = ()


def choose(
    targets: Sequence[Target],
    needs: Needs,
    *,
    strategy: Strategy,
    now: float,
    sticky_key: bytes | None = None,
    draw: random.Random,
) -> Choice:
    """The order to ask in. Raises `Unsupported` or `ContextTooLong` when no target can do what is asked."""
    left_out: list[Why] = []
    able: list[Target] = []
    problems: list[FreeholdError] = []
    for target in targets:
        if target.when is not None and (unmet := _unmet(target.when, needs)) is not None:
            left_out.append(Why(target.deployment.name, None, unmet))
            continue
        problem = _problem(target.deployment, needs)
        if problem is not None:
            problems.append(problem)
            left_out.append(Why(target.deployment.name, None, problem.sentence))
            continue
        able.append(target)
    if not able:
        raise _nobody(targets, problems)
    ready = [target for target in able if target.deployment.breaker.allows(now)]
    if not ready:
        ready = able  # never cool the last one down: asking may fail, not asking does fail
    elif len(ready) < len(able):
        waiting = [target for target in able if target not in ready]
        left_out += [Why(t.deployment.name, None, "Its circuit breaker is open after failures.") for t in waiting]
    if len(ready) > 1:
        ready = _ordered(ready, needs, strategy, sticky_key, draw)
    return Choice(tuple(ready), tuple(left_out))


def can_do(target: Target, needs: Needs) -> bool:
    """Whether the target has the abilities and the room that are needed, as far as the catalog knows."""
    return _problem(target.deployment, needs) is None


def same_dialect(targets: tuple[Target, ...], front: str, bound: str) -> tuple[Target, ...]:
    """The targets that speak the caller's own dialect, for a request that leans on state kept by a vendor.
    Raises `Unsupported` when there are none."""
    able = tuple(target for target in targets if front in target.deployment.ways)
    if not able:
        raise Unsupported(
            f"`{bound}` leans on what one vendor keeps, and no model of this route speaks that vendor's dialect.",
            "Send the whole conversation in the request, with store = false.",
            param=bound,
        )
    return able


def keeping(
    targets: tuple[Target, ...], request: Request, needs: Needs, owner: str
) -> tuple[tuple[Target, ...], Request]:
    """The targets at which this caller may name what a vendor keeps, and the request as they are to get it.

    An earlier response must be one that this door gave to the same `owner`, and leads to the account that keeps it. Other
    ids (conversations, files, stored prompts and items, containers) come from elsewhere, and whose they are nobody here
    knows: they go only to vendors whose settings say `kept_ids = "any"`, and there an earlier response of any origin does too.
    Raises `Unsupported`, and `InvalidField` for an id that is not the caller's.
    """
    if request.bound is not None:
        targets = same_dialect(targets, request.dialect, request.bound)
    names = (*request.references, *(("file_id",) if needs.files_kept else ()))
    if names:
        targets = tuple(target for target in targets if _takes_any(target))
        if not targets:
            raise Unsupported(
                f"`{names[0]}` names what a vendor keeps, and whether it is yours cannot be told here.",
                'Send the content itself, or have an admin set kept_ids = "any" on a vendor whose account is yours alone.',
                param=names[0],
            )
    return (targets, request) if request.earlier is None else _going_on(targets, request, request.earlier, owner)


def _takes_any(target: Target) -> bool:
    return target.deployment.settings.kept_ids == "any"


def _going_on(
    targets: tuple[Target, ...], request: Request, earlier: str, owner: str
) -> tuple[tuple[Target, ...], Request]:
    """The targets of the account that keeps the response `earlier`, and the request with its id as the vendor knows it."""
    if not earlier.startswith(PREFIX) and (any_taken := tuple(target for target in targets if _takes_any(target))):
        return any_taken, request
    keepers = [(target, target.deployment.keeper) for target in targets]
    opened = [(target, keeper.open(owner, earlier)) for target, keeper in keepers if keeper is not None]
    kept = [(target, native) for target, native in opened if native is not None]
    if kept:
        raw = Raw(msgspec.json.encode(kept[0][1]))  # one account has one name for it
        fields = {**request.fields, "previous_response_id": raw}
        return tuple(target for target, _ in kept), replace(request, fields=fields)
    if any(keeper is not None and keeper.knows(owner, earlier) for _, keeper in keepers):
        raise Unsupported(
            "The account that keeps `previous_response_id` is not in this route.",
            "Ask the model or the workload that answered then, or send the whole conversation, with store = false.",
            param="previous_response_id",
        )
    raise InvalidField(
        "`previous_response_id` is no response that this door gave to your project.",
        "Send the `id` of a response exactly as it came, with a key of the same project; answers that were carried over from another "
        "format are not kept. Or send the whole conversation, with store = false.",
        param="previous_response_id",
    )


def priced(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets whose price is known, for a request that a hard budget pays. Raises `UnpricedModel` when there are none."""
    if len(targets) == 1 and targets[0].price is not None:
        return targets
    known = tuple(target for target in targets if target.price is not None)
    if not known:
        names = ", ".join(target.deployment.name for target in targets)
        raise UnpricedModel(f"The price of {names} is unknown, and a hard budget applies.", param="model")
    return known


def bounded(targets: tuple[Target, ...], needs: Needs) -> tuple[Target, ...]:
    """The targets at which this request has a worst case, for one that a hard budget pays. Raises `Unbounded` when there
    are none."""
    if needs.bound is not None and needs.rounds is not None:
        return targets
    known = tuple(target for target in targets if is_bounded(target, needs))
    if known:
        return known
    if needs.rounds is None:
        raise Unbounded(
            "A tool of this request runs at the vendor, as often as the model likes, and a hard budget applies.",
            "Cap it: `max_uses` on each such tool in Messages, `max_tool_calls` in Responses.",
            param="tools",
        )
    names = ", ".join(target.deployment.name for target in targets)
    raise Unbounded(
        f"Part of this input is not in the request, the context window of {names} is unknown, and a hard budget applies.",
        "Send the content itself, or use a model whose context window the catalog knows.",
    )


def is_bounded(target: Target, needs: Needs) -> bool:
    """Whether the most that the request can cost there is known, as far as its price is."""
    if target.ceiling is not None and not target.ceiling.worst(1_000_000, 1_000_000, 1):
        return True  # what costs nothing is bounded
    if needs.rounds is None:
        return False
    return needs.bound is not None or (
        target.deployment.model is not None and target.deployment.model.context_tokens is not None
    )


def explain(choice: Choice, strategy: Strategy, *, opening: str | None) -> list[Why]:
    """The choice in words, one line a target, asked first to last and then those left out. `opening` is what a sticky choice
    went by, the beginning of the conversation; None where the route is not sticky."""
    if len(choice.targets) == 1:
        how = "no other target is left"
    elif opening is not None:
        how = _kept_here(choice, opening)
    elif strategy == "weighted":
        how = f"this draw fell on it, as {_portion(choice)} of all do, and every request is drawn anew"
    else:
        how = _HOW[strategy]
    ranked = [
        Why(
            target.deployment.name,
            rank,
            f"Asked first: {how}." if rank == 0 else f"Asked when the {rank} before it fail.",
        )
        for rank, target in enumerate(choice.targets)
    ]
    return [*ranked, *choice.left_out]


_HOW: dict[str, str] = {
    "ordered": "it stands first in the route",
    "cheapest": "the lowest price for a request of this size",
    "fastest": "the lowest average time to the first token, or to the whole answer where it is not streamed",
}


def _kept_here(choice: Choice, opening: str) -> str:
    """Which opening decided, and what that says of others."""
    others = f"{_portion(choice)} of all openings do"
    if not opening:
        return f"no opening was given, and an empty one falls on it, as {others}; others may go elsewhere (sticky)"
    shown = opening if len(opening) <= SHOWN_OPENING else f"{opening[: SHOWN_OPENING - 1]}…"
    return f"with this key and model the opening {shown!r} falls on it, as {others}; another may go elsewhere (sticky)"


def _portion(choice: Choice) -> str:
    """The share of the draws that the first target gets, by the weights."""
    weights = [max(0.0, target.weight) for target in choice.targets]
    return f"{weights[0] / sum(weights):.0%}" if any(weights) else "none"


def prefix_key(messages: Sequence[Message], model: str, caller: str) -> bytes:
    """The key that sticky routing goes by: the caller and the messages up to the first turn (the operator's words, what
    the user said first), which is what a conversation and a prompt cache have in common however long it grows. Marks for
    the cache are left out: callers move them along. 16 bytes."""
    turn = next((place for place, message in enumerate(messages) if message.role == "user"), len(messages))
    opening = [(message.role, [_unmarked(part) for part in message.parts]) for message in messages[: turn + 1]]
    said = repr(opening).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(
        said, digest_size=16, key=f"{caller}\0{model}".encode("utf-8", "surrogatepass")[:64]
    ).digest()


def _unmarked(part: Part) -> Part:
    marked = isinstance(part, Text | Image | File | ToolCall | ToolResult) and part.cache is not None
    return replace(part, cache=None) if marked else part


# --- 1: conditions ---


def _unmet(when: Conditions, needs: Needs) -> str | None:
    for name, wanted, actual in (
        ("vision", when.vision, needs.vision),
        ("tools", when.tools, needs.tools),
        ("json_schema", when.json_schema, needs.json_schema),
        ("reasoning", when.reasoning, needs.reasoning),
        ("stream", when.stream, needs.stream),
    ):
        if wanted is not None and wanted != actual:
            return f"Its condition {name} = {str(wanted).lower()} does not hold."
    if when.min_input_tokens is not None and needs.likely < when.min_input_tokens:
        return f"The input (about {needs.likely} tokens) is shorter than min_input_tokens = {when.min_input_tokens}."
    if when.max_input_tokens is not None and needs.likely > when.max_input_tokens:
        return f"The input (about {needs.likely} tokens) is longer than max_input_tokens = {when.max_input_tokens}."
    return None


# --- 2: abilities and room ---


def _problem(deployment: Deployment, needs: Needs) -> FreeholdError | None:
    row = deployment.model
    if row is None:  # a model that the catalog does not know is believed until its vendor says otherwise
        return None
    for ability in needs.abilities():
        if ability in row.lacks:
            return Unsupported(f"{deployment.name} cannot do {ability.replace('_', ' ')}.")
    # Of a batch only the vendor knows what fits: four bytes a token would refuse inputs that nearly fill the window.
    if needs.embeds:
        return None
    if row.context_tokens is not None and needs.likely > row.context_tokens:
        return ContextTooLong(
            f"The input has about {needs.likely} tokens; the window of {deployment.name} has {row.context_tokens}."
        )
    return None


def _nobody(targets: Sequence[Target], problems: list[FreeholdError]) -> FreeholdError:
    if not targets or not problems:
        return Unsupported(
            "No model of this route takes such a request: the conditions of all its targets exclude it.",
            "Send a request that meets a target's conditions, or add a target without conditions to the route.",
        )
    first = problems[0]
    if isinstance(first, Unsupported):
        first.advice = "Add a model that can to the route; `freehold models list` shows what each model can do."
    return first


# --- 4: order ---


def _ordered(
    ready: list[Target], needs: Needs, strategy: Strategy, sticky_key: bytes | None, draw: random.Random
) -> list[Target]:
    if sticky_key is not None:
        return sorted(ready, key=lambda target: _rendezvous(sticky_key, target), reverse=True)
    if strategy == "weighted":
        # Efraimidis and Spirakis 2006: sorting by u^(1/w) draws without replacement in proportion to the weights.
        keys = {id(t): draw.random() ** (1 / t.weight) if t.weight > 0 else -1.0 for t in ready}
        return sorted(ready, key=lambda target: keys[id(target)], reverse=True)
    if strategy == "cheapest":
        return sorted(ready, key=lambda target: _price_of(target, needs))
    if strategy == "fastest":
        # One that was never measured is tried first, so that it gets measured.
        return sorted(ready, key=lambda t: t.deployment.latency.of(streamed=needs.stream).average or 0.0)
    return ready


def _rendezvous(key: bytes, target: Target) -> float:
    """Weighted rendezvous hashing (Thaler and Ravishankar 1998): a target that goes takes only its own share with it."""
    digest = hashlib.blake2b(target.deployment.name.encode(), digest_size=8, key=key).digest()
    unit = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
    return float(unit ** (1 / target.weight)) if target.weight > 0 else -1.0


def _price_of(target: Target, needs: Needs) -> float:
    if target.price is None:
        return float("inf")
    return worst_case(target.price, needs.likely, needs.output or ASSUMED_OUTPUT, services=())
