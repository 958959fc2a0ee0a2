"""Cost: published prices, amounts computed by hand, and a bound that nothing passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.catalog.cost import cost, rates_of, worst_case
from freehold.catalog.rows import Price, Service, Tier
from freehold.messages import Usage

# Anthropic's pricing page: $1 in, $5 out, $0.10 cache hits, $1.25 and $2 cache writes, $10 for 1,000 searches.
HAIKU_4_5 = Price(
    input=1_000_000_000,
    output=5_000_000_000,
    cache_read=100_000_000,
    cache_write_5m=1_250_000_000,
    cache_write_1h=2_000_000_000,
    search=10_000_000,
)
# OpenAI's pricing page: $0.25 in, $0.025 cached, $2 out; batch and flex half of it; priority $0.45, $0.045, $3.60.
GPT_5_MINI = Price(
    input=250_000_000,
    output=2_000_000_000,
    cache_read=25_000_000,
    services=(
        Service(name="batch", input=125_000_000, output=1_000_000_000, cache_read=12_500_000),
        Service(name="flex", input=125_000_000, output=1_000_000_000, cache_read=12_500_000),
        Service(name="priority", input=450_000_000, output=3_600_000_000, cache_read=45_000_000),
    ),
)
# Anthropic's pricing page: $0.10 in, $0.50 out; above 100,000 input tokens $0.50 in, $2.50 out.
HAIKU_5_5 = Price(
    input=100_000_000, output=500_000_000, tiers=(Tier(above=100_000, input=500_000_000, output=2_500_000_000),)
)


# --- what is billed ---


def test_input_and_output_are_billed_at_their_own_rates() -> None:
    assert cost(HAIKU_4_5, Usage(input_tokens=1_200, output_tokens=300)) == 2_700_000


def test_a_cached_token_is_counted_once() -> None:
    usage = Usage(input_tokens=1_000, output_tokens=100, cache_read_tokens=600)
    assert cost(GPT_5_MINI, usage) == 400 * 250 + 600 * 25 + 100 * 2_000


def test_reads_and_both_kinds_of_write_are_taken_out_of_the_input() -> None:
    usage = Usage(input_tokens=10_000, cache_read_tokens=8_000, cache_write_5m_tokens=1_000, cache_write_1h_tokens=500)
    assert cost(HAIKU_4_5, usage) == 800_000 + 1_250_000 + 1_000_000 + 500_000


def test_a_kind_without_a_rate_is_billed_as_what_it_is_part_of() -> None:
    price = Price(input=3_000_000_000, output=15_000_000_000)
    usage = Usage(
        input_tokens=100,
        output_tokens=100,
        cache_read_tokens=20,
        cache_write_5m_tokens=20,
        cache_write_1h_tokens=20,
        audio_input_tokens=20,
        reasoning_tokens=50,
        audio_output_tokens=50,
    )
    assert cost(price, usage) == 300_000 + 1_500_000


def test_a_long_lived_write_without_a_rate_is_billed_as_a_short_lived_one() -> None:
    price = Price(input=1_000_000_000, cache_write_5m=1_250_000_000)
    assert cost(price, Usage(input_tokens=100, cache_write_1h_tokens=100)) == 125_000


def test_reasoning_has_its_own_rate_where_the_price_has_one() -> None:
    price = Price(input=400_000_000, output=1_200_000_000, reasoning=4_000_000_000)
    usage = Usage(input_tokens=1_000, output_tokens=1_000, reasoning_tokens=800)
    assert cost(price, usage) == 400_000 + 200 * 1_200 + 800 * 4_000


def test_reasoning_without_a_rate_is_billed_as_output() -> None:
    assert cost(GPT_5_MINI, Usage(output_tokens=500, reasoning_tokens=400)) == 1_000_000


def test_audio_has_its_own_rates() -> None:
    # OpenAI's pricing page, gpt-audio: text $2.50 in, $10 out; audio $32 in, $64 out.
    price = Price(input=2_500_000_000, output=10_000_000_000, audio_input=32_000_000_000, audio_output=64_000_000_000)
    usage = Usage(input_tokens=150, output_tokens=90, audio_input_tokens=100, audio_output_tokens=80)
    assert cost(price, usage) == 50 * 2_500 + 100 * 32_000 + 10 * 10_000 + 80 * 64_000


def test_cached_audio_is_cached_first_and_audio_only_where_it_must_be() -> None:
    price = Price(input=1_000_000, cache_read=100_000, audio_input=5_000_000)
    assert cost(price, Usage(input_tokens=100, cache_read_tokens=60, audio_input_tokens=30)) == 6 + 150 + 10
    assert cost(price, Usage(input_tokens=100, cache_read_tokens=60, audio_input_tokens=100)) == 6 + 200


def test_a_search_is_billed_by_the_call() -> None:
    assert cost(HAIKU_4_5, Usage(searches=3)) == 30_000_000


# --- which rates ---


def test_the_whole_request_is_billed_at_the_tier_that_its_input_reaches() -> None:
    assert cost(HAIKU_5_5, Usage(input_tokens=100_000, output_tokens=1_000)) == 10_000_000 + 500_000
    assert cost(HAIKU_5_5, Usage(input_tokens=100_001, output_tokens=1_000)) == 50_000_500 + 2_500_000


def test_cached_tokens_count_towards_the_tier() -> None:
    assert cost(HAIKU_5_5, Usage(input_tokens=100_001, cache_read_tokens=100_001)) == 50_000_500


def test_the_highest_tier_reached_holds() -> None:
    price = Price(input=1_000_000, tiers=(Tier(above=10, input=2_000_000), Tier(above=20, input=3_000_000)))
    assert [cost(price, Usage(input_tokens=tokens)) for tokens in (10, 11, 20, 21)] == [10, 22, 40, 63]


@pytest.mark.parametrize(
    ("tier", "nano"),
    [
        (None, 450_000),
        ("default", 450_000),
        ("auto", 450_000),
        ("standard", 450_000),
        ("on_demand", 450_000),
        ("batch", 225_000),
        ("flex", 225_000),
        ("priority", 810_000),
    ],
)
def test_the_service_tier_that_the_vendor_names_sets_the_rates(tier: str | None, nano: int) -> None:
    assert cost(GPT_5_MINI, Usage(input_tokens=1_000, output_tokens=100, service_tier=tier)) == nano


def test_fast_and_priority_are_two_names_for_one_tier() -> None:
    assert cost(GPT_5_MINI, Usage(input_tokens=1_000, output_tokens=100, service_tier="fast")) == 810_000


def test_an_unknown_tier_is_billed_at_the_dearest_that_is_known() -> None:
    assert cost(GPT_5_MINI, Usage(input_tokens=1_000, output_tokens=100, service_tier="hyper")) == 810_000
    assert cost(HAIKU_4_5, Usage(input_tokens=1_000, output_tokens=100, service_tier="hyper")) == 1_500_000


def test_a_discount_that_the_price_does_not_list_is_not_given() -> None:
    assert cost(HAIKU_4_5, Usage(input_tokens=1_000, service_tier="flex")) == 1_000_000


def test_a_service_has_tiers_of_its_own() -> None:
    batch = Service(name="batch", input=50_000_000, tiers=(Tier(above=100_000, input=250_000_000),))
    price = Price(input=100_000_000, tiers=(Tier(above=100_000, input=500_000_000),), services=(batch,))
    assert cost(price, Usage(input_tokens=200_000, service_tier="batch")) == 50_000_000


# --- rounding and impossible counts ---


def test_a_fraction_of_a_nano_dollar_is_rounded_up_once() -> None:
    # DeepSeek's cache hits once cost $0.003625 per million: 3.625 nano-dollars a token.
    price = Price(input=435_000_000, cache_read=3_625_000)
    assert cost(price, Usage(input_tokens=1, cache_read_tokens=1)) == 4
    assert cost(price, Usage(input_tokens=8, cache_read_tokens=8)) == 29
    assert cost(price, Usage(input_tokens=9, cache_read_tokens=9)) == 33


def test_nothing_used_costs_nothing() -> None:
    assert cost(HAIKU_4_5, Usage()) == 0


def test_parts_larger_than_their_total_are_cut_to_it() -> None:
    usage = Usage(input_tokens=10, cache_read_tokens=1_000, output_tokens=10, audio_output_tokens=1_000)
    assert cost(HAIKU_4_5, usage) == 10 * 100 + 10 * 5_000


def test_counts_below_zero_never_give_money_back() -> None:
    assert cost(HAIKU_4_5, Usage(input_tokens=-1_000, output_tokens=100)) == 500_000
    assert cost(HAIKU_4_5, Usage(input_tokens=100, cache_read_tokens=-900, searches=-5)) == 100_000


# --- the worst case ---


def test_the_worst_case_of_a_request_is_all_its_input_written_to_the_dearest_cache() -> None:
    assert worst_case(HAIKU_4_5, 1_000, 1_000) == 2_000_000 + 5_000_000


def test_the_worst_case_counts_the_dearest_service_tier() -> None:
    assert worst_case(GPT_5_MINI, 1_000, 100) == 810_000


def test_the_worst_case_can_be_narrowed_to_the_tiers_that_can_happen() -> None:
    assert worst_case(GPT_5_MINI, 1_000, 100, services=()) == 450_000
    assert worst_case(GPT_5_MINI, 1_000, 100, services=("flex",)) == 450_000
    assert worst_case(GPT_5_MINI, 1_000, 100, services=("fast",)) == 810_000


def test_the_worst_case_counts_a_tier_only_when_the_input_can_reach_it() -> None:
    assert worst_case(HAIKU_5_5, 100_000, 0) == 10_000_000
    assert worst_case(HAIKU_5_5, 100_001, 0) == 50_000_500


def test_the_worst_case_counts_searches_that_are_announced() -> None:
    assert worst_case(HAIKU_4_5, 0, 0, searches=3) == 30_000_000


@pytest.mark.parametrize(
    ("price", "usage", "rate"),
    [
        (GPT_5_MINI, Usage(input_tokens=1_000), 250_000_000),
        (GPT_5_MINI, Usage(input_tokens=1_000, service_tier="flex"), 125_000_000),
        (GPT_5_MINI, Usage(input_tokens=1_000, service_tier="fast"), 450_000_000),
        (GPT_5_MINI, Usage(input_tokens=1_000, service_tier="unheard-of"), 450_000_000),
        (HAIKU_5_5, Usage(input_tokens=100_000, service_tier="batch"), 100_000_000),
        (HAIKU_5_5, Usage(input_tokens=100_001), 500_000_000),
    ],
)
def test_the_rates_that_are_billed_are_those_of_the_tier(price: Price, usage: Usage, rate: int) -> None:
    assert rates_of(price, usage).input == rate


RATES = st.integers(0, 10**12)
MAYBE = st.none() | RATES
KINDS: dict[str, st.SearchStrategy[int | None]] = {
    "cache_read": MAYBE,
    "cache_write_5m": MAYBE,
    "cache_write_1h": MAYBE,
    "reasoning": MAYBE,
    "audio_input": MAYBE,
    "audio_output": MAYBE,
}
TIERS = st.lists(
    st.builds(Tier, above=st.integers(0, 3_000), input=RATES, output=RATES, **KINDS),
    max_size=3,
    unique_by=lambda tier: tier.above,
).map(lambda tiers: tuple(sorted(tiers, key=lambda tier: tier.above)))
NAMES = ["batch", "flex", "priority", "fast", "ultrafast"]
SERVICES = st.lists(
    st.builds(Service, name=st.sampled_from(NAMES), input=RATES, output=RATES, tiers=TIERS, **KINDS),
    max_size=3,
    unique_by=lambda service: service.name,
).map(tuple)
PRICES = st.builds(
    Price, input=RATES, output=RATES, search=st.integers(0, 10**9), tiers=TIERS, services=SERVICES, **KINDS
)
PARTS = st.integers(-10, 6_000)
SERVED = st.none() | st.sampled_from([*NAMES, "default", "auto", "standard", "on_demand", "scale", "unheard-of"])
USAGES = st.builds(
    Usage,
    input_tokens=st.integers(-10, 5_000),
    output_tokens=st.integers(-10, 5_000),
    cache_read_tokens=PARTS,
    cache_write_5m_tokens=PARTS,
    cache_write_1h_tokens=PARTS,
    reasoning_tokens=PARTS,
    audio_input_tokens=PARTS,
    audio_output_tokens=PARTS,
    searches=st.integers(-2, 5),
    service_tier=SERVED,
)


@given(PRICES, USAGES, st.integers(0, 2_000), st.integers(0, 2_000))
def test_no_usage_within_the_totals_passes_the_worst_case(
    price: Price, usage: Usage, more: int, else_more: int
) -> None:
    read, written = max(usage.input_tokens, 0) + more, max(usage.output_tokens, 0) + else_more
    assert 0 <= cost(price, usage) <= worst_case(price, read, written, searches=max(usage.searches, 0))


@given(PRICES.filter(lambda price: bool(price.services)), USAGES)
def test_a_narrowed_worst_case_holds_for_the_tier_it_names(price: Price, usage: Usage) -> None:
    name = price.services[0].name
    usage = replace(usage, service_tier=name)
    read, written = max(usage.input_tokens, 0), max(usage.output_tokens, 0)
    assert cost(price, usage) <= worst_case(price, read, written, searches=max(usage.searches, 0), services=(name,))


@given(PRICES, st.integers(0, 5_000), st.integers(0, 5_000), st.integers(0, 2_000), st.integers(0, 2_000))
def test_the_worst_case_never_falls_when_a_total_grows(price: Price, read: int, written: int, a: int, b: int) -> None:
    assert worst_case(price, read, written) <= worst_case(price, read + a, written + b)


@given(USAGES, st.integers(0, 10**12), st.integers(0, 10**12))
def test_parts_do_not_change_the_bill_where_all_rates_are_the_same(usage: Usage, rate: int, out: int) -> None:
    one = Price(input=rate, output=out)
    every = Price(
        input=rate,
        output=out,
        cache_read=rate,
        cache_write_5m=rate,
        cache_write_1h=rate,
        audio_input=rate,
        reasoning=out,
        audio_output=out,
    )
    assert cost(one, usage) == cost(every, usage)
