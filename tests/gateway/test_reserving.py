"""What is reserved is at least what it costs: whatever a vendor counts, and whatever became of the attempts before.

The costs here come from bodies that vendors send, read as they are read in earnest, and never from the bounds themselves.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Literal, cast, get_args
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.catalog.cost import cost
from freehold.catalog.rows import Model, Price, Service, Tier
from freehold.config.settings import Hedge, Timeouts, VendorSettings
from freehold.dialects import get
from freehold.dialects.dialect import Traits
from freehold.errors import (
    BudgetExhausted,
    FreeholdError,
    QuotaExhausted,
    RateLimited,
    Unbounded,
    UnpricedModel,
)
from freehold.gateway import asking as asking_module
from freehold.gateway.answer import Canned, Whole
from freehold.gateway.asking import Asking, Trail
from freehold.gateway.deployments import Deployment, Way
from freehold.gateway.needs import measure
from freehold.gateway.placed import Placed
from freehold.gateway.reserving import reserve, reserve_more
from freehold.gateway.routing import Target
from freehold.gateway.visit import Visit
from freehold.outbound.connection import Response
from freehold.outbound.pool import Endpoint, Pool, endpoint
from freehold.store.callers import Key
from freehold.store.canaries import MILLION, Arm
from freehold.store.counters import Counters
from freehold.store.grants import Charge, Grant
from freehold.vendors import load
from gateway.settled import book_of
from gateway.test_placed import CANARY

ECHO = load()["echo"]
WINDOW = 5_000
MOST = 700
KEY = Key(id="key_1", name="k", prefix="fh_", organisation="o", project="p", role="member", created_at=0.0)

rates = st.integers(0, 10**10)
kinds = st.fixed_dictionaries(
    dict.fromkeys(("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning"), rates)
)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """A price with a tier for long inputs, a dearer or cheaper service and a price for searches."""
    tier = Tier(above=draw(st.integers(0, 2 * WINDOW)), **draw(kinds))
    service = Service(name="priority", **draw(kinds))
    return Price(**draw(kinds), search=draw(st.integers(0, 10**8)), tiers=(tier,), services=(service,))


def target_of(
    price: Price | None, name: str = "echo/echo", respond: Any = None, *, window: int | None = WINDOW
) -> Target:
    vendor = ECHO
    if respond is not None:
        vendor = replace(vendor, respond=respond)
    way = Way(get("openai-chat"), None, "", b"", Traits())
    account = VendorSettings(name="echo", like="echo")
    model = Model(id=name, context_tokens=window)
    return Target(Deployment(name, name, vendor, account, {"openai-chat": way}, "0" * 16, model), price)


def visit_of(dialect: str, body: dict[str, Any]) -> Visit:
    raw = msgspec.json.encode(body)
    made = Visit("rec_1", dialect, KEY, time.time(), 0.0)
    made.request = get(dialect).read_request(raw)
    made.needs = measure(made.request, len(raw))
    return made


# --- one attempt, as vendors count it ---


def split(draw: st.DrawFn, total: int, pieces: int) -> list[int]:
    cuts = sorted(draw(st.lists(st.integers(0, total), min_size=pieces - 1, max_size=pieces - 1)))
    return [right - left for left, right in zip([0, *cuts], [*cuts, total], strict=True)]


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(dialect, a request's body, the body of an answer to it): the vendor reads its whole window in each round."""
    uses = draw(st.integers(0, 3))
    rounds = uses + 1
    read, written = draw(st.integers(0, WINDOW * rounds)), draw(st.integers(0, MOST * rounds))
    tier = draw(st.sampled_from(["default", "priority", "flex", "unheard-of"]))
    if draw(st.booleans()):
        tools = [{"type": "web_search_20250305", "name": "web_search", "max_uses": uses}]
        stored = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
        asked: dict[str, Any] = {
            "model": "m",
            "max_tokens": MOST,
            "messages": [{"role": "user", "content": [stored]}],
        }
        fresh, cached, short, long = split(draw, read, 4)
        usage = {
            "input_tokens": fresh,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": short + long,
            "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
            "output_tokens": written,
            "server_tool_use": {"web_search_requests": draw(st.integers(0, uses))},
            "service_tier": tier,
        }
        said: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "usage": usage,
        }
        return "anthropic-messages", asked | ({"tools": tools} if uses else {}), said | {"stop_reason": "end_turn"}
    asked = {"model": "m", "max_output_tokens": MOST, "previous_response_id": "resp_0", "input": "hi"}
    cached, written_to_cache, _ = split(draw, read, 3)
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written_to_cache},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": draw(st.integers(0, written))},
    }
    said = {"id": "resp_1", "model": "m", "status": "completed", "output": [], "usage": usage, "service_tier": tier}
    searched = {"web_search": {"num_requests": draw(st.integers(0, uses))}}
    tools = {"tools": [{"type": "web_search"}], "max_tool_calls": uses}
    return "openai-responses", asked | (tools if uses else {}), said | {"tool_usage": searched}


