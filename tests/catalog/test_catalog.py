"""The catalog: finding rows, prices by date, and the file that ships."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from freehold.catalog.catalog import Catalog, undated
from freehold.catalog.cost import cost
from freehold.catalog.rows import Book, Model, OffPeak, Price, Source, Window
from freehold.errors import CatalogError
from freehold.messages import Usage

TODAY = date(2026, 11, 24)
SOURCE = Source(name="made-up", title="Rows for these tests", version="1", licence="MIT", read_on="2026-11-24")


def made(*models: Model) -> Catalog:
    return Catalog(Book(vendors=("openai", "azure", "groq"), sources=(SOURCE,), models=models))


@pytest.fixture(scope="module")
def shipped() -> Catalog:
    return Catalog.load()


# --- finding a row ---


def test_a_row_is_found_by_its_name_and_its_aliases() -> None:
    catalog = made(Model(id="openai/gpt-5-mini", aliases=("gpt-5-mini-latest",)))
    for name in ("gpt-5-mini", "gpt-5-mini-latest"):
        found = catalog.find("openai", name)
        assert found is not None
        assert found.id == "openai/gpt-5-mini"
    assert catalog.find("azure", "gpt-5-mini") is None


def test_a_rows_own_name_goes_before_the_alias_of_another() -> None:
    catalog = made(Model(id="openai/a", aliases=("b",)), Model(id="openai/b"))
    found = catalog.find("openai", "b")
    assert found is not None
    assert found.id == "openai/b"


@pytest.mark.parametrize("name", ["m-2025-08-07", "m-20251001", "m@20251001"])
def test_a_dated_snapshot_without_a_row_is_the_undated_model(name: str) -> None:
    found = made(Model(id="openai/m")).find("openai", name)
    assert found is not None
    assert found.id == "openai/m"


@pytest.mark.parametrize(
    "name", ["m", "m-2", "m-1106", "m-19991001", "m-2025-0807", "-20251001", "m-2025-08-0x", "m_20251001", "20251001"]
)
def test_what_does_not_end_in_a_date_has_no_undated_name(name: str) -> None:
    assert undated(name) is None


def test_a_fine_tuned_model_is_the_row_of_the_tuned_kind() -> None:
    catalog = made(
        Model(id="openai/ft:gpt-4o-mini-2024-07-18", aliases=("ft:gpt-4o-mini",), prices=(Price(input=300_000_000),)),
        Model(id="openai/gpt-4o-mini", prices=(Price(input=150_000_000),)),
    )
    for name in ("ft:gpt-4o-mini:org::id", "ft:gpt-4o-mini-2024-07-18:org:suffix:id", "ft:gpt-4o-mini-2024-07-18"):
        found = catalog.find("openai", name)
        assert found is not None
        assert found.prices[0].input == 300_000_000


def test_a_fine_tuned_model_without_a_known_price_has_the_base_models_row_and_no_price() -> None:
    catalog = made(Model(id="openai/gpt-9", context_tokens=10, prices=(Price(input=1),)))
    found = catalog.find("openai", "ft:gpt-9-2029-01-01:org::id")
    assert found is not None
    assert (found.context_tokens, found.prices) == (10, ())
    assert catalog.find("openai", "ft:unheard-of:org::id") is None


def test_a_bare_name_gives_its_vendors_and_the_maker_first() -> None:
    catalog = made(Model(id="azure/m"), Model(id="groq/m", aliases=("n",)), Model(id="openai/m"))
    assert catalog.vendors_of("m") == ("openai", "azure", "groq")
    assert catalog.vendors_of("n") == ("groq",)
    assert catalog.vendors_of("m-2029-01-01") == ("openai", "azure", "groq")
    assert catalog.vendors_of("unheard-of") == ()


def test_the_rows_of_a_vendor_can_be_had_without_the_retired_ones() -> None:
    catalog = made(
        Model(id="azure/a"),
        Model(id="openai/a"),
        Model(id="openai/b", retires="2026-11-24"),
        Model(id="openai/c", retires="2026-11-25"),
    )
    assert [model.id for model in catalog.of_vendor("openai")] == ["openai/a", "openai/b", "openai/c"]
    assert [model.id for model in catalog.of_vendor("openai", alive_on=TODAY)] == ["openai/a", "openai/c"]


def test_rows_that_retire_come_soonest_first() -> None:
    catalog = made(
        Model(id="openai/a", retires="2027-01-14"),
        Model(id="openai/b", retires="2026-11-30"),
        Model(id="openai/c", retires="2026-10-23"),
        Model(id="openai/d"),
    )
    assert [model.id for model in catalog.retiring(date(2027, 1, 14))] == ["openai/c", "openai/b"]
    assert [model.id for model in catalog.retiring(date.max, after=TODAY)] == ["openai/b", "openai/a"]


# --- prices by date ---


def test_the_price_is_that_of_the_day() -> None:
    # OpenAI lowered the price of o3 from $10 / $40 to $2 / $8 on 10 June 2025.
    model = Model(
        id="openai/o3",
        prices=(
            Price(input=10_000_000_000, output=40_000_000_000),
            Price(input=2_000_000_000, output=8_000_000_000, since="2025-06-10"),
        ),
    )
    catalog = made(model)
    prices = [catalog.price_at(model, day) for day in (date(2025, 6, 9), date(2025, 6, 10), TODAY)]
    assert [price.input if price else None for price in prices] == [10_000_000_000, 2_000_000_000, 2_000_000_000]


def test_before_the_first_known_price_there_is_none() -> None:
    model = Model(id="openai/m", prices=(Price(input=1, since="2026-12-01"),))
    assert made(model).price_at(model, TODAY) is None
    assert made(model).price_at(Model(id="openai/n"), TODAY) is None


def test_a_moment_late_in_the_day_elsewhere_has_the_price_of_its_day_in_utc() -> None:
    model = Model(id="openai/m", prices=(Price(input=1), Price(input=2, since="2026-12-01")))
    evening = datetime(2026, 11, 30, 23, 0, tzinfo=timezone(timedelta(hours=-5)))
    price = made(model).price_at(model, evening)
    assert price is not None
    assert price.input == 2


@pytest.mark.parametrize(
    ("moment", "nano"),
    [
        (datetime(2026, 11, 24, 3, 59, tzinfo=UTC), 1_320),  # Tuesday, peak
        (datetime(2026, 11, 24, 4, 0, tzinfo=UTC), 660),  # Tuesday, between the peaks
        (datetime(2026, 11, 24, 6, 0, tzinfo=UTC), 1_320),
        (datetime(2026, 11, 24, 23, 59, tzinfo=UTC), 660),
        (datetime(2026, 11, 28, 3, 0, tzinfo=UTC), 660),  # Saturday
        (date(2026, 11, 24), 1_320),  # a day: the dearest of it
    ],
)
def test_off_peak_hours_set_the_price_of_a_moment_and_not_of_a_day(moment: date, nano: int) -> None:
    week, weekend = (1, 2, 3, 4, 5), (6, 7)
    quiet = OffPeak(
        input=660_000_000,
        output=1_980_000_000,
        windows=(
            Window(week, 0, 60),
            Window(week, 240, 360),
            Window(week, 600, 1440),
            Window(weekend, 0, 1440),
        ),
    )
    model = Model(id="deepseek/m", prices=(Price(input=1_320_000_000, output=3_960_000_000, off_peak=quiet),))
    price = made(model).price_at(model, moment)
    assert price is not None
    assert cost(price, Usage(input_tokens=1)) == nano


# --- prices of one's own ---


def test_ones_own_price_replaces_all_of_a_models_prices() -> None:
    before = made(
        Model(
            id="openai/m",
            context_tokens=9,
            prices=(Price(input=1), Price(input=2, since="2026-01-01")),
            provenance={"*": 0, "prices.search": 0},
        )
    )
    after = before.with_prices({"openai/m": Price(input=3)})
    found = after.find("openai", "m")
    assert found is not None
    assert (found.prices, found.context_tokens) == ((Price(input=3),), 9)
    assert [after.sources[index].name for index in (found.provenance["*"], found.provenance["prices"])] == [
        "made-up",
        "settings",
    ]
    assert "prices.search" not in found.provenance
    untouched = before.find("openai", "m")
    assert untouched is not None
    assert len(untouched.prices) == 2


def test_ones_own_price_can_be_for_a_model_that_the_catalog_has_not() -> None:
    catalog = made(Model(id="openai/m")).with_prices({"rack-7/qwen3-8b": Price(input=5)})
    found = catalog.find("rack-7", "qwen3-8b")
    assert found is not None
    assert found.prices == (Price(input=5),)


def test_ones_own_price_for_a_dated_name_is_for_that_name_only() -> None:
    catalog = made(Model(id="openai/m", context_tokens=9, aliases=("n",), prices=(Price(input=1),)))
    catalog = catalog.with_prices({"openai/m-2026-01-01": Price(input=5)})
    dated, plain, alias = (catalog.find("openai", name) for name in ("m-2026-01-01", "m", "n"))
    assert dated is not None
    assert plain is not None
    assert alias is plain
    assert (dated.prices[0].input, dated.context_tokens, plain.prices[0].input) == (5, 9, 1)


def test_no_prices_of_ones_own_change_nothing() -> None:
    catalog = made(Model(id="openai/m"))
    assert catalog.with_prices({}) is catalog


# --- the file that ships ---


def test_a_damaged_file_is_an_error_with_advice() -> None:
    with pytest.raises(CatalogError, match="damaged") as caught:
        Catalog.decode(b'{"vendors":[],"sources":[],"models":[{"id":7}]}')
    assert "freehold catalog update" in caught.value.advice


def test_importing_the_catalog_reads_no_file() -> None:
    probe = (
        "import sys; opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "import freehold.catalog.catalog, freehold.catalog.cost\n"
        "print(sum('models.json' in name for name in opened), 'genai_prices' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False"]


@pytest.mark.parametrize(
    ("vendor", "name", "usage", "nano"),
    [
        # Anthropic: $1 in, $5 out, $0.10 read, $1.25 and $2 write.
        ("anthropic", "claude-haiku-4-5", Usage(input_tokens=1_000, output_tokens=100), 1_500_000),
        ("anthropic", "claude-haiku-4-5-20251001", Usage(input_tokens=1_000, cache_read_tokens=1_000), 100_000),
        ("anthropic", "claude-haiku-4-5", Usage(input_tokens=1_000, cache_write_5m_tokens=1_000), 1_250_000),
        ("anthropic", "claude-haiku-4-5", Usage(input_tokens=1_000, cache_write_1h_tokens=1_000), 2_000_000),
        ("anthropic", "claude-haiku-4-5", Usage(searches=1), 10_000_000),
        ("anthropic", "claude-haiku-4-5", Usage(input_tokens=1_000, service_tier="batch"), 500_000),
        # Anthropic: $0.10 in up to 100,000 tokens, $0.50 above. Fast mode of Opus 5.5: twice $4 and $20.
        ("anthropic", "claude-haiku-5-5", Usage(input_tokens=100_001), 50_000_500),
        ("anthropic", "claude-opus-5-5", Usage(input_tokens=1_000, output_tokens=100, service_tier="fast"), 12_000_000),
        # OpenAI: $0.25 in, $0.025 cached, $2 out; priority $0.45, $0.045, $3.60; flex half.
        ("openai", "gpt-5-mini", Usage(input_tokens=1_000, output_tokens=100), 450_000),
        ("openai", "gpt-5-mini-2025-08-07", Usage(input_tokens=1_000, cache_read_tokens=600), 115_000),
        ("openai", "gpt-5-mini", Usage(input_tokens=1_000, output_tokens=100, service_tier="priority"), 810_000),
        ("openai", "gpt-5-mini", Usage(input_tokens=1_000, output_tokens=100, service_tier="flex"), 225_000),
        # OpenAI: tuned gpt-4o-mini $0.30 in, $1.20 out.
        ("openai", "ft:gpt-4o-mini:org::id", Usage(input_tokens=1_000, output_tokens=1_000), 1_500_000),
        ("openai", "text-embedding-3-small", Usage(input_tokens=1_000), 20_000),
        # DeepSeek, peak: $1.32 in, $3.96 out, $0.044 cached.
        ("deepseek", "deepseek-v4-pro", Usage(input_tokens=1_000, output_tokens=100, cache_read_tokens=500), 1_078_000),
        # Google: $1.25 in, $10 out; above 200,000 tokens $2.50 and $15.
        ("google", "gemini-2.5-pro", Usage(input_tokens=200_000, output_tokens=1_000), 260_000_000),
        ("google", "gemini-2.5-pro", Usage(input_tokens=200_001, output_tokens=1_000), 515_002_500),
        # xAI: $2 in, $6 out, from 200,000 tokens on $4 and $12.
        ("xai", "grok-4.7", Usage(input_tokens=200_000), 800_000_000),
        ("groq", "openai/gpt-oss-120b", Usage(input_tokens=1_000, output_tokens=1_000), 750_000),
    ],
)
def test_published_prices(shipped: Catalog, vendor: str, name: str, usage: Usage, nano: int) -> None:
    model = shipped.find(vendor, name)
    assert model is not None
    price = shipped.price_at(model, TODAY)
    assert price is not None
    assert cost(price, usage) == nano


def test_a_past_bill_is_computed_with_the_price_of_its_day(shipped: Catalog) -> None:
    model = shipped.find("openai", "o3")
    assert model is not None
    then, now = (shipped.price_at(model, day) for day in (date(2025, 6, 1), TODAY))
    assert then is not None
    assert now is not None
    assert (then.input, now.input) == (10_000_000_000, 2_000_000_000)


@pytest.mark.parametrize(
    ("vendor", "name", "day"),
    [
        ("anthropic", "claude-sonnet-4-5", "2026-11-30"),
        ("openai", "gpt-5-mini", "2026-12-11"),
        ("openai", "o3", "2026-12-11"),
        ("openai", "ft:gpt-4o-2024-08-06:org::id", "2027-01-14"),
        ("openai", "ft:gpt-4o-mini:org::id", "2027-01-14"),
        ("openai", "ft:gpt-4.1:org::id", "2027-01-14"),
        ("openai", "ft:gpt-4.1-mini-2025-04-14:org::id", "2027-01-14"),
    ],
)
def test_published_ends(shipped: Catalog, vendor: str, name: str, day: str) -> None:
    model = shipped.find(vendor, name)
    assert model is not None
    assert model.retires == day


def test_what_the_newest_claude_refuses_and_cannot_do(shipped: Catalog) -> None:
    model = shipped.find("anthropic", "claude-opus-5-5")
    assert model is not None
    assert model.refuses == {"temperature", "top_p", "top_k"}
    assert {"vision", "tools", "json_schema", "reasoning", "files", "prompt_caching"} <= model.abilities
    assert {"forced_tool_choice", "prefill"} <= model.lacks


def test_the_rows_are_sound(shipped: Catalog) -> None:
    """Sorted, each id once, each vendor known, each field with a source, prices in the order of their days."""
    ids = [model.id for model in shipped.models]
    assert ids == sorted(set(ids))
    for model in shipped.models:
        assert model.vendor in shipped.vendors
        assert not model.abilities & model.lacks
        assert all(0 <= index < len(shipped.sources) for index in model.provenance.values())
        assert "*" in model.provenance
        days = [price.since or "" for price in model.prices]
        assert days == sorted(set(days))
        for price in model.prices:
            steps = [tier.above for tier in price.tiers]
            assert steps == sorted(set(steps))
            assert [service.name for service in price.services] == sorted({s.name for s in price.services})


def test_off_peak_is_never_dearer_than_the_price_it_is_reserved_at(shipped: Catalog) -> None:
    quiet = [price for model in shipped.models for price in model.prices if price.off_peak is not None]
    assert quiet
    assert all(price.off_peak is not None and price.off_peak.input <= price.input for price in quiet)
    assert all(price.off_peak is not None and price.off_peak.output <= price.output for price in quiet)


def test_the_catalog_covers_every_vendor_it_names(shipped: Catalog) -> None:
    assert all(len(shipped.of_vendor(vendor)) >= 10 for vendor in shipped.vendors)


def test_the_bare_name_of_a_model_that_many_resell_is_its_makers(shipped: Catalog) -> None:
    assert shipped.vendors_of("gpt-5-mini")[0] == "openai"
    assert shipped.vendors_of("claude-haiku-4-5")[0] == "anthropic"
