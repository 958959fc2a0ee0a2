"""What includes what, in each dialect. The expected numbers are counted by hand from the vendors' documents."""

from typing import Any

import pytest
from anthropic.types import Usage as MessagesUsage
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage
from openai.types.create_embedding_response import Usage as EmbeddingUsage
from openai.types.responses import ResponseUsage

from freehold.dialects.usage import LARGEST_COUNT, denormalise, normalise
from freehold.errors import InternalError
from freehold.messages import Usage

DIALECTS = ("openai-chat", "openai-responses", "anthropic-messages", "openai-embeddings")

FULL_CHAT = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30, "audio_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 40, "audio_tokens": 6},
}


# --- Chat ----------------------------------------------------------------------------------------------------------------


def test_a_cached_token_is_counted_once() -> None:
    usage = normalise("openai-chat", {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 60}})
    assert (usage.input_tokens, usage.cache_read_tokens) == (100, 60)


def test_everything_that_chat_counts_is_read() -> None:
    assert normalise("openai-chat", {**FULL_CHAT, "service_tier": "flex"}) == Usage(
        input_tokens=100,
        output_tokens=50,
        cache_read_tokens=60,
        cache_write_5m_tokens=30,
        reasoning_tokens=40,
        audio_input_tokens=5,
        audio_output_tokens=6,
        service_tier="flex",
    )


def test_deepseek_says_hits_and_misses_beside_the_total() -> None:
    usage = normalise(
        "openai-chat",
        {
            "prompt_tokens": 18,
            "completion_tokens": 12,
            "total_tokens": 30,
            "prompt_cache_hit_tokens": 16,
            "prompt_cache_miss_tokens": 2,
        },
    )
    assert usage == Usage(input_tokens=18, output_tokens=12, cache_read_tokens=16)


def test_hits_and_misses_alone_make_the_input() -> None:
    usage = normalise("openai-chat", {"prompt_cache_hit_tokens": 16, "prompt_cache_miss_tokens": 2})
    assert (usage.input_tokens, usage.cache_read_tokens) == (18, 16)


def test_xai_leaves_reasoning_out_of_the_completion_and_the_total_tells() -> None:
    usage = normalise(
        "openai-chat",
        {
            "prompt_tokens": 40,
            "completion_tokens": 10,
            "total_tokens": 57,
            "completion_tokens_details": {"reasoning_tokens": 7},
        },
    )
    assert (usage.output_tokens, usage.reasoning_tokens) == (17, 7)


def test_openai_counts_reasoning_in_the_completion_and_the_total_tells() -> None:
    usage = normalise(
        "openai-chat",
        {
            "prompt_tokens": 40,
            "completion_tokens": 10,
            "total_tokens": 50,
            "completion_tokens_details": {"reasoning_tokens": 7},
        },
    )
    assert (usage.output_tokens, usage.reasoning_tokens) == (10, 7)


