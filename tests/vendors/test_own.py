"""The company's own models. What the engine is sent, and what it answered, stands in `own.json`."""

import pytest
from msgspec import Raw

from freehold.vendors.own import VENDOR, Mind, mind_of, traits_of

SMOLLM2 = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def test_it_is_an_engine_on_this_machine_without_a_key() -> None:
    assert (VENDOR.transport, VENDOR.base_url, VENDOR.needs_key, VENDOR.private) == ("engine", None, False, True)


@pytest.mark.parametrize(
    ("template", "mind"),
    [
        (SMOLLM2, Mind(tools=False)),
        ("", Mind(tools=False)),
        ("{% if tools %}...{% endif %}", Mind()),
        ("{% if enable_thinking is false %}<think></think>{% endif %}", Mind(thinks=True, switch="enable_thinking", tools=False)),
        ("{% if thinking %}<think>{% else %}</think>{% endif %}", Mind(thinks=True, switch="thinking", tools=False)),
        ("{% if not thinking is defined %}{% endif %}", Mind(thinks=True, switch="thinking", tools=False)),
        ("{# thinking is hard #}{{ messages }}", Mind(tools=False)),
        ("{{ '<think>' }}{{ tools }}", Mind(thinks=True)),
        ("Reasoning: {{ reasoning_effort }}", Mind(thinks=True, efforts=True, tools=False)),
    ],
)  # fmt: skip
def test_the_template_of_a_chat_tells_how_a_model_thinks(template: str, mind: Mind) -> None:
    assert mind_of(template) == mind


@pytest.mark.parametrize(
    ("mind", "style"),
    [
        (Mind(), "none"),
        (Mind(thinks=True), "template"),
        (Mind(thinks=True, switch="thinking"), "template"),
        (Mind(thinks=True, efforts=True), "effort"),
        (Mind(thinks=True, switch="enable_thinking", efforts=True), "template"),
    ],
)
def test_thinking_is_asked_for_as_the_template_takes_it(mind: Mind, style: str) -> None:
    assert traits_of("llama.cpp", mind).reasoning_style == style


def test_each_engine_has_its_own_word_for_a_cap_and_of_others_none_is_known() -> None:
    caps = {engine: traits_of(engine, Mind()).thinking_budget for engine in ("llama.cpp", "vllm", "other")}
    assert caps == {"llama.cpp": "thinking_budget_tokens", "vllm": "thinking_token_budget", "other": None}


def test_tools_that_the_template_would_swallow_are_no_ability() -> None:
    assert "tools" in traits_of("llama.cpp", mind_of(SMOLLM2)).no_abilities
    assert traits_of("vllm", Mind()).no_abilities == frozenset()


def test_only_the_door_says_which_adapter_answers() -> None:
    traits = traits_of("llama.cpp", Mind(), {"lora": Raw(b"[]")})
    assert (traits.refuses, traits.adds) == (frozenset({"lora"}), {"lora": Raw(b"[]")})
    assert traits_of("vllm", Mind()).refuses == frozenset()


def test_llama_alone_is_told_how_to_take_the_likeliest_token() -> None:
    told = {engine: set(traits_of(engine, Mind()).greedy) for engine in ("llama.cpp", "vllm", "other")}
    assert told == {"llama.cpp": {"samplers", "top_k"}, "vllm": set(), "other": set()}
