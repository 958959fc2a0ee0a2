"""genai-prices: its types as it fills them (shortened rows), and what becomes of them."""

from datetime import UTC, date, time
from decimal import Decimal

from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
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
from genai_prices.types import (
    Tier as GenaiTier,
)

from freehold.catalog.genai_rows import Offer, read_offers
from freehold.catalog.origins import Origin
from freehold.catalog.rows import Price, Service, Tier

ORIGIN = Origin("xai", ("xai",), "x-ai", not_served=("claude-",))


def dollars(**prices: str | TieredPrices) -> ModelPrice:
    return ModelPrice(**{key: Decimal(value) if isinstance(value, str) else value for key, value in prices.items()})


def tiered(base: str, *tiers: tuple[int, str]) -> TieredPrices:
    return TieredPrices(base=Decimal(base), tiers=[GenaiTier(start=start, price=Decimal(p)) for start, p in tiers])


def offers(*models: ModelInfo, origin: Origin = ORIGIN) -> list[Offer]:
    provider = Provider(id=origin.genai, name=origin.genai, api_pattern="", models=list(models))
    return read_offers([provider], [origin])[origin.vendor]


def info(
    prices: ModelPrice | list[ConditionalPrice],
    variants: list[PriceVariant] | None = None,
    name: str = "m",
    match: MatchLogic | None = None,
) -> ModelInfo:
    return ModelInfo(id=name, match=match or ClauseEquals(equals=name), prices=prices, price_variants=variants)


def since(year: int, month: int, day: int) -> StartDateConstraint:
    return StartDateConstraint(start_date=date(year, month, day))


def prices(
    listed: ModelPrice | list[ConditionalPrice], variants: list[PriceVariant] | None = None
) -> tuple[Price, ...]:
    return offers(info(listed, variants))[0].prices


# --- names ---


def test_an_offer_matches_what_its_pattern_means_and_spells_out_its_names() -> None:
    match = ClauseOr(
        or_=[
            ClauseEquals(equals="m"),
            ClauseEquals(equals="m-latest"),
            ClauseEquals(equals="x-ai/m"),
            ClauseStartsWith(starts_with="m-2026"),
        ]
    )
    [offer] = offers(info(dollars(input_mtok="1", output_mtok="2"), match=match))
    assert (offer.name, offer.names, offer.is_name) == ("m", ("m-latest",), True)
    assert [offer.matches(name) for name in ("m-latest", "m-2026-01-01", "n")] == [True, True, False]


def test_an_id_that_is_a_label_is_not_a_name() -> None:
    price = dollars(input_mtok="1", output_mtok="2")
    label, regional = offers(
        info(price, name="ft:gpt-4o", match=ClauseStartsWith(starts_with="ft:gpt-4o-2024-")),
        info(price, name="regional.m"),
    )
    assert (label.is_name, regional.is_name) == (False, False)


def test_models_that_the_endpoint_does_not_serve_are_left_out() -> None:
    assert offers(info(dollars(input_mtok="1", output_mtok="2"), name="claude-x")) == []


def test_a_model_without_an_output_price_is_an_embedding() -> None:
    [embedding, chat] = offers(
        info(dollars(input_mtok="0.02")), info(dollars(input_mtok="1", output_mtok="2"), name="n")
    )
    assert (embedding.mode, chat.mode) == ("embedding", "chat")


# --- prices ---


def test_dollars_per_million_become_nano_dollars() -> None:
    price = dollars(
        input_mtok="1",
        output_mtok="5",
        cache_read_mtok="0.003625",
        cache_write_mtok="1.25",
        cache_write_1h_mtok="2",
        web_searches_kcount="10",
    )
    assert prices(price) == (
        Price(
            input=1_000_000_000,
            output=5_000_000_000,
            cache_read=3_625_000,
            cache_write_5m=1_250_000_000,
            cache_write_1h=2_000_000_000,
            search=10_000_000,
        ),
    )


def test_a_price_finer_than_a_nano_dollar_is_rounded_up() -> None:
    assert prices(dollars(input_mtok="0.0000000001"))[0].input == 1


def test_dated_prices_come_oldest_first() -> None:
    found = prices(
        [
            ConditionalPrice(prices=dollars(input_mtok="10", output_mtok="40")),
            ConditionalPrice(since(2026, 10, 20), prices=dollars(input_mtok="3", output_mtok="4")),
            ConditionalPrice(since(2025, 6, 10), prices=dollars(input_mtok="2", output_mtok="8")),
        ]
    )
    assert [(price.since, price.input) for price in found] == [
        (None, 10_000_000_000),
        ("2025-06-10", 2_000_000_000),
        ("2026-10-20", 3_000_000_000),
    ]


