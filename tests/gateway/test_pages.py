"""What the door shows about itself: the models that a key may use, and why a request would go where it goes."""

import json
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.catalog.rows import Model, Price
from freehold.dialects.openai_chat import DIALECT
from freehold.errors import ContextTooLong, InvalidField, OutOfScope, UnknownModel, UnknownWorkload
from freehold.gateway.book import Book
from freehold.gateway.deployments import Deployments
from freehold.gateway.needs import Needs
from freehold.gateway.pages import explain_route, list_models, show_model
from freehold.gateway.routing import choose, prefix_key
from freehold.store.callers import Key
from freehold.store.counters import Counters
from freehold.store.folder import COUNTERS
from freehold.vendors import load
from freehold.vendors.own import Served
from gateway.settled import SECRET, TODAY, book_of, catalog_of, settings_of

TOML = """
    [vendors.openai]
    api_key = { env = "KEY" }

    [vendors.echo]

    [workloads.triage]
    route = ["openai/big", { model = "openai/small", when = { stream = true } }, "echo/down"]
    retries = 1
    hedge = { after = 0.5 }

    [workloads.cheap]
    route = ["openai/big", "openai/small"]
    strategy = "cheapest"

    [workloads.steady]
    route = [{ model = "openai/big", weight = 3 }, "openai/small", "echo/down"]
    sticky = true

    [workloads.local]
    route = ["echo/echo"]
"""
ROWS = (
    Model(
        id="openai/big",
        context_tokens=100_000,
        max_output_tokens=4000,
        abilities=frozenset({"vision", "tools"}),
        retires="2027-01-01",
        prices=(Price(input=250_000_000, output=2_000_000_000),),
    ),
    Model(id="openai/gone", retires="2026-11-25", prices=(Price(input=1),)),
    Model(id="openai/small", context_tokens=100, lacks=frozenset({"vision"}), prices=(Price(input=1, output=1),)),
)
ANYBODY = Key(id="key_1", name="a", organisation="o", project="p", role="member", prefix="x", created_at=0.0)


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[Counters]:
    Counters.create(tmp_path / COUNTERS, 0.0)
    opened = Counters.open(tmp_path / COUNTERS, 0)
    yield opened
    opened.close()


@pytest.fixture
def book(counters: Counters) -> Book:
    return book_of(TOML, counters, *ROWS)


def ids(listed: dict[str, Any]) -> list[str]:
    return [row["id"] for row in listed["data"]]


# --- models ---


def test_workloads_come_first_then_the_models_that_are_not_retired(book: Book) -> None:
    assert ids(list_models(book, ANYBODY)) == [
        "triage",
        "cheap",
        "steady",
        "local",
        "openai/big",
        "openai/small",
        "echo/down",
        "echo/echo",
    ]


def test_a_model_disappears_on_the_day_that_it_retires(counters: Counters) -> None:
    eve = book_of(TOML, counters, *ROWS, today=date(2026, 11, 24))
    assert "openai/gone" in ids(list_models(eve, ANYBODY))
    eve.refresh(date(2026, 11, 25))
    assert "openai/gone" not in ids(list_models(eve, ANYBODY))


def test_a_row_says_what_is_known_of_the_model(book: Book) -> None:
    assert show_model(book, ANYBODY, "openai/big") == {
        "id": "openai/big",
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "openai",
        "type": "model",
        "display_name": "openai/big",
        "created_at": "2023-11-14T22:13:20Z",  # 1,700,000,000 as RFC 3339 writes it
        "kind": "model",
        "context_tokens": 100_000,
        "max_output_tokens": 4000,
        "abilities": ["tools", "vision"],
        "retires": "2027-01-01",
    }
    assert show_model(book, ANYBODY, "big") == show_model(book, ANYBODY, "openai/big")
    assert show_model(book, ANYBODY, "triage") == {
        "id": "triage",
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "freehold",
        "kind": "workload",
    }