def test_without_a_total_more_reasoning_than_completion_cannot_be_a_part_of_it() -> None:
    usage = normalise("openai-chat", {"completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 7}})
    assert (usage.output_tokens, usage.reasoning_tokens) == (10, 7)


@pytest.mark.parametrize("details", [None, {}, [], "many", {"cached_tokens": None}, {"cached_tokens": "9"}])
def test_missing_or_null_details_count_nothing(details: Any) -> None:
    raw = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": details}
    assert normalise("openai-chat", raw) == Usage(input_tokens=5, output_tokens=2)


@pytest.mark.parametrize("count", [-1, True, "7", 1.5, None, [3], float("nan"), float("inf")])
def test_what_is_no_count_is_zero(count: Any) -> None:
    assert normalise("openai-chat", {"prompt_tokens": count}) == Usage()


def test_a_whole_number_written_with_a_point_is_a_count() -> None:
    assert normalise("openai-chat", {"prompt_tokens": 12.0}).input_tokens == 12


def test_an_absurd_count_is_cut() -> None:
    assert normalise("openai-chat", {"prompt_tokens": 10**30}).input_tokens == LARGEST_COUNT == 9007199254740991


def test_a_part_larger_than_its_total_is_cut_to_it() -> None:
    usage = normalise(
        "openai-chat",
        {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 8}},
    )
    assert (usage.cache_read_tokens, usage.cache_write_5m_tokens) == (8, 2)


# --- Responses -----------------------------------------------------------------------------------------------------------


def test_responses_says_lifetimes_of_cache_writes() -> None:
    usage = normalise(
        "openai-responses",
        {
            "input_tokens": 100,
            "input_tokens_details": {
                "cached_tokens": 20,
                "cache_write_tokens": 50,
                "cache_write_tokens_details": {"ttl_30m_tokens": 40, "ttl_12h_tokens": 10},
            },
            "output_tokens": 30,
            "output_tokens_details": {"reasoning_tokens": 25},
            "total_tokens": 130,
        },
    )
    assert usage == Usage(
        input_tokens=100,
        output_tokens=30,
        cache_read_tokens=20,
        cache_write_5m_tokens=40,
        cache_write_1h_tokens=10,
        reasoning_tokens=25,
    )


# --- Messages ------------------------------------------------------------------------------------------------------------


def test_messages_leaves_the_cache_out_of_its_input() -> None:
    usage = normalise(
        "anthropic-messages",
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 200,
            "cache_creation_input_tokens": 50,
            "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 20},
            "output_tokens": 90,
            "output_tokens_details": {"thinking_tokens": 60},
            "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 1},
            "service_tier": "standard",
        },
    )
    assert usage == Usage(
        input_tokens=260,
        output_tokens=90,
        cache_read_tokens=200,
        cache_write_5m_tokens=30,
        cache_write_1h_tokens=20,
        reasoning_tokens=60,
        searches=3,
        service_tier="default",
    )


def test_cache_writes_without_lifetimes_lived_five_minutes() -> None:
    usage = normalise("anthropic-messages", {"input_tokens": 1, "cache_creation_input_tokens": 50})
    assert (usage.input_tokens, usage.cache_write_5m_tokens) == (51, 50)


def test_what_summarising_the_conversation_took_is_added_to_totals_that_leave_it_out() -> None:
    summing = {"type": "compaction", "input_tokens": 150_000, "output_tokens": 4000, "cache_read_input_tokens": 10}
    kept = {"cache_creation_input_tokens": 7, "cache_creation": {"ephemeral_1h_input_tokens": 5}}
    answering = {"type": "message", "input_tokens": 3000, "output_tokens": 50}
    usage = normalise(
        "anthropic-messages",
        {
            "input_tokens": 3000,
            "output_tokens": 50,
            "cache_creation_input_tokens": 100,
            "iterations": [summing, answering, summing | kept, "no object"],
        },
    )
    assert usage == Usage(
        input_tokens=3000 + 100 + 150_010 + 150_017,
        output_tokens=50 + 4000 + 4000,
        cache_read_tokens=20,
        cache_write_5m_tokens=100 + 2,
        cache_write_1h_tokens=5,
    )


@pytest.mark.parametrize("iterations", [None, {}, "x", [None], [{"type": "message", "input_tokens": 5}]])
def test_iterations_that_are_no_compaction_add_nothing(iterations: Any) -> None:
    assert normalise("anthropic-messages", {"input_tokens": 5, "iterations": iterations}) == Usage(input_tokens=5)


def test_a_fast_answer_is_priced_as_its_own_tier() -> None:
    usage = normalise("anthropic-messages", {"input_tokens": 1, "speed": "fast", "service_tier": "standard"})
    assert usage.service_tier == "fast"


# --- all -----------------------------------------------------------------------------------------------------------------


def test_embeddings_have_input_only() -> None:
    assert normalise("openai-embeddings", {"prompt_tokens": 8, "total_tokens": 8}) == Usage(input_tokens=8)