@settings(max_examples=50, deadline=None)
@given(answers(), prices())
def test_no_usage_that_a_vendor_can_report_costs_more_than_the_worst_case(
    answer: tuple[str, dict[str, Any], dict[str, Any]], price: Price
) -> None:
    dialect, asked, said = answer
    usage = get(dialect).read_reply(msgspec.json.encode(said)).usage
    assert usage is not None
    assert cost(price, usage) <= visit_of(dialect, asked).worst(target_of(price))


# --- a whole request, through failures, retries and hedges ---

Outcome = Literal["busy", "garbled", "good"]
OUTCOMES: tuple[Outcome, ...] = ("busy", "garbled", "good")
scripts = st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4)
SAID = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
ASKED: dict[str, Any] = {"model": "m", "max_tokens": MOST, "messages": [{"role": "user", "content": "hello"}]}


class Scripted:
    """Answers of a vendor, one after the other; the last one goes on."""

    def __init__(self, script: list[Outcome], read: int, written: int) -> None:
        self._script = script
        self._usage = {"prompt_tokens": read, "completion_tokens": written}

    def __call__(self, model: str, dialect: str, body: bytes) -> tuple[int, dict[str, str], list[bytes]]:
        now = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if now == "busy":
            return 503, {"content-type": "application/json"}, [b'{"error": {"message": "busy"}}']
        if now == "garbled":
            return 200, {"content-type": "application/json"}, [b"{"]
        said = msgspec.json.encode({**SAID, "choices": [CHOICE], "usage": self._usage})
        return 200, {"content-type": "application/json"}, [said]


@st.composite
def routes(draw: st.DrawFn) -> list[Target]:
    size = len(msgspec.json.encode(ASKED))
    return [
        target_of(
            draw(prices()),
            f"echo/{number}",
            Scripted(draw(scripts), draw(st.integers(0, size)), draw(st.integers(0, MOST))),
        )
        for number in range(draw(st.integers(1, 3)))
    ]


@contextlib.contextmanager
def opened() -> Generator[Counters]:
    with tempfile.TemporaryDirectory() as folder:
        Counters.create(Path(folder) / "counters.bin", time.time(), slots=16)
        with contextlib.closing(Counters.open(Path(folder) / "counters.bin", 0)) as counters:
            yield counters


async def asked_of(
    counters: Counters, visit: Visit, targets: list[Target], *, pool: Pool | None = None, hedge: Hedge | None = None
) -> None:
    loop = asyncio.get_running_loop()
    assert visit.request is not None
    asking = Asking(
        pool=pool or Pool(),
        now=loop.time,
        front=get("openai-chat"),
        request=visit.request,
        body=b"",
        likely=visit.needs.likely,
        forwarded=b"",
        timeouts=Timeouts(),
        retries=1,
        hedge=hedge,
        deadline=loop.time() + 60,
        trail=Trail(
            visit.attempts,
            lambda target, beside: reserve_more(counters, visit, target, beside),
            lambda target, whole: visit.spent_on_failure(target, whole=whole),
            visit.dropped,
        ),
    )
    answer = visit.answer = await asking.first_to_commit(targets)
    assert isinstance(answer.content, Whole)
    visit.tally.take_reply(answer.content.reply)
    visit.whole = True
    visit.status = "answered"


