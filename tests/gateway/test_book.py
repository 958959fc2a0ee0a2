"""The book: prices of the day, whose budgets and rates a request counts against, and what a key may use."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from freehold.catalog.rows import Model, Price
from freehold.errors import OutOfScope, UnknownModel, UnknownWorkload
from freehold.gateway.book import Book, check_scope
from freehold.store.callers import Key, KeyBudget
from freehold.store.counters import Counters
from freehold.store.folder import COUNTERS
from freehold.store.grants import BudgetDenied, Grant, RateDenied
from freehold.vendors.own import Served
from gateway.settled import book_of

NOW = 1_795_600_800.0
"""2026-11-25, a quarter to four in the morning, UTC."""

ROWS = (
    Model(
        id="openai/dated",
        prices=(Price(input=100, output=200), Price(input=50, output=100, since="2026-11-26")),
    ),
    Model(id="openai/future", prices=(Price(input=7, since="2026-11-26"),)),
    Model(id="openai/unpriced"),
    Model(id="openai/billed", prices=(Price(input=9),)),
)
TOML = """
    [vendors.openai]
    api_key = { env = "KEY" }

    [vendors.echo]

    [prices."openai/billed"]
    input = 1.5
    output = 2
    cache_read = 0.25
    cache_write = 3

    [prices."echo/down"]
    input = 1
    output = 1

    [timeouts]
    connect = 3
    idle = 7

    [workloads.triage]
    route = ["openai/dated", { model = "openai/unpriced", weight = 2, when = { vision = true } }]
    strategy = "weighted"
    sticky = true
    retries = 5
    budget = [{ usd = 10, per = "month" }, { usd = 1, per = "day", hard = false }]
    limits = { requests_per_minute = 30, tokens_per_minute = 5000 }

    [workloads.quick]
    route = ["echo/echo"]
    timeouts = { idle = 1 }

    [projects.blue]
    budget = { usd = 3, per = "day" }
    limits = { requests_per_minute = 20 }
"""

OWN = """
    [own.nano]
    weights = "smollm2-135m"
