"""Which models share an engine."""

from freehold.config.settings import Engine
from freehold.serving.groups import Group, apart, grouped, kind

NANO = Engine(name="nano", weights="nano.gguf")


def table(*engines: Engine) -> dict[str, Engine]:
    return {engine.name: engine for engine in engines}


def test_every_model_has_an_engine_of_its_own() -> None:
    mini = Engine(name="mini", weights="nano.gguf")
    assert grouped(table(NANO, mini)) == [Group(NANO), Group(mini)]


def test_adapters_are_served_by_the_engine_of_their_base() -> None:
    claims = Engine(name="claims", base="own/nano", adapter="claims.gguf")
    tickets = Engine(name="tickets", base="own/nano", adapter="tickets.gguf")
    (group,) = grouped(table(claims, NANO, tickets))
    assert group == Group(NANO, (claims, tickets))
    assert group.names == ("nano", "claims", "tickets")


def test_an_adapter_goes_to_whoever_serves_the_weights_beside_it() -> None:
    claims = Engine(name="claims", weights="nano.gguf", adapter="claims.gguf")
    assert grouped(table(claims, NANO)) == [Group(NANO, (claims,))]


def test_adapters_of_weights_that_nobody_serves_share_an_engine_that_serves_nothing_else() -> None:
    claims = Engine(name="claims", weights="old.gguf", adapter="claims.gguf", context=256)
    tickets = Engine(name="tickets", weights="old.gguf", adapter="tickets.gguf")
    nano, old = grouped(table(NANO, claims, tickets))
    assert nano == Group(NANO)
    assert old.engine == Engine(name="claims", weights="old.gguf", context=256)
    assert old.names == ("claims", "tickets")


def test_weights_for_another_engine_are_not_shared() -> None:
    claims = Engine(name="claims", engine="vllm", weights="nano.gguf", adapter="claims")
    assert [group.names for group in grouped(table(NANO, claims))] == [("nano",), ("claims",)]


def test_llama_cpp_serves_what_is_here_and_nothing_is_known_of_a_server_elsewhere() -> None:
    assert kind(NANO) == "llama.cpp"
    assert kind(Engine(name="x", url="http://a/v1")) == "other"
    assert kind(Engine(name="x", url="http://a/v1", engine="llama.cpp")) == "llama.cpp"


def test_models_that_share_an_engine_can_each_have_one() -> None:
    claims, tickets = (Engine(name=name, base="own/nano", adapter=f"{name}.gguf") for name in ("claims", "tickets"))
    alone = [Group(NANO, (claims,), asked=False), Group(NANO, (tickets,), asked=False)]
    assert apart(Group(NANO, (claims, tickets))) == [Group(NANO), *alone]
    assert apart(Group(NANO, (claims, tickets), asked=False)) == alone
    assert [group.names for group in alone] == [("claims",), ("tickets",)]
