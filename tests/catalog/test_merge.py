"""The join of the two sources: which one a field is taken from, and what is reported."""

from collections.abc import Callable

from freehold.catalog.genai_rows import Offer
from freehold.catalog.merge import Disagreement, merge
from freehold.catalog.rows import Model, OffPeak, Price, Service, Tier, Window

TODAY = "2026-11-24"
DOLLAR = 1_000_000_000


def offer(
    *prices: Price,
    name: str = "m",
    names: tuple[str, ...] = (),
    matches: Callable[[str], bool] | None = None,
    is_name: bool = True,
    context: int | None = None,
) -> Offer:
    return Offer(
        name=name,
        names=names,
        is_name=is_name,
        matches=matches or (lambda asked: asked == name or asked in names),
        mode="chat",
        context_tokens=context,
        prices=prices,
    )


def join(*listed: Model, offers: list[Offer], others: tuple[str, ...] = ()) -> dict[str, Model]:
    return {model.id: model for model in merge(listed, others, {"openai": offers}, TODAY)[0]}


def disagreements(*listed: Model, offers: list[Offer]) -> list[Disagreement]:
    return merge(listed, (), {"openai": offers}, TODAY)[1]


def row(*prices: Price, name: str = "m", context_tokens: int | None = None) -> Model:
    return Model(id=f"openai/{name}", prices=prices, context_tokens=context_tokens)


# --- prices ---


def test_where_both_agree_the_dated_prices_stand_and_are_filled_up() -> None:
    old, now = Price(input=10, output=40), Price(input=2, output=8, cache_read=1, since="2025-06-10")
    batch = Service(name="batch", input=1, output=4, cache_read=1)
    theirs = Price(input=2, output=8, cache_read=1, reasoning=9, services=(batch,))
    model = join(row(theirs), offers=[offer(old, now)])["openai/m"]
    batch = Service(name="batch", input=1, output=4, reasoning=9)  # a cached token costs what any other does
    assert model.prices == (
        old,
        Price(input=2, output=8, cache_read=1, reasoning=9, since="2025-06-10", services=(batch,)),
    )
    assert model.provenance == {"*": 1, "prices": 0, "prices.reasoning": 1, "prices.services": 1}
    assert disagreements(row(theirs), offers=[offer(old, now)]) == []


def test_where_the_list_has_the_price_of_another_day_it_is_out_of_date() -> None:
    # Mistral Large 4: $0.68, from 20 October $1.36, from 29 October $0.70.
    first = Price(input=680_000_000, output=2_090_000_000)
    second = Price(input=1_360_000_000, output=4_180_000_000, since="2026-10-20")
    third = Price(input=700_000_000, output=2_100_000_000, since="2026-10-29")
    theirs = row(Price(input=1_360_000_000, output=4_180_000_000))
    model = join(theirs, offers=[offer(first, second, third)])["openai/m"]
    assert model.prices == (first, second, third)
    assert disagreements(theirs, offers=[offer(first, second, third)]) == [
        Disagreement("openai/m", "price", "0.7 in / 2.1 out", "1.36 in / 4.18 out", "genai-prices")
    ]


def test_a_price_to_come_is_carried_and_is_not_the_one_compared() -> None:
    now, later = Price(input=2, output=10), Price(input=4, output=20, since="2026-12-01")
    model = join(row(Price(input=2, output=10)), offers=[offer(now, later)])["openai/m"]
    assert model.prices == (now, later)
    assert disagreements(row(Price(input=2, output=10)), offers=[offer(now, later)]) == []


def test_where_they_disagree_the_list_that_names_the_model_itself_stands() -> None:
    theirs = row(Price(input=3 * DOLLAR, output=15 * DOLLAR, cache_write_1h=6 * DOLLAR))
    ours = offer(Price(input=3_300_000_000, output=16_500_000_000, cache_read=330_000_000))
    model = join(theirs, offers=[ours])["openai/m"]
    assert (model.prices, model.provenance) == (theirs.prices, {"*": 1})
    assert disagreements(theirs, offers=[ours]) == [
        Disagreement("openai/m", "price", "3.3 in / 16.5 out / 0.33 read", "3 in / 15 out / 6 write 1h", "LiteLLM")
    ]


def test_where_the_list_has_no_price_the_other_source_gives_it() -> None:
    model = join(row(), offers=[offer(Price(input=1, output=2))])["openai/m"]
    assert (model.prices, model.provenance) == ((Price(input=1, output=2),), {"*": 1, "prices": 0})


def test_a_long_context_tier_that_only_one_source_knows_is_kept_and_reported() -> None:
    plain, tier = Price(input=3, output=15), Tier(above=200_000, input=6, output=22)
    with_tier = Price(input=3, output=15, tiers=(tier,))
    for listed, offered, taken in ((with_tier, plain, "LiteLLM"), (plain, with_tier, "genai-prices")):
        assert join(row(listed), offers=[offer(offered)])["openai/m"].prices[0].tiers == (tier,)
        [found] = disagreements(row(listed), offers=[offer(offered)])
        assert (found.field, found.taken) == ("tiers", taken)


