"""Workloads: their routes, budgets, limits and times."""

from collections.abc import Callable

import pytest

from freehold.config.canary_rules import CanaryRules
from freehold.config.reading import Reading, settled
from freehold.config.routes import target_vendor
from freehold.config.settings import (
    Budget,
    Capture,
    Conditions,
    Hedge,
    Judging,
    Limits,
    Shadow,
    TargetSettings,
    Timeouts,
    Workload,
)

Parse = Callable[..., Reading]
Complaints = Callable[..., list[str]]


def test_a_whole_workload_is_read(read_text: Parse) -> None:
    text = """
[timeouts]
connect = 1
total = 50
[workloads.a]
strategy = "weighted"
route = [
  { model = "openai/gpt-5-mini", weight = 9, when = { vision = true, max_input_tokens = 1000 } },
  "echo/echo",
]
sticky = true
retries = 0
hedge = { min_seconds = 1 }
budget = { usd = 200, per = "month", hard = true }
limits = { requests_per_minute = 60 }
timeouts = { total = 30 }
capture = { share = 0.5, keep_days = 7 }
"""
    assert settled(read_text(text, OPENAI_API_KEY="k")).workloads["a"] == Workload(
        name="a",
        strategy="weighted",
        route=(
            TargetSettings(model="openai/gpt-5-mini", weight=9.0, when=Conditions(vision=True, max_input_tokens=1000)),
            TargetSettings(model="echo/echo"),
        ),
        sticky=True,
        retries=0,
        hedge=Hedge(min_seconds=1.0),
        budget=(Budget(nano=200_000_000_000),),
        limits=Limits(requests_per_minute=60),
        timeouts=Timeouts(connect=1.0, total=30.0),
        capture=Capture(share=0.5, keep_days=7),
    )


def test_the_default_workload_takes_the_requested_model_unless_the_file_says_otherwise(read_text: Parse) -> None:
    assert settled(read_text("")).workloads == {
        "default": Workload(name="default", route=(TargetSettings(model="requested"),))
    }
    assert settled(read_text('[workloads.default]\nroute = ["echo/echo"]\n')).workloads["default"].route == (
        TargetSettings(model="echo/echo"),
    )


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ('"openai/x"', 'route must be a list. Write route = ["openai/x"].'),
        ("[]", 'route must not be empty. Write route = ["requested"], or name models, first to last.'),
        ("7", 'route must be a list, not 7. Write route = ["requested"], or name models, first to last.'),
        ("[7]", 'route, entry 1 must be "vendor/model" or a table, not 7.'),
        ('["gpt-5"]', 'route, entry 1 is "gpt-5", which is not vendor/model. Write vendor/model, such as "openai/gpt-5-mini".'),
        ('["reqested"]', 'route, entry 1 is "reqested", which is not vendor/model. Did you mean "requested"?'),
        ('["/x"]', 'route, entry 1 is "/x", which is not vendor/model. Write vendor/model, such as "openai/gpt-5-mini".'),
        ('["openai/ x"]', 'route, entry 1 is "openai/ x", which is not vendor/model. Write vendor/model, such as "openai/gpt-5-mini".'),
        (
            '["echo/echo", "opnai/gpt-5"]',
            'route, entry 2 names the vendor "opnai", which is neither configured nor built in. Did you mean "openai"?',
        ),
        (
            '["zzz/gpt-5"]',
            'route, entry 1 names the vendor "zzz", which is neither configured nor built in. '
            "There are anthropic, deepseek, echo, openai, openai-compatible and own.",
        ),
        ('["echo/ecko"]', 'route, entry 1 names "echo/ecko", and echo has no such model. Did you mean "echo"?'),
        ('["own/nano"]', 'route, entry 1 names the own model "nano", and there is no [own.nano]. Add [own.nano] with its weights, or promote a version.'),
        ('[{ model = "zzz/x" }]', 'route, entry 1, model names the vendor "zzz", which is neither configured nor built in. There are anthropic, deepseek, echo, openai, openai-compatible and own.'),
        ('[{ weight = 2 }]', 'route, entry 1 needs the setting "model". Write model = "openai/gpt-5-mini".'),
        (
            '["requested", "echo/echo"]',
            'route mixes "requested" with named models. Write route = ["requested"] alone, or make a workload of its own '
            "for the others.",
        ),
        (
            '[{ model = "echo/echo", when = { min_input_tokens = 9, max_input_tokens = 8 } }]',
            "route, entry 1, when can never hold: its min_input_tokens is more than its max_input_tokens.",
        ),
        (
            '[{ model = "echo/echo", weight = -1 }]',
            "route, entry 1, weight must be a number, at least 0, not -1.",
        ),
    ],
)  # fmt: skip
def test_a_route_that_leads_nowhere_is_told_why(route: str, said: str, complaints: Complaints) -> None:
    assert complaints(f"[workloads.a]\nroute = {route}\n") == [f"freehold.toml, line 2: [workloads.a] {said}"]


