"""What a project has of its plan."""

from freehold.config.customers import Budget, CustomerPlan, Limits, Project, Quota, on_its_plan

PLANS = {
    "starter": CustomerPlan(
        name="starter",
        budget=(Budget(nano=50),),
        limits=Limits(requests_per_minute=60),
        quotas={"own/sums": (Quota(tokens=10),), "own/refunds": (Quota(tokens=20),)},
    )
}


def test_a_project_has_what_its_plan_says_and_it_does_not_say_itself() -> None:
    plan = PLANS["starter"]
    found = on_its_plan(Project(name="shop", plan="starter"), PLANS)
    assert (found.name, found.budget, found.limits, found.quotas) == ("shop", plan.budget, plan.limits, plan.quotas)
    own = Project(
        name="shop",
        plan="starter",
        budget=(Budget(nano=7),),
        limits=Limits(tokens_per_minute=9),
        quotas={"own/sums": (Quota(requests=3),)},
    )
    found = on_its_plan(own, PLANS)
    assert (found.budget, found.limits) == (own.budget, own.limits)
    assert found.quotas == {"own/sums": (Quota(requests=3),), "own/refunds": (Quota(tokens=20),)}


def test_a_project_without_a_plan_stays_as_it_is() -> None:
    project = Project(name="shop")
    assert on_its_plan(project, PLANS) is project
