"""What a request can cost at most, what it did cost, and the record that it ends in."""

from typing import Any

import pytest
from msgspec.structs import replace

from freehold.catalog.rows import Model, OffPeak, Price, Service, Tier, Window
from freehold.config.settings import VendorSettings
from freehold.dialects import get
from freehold.dialects.dialect import Traits
from freehold.errors import BudgetExhausted
from freehold.gateway.answer import Answer, Whole
from freehold.gateway.deployments import Deployment, Way
from freehold.gateway.needs import Needs
from freehold.gateway.routing import Target
from freehold.gateway.visit import Visit
from freehold.messages import Reply, Request, Usage
from freehold.store.callers import Key
from freehold.store.records import Attempt
from freehold.vendors import load

BEGAN = 1_795_564_800.0  # 2026-11-25T00:00:00Z, a Wednesday
PRICE = Price(input=1_000_000, output=10_000_000, since="2026-01-01")
KEY = Key(id="key_1", name="k", prefix="fh_", organisation="o", project="p", role="member", created_at=0.0)


def target(price: Price | None = PRICE, *, context: int | None = 1000, longest: int | None = 50) -> Target:
    model = Model(id="echo/echo", context_tokens=context, max_output_tokens=longest)
    vendor = load()["echo"]
    deployment = Deployment("echo/echo", "echo", vendor, VendorSettings(name="echo", like="echo"), {}, "0" * 16, model)
    return Target(deployment, price)


def visit(request: Request | None = None, **needs: Any) -> Visit:
    made = Visit("rec_1", "openai-chat", KEY, BEGAN, 100.0)
    made.request = request or Request(dialect="openai-chat", model="echo/echo")
    made.needs = Needs(**needs)
    return made


def answered(made: Visit, by: Target, usage: Usage | None) -> Visit:
    reply = Reply(id="r", model="echo", finish="stop", native_finish_reason="stop", usage=usage)
    made.answer = Answer(by, Way(get("openai-chat"), None, "", b"", Traits()), Whole(b"{}", reply), 0.25)
    made.tally.take_reply(reply)
    made.whole = True
    made.status = "answered"
    return made


@pytest.mark.parametrize(
    ("needs", "nano"),
    [
        ({"bound": 100, "output": 20}, 100 + 200),
        ({"bound": 5000, "output": 20}, 1000 + 200),  # no input is longer than the window
        ({"bound": None, "output": 20}, 1000 + 200),  # a document of unknown length fills it
        ({"bound": 100, "output": None}, 100 + 500),  # the model's own cap
    ],
)
def test_the_worst_case_is_the_longest_input_and_output_that_can_be(needs: dict[str, Any], nano: int) -> None:
    assert visit(**needs).worst(target()) == nano


def test_without_any_cap_the_largest_common_window_is_reserved() -> None:
    assert visit(bound=0).worst(target(context=None, longest=None)) == 131_072 * 10


@pytest.mark.parametrize(
    ("needs", "nano"),
    [
        ({"bound": None, "output": 20, "rounds": 4}, 4 * (1000 + 200)),
        ({"bound": None, "output": 20, "rounds": 4, "searches": 3}, 4 * (1000 + 200) + 3 * 77),
    ],
)
def test_each_use_of_a_vendors_tool_reads_and_writes_once_more_and_a_search_has_a_price(
    needs: dict[str, Any], nano: int
) -> None:
    assert visit(**needs).worst(target(replace(PRICE, search=77))) == nano


@pytest.mark.parametrize(("compactions", "rounds"), [(1, 1), (3, 3)])
def test_a_summary_of_the_conversation_reads_once_more_and_no_cap_of_the_callers_holds_for_it(
    compactions: int, rounds: int
) -> None:
    made = visit(bound=None, output=20, rounds=rounds, compactions=compactions)
    assert made.worst(target()) == rounds * (1000 + 200) + compactions * (1000 + 500)


def test_an_attempt_without_an_answer_costs_all_that_was_to_come_whole_and_the_input_of_a_stream() -> None:
    made = visit(bound=100, likely=30, output=20)
    assert made.spent_on_failure(target(), whole=True) == 100 + 200
    assert made.spent_on_failure(target(), whole=False) == 30
    assert made.spent_on_failure(target(None), whole=True) == 0


def test_what_one_more_attempt_lacks_is_what_it_and_those_before_it_pass_the_reservation_by() -> None:
    made = visit(bound=100, output=20)
    cheap, dear = target(), target(replace(PRICE, input=2_000_000))
    made.reserved = 400
    assert made.lacking(dear, None) == 0
    assert made.lacking(cheap, dear) == 300 + 400 - 400
    made.attempts.append(Attempt(deployment="a/b", outcome="failed", ms=1.0, cost_nano=150))
    assert made.lacking(cheap, None) == 150 + 300 - 400


def test_several_choices_cost_several_outputs_and_one_input() -> None:
    request = Request(dialect="openai-chat", model="m", n=3)
    assert visit(request, bound=100, output=20).worst(target()) == 100 + 3 * 200


def test_embeddings_write_nothing_and_counting_costs_nothing() -> None:
    embed = Request(dialect="openai-embeddings", model="m", operation="embed")
    count = Request(dialect="anthropic-count-tokens", model="m", operation="count_tokens")
    assert visit(embed, bound=100).worst(target()) == 100
    assert visit(count, bound=100).worst(target()) == 0


def test_the_window_of_one_input_does_not_bound_a_batch_of_embeddings() -> None:
    embed = Request(dialect="openai-embeddings", model="m", operation="embed")
    made = visit(embed, bound=5000, embeds=True)
    assert made.most_tokens(target()) == (5000, 0)
    assert made.worst(target()) == 5000