def test_a_dialect_without_a_rule_is_a_bug() -> None:
    with pytest.raises(InternalError):
        normalise("morse", {})
    with pytest.raises(InternalError):
        denormalise("morse", Usage())


def test_the_sdks_take_what_is_written() -> None:
    usage = Usage(
        input_tokens=10, output_tokens=4, cache_read_tokens=3, cache_write_1h_tokens=2, searches=1, service_tier="fast"
    )
    assert CompletionUsage.model_validate(denormalise("openai-chat", usage)).total_tokens == 14
    assert ResponseUsage.model_validate(denormalise("openai-responses", usage)).total_tokens == 14
    assert MessagesUsage.model_validate(denormalise("anthropic-messages", usage)).input_tokens == 5
    assert EmbeddingUsage.model_validate(denormalise("openai-embeddings", usage)).prompt_tokens == 10


def test_a_tier_that_messages_has_no_word_for_is_standard() -> None:
    assert denormalise("anthropic-messages", Usage(service_tier="flex"))["service_tier"] == "standard"
    assert denormalise("anthropic-messages", Usage(service_tier="batch"))["service_tier"] == "batch"


_junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
_counts = st.integers(0, 10**9) | _junk
_details = st.dictionaries(
    st.sampled_from(
        [
            *("cached_tokens", "cache_write_tokens", "audio_tokens", "reasoning_tokens", "thinking_tokens"),
            *("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens", "web_search_requests"),
        ]
    ),
    _counts,
)
_raw = st.dictionaries(
    st.sampled_from(
        [
            *("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens"),
            *("prompt_cache_hit_tokens", "prompt_cache_miss_tokens"),
            *("cache_read_input_tokens", "cache_creation_input_tokens"),
        ]
    ),
    _counts,
)
_nested = st.dictionaries(
    st.sampled_from(
        [
            *("prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details"),
            *("cache_creation", "server_tool_use", "service_tier"),
        ]
    ),
    _details | _junk,
)


@given(st.sampled_from(DIALECTS), _raw, _nested)
def test_parts_never_exceed_their_totals_whatever_a_vendor_says(
    dialect: str, raw: dict[str, Any], nested: dict[str, Any]
) -> None:
    usage = normalise(dialect, {**raw, **nested})
    assert usage.cache_read_tokens >= 0
    assert usage.cache_write_5m_tokens >= 0
    assert usage.cache_write_1h_tokens >= 0
    cached = usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    assert cached <= usage.input_tokens <= LARGEST_COUNT
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens <= LARGEST_COUNT
    assert 0 <= usage.audio_input_tokens <= usage.input_tokens
    assert 0 <= usage.audio_output_tokens <= usage.output_tokens


@st.composite
def _usages(draw: st.DrawFn) -> Usage:
    read, short, long, fresh = (draw(st.integers(0, 10**6)) for _ in range(4))
    reasoning, rest = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))
    return Usage(
        input_tokens=read + short + long + fresh,
        output_tokens=reasoning + rest,
        cache_read_tokens=read,
        cache_write_5m_tokens=short,
        cache_write_1h_tokens=long,
        reasoning_tokens=reasoning,
    )


@given(_usages())
def test_responses_and_messages_give_back_what_they_were_given(usage: Usage) -> None:
    for dialect in ("openai-responses", "anthropic-messages"):
        assert normalise(dialect, denormalise(dialect, usage)) == usage


@given(_usages())
def test_chat_gives_back_all_but_the_lifetimes(usage: Usage) -> None:
    back = normalise("openai-chat", denormalise("openai-chat", usage))
    assert back.input_tokens == usage.input_tokens
    assert back.output_tokens == usage.output_tokens
    assert back.cache_read_tokens == usage.cache_read_tokens
    assert back.reasoning_tokens == usage.reasoning_tokens
    assert back.cache_write_5m_tokens == usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
