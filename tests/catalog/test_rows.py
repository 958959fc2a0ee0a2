"""Rows: what a model, a price and a source hold."""

import msgspec

from freehold.catalog.rows import Model, Price, Service, Tier


def test_a_model_name_may_hold_slashes() -> None:
    model = Model(id="groq/openai/gpt-oss-120b")
    assert (model.vendor, model.name) == ("groq", "openai/gpt-oss-120b")


def test_a_field_without_a_source_of_its_own_has_the_source_of_the_rest() -> None:
    model = Model(id="openai/gpt-5-mini", provenance={"*": 1, "prices": 0, "prices.search": 1})
    assert model.source_of("retires") == 1
    assert model.source_of("prices") == 0
    assert model.source_of("prices.search") == 1
    assert model.source_of("prices.services") == 0


def test_a_model_that_nobody_described_has_no_source() -> None:
    assert Model(id="rack-7/qwen3-8b").source_of("prices") is None


def test_a_price_can_be_a_key() -> None:
    def price() -> Price:
        return Price(
            input=250_000_000,
            tiers=(Tier(above=272_000, input=500_000_000),),
            services=(Service(name="batch", input=125_000_000),),
        )

    assert {price(): "once"}[price()] == "once"


def test_what_a_price_does_not_say_is_not_written() -> None:
    assert msgspec.json.encode(Price(input=20_000_000)) == b'{"input":20000000}'
