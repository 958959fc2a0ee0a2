"""Joins the two sources: one row for each model, each field from the source that knows it better, with its provenance.

Which source a price is taken from:
- The two agree on the price of today: genai-prices, since it has the dates; what it leaves out comes from LiteLLM.
- LiteLLM's price is one that genai-prices has for another day: genai-prices, since LiteLLM's row is then out of date.
- They disagree: LiteLLM, since it names each model by itself where genai-prices groups names by patterns.
Where only one knows of a long-context tier it is kept, and a search costs the dearer of the two: a budget is rather held
too tight than passed. All else (limits, abilities, retirement) is LiteLLM's where it has the model. Each disagreement is reported.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from freehold.catalog.catalog import undated
from freehold.catalog.genai_rows import Offer
from freehold.catalog.rates import filled, finished, same, same_tiers
from freehold.catalog.rows import NANO, Model, Price, Rates, Tier

GENAI, LITELLM = 0, 1
"""The places of the sources in the data file."""


class Disagreement(Struct, frozen=True):
    """One field of one model on which the sources differ. `taken` is the name of the source that the row follows."""

    model: str
    field: str
    genai: str
    litellm: str
    taken: str


def merge(
    listed: Iterable[Model], others: Container[str], offers: Mapping[str, Sequence[Offer]], today: str
) -> tuple[list[Model], list[Disagreement]]:
    """The rows, sorted by id, and the disagreements. `listed` and `others` (ids that are no rows) are LiteLLM's, read on
    the day `today` (ISO 8601)."""
    rows: dict[str, Model] = {}
    disagreements: list[Disagreement] = []
    offer_of: dict[str, Offer] = {}
    for model in listed:
        offer = next((offer for offer in offers.get(model.vendor, ()) if offer.matches(model.name)), None)
        if offer is not None:
            offer_of[model.id] = offer
        rows[model.id] = _join(model, offer, today, disagreements)
    followers: dict[tuple[str, str], list[str]] = {}
    for key, offer in offer_of.items():
        followers.setdefault((rows[key].vendor, offer.name), []).append(key)
    for vendor, vendor_offers in offers.items():
        for offer in vendor_offers:
            if f"{vendor}/{offer.name}" not in others:
                _place(rows, vendor, offer, followers.get((vendor, offer.name), []))
    _name_fine_tunes(rows)
    return [_finished(rows[key]) for key in sorted(rows)], disagreements


def _join(model: Model, offer: Offer | None, today: str, disagreements: list[Disagreement]) -> Model:
    provenance = {"*": LITELLM}
    prices, context = model.prices, model.context_tokens
    if offer is not None and offer.prices and not prices:
        prices, provenance["prices"] = offer.prices, GENAI
    elif offer is not None and offer.prices:
        prices = _prices(model, offer, today, provenance, disagreements)
    if context is None and offer is not None and offer.context_tokens is not None:
        context, provenance["context_tokens"] = offer.context_tokens, GENAI
    return replace(model, prices=prices, context_tokens=context, provenance=provenance)


def _finished(model: Model) -> Model:
    return replace(model, prices=tuple(finished(price) for price in model.prices))


# --- prices ---


def _prices(
    model: Model, offer: Offer, today: str, provenance: dict[str, int], disagreements: list[Disagreement]
) -> tuple[Price, ...]:
    theirs = model.prices[-1]
    now = [price for price in offer.prices if price.since is None or price.since <= today]
    agreeing = [price for price in offer.prices if same(price, theirs)]
    if not agreeing or not now:
        seen = now[-1] if now else offer.prices[0]
        disagreements.append(Disagreement(model.id, "price", _text(seen), _text(theirs), "LiteLLM"))
        return model.prices
    if agreeing[-1] is not now[-1]:
        disagreements.append(Disagreement(model.id, "price", _text(now[-1]), _text(theirs), "genai-prices"))
    if same(now[-1], theirs):
        _compare_the_rest(model.id, now[-1], theirs, disagreements)
    provenance["prices"] = GENAI
    return tuple(_filled(price, theirs, provenance) for price in offer.prices)


def _filled(price: Price, theirs: Price, provenance: dict[str, int]) -> Price:
    if price.input != theirs.input:  # a price of another time: what is missing from it is not what is said now
        return price
    price, added = filled(price, theirs)
    provenance.update({f"prices.{field}": LITELLM for field in added})
    return price


def _compare_the_rest(model: str, ours: Price, theirs: Price, disagreements: list[Disagreement]) -> None:
    """Tiers and services, where the prices themselves agree."""
    if not same_tiers(ours.tiers, theirs.tiers):
        texts = [", ".join(_tier_text(tier) for tier in price.tiers) or "none" for price in (ours, theirs)]
        taken = "genai-prices" if ours.tiers else "LiteLLM"
        disagreements.append(Disagreement(model, "tiers", texts[0], texts[1], taken))
    others = {service.name: service for service in theirs.services}
    for service in ours.services:
        other = others.get(service.name)
        if other is not None and not (same(service, other) and same_tiers(service.tiers, other.tiers)):
            texts = [", ".join([_text(one), *(_tier_text(tier) for tier in one.tiers)]) for one in (service, other)]
            taken = "genai-prices" if service.tiers or not same(service, other) else "LiteLLM"
            disagreements.append(Disagreement(model, f"service {service.name}", texts[0], texts[1], taken))
    if ours.search and theirs.search and ours.search != theirs.search:
        texts = [f"{_dollars(price.search * 1000)} for 1,000" for price in (ours, theirs)]
        taken = "genai-prices" if ours.search > theirs.search else "LiteLLM"
        disagreements.append(Disagreement(model, "search", texts[0], texts[1], taken))


# --- names ---


def _place(rows: dict[str, Model], vendor: str, offer: Offer, followers: Sequence[str]) -> None:
    """Puts the names that an offer spells out, and that are no rows, where their price is: they become aliases of a row
    that has its price from the offer, else a row of their own. `followers` are the rows that the offer matched."""
    ids = [f"{vendor}/{name}" for name in (offer.name, *offer.names) if name != offer.name or offer.is_name]
    loose = [key for key in ids if key not in rows]
    listed = [key for key in ids if key in rows]
    home = next((key for key in listed if key in followers and rows[key].provenance.get("prices") == GENAI), None)
    if home is None:
        spelt_out = offer.is_name and not followers
        if not loose or not offer.prices or not (listed or spelt_out):
            return
        home = loose[0]
        rows[home] = Model(
            id=home,
            mode=offer.mode,
            context_tokens=offer.context_tokens,
            prices=offer.prices,
            provenance={"*": GENAI},
        )
    aliases = {*rows[home].aliases, *(key.partition("/")[2] for key in loose if key != home)}
    if aliases != set(rows[home].aliases):
        provenance = {**rows[home].provenance, "aliases": GENAI}
        rows[home] = replace(rows[home], aliases=tuple(sorted(aliases)), provenance=provenance)


def _name_fine_tunes(rows: dict[str, Model]) -> None:
    """`ft:gpt-4o-mini:org::id` does not say which snapshot was tuned: the newest one stands for it."""
    newest: dict[str, str] = {}
    for key in sorted(rows):
        base = undated(key)
        if base is not None and "/ft:" in base and base not in rows:
            newest[base] = key
    for base, key in newest.items():
        name = base.partition("/")[2]
        rows[key] = replace(rows[key], aliases=tuple(sorted({*rows[key].aliases, name})))


# --- words for the report ---


def _text(rates: Rates) -> str:
    said = [f"{_dollars(rates.input)} in", f"{_dollars(rates.output)} out"]
    for kind, word in (("cache_read", "read"), ("cache_write_5m", "write"), ("cache_write_1h", "write 1h")):
        rate = getattr(rates, kind)
        if rate is not None:
            said.append(f"{_dollars(rate)} {word}")
    return " / ".join(said)


def _tier_text(tier: Tier) -> str:
    return f"above {tier.above:,}: {_text(tier)}"


def _dollars(nano: int) -> str:
    return f"{nano / NANO:.6f}".rstrip("0").rstrip(".")