def test_an_own_model_says_its_weights(counters: Counters) -> None:
    settings = settings_of('[own.nano]\nweights = "smollm2-135m"\n[workloads.default]\nroute = ["requested"]\n')
    engines = {"nano": Served(base_url="http://127.0.0.1:1", weights="ab" * 32)}
    made = Deployments(settings, load(), catalog_of(), SECRET, engines)
    assert show_model(Book(settings, made, counters, TODAY), ANYBODY, "own/nano")["weights"] == "ab" * 32


@pytest.mark.parametrize(
    ("scope", "listed"),
    [
        ({"models": ("openai/*",)}, ["triage", "cheap", "steady", "openai/big", "openai/small"]),
        ({"models": ("echo/echo",)}, ["local", "echo/echo"]),
        ({"models": ("nobody/*",)}, []),
        ({"models": ()}, []),
        # Without the default workload nobody asks for a model by its name.
        ({"workloads": ("triage",)}, ["triage"]),
        ({"workloads": ("default",)}, ["openai/big", "openai/small", "echo/down", "echo/echo"]),
        ({"workloads": ("default", "local"), "models": ("openai/b*",)}, ["openai/big"]),
        ({"workloads": ()}, []),
    ],
)
def test_a_key_sees_what_it_may_use_and_nothing_else(book: Book, scope: dict[str, Any], listed: list[str]) -> None:
    assert ids(list_models(book, replace(ANYBODY, **scope))) == listed


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ({"models": ("echo/*",)}, "openai/big"),
        ({"models": ("echo/*",)}, "big"),
        ({"models": ("echo/*",)}, "cheap"),
        ({"workloads": ("local",)}, "triage"),
    ],
)
def test_one_model_beyond_the_keys_scope_is_out_of_scope(book: Book, scope: dict[str, Any], name: str) -> None:
    with pytest.raises(OutOfScope):
        show_model(book, replace(ANYBODY, **scope), name)


def test_a_model_that_nobody_knows_is_unknown(book: Book) -> None:
    with pytest.raises(UnknownModel):
        show_model(book, ANYBODY, "nobody/knows")


# --- why ---


def asked(book: Book, key: Key = ANYBODY, **query: str) -> dict[str, Any]:
    return explain_route(book, key, query)


async def test_a_route_is_explained_target_by_target(book: Book) -> None:
    book.target("openai/big").deployment.latency.first.observe(0.25)
    explained = asked(book, workload="triage")
    assert {name: explained[name] for name in ("workload", "strategy", "sticky", "failover")} == {
        "workload": "triage",
        "strategy": "ordered",
        "sticky": False,
        "failover": "1 more tries on each, then the next, with a second request after 0.5",
    }
    first, second, third = explained["targets"]
    assert first.pop("dialects")[:2] == ["openai-chat", "openai-responses"]
    assert first == {
        "deployment": "openai/big",
        "rank": 0,
        "reason": "Asked first: it stands first in the route.",
        "weight": 1.0,
        "breaker": "closed",
        "in_flight": 0,
        "first_token_seconds": 0.25,
        "first_token_p95_seconds": None,
        "whole_seconds": None,
        "whole_p95_seconds": None,
        "dollars_per_million": {"input": 0.25, "output": 2.0},
        "retires": "2027-01-01",
    }
    assert (second["deployment"], second["rank"], second["dollars_per_million"]) == (
        "echo/down",
        1,
        {"input": 0, "output": 0},
    )
    assert (third["deployment"], third["rank"], third["reason"]) == (
        "openai/small",
        None,
        "Its condition stream = true does not hold.",
    )


@pytest.mark.parametrize("yes", ["1", "true", "TRUE", "yes"])
async def test_the_needs_are_those_of_the_query(book: Book, yes: str) -> None:
    ranks = {row["deployment"]: row["rank"] for row in asked(book, workload="triage", stream=yes)["targets"]}
    assert ranks == {"openai/big": 0, "openai/small": 1, "echo/down": 2}
    seen = asked(book, workload="triage", stream=yes, vision=yes)["targets"]
    assert [row["reason"] for row in seen if row["rank"] is None] == ["openai/small cannot do vision."]


