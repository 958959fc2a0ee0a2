"""Entries of LiteLLM's model_list as our deployments and accounts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from freehold.config.discovery import KnownVendor
from freehold.config.litellm_models import Account, Deployment, LeftOut, deployments, number


def entry(model: str, name: str = "m", info: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, **params}, "model_info": info or {}}


def one(
    known: Mapping[str, KnownVendor], written: dict[str, Any], **top: Any
) -> tuple[Deployment | None, list[LeftOut]]:
    left_out: list[LeftOut] = []
    found = deployments({"model_list": [written], **top}, known, left_out)
    return (found[0] if found else None), left_out


@pytest.mark.parametrize(
    ("model", "params", "account", "ours"),
    [
        ("openai/gpt-5-mini", {}, Account(base="openai", like="openai"), "gpt-5-mini"),
        ("openai/responses/gpt-5", {}, Account(base="openai", like="openai"), "gpt-5"),
        ("gpt-4o", {}, Account(base="openai", like="openai"), "gpt-4o"),
        ("o3-mini", {}, Account(base="openai", like="openai"), "o3-mini"),
        ("claude-haiku-4-5", {}, Account(base="anthropic", like="anthropic"), "claude-haiku-4-5"),
        ("deepseek/deepseek-chat", {}, Account(base="deepseek", like="deepseek"), "deepseek-chat"),
        (
            "some-model",
            {"custom_llm_provider": "openai"},
            Account(base="openai", like="openai"),
            "some-model",
        ),
        (
            "openai/gpt-5",
            {"api_key": "os.environ/EU", "api_base": "https://eu.api.openai.com/v1/", "organization": "org-1"},
            Account(
                base="openai",
                like="openai",
                base_url="https://eu.api.openai.com/v1",
                api_key="os.environ/EU",
                headers=(("OpenAI-Organization", "org-1"),),
            ),
            "gpt-5",
        ),
        (
            "openai/facebook/opt-125m",
            {"api_base": "http://0.0.0.0:4000/v1", "api_key": "none"},
            Account(base="openai-server", like=None, base_url="http://0.0.0.0:4000/v1"),
            "facebook/opt-125m",
        ),
        (
            "anthropic/claude-haiku-4-5",
            {"api_base": "http://10.0.0.1", "api_key": "os.environ/A"},
            Account(base="anthropic-server", like="anthropic", base_url="http://10.0.0.1/v1", api_key="os.environ/A"),
            "claude-haiku-4-5",
        ),
        (
            "hosted_vllm/qwen3-8b",
            {"api_base": "os.environ/VLLM"},
            Account(base="vllm", like=None, base_url="os.environ/VLLM"),
            "qwen3-8b",
        ),
        (
            "ollama/llama3",
            {"api_base": "http://localhost:11434"},
            Account(base="ollama", like=None, base_url="http://localhost:11434/v1"),
            "llama3",
        ),
        (
            "ollama_chat/llama3",
            {"api_base": "http://localhost:11434/v1/"},
            Account(base="ollama", like=None, base_url="http://localhost:11434/v1"),
            "llama3",
        ),
    ],
)
def test_a_model_finds_its_vendor(
    model: str, params: dict[str, Any], account: Account, ours: str, known: Mapping[str, KnownVendor]
) -> None:
    found, left_out = one(known, entry(model, **params))

    assert found is not None
    assert (found.account, found.model) == (account, ours)
    assert left_out == []


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({"model_name": "m"}, "It has no model_name or no litellm_params.model."),
        ({"litellm_params": {"model": "openai/x"}}, "It has no model_name or no litellm_params.model."),
        ("not a mapping", "It has no model_name or no litellm_params.model."),
        (entry("*", name="*"), "Callers may name any vendor/model whose vendor has a key; nothing to write."),
        (
            entry("azure/gpt-4o-eu", api_base="https://x.openai.azure.com"),
            'LiteLLM\'s provider "azure" is not a vendor that Freehold has built in. If it speaks Chat Completions, add '
            '[vendors.NAME] with speaks = "openai-chat" and base_url.',
        ),
        (
            entry("mystery"),
            "Its vendor is not clear from its name. If it speaks Chat Completions, add [vendors.NAME] with speaks = "
            '"openai-chat" and base_url.',
        ),
        (entry("hosted_vllm/x"), "It has no api_base, and hosted_vllm has no address of its own."),
        (entry("openai/a b"), "A model cannot have such a name."),
        (entry("openai/"), "A model cannot have such a name."),
        (entry("ollama/x", api_base="your_ollama_api_base"), "Its api_base is not a URL."),
    ],
)
def test_an_entry_that_cannot_be_carried_is_named_with_its_reason(
    written: Any, why: str, known: Mapping[str, KnownVendor]
) -> None:
    found, left_out = one(known, written)

    assert found is None
    assert left_out == [LeftOut("model_list[0]", why)]


def test_a_key_in_the_file_is_not_copied(known: Mapping[str, KnownVendor]) -> None:
    found, left_out = one(known, entry("openai/gpt-5", api_key="sk-very-secret"))

    assert found is not None
    assert found.account.api_key == "os.environ/OPENAI_API_KEY"
    assert left_out == [
        LeftOut(
            "model_list[0].litellm_params.api_key",
            "The key itself stands there, and keys do not belong in a file. Set it as the environment variable "
            "OPENAI_API_KEY.",
        )
    ]


def test_headers_are_kept_but_for_secrets(known: Mapping[str, KnownVendor]) -> None:
    headers = {"X-Team": "a", "Authorization": "Bearer secret", "X-Api-Key": "os.environ/K", "a b": "c", "y": "é"}
    found, left_out = one(known, entry("openai/gpt-5", extra_headers=headers, organization=["a", "b"]))

    assert found is not None
    assert found.account.headers == (("X-Api-Key", "os.environ/K"), ("X-Team", "a"))
    assert left_out == [
        LeftOut(
            "model_list[0].litellm_params.organization",
            "It lists several organizations: write one vendor table for each.",
        ),
        LeftOut(
            "model_list[0].litellm_params.extra_headers.Authorization",
            "It is a secret: add it under headers as { env = .. }.",
        ),
        LeftOut("model_list[0].litellm_params.extra_headers.a b", "Freehold cannot add such a header."),
        LeftOut("model_list[0].litellm_params.extra_headers.y", "Freehold cannot add such a header."),
    ]


def test_credentials_are_looked_up_and_overridden(known: Mapping[str, KnownVendor]) -> None:
    credentials = [{"credential_name": "eu", "credential_values": {"api_key": "os.environ/EU", "organization": "a"}}]
    found, left_out = one(
        known,
        entry("openai/gpt-5", litellm_credential_name="eu", organization="b"),
        credential_list=credentials,
    )

    assert found is not None
    assert found.account.api_key == "os.environ/EU"
    assert found.account.headers == (("OpenAI-Organization", "b"),)
    assert left_out == []


def test_a_number_that_is_none_is_named_and_a_missing_one_is_not(known: Mapping[str, KnownVendor]) -> None:
    _, left_out = one(known, entry("openai/gpt-5", rpm="os.environ/RPM", tpm=None, weight=-1))

    assert left_out == [
        LeftOut("model_list[0].litellm_params.rpm", "It is no number that Freehold could use."),
        LeftOut("model_list[0].litellm_params.weight", "It is no number that Freehold could use."),
    ]


def test_a_model_list_that_is_no_list_is_named(known: Mapping[str, KnownVendor]) -> None:
    left_out: list[LeftOut] = []

    assert deployments({"model_list": {"a": 1}}, known, left_out) == []
    assert left_out == [LeftOut("model_list", "It is no list.")]
    assert deployments({"model_list": None}, known, []) == []


def test_costs_are_per_million_and_exact(known: Mapping[str, KnownVendor]) -> None:
    info = {"input_cost_per_token": 0.00000015, "output_cost_per_token": "6e-7", "mode": "chat"}
    found, left_out = one(known, entry("openai/gpt-5", info=info, cache_read_input_token_cost=1.5e-8, temperature=1))

    assert found is not None
    assert found.costs == {"input": Decimal("0.15"), "output": Decimal("0.6"), "cache_read": Decimal("0.015")}
    assert [left.path for left in left_out] == [
        "model_list[0].litellm_params.temperature",
        "model_list[0].model_info.mode",
    ]


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (1, "1"),
        (0.1, "0.1"),
        ("15e-8", "15e-8"),
        (True, None),
        (-1, None),
        ("x", None),
        (float("nan"), None),
        ([], None),
        (float("inf"), None),
        (0, "0"),
        (1e-300, None),
        (10**30, None),
    ],
)
def test_a_number_is_read_from_what_yaml_gives(thing: object, expected: str | None) -> None:
    assert number(thing) == (None if expected is None else Decimal(expected))
