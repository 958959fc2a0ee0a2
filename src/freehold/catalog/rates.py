"""Fills, completes and simplifies rates while the catalog is built. Pure.

Sources leave rates out in two ways: because the kind has no price of its own, or because nobody wrote it down. While two
sources are joined a missing rate means "not said"; `finished` turns what is left of that into something that can be
billed, and never too low.
"""

from typing import Any, TypeVar

from msgspec.structs import replace

from freehold.catalog.rows import Price, Rates, Service, Tier

R = TypeVar("R", bound=Rates)

INPUT_KINDS = ("cache_read", "cache_write_5m", "cache_write_1h", "audio_input")
OUTPUT_KINDS = ("reasoning", "audio_output")
KINDS = (*INPUT_KINDS, *OUTPUT_KINDS)
"""The kinds of token that may have a price of their own."""


def filled(ours: Price, theirs: Price) -> tuple[Price, tuple[str, ...]]:
    """Our price with what it does not say and the other one says, and the names of the fields that were added to."""
    added = dict(_missing(ours, theirs))
    if theirs.search > ours.search:
        added["search"] = theirs.search
    if ours.off_peak is None and theirs.off_peak is not None:
        added["off_peak"] = theirs.off_peak
    tiers = _filled_tiers(ours.tiers, theirs.tiers)
    if tiers != ours.tiers:
        added["tiers"] = tiers
    others = {service.name: service for service in theirs.services}
    services = [_filled_service(service, others.pop(service.name, None)) for service in ours.services]
    services = tuple(sorted([*services, *others.values()], key=lambda service: service.name))
    if services != ours.services:
        added["services"] = services
    return replace(ours, **added), tuple(added)


def finished(price: Price) -> Price:
    """The price with nothing left unsaid: a tier or service that leaves out a kind that the price has gets it in
    proportion to its input or output, and never below the price's own; a service that leaves out a tier that the price
    has gets it in the same proportion. Then what absence says too is left out."""
    tiers = tuple(_completed(tier, price) for tier in price.tiers)
    services: list[Service] = []
    for service in price.services:
        service = _completed(service, price)
        steps = service.tiers or tuple(_proportional(tier, price, service) for tier in tiers)
        steps = tuple(_plain(_completed(tier, service)) for tier in steps)
        services.append(_plain(replace(service, tiers=steps)))
    tiers = tuple(_plain(tier) for tier in tiers)
    off_peak = None if price.off_peak is None else _plain(price.off_peak)
    return _plain(replace(price, tiers=tiers, services=tuple(services), off_peak=off_peak))


def same(one: Rates, other: Rates) -> bool:
    """Whether the rates that both say are the same."""
    if one.input != other.input or (one.output and other.output and one.output != other.output):
        return False
    return all((rate := getattr(other, kind)) is None or getattr(one, kind) in (None, rate) for kind in KINDS)


def same_tiers(ours: tuple[Tier, ...], theirs: tuple[Tier, ...]) -> bool:
    """Whether two lists of tiers say the same. One source may say "from 200,000" where the other says "above 200,000"."""
    return len(ours) == len(theirs) and all(
        _one_step(one, other) and same(one, other) for one, other in zip(ours, theirs, strict=True)
    )


def _one_step(one: Tier, other: Tier) -> bool:
    return abs(one.above - other.above) <= 1


def _missing(ours: Rates, theirs: Rates) -> dict[str, Any]:
    return {
        kind: getattr(theirs, kind)
        for kind in KINDS
        if getattr(ours, kind) is None and getattr(theirs, kind) is not None
    }


def _filled_tiers(ours: tuple[Tier, ...], theirs: tuple[Tier, ...]) -> tuple[Tier, ...]:
    if not ours:
        return theirs
    found: list[Tier] = []
    for tier in ours:
        like = next((other for other in theirs if _one_step(tier, other)), None)
        found.append(tier if like is None else replace(tier, **_missing(tier, like)))
    return tuple(found)


def _filled_service(ours: Service, theirs: Service | None) -> Service:
    if theirs is None:
        return ours
    return replace(ours, tiers=_filled_tiers(ours.tiers, theirs.tiers), **_missing(ours, theirs))


def _completed(rates: R, base: Rates) -> R:
    missing: dict[str, Any] = {}
    for kind in KINDS:
        rate = getattr(base, kind)
        if rate is None or getattr(rates, kind) is not None:
            continue
        now, then = (rates.input, base.input) if kind in INPUT_KINDS else (rates.output, base.output)
        missing[kind] = max(rate, -(-rate * now // then) if then else rate)
    return replace(rates, **missing) if missing else rates


def _proportional(tier: Tier, price: Price, service: Service) -> Tier:
    """What the tier makes of the price, made of the service."""
    scaled: dict[str, Any] = {}
    for kind in ("input", "output", *KINDS):
        now, then, base = getattr(tier, kind), getattr(price, kind), getattr(service, kind)
        if now is not None and then and base is not None:
            scaled[kind] = -(-base * now // then)
    return Tier(above=tier.above, **scaled)


def _plain(rates: R) -> R:
    """The rates without those that say what their absence says. A cache write cheaper than reading is raised to it:
    where sources have one, it comes on top of the input's price."""
    short = max(rates.cache_write_5m or 0, rates.input)
    long = short if rates.cache_write_1h is None else max(rates.cache_write_1h, rates.input)
    said: dict[str, Any] = {
        "cache_read": _unless(rates.input, rates.cache_read),
        "cache_write_5m": _unless(rates.input, short),
        "cache_write_1h": _unless(short, long),
        "audio_input": _unless(rates.input, rates.audio_input),
        "reasoning": _unless(rates.output, rates.reasoning),
        "audio_output": _unless(rates.output, rates.audio_output),
    }
    return replace(rates, **said)


def _unless(implied: int, rate: int | None) -> int | None:
    return None if rate == implied else rate
