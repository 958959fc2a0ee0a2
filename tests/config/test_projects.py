"""Plans and projects: their quotas, and what is told of one that cannot be meant."""

from collections.abc import Callable

import pytest

from freehold.config.customers import Budget, CustomerPlan, Limits, Project, Quota
from freehold.config.reading import Reading, settled

Parse = Callable[..., Reading]
Complaints = Callable[..., list[str]]


def test_plans_and_projects_are_read_with_quotas_for_single_models(read_text: Parse) -> None:
    text = """
[plans.starter]
budget = { usd = 50 }
limits = { requests_per_minute = 60 }
quotas = { "echo/echo" = { tokens = 500000, usd = 3 } }
[projects.shop]
plan = "starter"
[projects.shop.quotas]
"echo/echo" = [{ requests = 5, per = "day" }, { tokens = 1000 }]
"""
    settings = settled(read_text(text))
    assert settings.plans == {
        "starter": CustomerPlan(
            name="starter",
            budget=(Budget(nano=50_000_000_000),),
            limits=Limits(requests_per_minute=60),
            quotas={"echo/echo": (Quota(tokens=500_000, nano=3_000_000_000),)},
        )
    }
    assert settings.projects == {
        "shop": Project(
            name="shop",
            plan="starter",
            quotas={"echo/echo": (Quota(requests=5, per="day"), Quota(tokens=1000))},
        )
    }


@pytest.mark.parametrize(
    ("quotas", "said"),
    [
        ("7", "quotas must be a table, not 7."),
        (
            '{ "echo/echo" = 7 }',
            'quotas."echo/echo" must be a table, not 7. Write { tokens = 5000000, per = "month" }.',
        ),
        (
            '{ "echo/echo" = { per = "day" } }',
            'quotas."echo/echo" bounds nothing. Name at least one of tokens, requests and usd.',
        ),
        (
            '{ "echo/echo" = [{ tokens = 1 }, { usd = 1 }] }',
            'quotas."echo/echo", entry 2 is a second one for the same month. Write both in one table.',
        ),
        (
            '{ "echo/echo" = { token = 1 } }',
            'quotas."echo/echo" has no setting "token". Did you mean "tokens"?',
        ),
        (
            '{ "nobody/echo" = { tokens = 1 } }',
            'quotas."nobody/echo" names the vendor "nobody", which is neither configured nor built in.',
        ),
        ('{ "echo/echo" = { tokens = 0 } }', 'quotas."echo/echo".tokens must be a whole number, at least 1, not 0.'),
    ],
)
@pytest.mark.parametrize("table", ["projects.shop", "plans.starter"])
def test_a_quota_that_cannot_be_meant_is_told(complaints: Complaints, table: str, quotas: str, said: str) -> None:
    (told,) = complaints(f"[{table}]\nquotas = {quotas}\n")
    assert told.startswith(f"freehold.toml, line 2: [{table}] {said}")


def test_a_plan_that_there_is_not_is_told_with_the_one_that_was_meant(complaints: Complaints) -> None:
    text = '[projects.shop]\nplan = "startr"\n'
    assert complaints(text) == [
        'freehold.toml, line 2: [projects.shop] plan is "startr", and there is no such plan. '
        "Add [plans.startr] with its budget or quotas."
    ]
    assert complaints(f"{text}[plans.starter]\n") == [
        'freehold.toml, line 2: [projects.shop] plan is "startr", and there is no such plan. Did you mean "starter"?'
    ]