async def test_length_and_price_decide_as_they_would_for_the_request(book: Book) -> None:
    short = asked(book, workload="cheap", input_tokens="100", max_tokens="10")["targets"]
    assert [row["deployment"] for row in short] == ["openai/small", "openai/big"]
    long = asked(book, workload="cheap", input_tokens="101")["targets"]
    assert [(row["deployment"], row["rank"]) for row in long] == [("openai/big", 0), ("openai/small", None)]
    with pytest.raises(ContextTooLong):
        asked(book, workload="cheap", input_tokens="100001")


async def test_a_model_by_name_is_the_only_target_of_the_default_workload(book: Book) -> None:
    explained = asked(book, model="big")
    assert explained["workload"] == "default"
    assert [row["deployment"] for row in explained["targets"]] == ["openai/big"]
    assert asked(book, model="triage")["workload"] == "triage"


async def test_a_sticky_route_is_explained_by_the_opening_as_a_request_with_it_would_go(book: Book) -> None:
    firsts: set[str] = set()
    for number in range(20):
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Question {number}"}]
        request = DIALECT.read_request(json.dumps({"model": "steady", "messages": messages}).encode())
        plan = book.plan(None, "steady")
        went = choose(
            book.targets(plan, "steady"),
            Needs(),
            strategy=plan.strategy,
            now=0.0,
            sticky_key=prefix_key(request.messages, request.model, ANYBODY.id),
            draw=random.Random(0),
        )
        first = asked(book, model="steady", system="Be brief.", prompt=f"Question {number}")["targets"][0]
        assert first["deployment"] == went.targets[0].deployment.name
        assert f"the opening 'Be brief. Question {number}' falls on it, as " in first["reason"]
        firsts.add(first["deployment"])
    assert len(firsts) > 1


async def test_a_sticky_route_without_an_opening_says_that_none_was_given(book: Book) -> None:
    first, again = (asked(book, workload="steady")["targets"][0] for _ in range(2))
    assert first == again
    assert "no opening was given" in first["reason"]


async def test_an_open_breaker_is_shown(book: Book) -> None:
    book.target("openai/big").deployment.breaker.failed(0.0, hold=1e12)
    rows = {row["deployment"]: row for row in asked(book, workload="triage")["targets"]}
    assert (rows["openai/big"]["breaker"], rows["openai/big"]["rank"]) == ("open", None)
    assert (rows["echo/down"]["breaker"], rows["echo/down"]["rank"]) == ("closed", 0)


async def test_a_key_is_explained_only_what_it_may_use(book: Book) -> None:
    rows = asked(book, replace(ANYBODY, models=("echo/*",)), workload="triage")["targets"]
    assert [row["deployment"] for row in rows] == ["echo/down"]
    with pytest.raises(OutOfScope):
        asked(book, replace(ANYBODY, workloads=("local",)), workload="triage")
    with pytest.raises(OutOfScope):
        asked(book, replace(ANYBODY, models=("echo/*",)), model="openai/big")


async def test_what_cannot_be_explained_is_told(book: Book) -> None:
    with pytest.raises(InvalidField, match="asks for what the caller names") as told:
        asked(book)
    assert told.value.param == "model"
    with pytest.raises(UnknownWorkload):
        asked(book, workload="nope")
    with pytest.raises(UnknownModel):
        asked(book, model="nobody/knows")


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "٣", "9999999999", "1e3", " 1"])
async def test_a_number_of_tokens_is_a_number(book: Book, text: str) -> None:
    with pytest.raises(InvalidField) as told:
        asked(book, workload="triage", input_tokens=text)
    assert told.value.param == "input_tokens"