"""
NANO = Served(base_url="http://127.0.0.1:9001/v1")


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[Counters]:
    Counters.create(tmp_path / COUNTERS, NOW)
    opened = Counters.open(tmp_path / COUNTERS, 0)
    yield opened
    opened.close()


@pytest.fixture
def book(counters: Counters) -> Book:
    return book_of(TOML, counters, *ROWS)


def key(
    *,
    project: str = "default",
    workloads: tuple[str, ...] | None = None,
    models: tuple[str, ...] | None = None,
    budgets: tuple[KeyBudget, ...] = (),
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
) -> Key:
    return Key(
        id="key_1",
        name="ada",
        organisation="default",
        project=project,
        role="member",
        prefix="abcdefgh",
        created_at=0.0,
        workloads=workloads,
        models=models,
        budgets=budgets,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
    )


# --- workloads ---


def test_a_request_belongs_to_the_workload_of_its_header_or_of_its_model_or_to_the_default(book: Book) -> None:
    assert book.plan("triage", "quick").name == "triage"
    assert book.plan(None, "quick").name == "quick"
    assert book.plan(None, "openai/dated").name == "default"
    assert book.plan(None, "").name == "default"


def test_a_header_that_names_no_workload_is_told_which_there_are(book: Book) -> None:
    with pytest.raises(UnknownWorkload) as told:
        book.plan("nope", "triage")
    assert told.value.message == "There is no workload 'nope'. Configured are default, triage, quick."


def test_a_plan_holds_what_the_workload_says(book: Book) -> None:
    plan = book.plan("triage", "")
    assert (plan.strategy, plan.sticky, plan.retries, plan.hedge) == ("weighted", True, 5, None)
    first, second = book.targets(plan, "ignored")
    assert (first.deployment.name, first.weight, first.when) == ("openai/dated", 1.0, None)
    assert (second.deployment.name, second.weight) == ("openai/unpriced", 2.0)
    assert second.when is not None
    assert second.when.vision


def test_a_workloads_own_times_go_before_the_common_ones(book: Book) -> None:
    assert (book.plan("triage", "").timeouts.idle, book.plan("quick", "").timeouts.idle) == (7.0, 1.0)
    assert book.plan("quick", "").timeouts.connect == 3.0


def test_the_default_workload_asks_for_what_the_caller_names(book: Book) -> None:
    plan = book.plan(None, "")
    assert plan.targets is None
    (target,) = book.targets(plan, "dated")
    assert target.deployment.name == "openai/dated"
    with pytest.raises(UnknownModel):
        book.targets(plan, "nobody/knows")


# --- prices ---


def test_a_price_is_that_of_the_day(book: Book) -> None:
    target = book.target("openai/dated")
    assert target.price == Price(input=100, output=200)
    assert book.target("openai/future").price is None
    book.refresh(date(2026, 11, 26))
    assert book.today == date(2026, 11, 26)
    assert book.target("openai/dated").price == Price(input=50, output=100, since="2026-11-26")
    assert book.target("openai/future").price == Price(input=7, since="2026-11-26")


def test_a_route_has_the_prices_of_the_day_too(book: Book) -> None:
    (before, _) = book.targets(book.plan("triage", ""), "")
    book.refresh(date(2026, 11, 26))
    (after, _) = book.targets(book.plan("triage", ""), "")
    assert before.price is not None
    assert after.price is not None
    assert (before.price.input, after.price.input) == (100, 50)
    assert before.deployment is after.deployment


def test_a_price_of_ones_own_goes_before_the_catalogs(book: Book) -> None:
    assert book.target("openai/billed").price == Price(
        input=1_500_000_000,
        output=2_000_000_000,
        cache_read=250_000_000,
        cache_write_5m=3_000_000_000,
        cache_write_1h=3_000_000_000,
        since="2026-11-25",
    )


def test_what_nobody_knows_the_price_of_has_none(book: Book) -> None:
    assert book.target("openai/unpriced").price is None
    assert book.target("openai/never-heard-of").price is None


def test_what_this_machine_serves_itself_is_free_until_it_has_a_price(counters: Counters) -> None:
    book = book_of(TOML + OWN, counters, *ROWS, engines={"nano": NANO})
    assert book.target("echo/echo").price == Price(input=0, output=0)
    assert book.target("own/nano").price == Price(input=0, output=0)
    assert book.target("echo/down").price == Price(input=1_000_000_000, output=1_000_000_000, since="2026-11-25")


def test_a_target_that_is_asked_for_twice_is_the_same_until_the_day_turns(book: Book) -> None:
    first = book.target("dated")
    assert book.target("dated") is first
    book.refresh(date(2026, 11, 26))
    assert book.target("dated") is not first


# --- budgets and rates ---


def test_a_request_counts_for_its_key_its_project_and_its_workload(book: Book) -> None:
    payers = book.payers(
        key(
            project="blue",
            budgets=(KeyBudget(nano=500, per="month"), KeyBudget(nano=100, per="month", hard=False)),
            requests_per_minute=10,
            tokens_per_minute=9000,
        ),
        "triage",
    )
    assert [(charge.per, charge.hard, charge.soft) for charge in payers.budgets] == [
        ("month", 500, 100),
        ("day", 3_000_000_000, None),
        ("month", 10_000_000_000, None),
        ("day", None, 1_000_000_000),
    ]
    assert payers.budget_names == (
        "the budget of key ada per month",
        "the budget of project blue per day",
        "the budget of workload triage per month",
        "the budget of workload triage per day",
    )
    assert [(rate.requests_per_minute, rate.tokens_per_minute) for rate in payers.rates] == [
        (10, 9000),
        (20, None),
        (30, 5000),
    ]
    assert payers.rate_names == ("key ada", "project blue", "workload triage")
    assert (payers.hard, payers.requests_per_minute, payers.tokens_per_minute) == (True, 10, 5000)
    assert len({charge.slot for charge in payers.budgets} | {rate.slot for rate in payers.rates}) == 7


def test_without_budgets_and_rates_nobody_pays(book: Book) -> None:
    payers = book.payers(key(), "quick")
    assert (payers.budgets, payers.rates, payers.hard) == ((), (), False)
    assert (payers.requests_per_minute, payers.tokens_per_minute) == (None, None)


def test_a_soft_budget_alone_is_not_hard(counters: Counters) -> None:
    toml = '[vendors.echo]\n[workloads.a]\nroute = ["echo/echo"]\nbudget = { usd = 1, hard = false }\n'
    assert not book_of(toml, counters).payers(key(), "a").hard


def test_a_project_and_a_workload_of_one_name_do_not_share_a_budget(counters: Counters) -> None:
    toml = """
        [vendors.echo]
        [workloads.blue]
        route = ["echo/echo"]
        budget = { usd = 1, per = "day" }
        [projects.blue]
        budget = { usd = 1, per = "day" }
    """
    project, workload = book_of(toml, counters).payers(key(project="blue"), "blue").budgets
    assert project.slot != workload.slot


def test_the_budget_of_a_workload_is_one_for_all_keys_and_projects(book: Book, counters: Counters) -> None:
    one = book.payers(key(project="blue"), "triage")
    other = book.payers(replace(key(), id="key_2"), "triage")
    assert isinstance(counters.acquire(one.budgets, (), 2_000_000_000, 0, NOW), Grant)
    denied = counters.acquire(other.budgets, (), 8_000_000_001, 0, NOW)
    assert isinstance(denied, BudgetDenied)
    assert other.budget_names[denied.index] == "the budget of workload triage per month"
    denied = counters.acquire(one.budgets, (), 1_000_000_001, 0, NOW)
    assert isinstance(denied, BudgetDenied)
    assert one.budget_names[denied.index] == "the budget of project blue per day"


def test_a_rate_of_a_key_holds_in_all_its_workloads_together(book: Book, counters: Counters) -> None:
    caller = key(requests_per_minute=2)
    for workload in ("quick", "default"):
        payers = book.payers(caller, workload)
        assert isinstance(counters.acquire(payers.budgets, payers.rates, 0, 1, NOW), Grant)
    payers = book.payers(caller, "triage")
    denied = counters.acquire(payers.budgets, payers.rates, 0, 1, NOW)
    assert isinstance(denied, RateDenied)
    assert (payers.rate_names[denied.index], denied.limit) == ("key ada", 2)


def test_a_key_that_was_changed_counts_anew_once_its_payers_are_forgotten(book: Book) -> None:
    assert book.payers(key(requests_per_minute=2), "quick").requests_per_minute == 2
    assert book.payers(key(requests_per_minute=9), "quick").requests_per_minute == 2
    book.forget_payers()
    assert book.payers(key(requests_per_minute=9), "quick").requests_per_minute == 9


def test_a_new_book_goes_on_from_what_was_spent(book: Book, counters: Counters) -> None:
    payers = book.payers(key(), "triage")
    grant = counters.acquire(payers.budgets, payers.rates, 4_000_000_000, 0, NOW)
    assert isinstance(grant, Grant)
    counters.settle(grant, 4_000_000_000, 0, NOW)
    raised = book_of(TOML.replace("usd = 10", "usd = 20"), counters, *ROWS, before=book.deployments)
    (month, _) = raised.payers(key(), "triage").budgets
    assert counters.remaining(month, NOW).left == 16_000_000_000
    assert raised.payers(key(), "triage").budgets[0].slot == payers.budgets[0].slot


# --- what a key may use ---


def test_a_key_without_a_scope_may_use_everything(book: Book) -> None:
    plan = book.plan("triage", "")
    assert check_scope(key(), plan, book.targets(plan, "")) == plan.targets


def test_a_key_for_some_models_gets_those_of_the_route(book: Book) -> None:
    plan = book.plan("triage", "")
    targets = book.targets(plan, "")
    assert check_scope(key(models=("openai/un*",)), plan, targets) == targets[1:]


def test_a_key_for_other_models_is_told_which_it_may_not_use(book: Book) -> None:
    plan = book.plan("triage", "")
    with pytest.raises(OutOfScope, match=r"may not use openai/dated, openai/unpriced\."):
        check_scope(key(models=("anthropic/*",)), plan, book.targets(plan, ""))


def test_a_key_for_other_workloads_is_told_so(book: Book) -> None:
    plan = book.plan("triage", "")
    with pytest.raises(OutOfScope, match="may not use the workload triage"):
        check_scope(key(workloads=("quick",)), plan, book.targets(plan, ""))
    assert check_scope(key(workloads=("quick", "triage")), plan, book.targets(plan, "")) == plan.targets


# --- traces ---


def test_a_plan_says_whether_its_answers_are_traced(counters: Counters) -> None:
    text = """
        [vendors.echo]
        [workloads.default]
        route = ["requested"]
        [workloads.late]
        route = ["requested"]
        trace = true
        [workloads.first]
        route = ["requested"]
        trace = "inline"
    """
    book = book_of(text, counters)
    assert [book.plan(name, "").trace for name in ("default", "late", "first")] == [False, True, "inline"]
    assert [book.traces(name) for name in ("default", "late", "first", "nope")] == [False, True, "inline", False]
