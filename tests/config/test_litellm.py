"""A whole LiteLLM configuration as a freehold.toml that can be used."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.config.discovery import KnownVendor
from freehold.config.litellm import convert
from freehold.config.litellm_models import LeftOut
from freehold.config.reading import Reading, settled

Parse = Callable[..., Reading]

EXAMPLE = Path(__file__).parents[2] / "examples" / "litellm-config.yaml"

EXPECTED = """\
[timeouts]
first_token = 60
whole = 60

[vendors.openai]
api_key = { env = "OPENAI_API_KEY" }

[vendors.anthropic]
api_key = { env = "ANTHROPIC_API_KEY" }

[vendors.openai-2]
like = "openai"
base_url = "https://eu.api.openai.com/v1"
api_key = { env = "OPENAI_EU_API_KEY" }

[vendors.vllm]
speaks = "openai-chat"
base_url = "http://10.0.0.7:8000/v1"

[workloads.default]
route = ["requested"]
retries = 3

[workloads.gpt-5-mini]
route = [
  { model = "openai/gpt-5-mini", weight = 9 },
  { model = "openai-2/gpt-5-mini", weight = 1 },
  { model = "anthropic/claude-haiku-4-5", weight = 0 },
  { model = "vllm/qwen3-8b", weight = 0 },
]
strategy = "weighted"
retries = 3

[workloads.claude-haiku]
route = ["anthropic/claude-haiku-4-5"]
retries = 3
limits = { requests_per_minute = 300 }
budget = { usd = 50, per = "month", hard = true }

[workloads.qwen]
route = ["vllm/qwen3-8b"]
retries = 3

[workloads.gpt-4]
route = [
  { model = "openai/gpt-5-mini", weight = 9 },
  { model = "openai-2/gpt-5-mini", weight = 1 },
  { model = "anthropic/claude-haiku-4-5", weight = 0 },
  { model = "vllm/qwen3-8b", weight = 0 },
]
strategy = "weighted"
retries = 3

