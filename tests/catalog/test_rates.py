"""Rates: what one source adds to the other, and what a row is left with."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.catalog.cost import cost
from freehold.catalog.rates import filled, finished, same, same_tiers
from freehold.catalog.rows import OffPeak, Price, Service, Tier, Window
from freehold.messages import Usage

# --- filled ---


def test_only_what_we_do_not_say_is_filled_in() -> None:
    ours = Price(input=10, output=20, cache_read=1)
    price, added = filled(ours, Price(input=10, output=20, cache_read=2, cache_write_1h=20))
    assert price == Price(input=10, output=20, cache_read=1, cache_write_1h=20)
    assert added == ("cache_write_1h",)


def test_of_two_search_prices_the_dearer_is_taken() -> None:
    assert filled(Price(input=1, search=10), Price(input=1, search=25))[0].search == 25
    assert filled(Price(input=1, search=25), Price(input=1, search=10)) == (Price(input=1, search=25), ())


def test_tiers_and_services_that_only_the_other_has_are_added() -> None:
    tier, batch, flex = Tier(above=5, input=20), Service(name="batch", input=5), Service(name="flex", input=6)
    price, added = filled(Price(input=10, services=(flex,)), Price(input=10, tiers=(tier,), services=(batch, flex)))
    assert (price.tiers, price.services) == ((tier,), (batch, flex))
    assert added == ("tiers", "services")


def test_a_tier_is_filled_from_the_one_that_starts_where_it_starts() -> None:
    ours = Price(input=1, tiers=(Tier(above=199_999, input=2), Tier(above=400_000, input=3)))
    theirs = Price(input=1, tiers=(Tier(above=200_000, input=2, cache_write_1h=4),))
    assert filled(ours, theirs)[0].tiers == (
        Tier(above=199_999, input=2, cache_write_1h=4),
        Tier(above=400_000, input=3),
    )


def test_off_peak_hours_are_added() -> None:
    quiet = OffPeak(input=1, windows=(Window((6, 7), 0, 1440),))
    assert filled(Price(input=2), Price(input=2, off_peak=quiet)) == (Price(input=2, off_peak=quiet), ("off_peak",))


# --- finished ---


def test_what_absence_says_too_is_left_out() -> None:
    price = Price(
        input=10,
        output=20,
        cache_read=10,
        cache_write_5m=10,
        cache_write_1h=10,
        audio_input=10,
        reasoning=20,
        audio_output=20,
    )
    assert finished(price) == Price(input=10, output=20)


def test_a_long_write_is_left_out_only_where_it_costs_what_a_short_one_does() -> None:
    assert finished(Price(input=10, cache_write_5m=12, cache_write_1h=12)) == Price(input=10, cache_write_5m=12)
    assert finished(Price(input=10, cache_write_5m=12, cache_write_1h=10)).cache_write_1h == 10


def test_a_cache_write_cheaper_than_reading_is_raised_to_it() -> None:
    assert finished(Price(input=10, cache_write_5m=4, cache_write_1h=6)) == Price(input=10)


def test_a_tier_gets_what_it_leaves_out_in_proportion() -> None:
    # OpenAI, gpt-5.6: $4, writes for twelve hours $10; above 272,000 tokens $8, writes for twelve hours $20.
    price = Price(input=4, output=20, cache_write_1h=10, tiers=(Tier(above=272_000, input=8, output=30),))
    assert finished(price).tiers == (Tier(above=272_000, input=8, output=30, cache_write_1h=20),)


def test_a_service_gets_what_it_leaves_out_and_never_below_the_standard() -> None:
    price = Price(
        input=100,
        output=200,
        cache_read=10,
        reasoning=300,
        services=(Service(name="batch", input=50, output=100), Service(name="priority", input=200, output=400)),
    )
    assert finished(price).services == (
        Service(name="batch", input=50, output=100, cache_read=10, reasoning=300),
        Service(name="priority", input=200, output=400, cache_read=20, reasoning=600),
    )


def test_a_service_without_long_context_rates_gets_them_in_the_proportion_of_the_price() -> None:
    price = Price(
        input=30,
        output=180,
        tiers=(Tier(above=272_000, input=60, output=270),),
        services=(Service(name="batch", input=15, output=90),),
    )
    assert finished(price).services[0].tiers == (Tier(above=272_000, input=30, output=135),)


def test_an_embedding_without_an_output_price_is_finished_too() -> None:
    price = Price(input=20, services=(Service(name="batch", input=10),), tiers=(Tier(above=1, input=40),))
    assert finished(price) == Price(
        input=20,
        services=(Service(name="batch", input=10, tiers=(Tier(above=1, input=20),)),),
        tiers=(Tier(above=1, input=40),),
    )


RATE = st.integers(1, 1_000) | st.none()


@given(
    st.builds(
        Price,
        input=st.integers(1, 1_000),
        output=st.integers(1, 1_000),
        cache_read=RATE,
        cache_write_5m=RATE,
        cache_write_1h=RATE,
        reasoning=RATE,
        audio_input=RATE,
        audio_output=RATE,
    ),
    st.sampled_from(["cache_read", "cache_write_5m", "cache_write_1h", "reasoning", "audio_input", "audio_output"]),
)
def test_finishing_a_price_never_makes_a_bill_smaller(price: Price, kind: str) -> None:
    million = 1_000_000
    usage = replace(Usage(input_tokens=million, output_tokens=million), **{f"{kind}_tokens": million})
    assert cost(finished(price), usage) >= cost(price, usage)


# --- same ---


def test_rates_are_the_same_when_all_that_both_say_is() -> None:
    assert same(Price(input=1, output=2, cache_read=3), Price(input=1, output=2, reasoning=4))
    assert not same(Price(input=1, output=2, cache_read=3), Price(input=1, output=2, cache_read=4))
    assert not same(Price(input=1, output=2), Price(input=2, output=2))
    assert not same(Price(input=1, output=2), Price(input=1, output=3))


def test_an_output_of_nothing_is_an_output_not_said() -> None:
    assert same(Price(input=1, output=1), Price(input=1, output=0))


def test_from_a_step_and_above_it_are_the_same_tier() -> None:
    assert same_tiers((Tier(above=199_999, input=2),), (Tier(above=200_000, input=2),))
    assert not same_tiers((Tier(above=199_999, input=2),), (Tier(above=272_000, input=2),))
    assert not same_tiers((Tier(above=199_999, input=2),), ())