def test_of_prices_by_the_time_of_day_the_dearest_of_their_period_is_carried() -> None:
    morning = TimeOfDateConstraint(start_time=time(1, tzinfo=UTC), end_time=time(4, tzinfo=UTC))
    found = prices(
        [
            ConditionalPrice(prices=dollars(input_mtok="0.435", output_mtok="0.87")),
            ConditionalPrice(since(2026, 8, 17), prices=dollars(input_mtok="0.66", output_mtok="1.98")),
            ConditionalPrice(morning, prices=dollars(input_mtok="1.32", output_mtok="3.96")),
        ]
    )
    assert [(price.since, price.input, price.output) for price in found] == [
        (None, 435_000_000, 870_000_000),
        ("2026-08-17", 1_320_000_000, 3_960_000_000),
    ]


def test_a_tier_has_the_rates_that_hold_from_its_start() -> None:
    price = dollars(
        input_mtok=tiered("1", (32_000, "2"), (128_000, "3")),
        output_mtok=tiered("4", (128_000, "5")),
        cache_read_mtok="0.5",
    )
    assert prices(price)[0].tiers == (
        Tier(above=32_000, input=2_000_000_000, output=4_000_000_000, cache_read=500_000_000),
        Tier(above=128_000, input=3_000_000_000, output=5_000_000_000, cache_read=500_000_000),
    )


def test_variants_become_services_and_keep_what_they_do_not_change() -> None:
    base = dollars(input_mtok="0.15", output_mtok="0.6", cache_read_mtok="0.075")
    batch = PriceVariant(when={"processing": "batch"}, prices=dollars(input_mtok="0.075", output_mtok="0.3"))
    default = PriceVariant(when={"service_tier": "default"}, prices=ModelPrice())
    route = PriceVariant(when={"route": "mistral/eu"}, prices=dollars(input_mtok="9"))
    assert prices(base, [batch, default, route])[0].services == (
        Service(name="batch", input=75_000_000, output=300_000_000, cache_read=75_000_000),
    )


def test_fast_is_a_service_of_its_own_only_where_it_differs_from_priority() -> None:
    base = dollars(input_mtok="1", output_mtok="2")
    priority = PriceVariant(when={"service_tier": "priority"}, prices=dollars(input_mtok="2", output_mtok="4"))
    alike = PriceVariant(when={"service_tier": "fast"}, prices=dollars(input_mtok="2", output_mtok="4"))
    other = PriceVariant(when={"speed": "fast"}, prices=dollars(input_mtok="6", output_mtok="12"))
    assert [service.name for service in prices(base, [priority, alike])[0].services] == ["priority"]
    assert [service.name for service in prices(base, [priority, other])[0].services] == ["fast", "priority"]


def test_each_period_has_the_variant_that_was_noted_in_it() -> None:
    def batch(price: str, *day: int) -> PriceVariant:
        return PriceVariant(when={"processing": "batch"}, prices=dollars(input_mtok=price), constraint=since(*day))

    found = prices(
        [
            ConditionalPrice(prices=dollars(input_mtok="2", output_mtok="1")),
            ConditionalPrice(since(2026, 10, 20), prices=dollars(input_mtok="4", output_mtok="1")),
        ],
        [batch("2", 2026, 10, 21), batch("1", 2026, 10, 14)],
    )
    assert [[service.input for service in price.services] for price in found] == [[1_000_000_000], [2_000_000_000]]


def test_a_bill_that_is_not_in_tokens_has_no_price() -> None:
    assert prices(dollars(audio_hours="0.36")) == ()
    assert prices(dollars(input_mtok="1", output_mtok="2", requests_kcount="5")) == ()
    assert prices(ModelPrice()) == ()


def test_parts_of_the_bill_that_usage_does_not_hold_do_not_take_the_price_away() -> None:
    price = dollars(input_mtok="1", output_mtok="2", storage_searches_kcount="2.5", cache_audio_read_mtok="0.1")
    assert prices(price) == (Price(input=1_000_000_000, output=2_000_000_000),)


def test_only_openrouters_free_names_are_free() -> None:
    free = info(ModelPrice(), name="m:free")
    assert offers(free) == []
    [offer] = offers(free, origin=Origin("openrouter", (), "openrouter"))
    assert offer.prices == (Price(input=0),)