def test_an_entry_of_a_long_route_has_its_own_line(complaints: Complaints) -> None:
    [said] = complaints('[workloads.a]\nroute = [\n  "echo/echo",\n  # comment\n  "gpt-5",\n]\n')

    assert said.startswith("freehold.toml, line 5: [workloads.a] route, entry 2 is")


def test_a_workload_called_requested_is_refused(complaints: Complaints) -> None:
    assert complaints('[workloads.requested]\nroute = ["echo/echo"]\n') == [
        'freehold.toml, line 1: [workloads.requested] must not be called "requested". In a route that word means the '
        "model the caller names."
    ]


def test_weights_must_leave_somebody_to_ask(complaints: Complaints) -> None:
    text = '[workloads.a]\nstrategy = "weighted"\nroute = [{ model = "echo/echo", weight = 0 }]\n'

    assert complaints(text) == [
        "freehold.toml, line 3: [workloads.a] route gives every model the weight 0. Give at least one a weight above 0."
    ]


def test_weights_without_their_strategy_are_a_warning(read_text: Parse) -> None:
    reading = read_text('[workloads.a]\nroute = [{ model = "echo/echo", weight = 2 }]\n')

    assert reading.settings is not None
    assert [warning.text() for warning in reading.warnings] == [
        'freehold.toml, line 2: The weights in [workloads.a] do nothing under strategy = "ordered". '
        'Write strategy = "weighted", or leave the weights out.'
    ]


def test_budgets_may_be_one_table_or_a_list(read_text: Parse) -> None:
    text = '[workloads.a]\nroute = ["requested"]\nbudget = {}\n'.replace("{}", "{}")
    one = read_text(text.replace("{}", '{ usd = "0.25", per = "day", hard = false }'))
    two = read_text(text.replace("{}", '[{ usd = 0.1 }, { usd = 1_000, per = "day" }]'))
    none = read_text(text.replace("{}", "[]"))

    assert settled(one).workloads["a"].budget == (Budget(nano=250_000_000, per="day", hard=False),)
    assert settled(two).workloads["a"].budget == (
        Budget(nano=100_000_000, per="month", hard=True),
        Budget(nano=1_000_000_000_000, per="day", hard=True),
    )
    assert settled(none).workloads["a"].budget == ()


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("200", 'budget must be a table, not 200. Write { usd = 200, per = "month", hard = true }.'),
        ("{ usd = -1 }", "budget.usd must not be negative; it is -1."),
        ("{ usd = 1e10 }", "budget.usd must be at most 1,000,000,000 dollars; it is 10000000000."),
        ("{ usd = true }", "budget.usd must be a number of dollars, such as 200 or 0.25; it is true."),
        ('{ per = "day" }', 'budget needs the setting "usd". Write usd = 200.'),
        ('{ usd = 1, per = "week" }', 'budget.per must be "day" or "month", not "week".'),
        ("{ nano = 1 }", 'budget has no setting "nano". It has usd, per and hard.'),
        (
            "[{ usd = 1 }, { usd = 2 }]",
            "budget, entry 2 is a second hard budget for the same month. Keep the smaller of the two.",
        ),
    ],
)
def test_a_budget_that_cannot_be_kept_is_told_why(budget: str, said: str, complaints: Complaints) -> None:
    found = complaints(f'[workloads.a]\nroute = ["requested"]\nbudget = {budget}\n')

    assert found[0] == f"freehold.toml, line 3: [workloads.a] {said}"


def test_projects_have_budgets_too(complaints: Complaints) -> None:
    assert complaints("[projects.a]\nbudget = [{ usd = 1 }, 7]\n") == [
        "freehold.toml, line 2: [projects.a] budget, entry 2 must be a table, not 7. "
        'Write { usd = 200, per = "month", hard = true }.'
    ]


