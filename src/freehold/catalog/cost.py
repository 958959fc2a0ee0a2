"""What an answer costs, and what one could cost at most. Pure integer arithmetic in nano-dollars.

It knows no model and no vendor: a price and a usage go in, an amount comes out. Rates are per million tokens, so the sum
is kept in nano-dollars times a million and rounded up once, at the end.

Which rates apply: the service tier that the vendor says it served, then the highest tier that the input reaches.
- no tier, or a name for the standard one (`default`, `auto`, `standard`, `on_demand`): the price itself;
- a tier that the price lists: its rates. `fast` and `priority` stand for each other where only one is listed;
- `batch` and `flex` where the price does not list them: the price itself, since both only ever discount;
- any other name: the dearest of all that the price lists. A new tier is rather billed too high than let past a budget.

Kinds of token that overlap in an unknown way (cached audio) are assumed to overlap as little as possible.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct

from freehold.catalog.rows import Price, Rates, Tier
from freehold.messages import Usage

MILLION = 1_000_000

STANDARD = frozenset({None, "default", "auto", "standard", "on_demand"})
DISCOUNTS = frozenset({"batch", "flex"})
SYNONYMS = {"fast": "priority", "priority": "fast"}


def cost(price: Price, usage: Usage) -> int:
    """Nano-dollars for what was used, rounded up. Counts below zero are taken as zero, parts are cut to their totals."""
    total = _total(rates_of(price, usage), usage)
    if usage.searches > 0:
        total += usage.searches * price.search * MILLION
    return -(-total // MILLION)


def rates_of(price: Price, usage: Usage) -> Rates:
    """The rates that `cost` counts this usage with: the price itself, one of its tiers, or those of a service tier."""
    tier = usage.service_tier
    if tier in STANDARD:
        return _reached(price, price.tiers, usage) if price.tiers else price
    for name in (tier, SYNONYMS.get(tier or "")):
        for service in price.services:
            if service.name == name:
                return _reached(service, service.tiers, usage)
    standard = _reached(price, price.tiers, usage)
    if tier in DISCOUNTS:
        return standard
    listed = (_reached(service, service.tiers, usage) for service in price.services)
    return max((standard, *listed), key=lambda rates: _total(rates, usage))


def worst_case(
    price: Price,
    input_tokens: int,
    output_tokens: int,
    *,
    searches: int = 0,
    services: Collection[str] | None = None,
) -> int:
    """Nano-dollars that no usage of at most these totals can pass, rounded up.

    It bounds `cost` whatever is cached, written to a cache, thought or heard, and for every service tier. `services`
    narrows it to the standard rates and the tiers named, for a caller who knows which tier the vendor can serve; the
    bound then holds for those only. It never falls when a total grows.
    """
    return ceiling(price, services).worst(input_tokens, output_tokens, searches)


class Step(Struct, frozen=True):
    """The dearest rates of one tier. It is reached by inputs above `above`, and its own input ends at `most`."""

    above: int
    most: int | None
    input: int
    output: int


class Ceiling(Struct, frozen=True):
    """The worst case of one price, prepared: made once for each price, asked for each request."""

    steps: tuple[Step, ...]
    search: int

    def worst(self, input_tokens: int, output_tokens: int, searches: int = 0) -> int:
        """What `worst_case` says."""
        worst = 0
        for step in self.steps:
            if input_tokens > step.above:
                read = input_tokens if step.most is None or input_tokens < step.most else step.most
                total = read * step.input + output_tokens * step.output
                if total > worst:
                    worst = total
        return -(-(worst + searches * self.search * MILLION) // MILLION)


def ceiling(price: Price, services: Collection[str] | None = None) -> Ceiling:
    """The ceiling of a price, for the services that `worst_case` speaks of."""
    steps = list(_steps(price, price.tiers))
    for service in price.services:
        if services is None or service.name in services or SYNONYMS.get(service.name, "") in services:
            steps += _steps(service, service.tiers)
    return Ceiling(tuple(steps), price.search)


# --- cost ---


def _reached(rates: Rates, tiers: tuple[Tier, ...], usage: Usage) -> Rates:
    for tier in tiers:
        if usage.input_tokens <= tier.above:
            break
        rates = tier
    return rates


def _total(rates: Rates, usage: Usage) -> int:
    """Nano-dollars times a million, for tokens alone."""
    read = usage.input_tokens
    written = usage.output_tokens
    if (
        usage.cache_read_tokens
        or usage.cache_write_5m_tokens
        or usage.cache_write_1h_tokens
        or usage.audio_input_tokens
        or (usage.reasoning_tokens and rates.reasoning is not None)
        or usage.audio_output_tokens
        or read < 0
        or written < 0
    ):
        return _input_total(rates, usage) + _output_total(rates, usage)
    return read * rates.input + written * rates.output


def _input_total(rates: Rates, usage: Usage) -> int:
    left = max(usage.input_tokens, 0)
    total = 0
    for count, rate in (
        (usage.cache_read_tokens, rates.cache_read),
        (usage.cache_write_5m_tokens, rates.cache_write_5m),
        (usage.cache_write_1h_tokens, rates.cache_write_5m if rates.cache_write_1h is None else rates.cache_write_1h),
        (usage.audio_input_tokens, rates.audio_input),
    ):
        if count > 0:
            part = min(count, left)
            left -= part
            total += part * (rates.input if rate is None else rate)
    return total + left * rates.input


def _output_total(rates: Rates, usage: Usage) -> int:
    left = max(usage.output_tokens, 0)
    total = 0
    for count, rate in (
        (usage.reasoning_tokens, rates.reasoning),
        (usage.audio_output_tokens, rates.audio_output),
    ):
        if count > 0:
            part = min(count, left)
            left -= part
            total += part * (rates.output if rate is None else rate)
    return total + left * rates.output


# --- the worst case ---


def _steps(rates: Rates, tiers: tuple[Tier, ...]) -> Iterator[Step]:
    above = -1
    for tier in tiers:
        yield Step(above, tier.above, _dearest_input(rates), _dearest_output(rates))
        rates, above = tier, tier.above
    yield Step(above, None, _dearest_input(rates), _dearest_output(rates))


def _dearest_input(rates: Rates) -> int:
    return max(
        rates.input,
        rates.cache_read or 0,
        rates.cache_write_5m or 0,
        rates.cache_write_1h or 0,
        rates.audio_input or 0,
    )


def _dearest_output(rates: Rates) -> int:
    return max(rates.output, rates.reasoning or 0, rates.audio_output or 0)
