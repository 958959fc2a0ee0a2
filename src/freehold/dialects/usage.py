"""Usage: from each dialect's counts to ours and back, in one place, because the vendors disagree on what includes what.

    dialect              input total                          output total
    openai-chat          prompt_tokens, cached included       completion_tokens, reasoning included (xAI: excluded)
    openai-responses     input_tokens, cached included        output_tokens, reasoning included
    anthropic-messages   input_tokens + cache reads + writes  output_tokens, thinking included; compactions excluded in both
    openai-embeddings    prompt_tokens                        none

It knows no price and no vendor by name. A vendor's counts are input from outside: what is missing, null or no count is
zero, and a part that is larger than its total is cut to it, so that money is never computed from impossible numbers.
Source: the SDKs' types (openai 3.54 `CompletionUsage`, `ResponseUsage`; anthropic 2.12 `Usage`, `BetaUsage`) and vendors' documents.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from freehold.errors import InternalError
from freehold.messages import Usage

LARGEST_COUNT = 2**53 - 1
"""Counts above this are cut: no answer is that long, and every store and JSON reader holds it exactly."""

Counts = Mapping[str, Any]


def normalise(dialect: str, raw: Counts) -> Usage:
    """The vendor's `usage` object in our words.

    `raw["service_tier"]` may be merged in by the reader where the dialect says the tier outside `usage`.
    Never raises on what a vendor sends; raises `InternalError` for a dialect without a rule.
    """
    read = _READ.get(dialect)
    if read is None:
        raise InternalError(f"There is no rule for counting usage in the dialect {dialect!r}.")
    return read(raw)


def denormalise(dialect: str, usage: Usage) -> dict[str, Any]:
    """Our counts as the `usage` object of a caller's dialect.

    The OpenAI dialects say the service tier outside `usage`, so it is not in theirs. What a dialect cannot say
    (`estimated` everywhere, lifetimes of cache writes in Chat, audio in Messages) is left out.
    Raises `InternalError` for a dialect without a rule.
    """
    write = _WRITE.get(dialect)
    if write is None:
        raise InternalError(f"There is no rule for writing usage in the dialect {dialect!r}.")
    return write(usage)


# --- reading -------------------------------------------------------------------------------------------------------------


def _read_chat(raw: Counts) -> Usage:
    prompt_details = _object(raw, "prompt_tokens_details")
    completion_details = _object(raw, "completion_tokens_details")
    cache_read = _count(prompt_details, "cached_tokens") or _count(raw, "prompt_cache_hit_tokens")
    prompt = _count(raw, "prompt_tokens") or cache_read + _count(raw, "prompt_cache_miss_tokens")
    completion = _count(raw, "completion_tokens")
    if not prompt_details and not completion_details:
        return _bounded(input_tokens=prompt, output_tokens=completion, cache_read=cache_read, service_tier=_tier(raw))
    reasoning = _count(completion_details, "reasoning_tokens")
    if _excludes_reasoning(raw, prompt, completion, reasoning):
        completion += reasoning
    return _bounded(
        input_tokens=prompt,
        output_tokens=completion,
        cache_read=cache_read,
        cache_write_5m=_count(prompt_details, "cache_write_tokens"),
        reasoning=reasoning,
        audio_input=_count(prompt_details, "audio_tokens"),
        audio_output=_count(completion_details, "audio_tokens"),
        service_tier=_tier(raw),
    )


def _excludes_reasoning(raw: Counts, prompt: int, completion: int, reasoning: int) -> bool:
    """xAI counts reasoning in the total but not in `completion_tokens`; the total tells the two ways apart."""
    if not reasoning:
        return False
    total = _count(raw, "total_tokens")
    if not total:
        return reasoning > completion
    return total == prompt + completion + reasoning


def _read_responses(raw: Counts) -> Usage:
    input_details = _object(raw, "input_tokens_details")
    output_details = _object(raw, "output_tokens_details")
    long_writes = _count(_object(input_details, "cache_write_tokens_details"), "ttl_12h_tokens")
    all_writes = max(_count(input_details, "cache_write_tokens"), long_writes)
    return _bounded(
        input_tokens=_count(raw, "input_tokens"),
        output_tokens=_count(raw, "output_tokens"),
        cache_read=_count(input_details, "cached_tokens"),
        cache_write_5m=all_writes - long_writes,
        cache_write_1h=long_writes,
        reasoning=_count(output_details, "reasoning_tokens"),
        audio_input=_count(input_details, "audio_tokens"),
        audio_output=_count(output_details, "audio_tokens"),
        service_tier=_tier(raw),
    )


def _read_messages(raw: Counts) -> Usage:
    uncached = written = cache_read = writes = write_1h = 0
    for counts in (raw, *_compactions(raw)):
        creation = _object(counts, "cache_creation")
        short, long = _count(creation, "ephemeral_5m_input_tokens"), _count(creation, "ephemeral_1h_input_tokens")
        # The two lifetimes came later than the sum; whatever they do not explain was written for five minutes.
        writes += max(_count(counts, "cache_creation_input_tokens"), short + long)
        write_1h += long
        cache_read += _count(counts, "cache_read_input_tokens")
        uncached += _count(counts, "input_tokens")
        written += _count(counts, "output_tokens")
    return _bounded(
        input_tokens=uncached + cache_read + writes,
        output_tokens=written,
        cache_read=cache_read,
        cache_write_5m=writes - write_1h,
        cache_write_1h=write_1h,
        reasoning=_count(_object(raw, "output_tokens_details"), "thinking_tokens"),
        searches=_count(_object(raw, "server_tool_use"), "web_search_requests"),
        # `speed` sets the price like a tier does, and no answer has both a fast speed and another paid tier.
        service_tier="fast" if raw.get("speed") == "fast" else _tier(raw),
    )


def _compactions(raw: Counts) -> list[Counts]:
    """The counts of the times that the conversation was summarised on the way, which the totals leave out."""
    iterations: object = raw.get("iterations")
    if not isinstance(iterations, list):
        return []
    each = [cast("Counts", one) for one in cast("list[object]", iterations) if isinstance(one, dict)]
    return [one for one in each if one.get("type") == "compaction"]


def _read_embeddings(raw: Counts) -> Usage:
    return Usage(input_tokens=_count(raw, "prompt_tokens") or _count(raw, "total_tokens"), service_tier=_tier(raw))


def _bounded(
    *,
    input_tokens: int,
    output_tokens: int,
    cache_read: int,
    cache_write_5m: int = 0,
    cache_write_1h: int = 0,
    reasoning: int = 0,
    audio_input: int = 0,
    audio_output: int = 0,
    searches: int = 0,
    service_tier: str | None = None,
) -> Usage:
    """Usage whose parts fit their totals. Cache reads and writes are disjoint, so together they fit the input."""
    input_tokens = min(input_tokens, LARGEST_COUNT)
    output_tokens = min(output_tokens, LARGEST_COUNT)
    return Usage(
        input_tokens,
        output_tokens,
        read := cache_read and min(cache_read, input_tokens),
        short := cache_write_5m and min(cache_write_5m, input_tokens - read),
        cache_write_1h and min(cache_write_1h, input_tokens - read - short),
        reasoning and min(reasoning, output_tokens),
        audio_input and min(audio_input, input_tokens),
        audio_output and min(audio_output, output_tokens),
        searches,
        service_tier,
    )


_NOTHING: Counts = {}


def _object(raw: Counts, name: str) -> Counts:
    value = raw.get(name)
    return cast("Counts", value) if isinstance(value, dict) else _NOTHING


def _count(raw: Counts, name: str) -> int:
    value: object = raw.get(name)
    if value is None:
        return 0
    if type(value) is int and 0 <= value <= LARGEST_COUNT:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return 0
    return min(value, LARGEST_COUNT)


def _tier(raw: Counts) -> str | None:
    value: object = raw.get("service_tier")
    if value == "standard":  # Anthropic's word for what everybody else calls default
        return "default"
    return value if isinstance(value, str) and value else None


# --- writing -------------------------------------------------------------------------------------------------------------


def _write_chat(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }


def _write_responses(usage: Usage) -> dict[str, Any]:
    input_details: dict[str, Any] = {
        "cached_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
    }
    if usage.cache_write_1h_tokens:
        input_details["cache_write_tokens_details"] = {
            "ttl_30m_tokens": usage.cache_write_5m_tokens,
            "ttl_12h_tokens": usage.cache_write_1h_tokens,
        }
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": input_details,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _write_messages(usage: Usage) -> dict[str, Any]:
    writes = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    wire: dict[str, Any] = {
        "input_tokens": usage.input_tokens - usage.cache_read_tokens - writes,
        "cache_creation_input_tokens": writes,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }
    if usage.searches:
        wire["server_tool_use"] = {"web_search_requests": usage.searches, "web_fetch_requests": 0}
    if usage.service_tier == "fast":
        wire["speed"] = "fast"
    elif usage.service_tier is not None:
        wire["service_tier"] = _MESSAGES_TIERS.get(usage.service_tier, "standard")
    return wire


def _write_embeddings(usage: Usage) -> dict[str, Any]:
    return {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens}


_MESSAGES_TIERS: Mapping[str, str] = {"default": "standard", "priority": "priority", "batch": "batch"}

_READ: Mapping[str, Callable[[Counts], Usage]] = {
    "openai-chat": _read_chat,
    "openai-responses": _read_responses,
    "anthropic-messages": _read_messages,
    "openai-embeddings": _read_embeddings,
}

_WRITE: Mapping[str, Callable[[Usage], dict[str, Any]]] = {
    "openai-chat": _write_chat,
    "openai-responses": _write_responses,
    "anthropic-messages": _write_messages,
    "openai-embeddings": _write_embeddings,
}