@settings(max_examples=25, deadline=None)
@given(routes=st.lists(routes(), min_size=1, max_size=4), dollars=st.decimals("0.0001", "0.05", places=6))
def test_whatever_fails_and_is_billed_a_hard_budget_is_never_passed(routes: list[list[Target]], dollars: Any) -> None:
    toml = f"""
        [vendors.echo]

        [workloads.default]
        route = ["requested"]
        budget = {{ usd = "{dollars}", per = "month" }}
    """
    with opened() as counters, patch.object(asking_module, "FIRST_PAUSE", 0.0):
        book = book_of(toml, counters)
        for targets in routes:
            visit = visit_of("openai-chat", ASKED)
            visit.plan = book.plan(None, "m")
            with contextlib.suppress(FreeholdError):
                reserve(counters, visit, book, tuple(targets))
                asyncio.run(asked_of(counters, visit, targets))
            if visit.grant is not None:
                assert counters.settle(visit.grant, visit.record(0.0, 0.0).cost_nano, 0, time.time()) == 0
        [charge] = book.payers(KEY, "default").budgets
        assert charge.hard is not None
        assert counters.remaining(charge, time.time()).spent <= charge.hard


# --- the cases by name ---

PRICE = Price(input=10**9, output=10**9)  # a nano-dollar is a thousandth of a token
WORST = 10**3 * (77 + MOST)


def budgeted(counters: Counters, nano: int, visit: Visit, targets: list[Target]) -> tuple[Target, ...]:
    toml = f"""
        [vendors.echo]

        [workloads.default]
        route = ["requested"]
        budget = {{ usd = "{nano / 1e9:.9f}", per = "month" }}
        limits = {{ requests_per_minute = 1 }}
    """
    book = book_of(toml, counters)
    visit.plan = book.plan(None, "m")
    return reserve(counters, visit, book, tuple(targets))


@pytest.fixture
def counters() -> Iterator[Counters]:
    with opened() as found:
        yield found


def scripted(name: str, *script: Outcome) -> Target:
    return target_of(PRICE, f"echo/{name}", Scripted(list(script), 5, 5))


async def test_the_next_target_is_asked_only_if_the_budget_covers_it_beside_a_failure_that_is_billed(
    counters: Counters,
) -> None:
    visit = visit_of("openai-chat", ASKED)
    targets = [scripted("bad", "garbled"), scripted("good", "good")]
    budgeted(counters, 2 * WORST - 1, visit, targets)
    assert visit.reserved == WORST
    with pytest.raises(BudgetExhausted):
        await asked_of(counters, visit, targets)
    assert [attempt.deployment for attempt in visit.attempts] == ["echo/bad"]
    assert visit.attempts[0].cost_nano == WORST
    assert visit.attempts[0].estimated


async def test_a_budget_that_covers_both_lets_the_next_one_answer(counters: Counters) -> None:
    visit = visit_of("openai-chat", ASKED)
    targets = [scripted("bad", "garbled"), scripted("good", "good")]
    budgeted(counters, 2 * WORST, visit, targets)
    await asked_of(counters, visit, targets)
    assert visit.reserved == 2 * WORST
    assert visit.record(0.0, 0.0).cost_nano == WORST + 10**3 * 10


