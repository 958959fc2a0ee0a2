"""Deployments: what a model's name means, where its requests go and with which head, and what a reload keeps."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from freehold.catalog.rows import Model
from freehold.dialects.dialect import Target, Traits
from freehold.dialects.openai_chat import DIALECT as CHAT
from freehold.errors import UnknownModel, Unsupported
from freehold.gateway.deployments import COUNT_TOKENS, EMBEDDINGS, Deployments
from freehold.gateway.entries import LONGEST
from freehold.vendors.own import Served
from gateway.settled import deployments_of

ROWS = (
    Model(id="anthropic/claude-haiku-4-5", aliases=("claude-haiku",)),
    Model(id="anthropic/shared"),
    Model(id="deepseek/deepseek-chat", retires="2026-11-25"),
    Model(id="openai/gpt-5-mini", retires="2026-11-26"),
    Model(id="openai/old", retires="2026-11-25"),
    Model(id="openai/org/tuned"),
    Model(id="openai/shared"),
)
OPENAI = """
    [vendors.openai]
    api_key = { env = "KEY" }
"""
ANTHROPIC = """
    [vendors.anthropic]
    api_key = { env = "KEY" }
"""
OWN = """
    [own.nano]
    weights = "smollm2-135m"
"""
NANO = Served(base_url="http://127.0.0.1:9001/v1")


def head(toml: str, name: str, front: str = "openai-chat") -> list[str]:
    """The lines of the head of a request to this model, for a caller of that dialect."""
    return deployments_of(toml, *ROWS).get(name).way(front).head.decode().split("\r\n")


# --- names ---


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("openai/gpt-5-mini", "openai/gpt-5-mini"),
        ("openai/never-heard-of", "openai/never-heard-of"),
        ("gpt-5-mini", "openai/gpt-5-mini"),
        ("gpt-5-mini-2025-08-07", "openai/gpt-5-mini-2025-08-07"),
        ("claude-haiku", "anthropic/claude-haiku"),
        ("org/tuned", "openai/org/tuned"),
        ("nano", "own/nano"),
    ],
)
def test_a_name_means_a_vendors_model(written: str, meant: str) -> None:
    deployments = deployments_of(OPENAI + ANTHROPIC + OWN, *ROWS, engines={"nano": NANO})
    assert deployments.resolve(written) == meant
    assert deployments.resolve(written) == meant


def test_a_bare_name_that_two_vendors_have_means_the_one_that_is_configured_first() -> None:
    assert deployments_of(OPENAI + ANTHROPIC, *ROWS).resolve("shared") == "openai/shared"
    assert deployments_of(ANTHROPIC + OPENAI, *ROWS).resolve("shared") == "anthropic/shared"


def test_a_bare_name_goes_to_the_account_whatever_it_is_called() -> None:
    work = '[vendors.work]\nlike = "openai"\napi_key = { env = "KEY" }\n'
    assert deployments_of(work, *ROWS).resolve("gpt-5-mini") == "work/gpt-5-mini"


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("gpt-5-mimi", "Did you mean openai/gpt-5-mini?"),
        ("claude-haiku-4-5", "It is a model of anthropic: give its key, or name the vendor in freehold.toml."),
        (
            "anthropic/claude-haiku-4-5",
            "No vendor 'anthropic' is configured. It is a model of anthropic: give its key, "
            "or name the vendor in freehold.toml.",
        ),
        ("nobody/knows", "No vendor 'nobody' is configured. GET /v1/models lists what can be asked for."),
        ("", "GET /v1/models lists what can be asked for."),
    ],
)
def test_an_unknown_name_is_told_with_what_to_do(written: str, advice: str) -> None:
    with pytest.raises(UnknownModel) as told:
        deployments_of(OPENAI, *ROWS).resolve(written)
    assert told.value.sentence == f"There is no model or workload {written!r} here."
    assert told.value.advice == advice
    assert told.value.param == "model"


@pytest.mark.parametrize("name", ["echo/nothing", "own/nothing", "openai/", "anthropic/claude-haiku-4-5", "openai"])
def test_what_cannot_be_is_no_deployment(name: str) -> None:
    with pytest.raises(UnknownModel):
        deployments_of(OPENAI + "\n[vendors.echo]\n", *ROWS).get(name)


def test_a_name_that_no_entry_holds_whole_is_no_deployment() -> None:
    """Whoever asked for it made every invoice of the month differ from the ledger."""
    found = deployments_of(OPENAI)
    longest = "openai/" + "a" * (LONGEST - len("openai/"))
    assert found.get(longest).name == longest
    with pytest.raises(UnknownModel):
        found.get(longest + "a")


def test_the_names_are_own_models_then_routes_and_the_vendors_rows() -> None:
    toml = OPENAI + '[vendors.echo]\n[workloads.triage]\nroute = ["openai/special", "openai/shared"]\n'
    deployments = deployments_of(toml, *ROWS, engines={"nano": NANO, "micro": Served(base_url="http://[::1]/v1")})
    assert deployments.names() == [
        "own/micro",
        "own/nano",
        "openai/special",  # as the route has them
        "openai/shared",
        "echo/echo",  # as the vendor has them
        "echo/down",
        "openai/gpt-5-mini",
        "openai/old",
        "openai/org/tuned",
    ]


def test_a_model_is_listed_up_to_the_day_before_it_is_retired() -> None:
    deployments = deployments_of(OPENAI, *ROWS)
    assert "openai/old" in deployments.names(date(2026, 11, 24))
    assert "openai/old" not in deployments.names(date(2026, 11, 25))
    assert "openai/gpt-5-mini" in deployments.names(date(2026, 11, 25))


# --- where requests go ---


def test_a_built_in_vendor_is_asked_where_its_file_says() -> None:
    assert head(OPENAI, "openai/gpt-5-mini") == [
        "POST /v1/chat/completions HTTP/1.1",
        "host: api.openai.com",
        "authorization: Bearer sk-one",
        "user-agent: freehold",
        "accept-encoding: identity",
        "content-type: application/json",
        "content-length: ",
    ]


def test_each_dialect_has_its_own_path() -> None:
    deployment = deployments_of(OPENAI, *ROWS).get("openai/gpt-5-mini")
    assert deployment.way("openai-responses").head.startswith(b"POST /v1/responses HTTP/1.1\r\n")
    assert deployment.way(EMBEDDINGS).head.startswith(b"POST /v1/embeddings HTTP/1.1\r\n")
    claude = deployments_of(ANTHROPIC, *ROWS).get("anthropic/shared")
    assert claude.way(COUNT_TOKENS).head.startswith(b"POST /v1/messages/count_tokens HTTP/1.1\r\n")


def test_tokens_are_counted_of_what_a_model_would_be_asked() -> None:
    deployment = deployments_of(ANTHROPIC, *ROWS).get("anthropic/claude-sonnet-5-5")
    way = deployment.way(COUNT_TOKENS)
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"I"}],'
    body += b'"thinking":{"type":"enabled","budget_tokens":9000}}'
    where = Target(model=deployment.asked, traits=way.traits, origin=deployment.origin, dropped=[])
    counted = msgspec.json.decode(way.dialect.pass_request(way.dialect.read_request(body), body, where))
    assert (counted["thinking"], counted["output_config"]) == ({"type": "adaptive"}, {"effort": "medium"})


def test_a_base_url_of_ones_own_replaces_the_vendors() -> None:
    lines = head(OPENAI + 'base_url = "http://proxy.example:8443/openai/v1/"\n', "openai/gpt-5-mini")
    assert lines[:2] == ["POST /openai/v1/chat/completions HTTP/1.1", "host: proxy.example:8443"]


def test_headers_of_ones_own_replace_the_vendors_whatever_their_case() -> None:
    lines = head(ANTHROPIC + 'headers = { "Anthropic-Version" = "2099-01-01", x-team = "blue" }\n', "anthropic/shared")
    assert lines[2:5] == ["anthropic-version: 2099-01-01", "x-api-key: sk-one", "x-team: blue"]


def test_without_a_key_nothing_is_said_of_one() -> None:
    lines = head(
        '[vendors.server]\nspeaks = "openai-chat"\nbase_url = "http://127.0.0.1:8000/v1"\n', "server/any/thing"
    )
    assert lines[:3] == ["POST /v1/chat/completions HTTP/1.1", "host: 127.0.0.1:8000", "user-agent: freehold"]


def test_a_proxy_and_an_authority_of_ones_own_go_with_the_endpoint(tmp_path: Path) -> None:
    authority = tmp_path / "ours.pem"
    authority.touch()
    toml = OPENAI + f'proxy = "http://proxy.example:3128"\nca_file = "{authority}"\n'
    endpoint = deployments_of(toml, *ROWS).get("openai/gpt-5-mini").way("openai-chat").endpoint
    assert endpoint is not None
    assert (endpoint.host, endpoint.port, endpoint.tls) == ("api.openai.com", 443, True)
    assert (endpoint.proxy, endpoint.ca_file) == ("http://proxy.example:3128", str(authority))


def test_a_dialect_that_stands_elsewhere_is_asked_there_unless_the_base_url_is_ones_own() -> None:
    deepseek = '[vendors.deepseek]\napi_key = { env = "KEY" }\n'
    assert head(deepseek, "deepseek/x", "anthropic-messages")[0] == "POST /anthropic/v1/messages HTTP/1.1"
    assert head(deepseek, "deepseek/x", "openai-chat")[0] == "POST /chat/completions HTTP/1.1"
    moved = deepseek + 'base_url = "http://proxy.example/d"\n'
    assert head(moved, "deepseek/x", "anthropic-messages")[:2] == [
        "POST /d/v1/messages HTTP/1.1",
        "host: proxy.example",
    ]


def test_an_own_model_is_asked_where_its_engine_is() -> None:
    deployments = deployments_of(OWN, engines={"nano": NANO})
    way = deployments.get("own/nano").way("openai-chat")
    assert way.head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:9001\r\n")


def test_a_server_of_ones_own_is_asked_for_its_own_name_with_its_own_key() -> None:
    toml = """
        [own.far]
        url = "http://gpu-1:8000/v1"
        model = "acme/far"
        api_key = { env = "KEY" }
        headers = { "x-team" = "claims" }
    """
    served = Served(
        base_url="http://gpu-1:8000/v1", model="acme/far", counts=False, here=False, headers={"x-door": "1"}
    )
    deployment = deployments_of(toml, engines={"far": served}).get("own/far")
    head = deployment.way("openai-chat").head.decode().split("\r\n")
    assert head[:2] == ["POST /v1/chat/completions HTTP/1.1", "host: gpu-1:8000"]
    assert {"authorization: Bearer sk-one", "x-team: claims", "x-door: 1"} <= set(head)
    assert (deployment.native, deployment.asked, deployment.weights) == ("far", "acme/far", None)
    assert deployment.way(COUNT_TOKENS).estimated


def test_what_an_own_model_can_is_what_its_engine_says() -> None:
    traits = Traits(reasoning_style="template", thinking_switch="thinking")
    deployment = deployments_of(OWN, engines={"nano": Served(base_url="http://127.0.0.1:9/v1", traits=traits)}).get(
        "own/nano"
    )
    assert deployment.way("openai-chat").traits == traits
    assert not deployment.way(COUNT_TOKENS).estimated


def test_a_model_whose_engine_has_not_come_up_is_known_and_has_no_address() -> None:
    deployments = deployments_of(OWN, engines={"nano": Served(base_url="")})
    assert deployments.resolve("nano") == "own/nano"
    deployment = deployments.get("own/nano")
    assert [way.endpoint for way in deployment.ways.values()] == [None] * len(deployment.ways)
    assert not deployment.way(COUNT_TOKENS).estimated


def test_a_vendor_inside_the_worker_needs_no_network() -> None:
    deployment = deployments_of("[vendors.echo]\n").get("echo/echo")
    assert [way.endpoint for way in deployment.ways.values()] == [None] * len(deployment.ways)


def test_a_caller_of_a_dialect_that_it_does_not_speak_is_served_in_its_first() -> None:
    deployments = deployments_of(OPENAI + ANTHROPIC, *ROWS)
    assert deployments.get("openai/shared").way("anthropic-messages").dialect is CHAT
    assert deployments.get("anthropic/shared").way("openai-chat").dialect.name == "anthropic-messages"
    assert deployments.get("openai/shared").way("openai-responses").dialect.name == "openai-responses"


def test_a_server_speaks_only_what_the_settings_say() -> None:
    toml = '[vendors.server]\nspeaks = "anthropic-messages"\nbase_url = "http://127.0.0.1:8000/v1"\n'
    deployment = deployments_of(toml).get("server/m")
    assert deployment.way("openai-chat").dialect.name == "anthropic-messages"


def test_embeddings_of_a_vendor_that_has_none_are_unsupported() -> None:
    with pytest.raises(Unsupported) as told:
        deployments_of(OPENAI + ANTHROPIC, *ROWS).get("anthropic/shared").way(EMBEDDINGS)
    assert told.value.message == "anthropic/shared has no embeddings. Route the request to a vendor that has."


def test_tokens_are_counted_by_a_vendor_that_can_and_estimated_for_one_that_cannot() -> None:
    deployments = deployments_of(OPENAI + ANTHROPIC, *ROWS)
    assert not deployments.get("anthropic/shared").way(COUNT_TOKENS).estimated
    estimated = deployments.get("openai/shared").way(COUNT_TOKENS)
    assert (estimated.estimated, estimated.endpoint) == (True, None)


# --- what is kept ---


def test_a_deployment_is_made_once() -> None:
    deployments = deployments_of(OPENAI, *ROWS)
    assert deployments.get("openai/shared") is deployments.get("openai/shared")
    assert [made.name for made in deployments.made()] == ["openai/shared"]


def test_names_that_callers_invent_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.gateway.deployments.MAX_DEPLOYMENTS", 3)
    deployments = deployments_of(OPENAI, *ROWS)
    for number in range(10):
        deployments.get(f"openai/invented-{number}")
    assert [made.native for made in deployments.made()] == ["invented-7", "invented-8", "invented-9"]


def learned(toml: str) -> Deployments:
    """Deployments of which one has failed and another has been measured."""
    deployments = deployments_of(toml, *ROWS)
    deployments.get("openai/shared").breaker.failed(0.0, hold=60.0)
    deployments.get("openai/shared").latency.first.observe(0.5)
    return deployments


def test_a_reload_keeps_what_was_learned() -> None:
    after = deployments_of(OPENAI + ANTHROPIC, *ROWS, before=learned(OPENAI)).get("openai/shared")
    assert after.breaker.state(1.0) == "open"
    assert after.latency.first.average == 0.5


def test_a_second_reload_keeps_it_too() -> None:
    again = deployments_of(OPENAI, *ROWS, before=learned(OPENAI))
    again.get("openai/shared")
    assert deployments_of(OPENAI, *ROWS, before=again).get("openai/shared").latency.first.average == 0.5


def test_a_reload_keeps_it_also_for_what_nobody_asked_for_in_between() -> None:
    quiet = deployments_of(OPENAI, *ROWS, before=learned(OPENAI))
    assert deployments_of(OPENAI, *ROWS, before=quiet).get("openai/shared").latency.first.average == 0.5


@pytest.mark.parametrize(
    "changed", [OPENAI + 'base_url = "http://elsewhere.example/v1"\n', OPENAI.replace("KEY", "OTHER")]
)
def test_a_deployment_that_moved_or_has_another_key_starts_anew(changed: str) -> None:
    after = deployments_of(changed, *ROWS, before=learned(OPENAI)).get("openai/shared")
    assert after.breaker.state(1.0) == "closed"
    assert after.latency.first.average is None


def test_the_origin_tells_vendor_endpoint_model_and_key_apart_and_outlives_a_reload() -> None:
    texts = [OPENAI, OPENAI.replace("KEY", "OTHER"), OPENAI + 'base_url = "http://elsewhere.example/v1"\n']
    origins = [deployments_of(text, *ROWS).get("openai/shared").origin for text in texts]
    origins.append(deployments_of(OPENAI, *ROWS).get("openai/gpt-5-mini").origin)
    work = OPENAI.replace("vendors.openai]", 'vendors.work]\nlike = "openai"')
    origins.append(deployments_of(work, *ROWS).get("work/shared").origin)
    assert len(set(origins)) == 5
    assert deployments_of(OPENAI, *ROWS).get("openai/shared").origin == origins[0]


@pytest.mark.parametrize(
    ("settings", "private"),
    [
        ("", False),
        ('base_url = "https://eu.api.openai.com/v1"', False),
        ('base_url = "http://10.0.0.7:8000/v1"', True),
        ('base_url = "https://models.corp.example.com/v1"', True),
    ],
)
def test_a_vendor_that_was_moved_may_stand_in_ones_own_network(settings: str, private: bool) -> None:
    made = deployments_of(f'[vendors.openai]\napi_key = {{ env = "KEY" }}\n{settings}', *ROWS)
    assert made.get("openai/shared").private is private


def test_one_account_has_one_keeper_whatever_the_model_and_another_key_another_one() -> None:
    made = deployments_of(OPENAI, *ROWS)
    one, other = made.get("openai/shared").keeper, made.get("openai/old").keeper
    assert one == other
    assert one is not None
    moved = deployments_of(OPENAI.replace("KEY", "OTHER"), *ROWS).get("openai/shared").keeper
    assert moved is not None
    assert moved.account != one.account
