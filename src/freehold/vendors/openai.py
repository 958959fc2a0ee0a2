"""`openai`: Chat Completions and Responses. Its reasoning models refuse sampling and call the cap by another name.

A level of effort that a model does not have goes to the nearest that it has. Fields of other vendors' Chat, which this
one answers with an error, are dropped and named. Read from the types of its SDK, 3.54, and its guide to reasoning.
"""

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import ModelTraits, Speaks, Vendor

_OF_OTHERS = frozenset({"reasoning", "thinking", "top_k", "min_p", "repetition_penalty", "chat_template_kwargs"})
_SAMPLING = frozenset(
    {"temperature", "top_p", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "logit_bias", "stop"}
)
_SAMPLING_RESPONSES = frozenset({"temperature", "top_p", "top_logprobs"})

_FROM_LOW = {"none": "low", "minimal": "low"}
_TO_HIGH = {"xhigh": "high", "max": "high"}

_EFFORTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("o1*", {**_FROM_LOW, **_TO_HIGH}),
    ("o3*", {**_FROM_LOW, **_TO_HIGH}),
    ("o4*", {**_FROM_LOW, **_TO_HIGH}),
    ("gpt-5-codex*", {**_FROM_LOW, **_TO_HIGH}),
    ("gpt-5-pro*", {"none": "high", "minimal": "high", "low": "high", "medium": "high", **_TO_HIGH}),
    ("gpt-5", {"none": "minimal", **_TO_HIGH}),
    ("gpt-5-*", {"none": "minimal", **_TO_HIGH}),
    ("gpt-5.1-codex-max*", {"none": "low", "minimal": "low", "max": "xhigh"}),
    ("gpt-5.1-codex*", {**_FROM_LOW, **_TO_HIGH}),
    ("gpt-5.1*", {"minimal": "low", **_TO_HIGH}),
    ("gpt-6-astra*", {**_FROM_LOW, "max": "xhigh"}),
    ("gpt-5*", {"minimal": "low", "max": "xhigh"}),
    ("gpt-6*", {"minimal": "low", "max": "xhigh"}),
)
"""Patterns of the reasoning models, first match first, with the levels that Chat does not have there."""

_PLAIN = ("gpt-3.5*", "gpt-4*", "chatgpt-*", "gpt-5-chat*", "gpt-audio*", "ft:gpt-3.5*", "ft:gpt-4*")
"""Patterns of the models that do not reason. They come first: `gpt-5-chat` is one of them."""


def _chat(efforts: dict[str, str]) -> Traits:
    return Traits(
        refuses=_OF_OTHERS | _SAMPLING,
        renames={"max_tokens": "max_completion_tokens"},
        efforts=efforts,
    )


def _responses(efforts: dict[str, str]) -> Traits:
    # Responses has `max` wherever it has `xhigh`.
    return Traits(
        refuses=_SAMPLING_RESPONSES,
        efforts={word: to for word, to in efforts.items() if (word, to) != ("max", "xhigh")},
    )


VENDOR = Vendor(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    speaks=(
        Speaks(
            dialect="openai-chat",
            traits=Traits(refuses=_OF_OTHERS, renames={"max_tokens": "max_completion_tokens"}),
        ),
        Speaks(dialect="openai-responses"),
    ),
    auth={"authorization": "Bearer {key}"},
    key_env=("OPENAI_API_KEY",),
    base_url_env=("OPENAI_BASE_URL",),
    models=(
        *(
            ModelTraits(
                pattern=pattern,
                dialect="openai-chat",
                traits=Traits(refuses=_OF_OTHERS, reasoning_style="none"),
            )
            for pattern in _PLAIN
        ),
        *(
            ModelTraits(pattern=pattern, dialect="openai-responses", traits=Traits(reasoning_style="none"))
            for pattern in _PLAIN
        ),
        *(ModelTraits(pattern=pattern, dialect="openai-chat", traits=_chat(efforts)) for pattern, efforts in _EFFORTS),
        *(
            ModelTraits(pattern=pattern, dialect="openai-responses", traits=_responses(efforts))
            for pattern, efforts in _EFFORTS
        ),
    ),
    embeddings="/embeddings",
    docs="https://developers.openai.com/api/reference/resources/chat",
    read_on="2026-11-23",
)