class AtOnce(Pool):
    """Answers two requests in the same turn of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self._both = asyncio.Barrier(2)

    async def send(
        self, target: Endpoint, request: bytes, connect_seconds: float, limit: float | None = None
    ) -> Response:
        await self._both.wait()
        given = Canned(*Scripted(["good"], 5, 5)("m", "openai-chat", b""))
        return cast("Response", given)


async def test_of_two_answers_in_the_same_instant_the_one_that_nobody_takes_may_be_billed_too(
    counters: Counters,
) -> None:
    visit = visit_of("openai-chat", ASKED)
    targets = [scripted("slow", "good"), scripted("rival", "good")]
    for target in targets:
        ways = target.deployment.ways
        ways["openai-chat"] = replace(ways["openai-chat"], endpoint=endpoint("http://127.0.0.1:1"))
    budgeted(counters, 2 * WORST, visit, targets)
    await asked_of(counters, visit, targets, pool=AtOnce(), hedge=Hedge(after=0.01, min_seconds=0.01))
    assert {(one.outcome, one.cost_nano, one.estimated) for one in visit.attempts} == {
        ("answered", 0, False),
        ("cancelled", WORST, True),
    }
    assert visit.reserved == 2 * WORST
    assert visit.record(0.0, 0.0).cost_nano == WORST + 10**3 * 10


async def test_a_failure_that_costs_nothing_needs_no_more_budget(counters: Counters) -> None:
    visit = visit_of("openai-chat", ASKED)
    targets = [scripted("bad", "busy"), scripted("good", "good")]
    with patch.object(asking_module, "FIRST_PAUSE", 0.0):
        budgeted(counters, WORST, visit, targets)
        await asked_of(counters, visit, targets)
    assert visit.reserved == WORST
    assert [attempt.outcome for attempt in visit.attempts] == ["failed", "failed", "answered"]


def test_a_request_without_a_bound_is_refused_under_a_hard_budget(counters: Counters) -> None:
    searching = {**ASKED, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    with pytest.raises(Unbounded, match="as often as the model likes") as caught:
        budgeted(counters, 10**15, visit_of("anthropic-messages", searching), [target_of(PRICE)])
    assert "max_uses" in caught.value.advice
    going_on = {"model": "m", "input": "hi", "previous_response_id": "resp_0"}
    with pytest.raises(Unbounded, match="context window of echo/echo is unknown"):
        budgeted(counters, 10**15, visit_of("openai-responses", going_on), [target_of(PRICE, window=None)])


def test_of_a_route_those_stay_that_have_a_price_and_a_bound(counters: Counters) -> None:
    going_on = {"model": "m", "input": "hi", "previous_response_id": "resp_0"}
    free, known = target_of(Price(input=0, output=0), window=None), target_of(PRICE)
    given = [target_of(PRICE, window=None), target_of(None), free, known]
    assert budgeted(counters, 10**15, visit_of("openai-responses", going_on), given) == (free, known)


def test_a_request_beyond_budget_price_or_rate_is_refused(counters: Counters) -> None:
    with pytest.raises(UnpricedModel):
        budgeted(counters, 10**9, visit_of("openai-chat", ASKED), [target_of(None)])
    with pytest.raises(BudgetExhausted, match=r"could cost up to \$0\.000777"):
        budgeted(counters, WORST - 1, visit_of("openai-chat", ASKED), [target_of(PRICE)])
    budgeted(counters, 10**9, visit_of("openai-chat", ASKED), [target_of(PRICE)])
    with pytest.raises(RateLimited):
        budgeted(counters, 10**9, visit_of("openai-chat", ASKED), [target_of(PRICE)])


# --- quotas of single models ---


def quoted(counters: Counters, quota: str, body: dict[str, Any], *targets: Target) -> tuple[Target, ...]:
    """What may be asked by a project that has a quota of `echo/echo`."""
    book = book_of(f'[vendors.echo]\n[projects.p]\nquotas = {{ "echo/echo" = {quota} }}\n', counters)
    visit = visit_of("openai-chat", body)
    visit.plan = book.plan(None, "m")
    return reserve(counters, visit, book, targets)


def test_a_quota_in_tokens_holds_the_most_that_a_request_may_use_and_needs_no_price(counters: Counters) -> None:
    size, target = len(msgspec.json.encode(ASKED)), target_of(None)
    most = size + ASKED["max_tokens"]
    assert quoted(counters, f"{{ tokens = {2 * most} }}", ASKED, target) == (target,)
    with pytest.raises(QuotaExhausted) as caught:
        quoted(counters, f"{{ tokens = {2 * most - 1} }}", ASKED, target)
    assert caught.value.message.startswith(
        f"This request could use up to {most:,} tokens of echo/echo; the project p has {most - 1:,} tokens left of "
        f"{2 * most - 1:,} tokens per month."
    )
    assert (caught.value.status, caught.value.code) == (429, "quota-exhausted")


def test_a_quota_in_dollars_needs_a_price_and_a_bound(counters: Counters) -> None:
    with pytest.raises(UnpricedModel):
        quoted(counters, "{ usd = 1 }", ASKED, target_of(None))
    assert quoted(counters, "{ usd = 1 }", ASKED, target_of(PRICE))
    with pytest.raises(QuotaExhausted, match=r"up to \$0\.000777 of echo/echo; the project p has \$0\.000223 left"):
        quoted(counters, "{ usd = 0.001 }", ASKED, target_of(PRICE))


@pytest.mark.parametrize("covered", [True, False])
@pytest.mark.parametrize(("before", "after"), [(1, 10), (10, 1)])
async def test_a_quota_in_dollars_is_never_passed_by_what_a_model_cost_that_failed_before(
    before: int, after: int, covered: bool, counters: Counters
) -> None:
    """The cost of the whole request counts in the quota of the model that answers."""
    dear, cheap = (Price(input=factor * 10**9, output=factor * 10**9) for factor in (before, after))
    targets = [
        target_of(dear, "echo/bad", Scripted(["garbled"], 5, 5)),
        target_of(cheap, "echo/echo", Scripted(["good"], 5, 5)),
    ]
    most = (before + after) * WORST - (not covered)
    book = book_of(
        f'[vendors.echo]\n[projects.p]\nquotas = {{ "echo/echo" = {{ usd = "{most / 1e9:.9f}" }} }}\n', counters
    )
    visit = visit_of("openai-chat", ASKED)
    visit.plan = book.plan(None, "m")
    reserve(counters, visit, book, tuple(targets))
    assert visit.grant is not None
    with contextlib.nullcontext() if covered else pytest.raises(BudgetExhausted):
        await asked_of(counters, visit, targets)
    record = visit.record(0.0, 0.0)
    assert (record.deployment, record.cost_nano) == (
        ("echo/echo", before * WORST + after * 10**4) if covered else ("echo/bad", before * WORST)
    )
    visit.grant.model = record.deployment
    counters.settle(visit.grant, record.cost_nano, 0, time.time())
    (quota,) = book.quotas("p", "echo/echo")
    stands = counters.remaining(Charge(quota.slot, quota.per, quota.most), time.time())
    assert (stands.spent, stands.reserved) == (record.cost_nano if covered else 0, 0)


def test_a_quota_of_requests_is_of_one_project_and_one_model(counters: Counters) -> None:
    other = target_of(PRICE, "echo/other")
    for _ in range(2):
        quoted(counters, '{ requests = 2, per = "day" }', ASKED, target_of(PRICE))
    with pytest.raises(QuotaExhausted, match="may make 2 requests of echo/echo per day, and they are made"):
        quoted(counters, '{ requests = 2, per = "day" }', ASKED, target_of(PRICE))
    assert quoted(counters, '{ requests = 2, per = "day" }', ASKED, other) == (other,)
    assert quoted(counters, '{ requests = 2, per = "day" }', ASKED, target_of(PRICE), other) == (other,)


def test_a_candidate_of_a_canary_is_bounded_by_its_quota_in_both_arms(counters: Counters) -> None:
    candidate, incumbent = target_of(None), target_of(PRICE, "echo/other")
    book = book_of('[vendors.echo]\n[projects.p]\nquotas = { "echo/echo" = { requests = 2 } }\n', counters)
    arms: tuple[Arm, ...] = ("candidate", "incumbent", "incumbent")
    visits = [visit_of("openai-chat", ASKED) for _ in arms]
    for visit, arm in zip(visits, arms, strict=True):
        visit.placed = Placed(CANARY, arm, MILLION, candidate)
    for visit in visits[:2]:
        reserve(counters, visit, book, (incumbent,))
        assert visit.grant is not None
        assert [one.quota.model for one in visit.grant.held] == ["echo/echo"]
    for arm in get_args(Arm):  # where it is used up, a request takes no part in the canary, and its route answers
        without = visit_of("openai-chat", ASKED)
        without.placed = Placed(CANARY, arm, MILLION, candidate)
        assert reserve(counters, without, book, (incumbent,)) == (incumbent,)
        assert without.placed is None
    with pytest.raises(QuotaExhausted, match="may make 2 requests of echo/echo"):
        reserve(counters, visits[2], book, (candidate,))
    visits[2].placed = Placed(CANARY, "incumbent", MILLION, candidate)
    given = visits[1].grant
    assert given is not None
    given.model, given.answered = "echo/other", True
    counters.settle(given, 0, 10, time.time())
    reserve(counters, visits[2], book, (incumbent,))  # the incumbent had answered
    assert visits[2].placed is not None


def test_a_plan_bounds_each_of_its_projects_by_itself(counters: Counters) -> None:
    toml = """
        [vendors.echo]
        [plans.starter]
        quotas = { "echo/echo" = { requests = 1 } }
        [projects.p]
        plan = "starter"
        [projects.q]
        plan = "starter"
    """
    book = book_of(toml, counters)
    for project in ("p", "q"):
        for wanted in (Grant, None):
            visit = visit_of("openai-chat", ASKED)
            visit.key = replace(KEY, project=project)
            if wanted is None:
                with pytest.raises(QuotaExhausted, match=f"The project {project} may make 1 requests"):
                    reserve(counters, visit, book, (target_of(PRICE),))
            else:
                reserve(counters, visit, book, (target_of(PRICE),))
                assert isinstance(visit.grant, Grant)
