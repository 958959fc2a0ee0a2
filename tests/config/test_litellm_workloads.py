"""LiteLLM's model groups as workloads."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from freehold.config.discovery import KnownVendor
from freehold.config.litellm_models import LeftOut, deployments
from freehold.config.litellm_workloads import Group, groups, rules, titles

Entries = Mapping[str, list[tuple[str, dict[str, Any]]]]

ENTRIES: Entries = {
    "fast": [("openai/a", {"weight": 9}), ("anthropic/b", {"weight": 1})],
    "slow": [("deepseek/c", {})],
}


def made(known: Mapping[str, KnownVendor], entries: Entries, **router: Any) -> tuple[dict[str, Group], list[LeftOut]]:
    listed = [
        {"model_name": name, "litellm_params": {"model": model, **params}}
        for name, models in entries.items()
        for model, params in models
    ]
    config: dict[str, Any] = {"model_list": listed, "router_settings": router}
    left_out: list[LeftOut] = []
    found = groups(deployments(config, known, left_out), rules(config, left_out), left_out)
    return {group.name: group for group in found}, left_out


def route(group: Group) -> list[tuple[str, str | None]]:
    return [(target.model, None if target.weight is None else str(target.weight)) for target in group.route]


SHUFFLES: list[tuple[dict[str, Any], dict[str, Any], list[str | None]]] = [
    ({"weight": 9}, {"weight": 1}, ["9", "1"]),
    ({"weight": 9, "rpm": 1}, {"rpm": 5}, ["9", "0"]),
    ({"rpm": 60, "tpm": 1}, {"rpm": 600}, ["60", "600"]),
    ({"tpm": 1000}, {"tpm": 2000}, ["1000", "2000"]),
    ({}, {}, [None, None]),
]


@pytest.mark.parametrize(("first", "second", "weights"), SHUFFLES)
def test_a_shuffle_draws_by_weight_then_rpm_then_tpm(
    first: dict[str, Any], second: dict[str, Any], weights: list[str | None], known: Mapping[str, KnownVendor]
) -> None:
    found, _ = made(known, {"g": [("openai/a", first), ("anthropic/b", second)]})

    assert found["g"].strategy == "weighted"
    assert [weight for _, weight in route(found["g"])] == weights


@pytest.mark.parametrize(
    ("routing", "strategy"),
    [
        ("simple-shuffle", "weighted"),
        ("latency-based-routing", "fastest"),
        ("cost-based-routing", "cheapest"),
        ("least-busy", "weighted"),
        ("usage-based-routing-v2", "weighted"),
    ],
)
def test_each_strategy_becomes_the_nearest_and_a_missing_one_is_named(
    routing: str, strategy: str, known: Mapping[str, KnownVendor]
) -> None:
    found, left_out = made(known, ENTRIES, routing_strategy=routing)

    assert found["fast"].strategy == strategy
    assert found["slow"].strategy == "ordered"
    named = [left.path for left in left_out if "routing_strategy" in left.path]
    assert named == (
        ["router_settings.routing_strategy"] if routing in ("least-busy", "usage-based-routing-v2") else []
    )


def test_an_order_makes_the_route_ordered(known: Mapping[str, KnownVendor]) -> None:
    found, _ = made(known, {"g": [("openai/a", {"order": 2}), ("anthropic/b", {"order": 1})]})

    assert found["g"].strategy == "ordered"
    assert route(found["g"]) == [("b", None), ("a", None)]


def test_fallbacks_follow_and_are_never_drawn_first(known: Mapping[str, KnownVendor]) -> None:
    found, left_out = made(known, ENTRIES, fallbacks=[{"fast": ["slow"]}, {"slow": ["fast"]}])

    assert route(found["fast"]) == [("a", "9"), ("b", "1"), ("c", "0")]
    assert found["fast"].strategy == "weighted"
    assert [model for model, _ in route(found["slow"])] == ["c", "a", "b"]
    assert found["slow"].strategy == "ordered"
    assert left_out == []


def test_fallbacks_for_all_do_not_fall_back_on_themselves(known: Mapping[str, KnownVendor]) -> None:
    for router in ({"default_fallbacks": ["slow"]}, {"fallbacks": [{"*": ["slow"]}]}):
        found, _ = made(known, ENTRIES, **router)

        assert [model for model, _ in route(found["fast"])] == ["a", "b", "c"]
        assert [model for model, _ in route(found["slow"])] == ["c"]


def test_a_strategy_that_could_not_keep_fallbacks_behind_is_given_up_and_named(
    known: Mapping[str, KnownVendor],
) -> None:
    found, left_out = made(known, ENTRIES, routing_strategy="latency-based-routing", fallbacks=[{"fast": ["slow"]}])

    assert found["fast"].strategy == "weighted"
    assert left_out == [
        LeftOut(
            "router_settings.routing_strategy",
            '"fast" has fallbacks, which "fastest" would ask first at times. Its models share evenly.',
        )
    ]


def test_fallbacks_that_lead_nowhere_are_named(known: Mapping[str, KnownVendor]) -> None:
    _, left_out = made(known, ENTRIES, fallbacks=[{"fast": ["gone"]}, {"never": ["slow"]}])

    assert left_out == [
        LeftOut("router_settings.fallbacks.fast", '"gone" is not in model_list, or could not be carried over.'),
        LeftOut("router_settings.fallbacks.never", "No entry of model_list has that name."),
    ]


def test_a_fallback_that_is_no_name_is_named(known: Mapping[str, KnownVendor]) -> None:
    _, left_out = made(known, ENTRIES, fallbacks=[{"fast": [{"model": "slow"}]}], default_fallbacks="slow")

    said = "Only a list of names can be carried over."
    assert left_out == [
        LeftOut("router_settings.fallbacks.fast", said),
        LeftOut("router_settings.default_fallbacks", said),
    ]


def test_an_alias_is_a_workload_of_the_same_route(known: Mapping[str, KnownVendor]) -> None:
    aliases = {"old": "fast", "hidden": {"model": "slow", "hidden": True}, "broken": "gone"}
    found, left_out = made(known, ENTRIES, model_group_alias=aliases)

    assert route(found["old"]) == route(found["fast"])
    assert route(found["hidden"]) == route(found["slow"])
    assert left_out == [LeftOut("router_settings.model_group_alias.broken", 'No entry is called "gone".')]


def test_limits_budget_and_times_of_a_single_model_are_kept(known: Mapping[str, KnownVendor]) -> None:
    params = {"rpm": 60, "tpm": 1000, "max_budget": 5.5, "budget_duration": "1d", "timeout": 30, "stream_timeout": 5}
    found, left_out = made(known, {"g": [("openai/a", params)]}, num_retries=1)

    assert found["g"].settings == {
        "retries": 1,
        "limits": {"requests_per_minute": 60, "tokens_per_minute": 1000},
        "budget": {"usd": Decimal("5.5"), "per": "day", "hard": True},
        "timeouts": {"first_token": Decimal(30), "idle": Decimal(5)},
    }
    assert left_out == []


def test_what_belongs_to_one_of_several_models_is_named(known: Mapping[str, KnownVendor]) -> None:
    members: list[tuple[str, dict[str, Any]]] = [
        ("openai/a", {"rpm": 60, "timeout": 10, "max_budget": 1}),
        ("anthropic/b", {"timeout": 20}),
    ]
    found, left_out = made(known, {"g": members})

    assert found["g"].settings == {"timeouts": {"first_token": Decimal(20)}}
    assert [left.path for left in left_out] == [
        "model_list[0].litellm_params.rpm",
        "model_list[0].litellm_params.max_budget",
    ]


def test_a_budget_for_an_odd_time_and_retries_without_end_are_named(known: Mapping[str, KnownVendor]) -> None:
    params = {"max_budget": 5, "budget_duration": "7d", "max_retries": 99}
    found, left_out = made(known, {"g": [("openai/a", params)]})

    assert found["g"].settings == {"retries": 10}
    assert [left.path for left in left_out] == ["model_list[0]", "model_list[0].litellm_params.max_budget"]


def test_a_budget_is_rounded_to_a_nano_dollar_and_bounded(known: Mapping[str, KnownVendor]) -> None:
    fine, _ = made(known, {"g": [("openai/a", {"max_budget": 0.12345678912})]})
    _, left_out = made(known, {"g": [("openai/a", {"max_budget": 10**12})]})

    assert fine["g"].settings == {"budget": {"usd": Decimal("0.123456789"), "per": "month", "hard": True}}
    assert left_out == [
        LeftOut("model_list[0].litellm_params.max_budget", "A budget is at most 1,000,000,000 dollars.")
    ]


def test_the_same_deployment_twice_is_one_target(known: Mapping[str, KnownVendor]) -> None:
    found, _ = made(known, {"g": [("openai/a", {}), ("openai/a", {})]})

    assert route(found["g"]) == [("a", None)]
    assert found["g"].strategy == "ordered"


def test_wildcards_need_nothing_written(known: Mapping[str, KnownVendor]) -> None:
    found, left_out = made(known, {"openai/*": [("openai/*", {})], "claude-*": [("anthropic/claude-*", {})]})

    assert found == {}
    assert [left.reason for left in left_out] == [
        "Callers name any model of the vendor as vendor/model; a wildcard needs nothing written.",
        "Callers name any model of the vendor as vendor/model; a wildcard needs nothing written. "
        'What was "claude-*" is now "anthropic/...".',
    ]


def test_a_name_that_no_workload_can_have_is_changed_and_named() -> None:
    left_out: list[LeftOut] = []
    found = titles(["gpt-4.1", "team a/gpt", "team-a-gpt", "default", "///"], left_out)

    assert found == {
        "gpt-4.1": "gpt-4.1",
        "team a/gpt": "team-a-gpt",
        "team-a-gpt": "team-a-gpt-1",
        "default": "default-1",
        "///": "model",
    }
    assert [left.path for left in left_out] == [
        "model_name team a/gpt",
        "model_name team-a-gpt",
        "model_name default",
        "model_name ///",
    ]