[prices."vllm/qwen3-8b"]
input = 0.05
output = 0.2
"""


def body(text: str) -> str:
    """The text without the comment at its top."""
    return text.partition("\n\n")[2]


def test_the_example_becomes_what_it_means_and_names_what_it_cannot(
    known: Mapping[str, KnownVendor], read_text: Parse
) -> None:
    made = convert(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")), known)

    assert body(made.toml) == EXPECTED
    assert [left.path for left in made.left_out] == [
        "model_list[3].litellm_params.temperature",
        "model_list[4]",
        "router_settings.allowed_fails",
        "litellm_settings.drop_params",
        "litellm_settings.success_callback",
        "litellm_settings.cache",
        "general_settings.master_key",
        "general_settings.database_url",
        "environment_variables.LANGFUSE_PUBLIC_KEY",
    ]
    reading = read_text(made.toml, OPENAI_API_KEY="k", ANTHROPIC_API_KEY="k", OPENAI_EU_API_KEY="k")
    assert settled(reading)
    assert reading.warnings == ()


def test_an_empty_configuration_still_takes_any_model(known: Mapping[str, KnownVendor], read_text: Parse) -> None:
    made = convert({}, known)

    assert body(made.toml) == '[workloads.default]\nroute = ["requested"]\n'
    assert made.left_out == ()
    assert settled(read_text(made.toml))


def test_sizes_and_times_of_the_whole_proxy_are_kept(known: Mapping[str, KnownVendor]) -> None:
    config: dict[str, Any] = {
        "general_settings": {"max_request_size_mb": 64, "global_max_parallel_requests": 100},
        "litellm_settings": {"request_timeout": 900},
        "router_settings": {"stream_timeout": 15.5},
    }
    made = convert(config, known)

    assert body(made.toml) == (
        "[door]\nmax_body_mb = 64\nmax_in_flight = 100\n\n"
        "[timeouts]\nfirst_token = 900\nwhole = 900\nidle = 15.5\ntotal = 900\n\n"
        '[workloads.default]\nroute = ["requested"]\n'
    )
    assert made.left_out == ()


def test_a_model_called_as_we_would_call_it_needs_no_workload(known: Mapping[str, KnownVendor]) -> None:
    entry = {"model_name": "openai/gpt-5", "litellm_params": {"model": "openai/gpt-5"}}
    made = convert({"model_list": [entry]}, known)

    assert "[workloads.default]" in made.toml
    assert "gpt-5" not in made.toml
    assert made.left_out == ()


def test_two_prices_for_one_model_are_named(known: Mapping[str, KnownVendor]) -> None:
    def entry(**costs: float) -> dict[str, Any]:
        return {"model_name": "m", "litellm_params": {"model": "openai/gpt-5"}, "model_info": costs}

    entries = [
        entry(input_cost_per_token=1e-6, output_cost_per_token=2e-6),
        entry(input_cost_per_token=3e-6, output_cost_per_token=4e-6),
        entry(input_cost_per_token=1e-6),
        entry(input_cost_per_token=1e6, output_cost_per_token=1e6),
    ]
    made = convert({"model_list": entries}, known)

    assert made.toml.endswith('[prices."openai/gpt-5"]\ninput = 1\noutput = 2\n')
    assert made.left_out == (
        LeftOut("model_list[1] cost", "openai/gpt-5 has another price already."),
        LeftOut("model_list[2] cost", "A price needs both the input and the output."),
        LeftOut("model_list[3] cost", "A price is in dollars per token, and this is none."),
    )


def test_sections_that_have_no_place_are_named(known: Mapping[str, KnownVendor]) -> None:
    config: dict[str, Any] = {"guardrails": [], "include": ["a.yaml"], "future_section": {}}
    config |= {"router_settings": {"timeout": "soon", "num_retries": None}, "general_settings": "none"}
    made = convert(config, known)

    assert made.left_out == (
        LeftOut("router_settings.timeout", "It is no number that Freehold could use."),
        LeftOut("general_settings", "It is no mapping."),
        LeftOut("guardrails", "Freehold has no guardrails yet."),
        LeftOut("include", "Convert each included file on its own."),
        LeftOut("future_section", "Freehold has no such setting."),
    )


def test_no_key_is_ever_copied(known: Mapping[str, KnownVendor]) -> None:
    config: dict[str, Any] = {
        "model_list": [
            {
                "model_name": "m",
                "litellm_params": {
                    "model": "openai/gpt-5",
                    "api_key": "sk-secret",
                    "extra_headers": {"Authorization": "sk-secret"},
                    "aws_secret_access_key": "sk-secret",
                },
            }
        ],
        "general_settings": {"master_key": "sk-secret", "database_url": "postgres://u:sk-secret@h/d"},
        "environment_variables": {"OPENAI_API_KEY": "sk-secret"},
    }
    made = convert(config, known)

    assert "sk-secret" not in made.toml
    assert "sk-secret" not in repr(made.left_out)


texts = st.sampled_from(
    ["openai/gpt-5", "m", "os.environ/K", "a b", "*", "", "http://h/v1", "ollama/x", 'q"', "1", "é\n"]
)
models = st.sampled_from(
    [
        "openai/gpt-5",
        "gpt-5",
        "openai/a b",
        "openai/",
        'openai/"',
        "ollama/x",
        "anthropic/é",
        "hosted_vllm/a/b",
        "o1\x7f",
    ]
)
scalars: st.SearchStrategy[Any] = (
    texts | st.booleans() | st.none() | st.integers(-1, 10**12) | st.floats(0, 1e12) | st.just("os.environ/not-a-name")
)
params = st.sampled_from(
    [
        "api_key",
        "api_base",
        "weight",
        "order",
        "rpm",
        "tpm",
        "timeout",
        "stream_timeout",
        "max_budget",
        "budget_duration",
        "input_cost_per_token",
        "output_cost_per_token",
        "num_retries",
        "organization",
        "temperature",
    ]
)


def entry_of(name: str, model: str, some: dict[str, Any], headers: dict[str, Any] | None) -> dict[str, Any]:
    more = {"extra_headers": headers} if headers else {}
    return {"model_name": name, "litellm_params": {"model": model, **some, **more}}


entries = st.builds(
    entry_of,
    st.sampled_from(["m", "n", "a b", "default", "é"]),
    models,
    st.dictionaries(params, scalars, max_size=5),
    st.none() | st.dictionaries(texts, scalars, max_size=2),
)
configs: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"model_list": st.lists(entries | scalars, max_size=4) | scalars},
    optional={
        "router_settings": st.dictionaries(
            st.sampled_from(["routing_strategy", "num_retries", "timeout", "stream_timeout", "default_fallbacks"]),
            scalars | st.lists(scalars, max_size=2),
        ),
        "litellm_settings": st.dictionaries(
            st.just("fallbacks"), st.lists(st.dictionaries(texts, st.lists(texts, max_size=2), max_size=2), max_size=2)
        ),
        "general_settings": scalars | st.dictionaries(st.just("max_request_size_mb"), scalars),
    },
)


@given(configs)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=300)
def test_whatever_comes_in_what_goes_out_can_be_used(
    known: Mapping[str, KnownVendor], read_text: Parse, config: dict[str, Any]
) -> None:
    made = convert(config, known)
    variables = dict.fromkeys(("K", "OPENAI_API_KEY", "OLLAMA_API_KEY", "OPENAI_SERVER_API_KEY"), "http://h/v1")

    assert settled(read_text(made.toml, **variables))


@pytest.mark.parametrize("name", ["gpt-5-mini", "gpt-4"])
def test_callers_keep_the_names_that_they_used(name: str, known: Mapping[str, KnownVendor], read_text: Parse) -> None:
    made = convert(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")), known)
    job = settled(read_text(made.toml, OPENAI_EU_API_KEY="k")).workloads[name]

    assert [(target.model, target.weight) for target in job.route] == [
        ("openai/gpt-5-mini", 9.0),
        ("openai-2/gpt-5-mini", 1.0),
        ("anthropic/claude-haiku-4-5", 0.0),
        ("vllm/qwen3-8b", 0.0),
    ]
