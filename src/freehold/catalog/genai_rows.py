"""Reads the data of genai-prices (MIT) into offers: prices with their dates, and which names each one is for.

It knows nothing of the other source (see `merge.py`). genai-prices groups names under one row by patterns, dates its
prices, and gives what batch and service tiers cost as variants; prices are `Decimal` dollars per million tokens.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Any

from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ConditionalPrice,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from msgspec import Struct

from freehold.catalog.origins import Origin
from freehold.catalog.rows import Price, Service, Tier

KINDS: Mapping[str, str] = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
}
SEARCH = "web_searches_kcount"
NOT_CARRIED = frozenset({"storage_searches_kcount", "cache_audio_read_mtok", "cache_image_read_mtok"})
"""Parts of a bill that a usage report does not hold, but which do not make a text request's price wrong."""

FREE = ":free"
"""How OpenRouter marks the names under which a model costs nothing."""

_LABEL = re.compile(r"^regional\.|-$")
_Priced = Mapping[str, Decimal | TieredPrices]
_Kinds = dict[str, Any]


class Offer(Struct, frozen=True, kw_only=True):
    """One row of genai-prices: its `name`, the other `names` it spells out, and `matches` for all it means.

    `is_name` is false where its id is a label and no name that a request could use. `prices` as in `Model`.
    """

    name: str
    names: tuple[str, ...]
    is_name: bool
    matches: Callable[[str], bool]
    mode: str
    context_tokens: int | None
    prices: tuple[Price, ...]


def read_offers(providers: Iterable[Provider], origins: Iterable[Origin]) -> dict[str, list[Offer]]:
    """The offers of each of our vendors, in the order in which they are to be matched."""
    by_id = {provider.id: provider for provider in providers}
    offers: dict[str, list[Offer]] = {}
    for origin in origins:
        provider = by_id.get(origin.genai)
        if provider is not None:
            models = [model for model in provider.models if _serves(origin, model.id)]
            offers[origin.vendor] = [_offer(model, provider.id) for model in models]
    return offers


def _serves(origin: Origin, name: str) -> bool:
    return not name.startswith(origin.not_served) and (origin.vendor == "openrouter" or not name.endswith(FREE))


def _offer(model: ModelInfo, provider: str) -> Offer:
    prices = _prices(model)
    names = sorted({name for name in _spelt_out(model.match) if not name.startswith(f"{provider}/")} - {model.id})
    return Offer(
        name=model.id,
        names=tuple(names),
        is_name=model.is_match(model.id) and _LABEL.search(model.id) is None,
        matches=model.is_match,
        mode="embedding" if prices and not prices[-1].output and prices[-1].input else "chat",
        context_tokens=model.context_window,
        prices=prices,
    )


def _spelt_out(match: MatchLogic) -> Iterable[str]:
    if isinstance(match, ClauseEquals):
        yield match.equals
    elif isinstance(match, ClauseOr):
        for clause in match.or_:
            yield from _spelt_out(clause)


# --- prices ---


def _prices(model: ModelInfo) -> tuple[Price, ...]:
    """The dated prices, oldest first; empty where the bill is not in tokens.

    Prices by the time of day are listed after the date from which they hold, so they belong to the period before them;
    the dearest of a period is the one carried.
    """
    listed = model.prices if isinstance(model.prices, list) else [ConditionalPrice(prices=model.prices)]
    periods: list[tuple[date | None, _Priced]] = []
    for entry in listed:
        priced = _stated(entry.prices)
        if isinstance(entry.constraint, StartDateConstraint):
            periods.append((entry.constraint.start_date, priced))
        elif isinstance(entry.constraint, TimeOfDateConstraint) and periods:
            periods[-1] = (periods[-1][0], _dearer(periods[-1][1], priced))
        else:
            periods.append((None, priced))
    periods.sort(key=lambda period: period[0] or date.min)
    ends = [since for since, _ in periods[1:]] + [None]
    prices = [
        _price(since, priced, _variants(model.price_variants or [], since, end))
        for (since, priced), end in zip(periods, ends, strict=True)
    ]
    if model.id.endswith(FREE) and periods and not periods[-1][1]:
        return (Price(input=0),)
    return () if None in prices else tuple(price for price in prices if price is not None)


def _stated(price: ModelPrice) -> _Priced:
    return {key: value for key, value in vars(price).items() if value is not None and not key.startswith("_")}


def _dearer(one: _Priced, other: _Priced) -> _Priced:
    return {**one, **{key: value for key, value in other.items() if key not in one or _base(value) > _base(one[key])}}


def _price(since: date | None, priced: _Priced, variants: Mapping[str, _Priced]) -> Price | None:
    base, tiers = _kinds(priced)
    if not base.get("input") or priced.keys() - KINDS.keys() - NOT_CARRIED - {SEARCH}:
        return None
    services: list[Service] = []
    for name, changed in sorted(variants.items()):
        rates, steps = _kinds({**priced, **changed})
        if name == "fast" and changed == variants.get("priority"):
            continue
        services.append(Service(name=name, **rates, tiers=steps))
    search = priced.get(SEARCH)
    return Price(
        **base,
        since=None if since is None else since.isoformat(),
        search=0 if search is None else _up(_base(search) * 10**6),
        tiers=tiers,
        services=tuple(services),
    )


def _variants(variants: list[PriceVariant], since: date | None, end: date | None) -> dict[str, _Priced]:
    """What each service tier changes in one period, by the tier's name. A change first noted during a period is taken to
    hold for all of it: the source dates its reading of the vendor's page, not the vendor's change."""
    found: dict[str, _Priced] = {}
    for variant in variants:
        if len(variant.when) != 1:
            continue
        [(key, value)] = variant.when.items()
        if key not in ("processing", "service_tier", "speed") or value == "default":
            continue
        start = variant.constraint.start_date if isinstance(variant.constraint, StartDateConstraint) else None
        if start is not None and end is not None and start >= end:
            continue
        changed = _stated(variant.prices)
        if changed:
            found.setdefault(value, changed)
    return found


def _kinds(priced: _Priced) -> tuple[_Kinds, tuple[Tier, ...]]:
    """The rates up to the first long-context tier, and the tiers."""
    known = {KINDS[key]: value for key, value in priced.items() if key in KINDS}
    base = {kind: _up(_base(value) * 10**9) for kind, value in known.items()}
    starts = sorted({tier.start for value in known.values() if isinstance(value, TieredPrices) for tier in value.tiers})
    tiers = [
        Tier(above=start, **{kind: _up(_at(value, start) * 10**9) for kind, value in known.items()}) for start in starts
    ]
    return base, tuple(tiers)


def _base(value: Decimal | TieredPrices) -> Decimal:
    return value.base if isinstance(value, TieredPrices) else value


def _at(value: Decimal | TieredPrices, start: int) -> Decimal:
    if not isinstance(value, TieredPrices):
        return value
    reached = [tier.price for tier in value.tiers if tier.start <= start]
    return reached[-1] if reached else value.base


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))
