"""LiteLLM's list: rows as they stand in it (shortened), and what becomes of them."""

import msgspec
import pytest

from freehold.catalog.litellm_rows import Row, read_list, read_models
from freehold.catalog.origins import Origin
from freehold.catalog.rows import Model, OffPeak, Price, Service, Tier, Window
from freehold.errors import CatalogError

ORIGINS = (
    Origin("openai", ("openai",), "openai"),
    Origin("azure", ("azure", "azure_ai"), "azure"),
    Origin("fireworks", ("fireworks_ai",), "fireworks"),
)


def models(**rows: Row) -> dict[str, Model]:
    """The rows that come of a list; `__` stands for a slash in a key."""
    listed = {key.replace("__", "/"): row for key, row in rows.items()}
    return {model.id: model for model in read_models(read_list(msgspec.json.encode(listed)), ORIGINS)[0]}


def model(**fields: object) -> Model:
    """The one row that comes of a list with one chat model of OpenAI's."""
    return models(m={"litellm_provider": "openai", "mode": "chat", **fields})["openai/m"]


def price(**fields: object) -> Price:
    """Its price, where input costs $4 and output $20."""
    return model(input_cost_per_token=4e-06, output_cost_per_token=2e-05, **fields).prices[0]


# --- names ---


def test_the_name_of_the_provider_before_the_slash_is_no_part_of_the_models_name() -> None:
    row = {"litellm_provider": "azure", "mode": "chat"}
    assert set(models(azure__eu__gpt=row, azure__gpt=row)) == {"azure/eu/gpt", "azure/gpt"}


def test_the_better_provider_of_a_vendor_wins_where_two_have_a_model() -> None:
    found = models(
        azure_ai__m={"litellm_provider": "azure_ai", "mode": "chat", "max_input_tokens": 1},
        azure__m={"litellm_provider": "azure", "mode": "chat", "max_input_tokens": 2},
        azure_ai__n={"litellm_provider": "azure_ai", "mode": "chat", "max_input_tokens": 3},
    )
    assert {key: row.context_tokens for key, row in found.items()} == {"azure/m": 2, "azure/n": 3}


def test_a_key_that_names_a_size_class_or_a_sandbox_is_no_model() -> None:
    row = {"mode": "chat"}
    listed: dict[str, Row] = {
        "fireworks-ai-4.1b-to-16b": {"litellm_provider": "fireworks_ai", **row},
        "azure/container": {"litellm_provider": "azure", **row},
        "azure/1-month-commitment/x": {"litellm_provider": "azure", **row},
    }
    assert read_models(listed, ORIGINS) == ([], frozenset())


def test_the_short_name_of_a_fireworks_model_is_an_alias() -> None:
    row = {"litellm_provider": "fireworks_ai", "mode": "chat"}
    found = models(fireworks_ai__glm=row, fireworks_ai__accounts__fireworks__models__glm=row)
    assert {key: row.aliases for key, row in found.items()} == {"fireworks/accounts/fireworks/models/glm": ("glm",)}


def test_models_of_other_vendors_are_left_out() -> None:
    assert models(
        m={"litellm_provider": "unheard-of", "mode": "chat"}, n={"litellm_provider": "openai", "mode": "chat"}
    ).keys() == {"openai/n"}


def test_what_the_door_cannot_ask_is_named_apart() -> None:
    listed: dict[str, Row] = {"tts-1": {"litellm_provider": "openai", "mode": "audio_speech"}}
    assert read_models(listed, ORIGINS) == ([], frozenset({"openai/tts-1"}))


# --- limits, abilities, ends ---


def test_limits_and_the_end_are_taken_over() -> None:
    row = model(max_input_tokens=272_000, max_output_tokens=128_000, deprecation_date="2026-12-11")
    assert (row.context_tokens, row.max_output_tokens, row.retires) == (272_000, 128_000, "2026-12-11")


def test_what_the_list_denies_is_lacking_and_what_it_leaves_out_is_unknown() -> None:
    row = model(supports_vision=True, supports_function_calling=False)
    assert row.abilities == {"vision"}
    assert row.lacks == {"tools"}


def test_a_list_of_modalities_says_what_can_be_seen_and_heard() -> None:
    row = model(supported_modalities=["text", "image"])
    assert row.abilities == {"vision"}
    assert row.lacks == {"audio"}


def test_one_of_two_ways_to_structured_output_is_enough() -> None:
    assert model(supports_response_schema=False, supports_native_structured_output=True).abilities == {"json_schema"}


@pytest.mark.parametrize(
    ("choice", "forced", "can", "lacks"),
    [
        (True, None, {"forced_tool_choice"}, set[str]()),
        (True, False, set[str](), {"forced_tool_choice"}),
        (False, None, set[str](), {"forced_tool_choice"}),
        (None, None, set[str](), set[str]()),
    ],
)
def test_a_forced_tool_call_needs_both_of_its_flags(
    choice: bool | None, forced: bool | None, can: set[str], lacks: set[str]
) -> None:
    row = model(supports_tool_choice=choice, supports_forced_tool_use=forced)
    assert (row.abilities, row.lacks) == (can, lacks)