def test_the_vendor_of_a_target_is_what_stands_before_the_first_slash() -> None:
    assert target_vendor("openai-compatible/meta/llama-4") == "openai-compatible"
    assert target_vendor("requested") is None


def test_a_shadow_and_the_rules_of_canaries_are_read(read_text: Parse) -> None:
    text = """
[workloads.a]
route = ["echo/echo"]
capture = {}
shadow = { model = "openai/gpt-5-mini", share = 0.2, budget = { usd = 5, per = "day" }, seconds = 10 }
canary = { margin = 0.02, max_p95_ratio = 0, min_items = 50 }
"""
    job = settled(read_text(text, OPENAI_API_KEY="k")).workloads["a"]
    assert job.shadow == Shadow(
        model="openai/gpt-5-mini", share=0.2, budget=(Budget(nano=5_000_000_000, per="day"),), seconds=10.0
    )
    assert job.canary == CanaryRules(margin=0.02, max_p95_ratio=0.0, min_items=50)


@pytest.mark.parametrize(
    ("judging", "told"),
    [
        ("{ seconds = 10 }", 'judging needs the setting "budget"'),
        ("{ budget = [] }", "judging.budget needs one that is hard."),
        ("{ budget = { usd = 5, hard = false } }", "judging.budget needs one that is hard."),
        ("{ budget = { usd = 5 }, seconds = 0 }", "judging.seconds must be a number"),
    ],
)
def test_judging_needs_a_budget_that_holds(
    read_text: Parse, complaints: Complaints, judging: str, told: str
) -> None:  # fmt: skip
    text = '[workloads.a]\nroute = ["echo/echo"]\njudging = {}\n'
    job = settled(read_text(text.format('{ budget = { usd = 5, per = "day" }, seconds = 10 }'))).workloads["a"]
    assert job.judging == Judging(budget=(Budget(nano=5_000_000_000, per="day"),), seconds=10.0)
    (found,) = complaints(text.format(judging))
    assert told in found


def test_a_vendor_that_only_a_shadow_names_is_on(read_text: Parse) -> None:
    text = '[workloads.a]\nroute = ["echo/echo"]\ncapture = {}\nshadow = { model = "deepseek/deepseek-chat" }\n'
    reading = read_text(text)
    assert "deepseek" in settled(reading).vendors
    assert [warning.text() for warning in reading.warnings] == [
        'freehold.toml, line 4: The vendor "deepseek" has no key, so it cannot be asked. Set DEEPSEEK_API_KEY.'
    ]


@pytest.mark.parametrize(
    ("shadow", "told"),
    [
        ('{ model = "nowhere/x" }', 'shadow.model names the vendor "nowhere"'),
        ('{ model = "x" }', 'shadow.model is "x", which is not vendor/model'),
        ("{ share = 0.2 }", 'shadow needs the setting "model"'),
        ('{ model = "echo/echo", share = 2 }', "shadow.share must be a number from 0 to 1"),
        ('{ model = "echo/echo", budget = 5 }', "shadow.budget must be a table"),
        ('{ model = "echo/echo", budget = { usd = 5, per = "week" } }', "shadow.budget.per must be"),
    ],
)
def test_a_shadow_that_cannot_be_used_is_told_at_its_place(complaints: Complaints, shadow: str, told: str) -> None:
    text = f'[workloads.a]\nroute = ["echo/echo"]\ncapture = {{}}\nshadow = {shadow}\n'
    found = complaints(text)
    assert len(found) == 1
    assert told in found[0]


def test_a_shadow_without_capture_is_doubted(read_text: Parse) -> None:
    reading = read_text('[workloads.a]\nroute = ["echo/echo"]\nshadow = { model = "echo/echo" }\n')
    assert any(
        "The shadow of [workloads.a] does nothing without capture" in warning.text() for warning in reading.warnings
    )


@pytest.mark.parametrize(
    ("canary", "told"),
    [
        ("{ margin = 0 }", "canary.margin must be a number"),
        ("{ alpha = 0.5 }", "canary.alpha must be a number"),
        ("{ min_items = 0 }", "canary.min_items must be a whole number, at least 1"),
        ("{ marign = 0.1 }", 'canary has no setting "marign". Did you mean "margin"?'),
    ],
)
def test_rules_that_cannot_be_used_are_told(complaints: Complaints, canary: str, told: str) -> None:
    found = complaints(f'[workloads.a]\nroute = ["echo/echo"]\ncanary = {canary}\n')
    assert len(found) == 1
    assert told in found[0]