def test_an_unknown_price_reserves_nothing() -> None:
    assert visit(bound=100, output=20).worst(target(None)) == 0


def test_a_record_adds_what_failed_attempts_cost() -> None:
    made = answered(visit(), target(), Usage(input_tokens=10, output_tokens=5))
    made.attempts.append(Attempt(deployment="a/b", outcome="failed", ms=1.0, cost_nano=7))
    record = made.record(BEGAN + 1.5, 101.5)
    assert (record.cost_nano, record.input_tokens, record.output_tokens) == (7 + 10 + 50, 10, 5)
    assert (record.total_ms, record.first_token_ms, record.estimated) == (1500.0, 250.0, False)
    assert record.price is not None
    assert (record.price.rates, record.price.as_of) == ({"input": 1_000_000, "output": 10_000_000}, "2026-01-01")


def test_usage_that_the_vendor_did_not_report_is_estimated_and_says_so() -> None:
    record = answered(visit(likely=30), target(), None).record(BEGAN, 100.0)
    assert (record.estimated, record.input_tokens, record.cost_nano) == (True, 30, 30)


def test_an_answer_that_goes_on_without_us_is_billed_at_the_worst_case() -> None:
    made = answered(visit(bound=100, likely=30, output=20), target(), None)
    made.tally.finish = "pause"
    made.attempts.append(Attempt(deployment="a/b", outcome="failed", ms=1.0, cost_nano=7))
    record = made.record(BEGAN, 100.0)
    assert (record.cost_nano, record.input_tokens, record.output_tokens) == (7 + 100 + 200, 100, 20)
    assert record.estimated
    assert answered(visit(bound=100), target(None), None).record(BEGAN, 100.0).cost_nano == 0


def test_an_answer_in_off_peak_hours_is_billed_at_their_rates_and_reserved_at_the_dearer() -> None:
    night = OffPeak(input=100_000, output=1_000_000, windows=(Window(days=(3,), start=0, end=60),))
    cheap = target(replace(PRICE, off_peak=night))
    made = answered(visit(bound=100, output=20), cheap, Usage(input_tokens=100, output_tokens=20))
    assert made.worst(cheap) == 300
    record = made.record(BEGAN + 1, 101.0)
    assert record.cost_nano == 30
    assert record.price is not None
    assert record.price.rates == {"input": 100_000, "output": 1_000_000}
    made.began_at = BEGAN + 3600  # an hour later the window is over
    assert made.record(BEGAN + 3601, 101.0).cost_nano == 300


@pytest.mark.parametrize(
    ("usage", "rates", "nano"),
    [
        (Usage(input_tokens=100, output_tokens=20), {"input": 1_000_000, "output": 10_000_000, "search": 7}, 300),
        (Usage(input_tokens=101, output_tokens=20), {"input": 2_000_000, "output": 20_000_000, "search": 7}, 602),
        (
            Usage(input_tokens=100, output_tokens=20, service_tier="flex"),
            {"input": 500_000, "output": 5_000_000, "search": 7},
            150,
        ),
    ],
)
def test_a_record_says_the_rates_of_the_tier_that_was_billed(usage: Usage, rates: dict[str, int], nano: int) -> None:
    tiered = replace(
        PRICE,
        search=7,
        tiers=(Tier(above=100, input=2_000_000, output=20_000_000),),
        services=(Service(name="flex", input=500_000, output=5_000_000),),
    )
    record = answered(visit(), target(tiered), usage).record(BEGAN, 100.0)
    assert record.price is not None
    assert (record.price.rates, record.cost_nano) == (rates, nano)


def test_a_refused_request_leaves_a_record_that_costs_nothing() -> None:
    made = Visit("rec_1", "openai-chat", KEY, BEGAN, 100.0)
    made.error = BudgetExhausted("No.")
    record = made.record(BEGAN, 100.0)
    assert (record.status, record.http_status, record.code) == ("refused", 429, "budget-exhausted")
    assert (record.cost_nano, record.deployment, record.price) == (0, "", None)


def test_who_failed_last_is_named_when_nobody_answered() -> None:
    made = visit()
    made.attempts = [Attempt(deployment=name, outcome="failed", ms=1.0) for name in ("a/a", "b/b")]
    assert made.record(BEGAN, 100.0).deployment == "b/b"


def test_a_record_has_what_few_answers_have() -> None:
    usage = Usage(
        input_tokens=90,
        output_tokens=50,
        cache_read_tokens=10,
        cache_write_5m_tokens=20,
        cache_write_1h_tokens=30,
        reasoning_tokens=4,
        audio_input_tokens=5,
        audio_output_tokens=6,
        searches=7,
        service_tier="flex",
    )
    made = answered(visit(), target(), usage)
    made.dropped, made.conversation = ["seed", "top_k"], "0123456789abcdef"
    record = made.record(BEGAN, 100.0)
    assert (record.input_tokens, record.output_tokens, record.reasoning_tokens) == (90, 50, 4)
    assert (record.cache_read_tokens, record.cache_write_5m_tokens, record.cache_write_1h_tokens) == (10, 20, 30)
    assert (record.audio_input_tokens, record.audio_output_tokens, record.searches) == (5, 6, 7)
    assert (record.service_tier, record.estimated) == ("flex", False)
    assert (record.dropped, record.conversation) == (("seed", "top_k"), "0123456789abcdef")


def test_what_was_said_stands_in_no_log() -> None:
    made = visit(Request(dialect="openai-chat", model="m", user="somebody"))
    assert repr(made) == "<Visit rec_1>"