def test_parameters_that_the_list_says_are_refused() -> None:
    assert model(supports_sampling_params=False).refuses == {"temperature", "top_p", "top_k"}
    assert model(supports_parallel_function_calling=False).refuses == {"parallel_tool_calls"}
    assert model(supports_sampling_params=True).refuses == frozenset()


# --- prices ---


def test_dollars_per_token_become_nano_dollars_per_million_exactly() -> None:
    found = price(cache_read_input_token_cost=3.625e-09, output_cost_per_audio_token=8.7e-05)
    assert found == Price(input=4_000_000_000, output=20_000_000_000, cache_read=3_625_000, audio_output=87_000_000_000)


def test_long_lived_cache_writes_are_an_hour_or_twelve() -> None:
    assert price(cache_creation_input_token_cost_above_1hr=8e-06).cache_write_1h == 8_000_000_000
    assert price(cache_creation_input_token_cost_above_12hr=1e-05).cache_write_1h == 10_000_000_000


def test_a_cache_write_for_nothing_is_not_billed_apart() -> None:
    assert price(cache_creation_input_token_cost=0.0).cache_write_5m is None


def test_the_reasoning_price_is_kept_only_where_it_differs_from_the_output() -> None:
    assert price(output_cost_per_reasoning_token=2e-05).reasoning is None
    assert price(output_cost_per_reasoning_token=3e-05).reasoning == 30_000_000_000


def test_long_context_tiers_are_read_from_the_keys() -> None:
    found = price(
        input_cost_per_token_above_272k_tokens=8e-06,
        output_cost_per_token_above_272k_tokens=3e-05,
        input_cost_per_token_above_512k_tokens=1.6e-05,
        cache_creation_input_token_cost_above_272k_tokens=1e-06,
    )
    assert found.tiers == (
        Tier(above=272_000, input=8_000_000_000, output=30_000_000_000),
        Tier(above=512_000, input=16_000_000_000, output=20_000_000_000),
    )


def test_service_tiers_are_read_from_the_keys_with_their_long_context() -> None:
    found = price(
        input_cost_per_token_above_272k_tokens=8e-06,
        input_cost_per_token_batches=2e-06,
        output_cost_per_token_batches=1e-05,
        input_cost_per_token_priority=8e-06,
        input_cost_per_token_above_272k_tokens_priority=1.6e-05,
        output_cost_per_token_above_272k_tokens_priority=6e-05,
    )
    assert found.services == (
        Service(name="batch", input=2_000_000_000, output=10_000_000_000),
        Service(
            name="priority",
            input=8_000_000_000,
            output=20_000_000_000,
            tiers=(Tier(above=272_000, input=16_000_000_000, output=60_000_000_000),),
        ),
    )


def test_fast_mode_is_a_multiple_of_every_rate() -> None:
    found = price(cache_read_input_token_cost=2e-07, provider_specific_entry={"us": 1.1, "fast": 2.0})
    fast = Service(name="fast", input=8_000_000_000, output=40_000_000_000, cache_read=400_000_000)
    assert found.services == (fast,)


def test_a_search_costs_the_dearest_size() -> None:
    sizes = {"search_context_size_low": 0.025, "search_context_size_medium": 0.0275, "search_context_size_high": 0.03}
    assert price(search_context_cost_per_query=sizes).search == 30_000_000


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
        {"input_cost_per_token": 1e-06},
        {"output_cost_per_token": 1e-06},
        {"input_cost_per_token": 0.0032, "output_cost_per_token": 0.00971},
    ],
)
def test_a_price_that_is_unknown_partial_or_a_slip_is_none(fields: Row) -> None:
    assert model(**fields).prices == ()


def test_an_embedding_has_a_price_without_an_output() -> None:
    found = models(m={"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 2e-08})
    assert found["openai/m"].prices == (Price(input=20_000_000),)


def off_peak(**changes: object) -> OffPeak | None:
    pricing: Row = {
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 1e-05,
        "windows": [
            {"hours_utc": ["00:00-01:00", "22:30-02:15"], "weekdays": [1, 7]},
            {"hours_utc": "00:00-00:00", "weekdays": [6]},
        ],
    }
    return price(off_peak_pricing=pricing | changes).off_peak


def test_off_peak_hours_are_windows_in_minutes_and_one_past_midnight_is_two() -> None:
    assert off_peak() == OffPeak(
        input=2_000_000_000,
        output=10_000_000_000,
        windows=(
            Window((1, 7), 0, 60),
            Window((1, 7), 1350, 1440),
            Window((1, 2), 0, 135),
            Window((6,), 0, 1440),
        ),
    )


def test_off_peak_hours_in_another_time_zone_or_dearer_are_not_carried() -> None:
    assert off_peak(weekday_timezone="Asia/Shanghai") is None
    assert off_peak(input_cost_per_token=5e-06) is None


# --- what is not the list ---


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": 1}', b"\xff\xfe", b'{"a": {"b": 1}}', b"{}"])
def test_what_is_not_the_list_is_an_error_with_advice(data: bytes) -> None:
    with pytest.raises(CatalogError, match="not LiteLLM's model list") as caught:
        read_list(data)
    assert "wheel" in caught.value.advice