def test_services_and_searches_that_differ_are_reported() -> None:
    ours = Price(input=2, output=8, search=10_000_000, services=(Service(name="flex", input=DOLLAR, output=4),))
    theirs = Price(input=2, output=8, search=25_000_000, services=(Service(name="flex", input=2 * DOLLAR, output=4),))
    found = disagreements(row(theirs), offers=[offer(ours)])
    assert [(one.field, one.genai, one.litellm, one.taken) for one in found] == [
        ("service flex", "1 in / 0 out", "2 in / 0 out", "genai-prices"),
        ("search", "10 for 1,000", "25 for 1,000", "LiteLLM"),
    ]


def test_off_peak_hours_belong_to_the_price_of_today_and_not_to_older_ones() -> None:
    quiet = OffPeak(input=66, output=198, windows=(Window((6, 7), 0, 1440),))
    old, now = Price(input=43, output=87), Price(input=132, output=396, since="2026-08-17")
    model = join(row(Price(input=132, output=396, off_peak=quiet)), offers=[offer(old, now)])["openai/m"]
    assert [price.off_peak for price in model.prices] == [None, quiet]
    assert model.source_of("prices.off_peak") == 1


# --- limits ---


def test_the_window_is_the_lists_where_it_has_one() -> None:
    listed = row(context_tokens=272_000)
    assert join(listed, offers=[offer(context=400_000)])["openai/m"].context_tokens == 272_000
    filled = join(row(), offers=[offer(context=400_000)])["openai/m"]
    assert (filled.context_tokens, filled.source_of("context_tokens")) == (400_000, 0)


# --- names ---


def test_the_first_offer_that_matches_is_taken() -> None:
    offers = [
        offer(Price(input=1, output=1), name="n", matches=lambda name: name.startswith("m")),
        offer(Price(input=2, output=2)),
    ]
    assert join(row(), offers=offers)["openai/m"].prices[0].input == 1


def test_names_that_an_offer_spells_out_become_aliases_unless_they_are_rows() -> None:
    listed = (row(Price(input=1, output=2)), row(Price(input=1, output=2), name="m-2026"))
    found = join(*listed, offers=[offer(Price(input=1, output=2), names=("m-2026", "m-latest"))])
    assert found["openai/m"].aliases == ("m-latest",)
    assert found["openai/m-2026"].aliases == ()
    assert found["openai/m"].source_of("aliases") == 0


def test_a_model_that_only_the_other_source_has_becomes_a_row() -> None:
    found = join(offers=[offer(Price(input=1, output=2), names=("m-latest",), context=9)])["openai/m"]
    assert found == Model(
        id="openai/m",
        context_tokens=9,
        prices=(Price(input=1, output=2),),
        aliases=("m-latest",),
        provenance={"*": 0, "aliases": 0},
    )


def test_names_whose_price_the_list_contradicts_for_another_do_not_follow_that_other() -> None:
    """mistral-large-latest has moved on to a cheaper model; mistral-large-2411 has not."""
    listed = row(Price(input=5, output=15), name="m-latest")
    found = join(listed, offers=[offer(Price(input=20, output=60), names=("m-2411", "m-latest"))])
    assert found["openai/m-latest"].aliases == ()
    assert (found["openai/m"].prices, found["openai/m"].aliases) == ((Price(input=20, output=60),), ("m-2411",))


def test_an_offer_that_the_lists_rows_match_by_pattern_alone_becomes_no_row() -> None:
    pattern = offer(Price(input=1, output=2), matches=lambda name: name.startswith("m"))
    assert set(join(row(Price(input=1, output=2), name="m-preview"), offers=[pattern])) == {"openai/m-preview"}


def test_labels_unpriced_offers_and_models_that_the_door_cannot_ask_become_no_rows() -> None:
    price = Price(input=1, output=2)
    assert join(offers=[offer(price, is_name=False)]) == {}
    assert join(offers=[offer()]) == {}
    assert join(offers=[offer(price)], others=("openai/m",)) == {}


def test_the_newest_snapshot_stands_for_a_fine_tune_that_names_none() -> None:
    found = join(row(name="ft:gpt-4o-2024-08-06"), row(name="ft:gpt-4o-2024-11-20"), offers=[])
    assert found["openai/ft:gpt-4o-2024-11-20"].aliases == ("ft:gpt-4o",)
    assert found["openai/ft:gpt-4o-2024-08-06"].aliases == ()


def test_rows_come_sorted_by_id() -> None:
    models, _ = merge([row(name="b"), row(name="a")], (), {"openai": [offer(Price(input=1), name="aa")]}, TODAY)
    assert [model.id for model in models] == ["openai/a", "openai/aa", "openai/b"]
