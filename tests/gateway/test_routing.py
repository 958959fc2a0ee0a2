"""Routing: who may answer, in which order, and what is said about it. The same state gives the same choice."""

import random
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.catalog.rows import Model, Price
from freehold.config.settings import Conditions, Strategy
from freehold.dialects import get
from freehold.errors import ContextTooLong, FreeholdError, InvalidField, Unbounded, Unsupported
from freehold.gateway.needs import Needs, measure
from freehold.gateway.routing import Choice, Target, Why, bounded, choose, explain, keeping, prefix_key, same_dialect
from freehold.messages import Image, Message, Part, Request, Text
from gateway.settled import deployments_of

NOW = 1000.0
ROWS = (
    Model(id="openai/blind", lacks=frozenset({"vision", "tools"}), context_tokens=1000),
    Model(id="openai/small", context_tokens=10),
    Model(id="openai/plain", context_tokens=100_000),
)
TOML = """
    [vendors.server]
    speaks = "openai-chat"
    base_url = "http://127.0.0.1:1/v1"

    [vendors.openai]
    api_key = { env = "KEY" }
"""


class Route:
    """Targets by name. A bare name is a model of `server`, which the catalog does not know."""

    def __init__(self) -> None:
        self._deployments = deployments_of(TOML, *ROWS)

    def target(
        self, name: str, *, price: Price | None = None, weight: float = 1.0, when: Conditions | None = None
    ) -> Target:
        found = self._deployments.get(name if "/" in name else f"server/{name}")
        return Target(found, price, weight, when)

    def targets(self, *names: str) -> list[Target]:
        return [self.target(name) for name in names]


@pytest.fixture
def route() -> Route:
    return Route()


def pick(
    targets: Sequence[Target],
    needs: Needs = Needs(),  # noqa: B008 (frozen)
    *,
    strategy: Strategy = "ordered",
    sticky_key: bytes | None = None,
    seed: int = 0,
) -> Choice:
    return choose(targets, needs, strategy=strategy, now=NOW, sticky_key=sticky_key, draw=random.Random(seed))


def names(choice: Choice) -> list[str]:
    return [target.deployment.native for target in choice.targets]


def reasons(choice: Choice) -> dict[str, str]:
    return {why.deployment: why.reason for why in choice.left_out}


# --- strategies ---


def test_ordered_asks_in_the_order_of_the_route(route: Route) -> None:
    choice = pick(route.targets("c", "a", "b"))
    assert names(choice) == ["c", "a", "b"]
    assert choice.left_out == ()


def test_weighted_draws_the_first_in_proportion_to_the_weights(route: Route) -> None:
    targets = [route.target("a", weight=6), route.target("b", weight=3), route.target("c", weight=1)]
    draw = random.Random(20261125)
    firsts = Counter(
        choose(targets, Needs(), strategy="weighted", now=NOW, draw=draw).targets[0].deployment.native
        for _ in range(10_000)
    )
    # Four standard deviations of a binomial around 6000, 3000 and 1000: 196, 184 and 120.
    assert 5804 <= firsts["a"] <= 6196
    assert 2816 <= firsts["b"] <= 3184
    assert 880 <= firsts["c"] <= 1120


def test_weighted_draws_the_failover_in_proportion_to_the_weights_of_the_others(route: Route) -> None:
    targets = [route.target("a", weight=6), route.target("b", weight=3), route.target("c", weight=1)]
    draw = random.Random(20261125)
    orders = [tuple(names(choose(targets, Needs(), strategy="weighted", now=NOW, draw=draw))) for _ in range(10_000)]
    after_a = Counter(order[1] for order in orders if order[0] == "a")
    # Three to one: b follows a in three of four cases, four standard deviations are 0.0224.
    assert 0.7276 <= after_a["b"] / after_a.total() <= 0.7724


def test_a_weight_of_zero_is_failover_only(route: Route) -> None:
    targets = [route.target("spare", weight=0), route.target("a", weight=0.001)]
    for seed in range(50):
        assert names(pick(targets, strategy="weighted", seed=seed)) == ["a", "spare"]
        assert names(pick(targets, sticky_key=seed.to_bytes(16, "big"))) == ["a", "spare"]


def test_the_same_seed_draws_the_same_order(route: Route) -> None:
    targets = route.targets("a", "b", "c", "d")
    assert names(pick(targets, strategy="weighted", seed=7)) == names(pick(targets, strategy="weighted", seed=7))


def test_cheapest_goes_by_what_this_request_would_cost(route: Route) -> None:
    targets = [
        route.target("unknown"),
        route.target("dear-input", price=Price(input=10_000, output=1_000)),
        route.target("dear-output", price=Price(input=1_000, output=10_000)),
    ]
    reading = Needs(likely=100_000, output=10)
    writing = Needs(likely=10, output=100_000)
    assert names(pick(targets, reading, strategy="cheapest")) == ["dear-output", "dear-input", "unknown"]
    assert names(pick(targets, writing, strategy="cheapest")) == ["dear-input", "dear-output", "unknown"]


def test_cheapest_assumes_a_thousand_tokens_of_output_where_no_cap_is_given(route: Route) -> None:
    targets = [
        route.target("dear-input", price=Price(input=10_000_000, output=1_000_000)),
        route.target("dear-output", price=Price(input=1_000_000, output=10_000_000)),
    ]
    assert names(pick(targets, Needs(likely=999), strategy="cheapest"))[0] == "dear-input"
    assert names(pick(targets, Needs(likely=1001), strategy="cheapest"))[0] == "dear-output"


def test_fastest_asks_the_quickest_and_first_of_all_what_was_never_measured(route: Route) -> None:
    slow, quick, new = route.targets("slow", "quick", "new")
    slow.deployment.latency.whole.observe(2.0)
    quick.deployment.latency.whole.observe(0.1)
    assert names(pick([slow, quick, new], strategy="fastest")) == ["new", "quick", "slow"]


@given(
    weights=st.lists(st.floats(0, 1e6), min_size=1, max_size=6),
    strategy=st.sampled_from(["ordered", "weighted", "cheapest", "fastest"]),
    seed=st.integers(0, 2**32),
    sticky=st.none() | st.binary(min_size=16, max_size=16),
)
def test_every_strategy_gives_each_able_target_exactly_once(
    weights: list[float], strategy: Strategy, seed: int, sticky: bytes | None
) -> None:
    route = Route()
    targets = [route.target(str(number), weight=weight) for number, weight in enumerate(weights)]
    choice = pick(targets, strategy=strategy, sticky_key=sticky, seed=seed)
    assert sorted(names(choice)) == sorted(str(number) for number in range(len(weights)))


# --- conditions ---


@pytest.mark.parametrize(
    ("when", "needs", "holds"),
    [
        (Conditions(vision=True), Needs(vision=True), True),
        (Conditions(vision=True), Needs(), False),
        (Conditions(vision=False), Needs(vision=True), False),
        (Conditions(vision=False), Needs(), True),
        (Conditions(tools=True), Needs(), False),
        (Conditions(json_schema=True), Needs(json_schema=True), True),
        (Conditions(json_schema=True), Needs(json_object=True), False),
        (Conditions(reasoning=False), Needs(reasoning=True), False),
        (Conditions(stream=True), Needs(stream=True), True),
        (Conditions(min_input_tokens=100), Needs(likely=100), True),
        (Conditions(min_input_tokens=100), Needs(likely=99), False),
        (Conditions(max_input_tokens=100), Needs(likely=100), True),
        (Conditions(max_input_tokens=100), Needs(likely=101), False),
        (Conditions(vision=True, stream=True), Needs(vision=True), False),
        (Conditions(), Needs(vision=True, tools=True, likely=10**6), True),
    ],
)
def test_a_target_is_a_candidate_only_where_its_conditions_hold(
    route: Route, when: Conditions, needs: Needs, holds: bool
) -> None:
    choice = pick([route.target("a", when=when), route.target("b")], needs)
    assert names(choice) == (["a", "b"] if holds else ["b"])


def test_what_left_a_target_out_is_told_in_its_words(route: Route) -> None:
    choice = pick(
        [
            route.target("a", when=Conditions(vision=True)),
            route.target("b", when=Conditions(min_input_tokens=100)),
            route.target("c", when=Conditions(max_input_tokens=5)),
            route.target("d"),
        ],
        Needs(likely=50),
    )
    assert reasons(choice) == {
        "server/a": "Its condition vision = true does not hold.",
        "server/b": "The input (about 50 tokens) is shorter than min_input_tokens = 100.",
        "server/c": "The input (about 50 tokens) is longer than max_input_tokens = 5.",
    }


def test_a_request_that_meets_no_condition_is_unsupported(route: Route) -> None:
    with pytest.raises(Unsupported, match="the conditions of all its targets exclude it"):
        pick([route.target("a", when=Conditions(vision=True))])


# --- abilities and room ---


def test_a_target_that_lacks_an_ability_is_left_out(route: Route) -> None:
    choice = pick(route.targets("openai/blind", "openai/plain"), Needs(vision=True))
    assert names(choice) == ["plain"]
    assert reasons(choice) == {"openai/blind": "openai/blind cannot do vision."}


def test_a_target_whose_window_is_too_small_is_left_out(route: Route) -> None:
    choice = pick(route.targets("openai/small", "openai/plain"), Needs(likely=11))
    assert names(choice) == ["plain"]
    assert reasons(choice) == {
        "openai/small": "The input has about 11 tokens; the window of openai/small has 10.",
    }
    assert names(pick(route.targets("openai/small"), Needs(likely=10))) == ["small"]


def test_each_input_of_a_batch_of_embeddings_has_the_window_to_itself(route: Route) -> None:
    choice = pick(route.targets("openai/small", "openai/plain"), Needs(likely=1000, bound=4000, embeds=True))
    assert names(choice) == ["small", "plain"]


def test_a_model_that_the_catalog_does_not_know_is_believed(route: Route) -> None:
    needs = Needs(vision=True, tools=True, audio=True, files=True, json_schema=True, likely=10**9)
    assert names(pick(route.targets("unknown"), needs)) == ["unknown"]


@pytest.mark.parametrize(
    ("needs", "error", "sentence"),
    [
        (Needs(vision=True), Unsupported, "openai/blind cannot do vision. Add a model that can"),
        (Needs(likely=1001), ContextTooLong, "window of openai/blind has 1000. Shorten the input"),
    ],
)
def test_when_nobody_can_the_first_problem_is_told_with_advice(
    route: Route, needs: Needs, error: type[FreeholdError], sentence: str
) -> None:
    with pytest.raises(error) as told:
        pick(route.targets("openai/blind"), needs)
    assert sentence in told.value.message


# --- breakers ---


def broken(target: Target) -> Target:
    target.deployment.breaker.failed(NOW, hold=60.0)
    return target


def test_a_target_whose_breaker_is_open_is_left_out(route: Route) -> None:
    choice = pick([broken(route.target("a")), route.target("b")])
    assert names(choice) == ["b"]
    assert reasons(choice) == {"server/a": "Its circuit breaker is open after failures."}


def test_open_breakers_never_leave_nobody(route: Route) -> None:
    choice = pick([broken(route.target("a")), broken(route.target("b"))])
    assert names(choice) == ["a", "b"]
    assert choice.left_out == ()


def test_an_open_breaker_is_asked_when_the_others_cannot_do_it(route: Route) -> None:
    choice = pick([broken(route.target("openai/plain")), route.target("openai/blind")], Needs(vision=True))
    assert names(choice) == ["plain"]


@given(st.data())
def test_whoever_is_able_is_asked_or_named_and_somebody_is_always_asked(data: st.DataObject) -> None:
    route = Route()
    targets = route.targets(*(str(number) for number in range(data.draw(st.integers(1, 5)))))
    opened = [target for target in targets if data.draw(st.booleans())]
    for target in opened:
        broken(target)
    choice = pick(targets)
    assert choice.targets
    assert len(choice.targets) + len(choice.left_out) == len(targets)
    if len(opened) < len(targets):
        assert not {target.deployment.name for target in opened} & {t.deployment.name for t in choice.targets}


# --- sticky ---


def keys(count: int) -> list[bytes]:
    draw = random.Random(11)
    return [draw.randbytes(16) for _ in range(count)]


def homes(targets: Sequence[Target], count: int = 2000) -> dict[bytes, str]:
    return {key: names(pick(targets, sticky_key=key))[0] for key in keys(count)}


def test_a_prefix_goes_where_it_went_before_whatever_the_order_and_the_strategy(route: Route) -> None:
    targets = route.targets("a", "b", "c")
    before = homes(targets)
    assert homes(list(reversed(targets))) == before
    assert homes(Route().targets("a", "b", "c")) == before
    assert {key: names(pick(targets, strategy="cheapest", sticky_key=key))[0] for key in keys(2000)} == before


def test_prefixes_spread_in_proportion_to_the_weights(route: Route) -> None:
    spread = Counter(homes([route.target("a", weight=3), route.target("b", weight=1)], 10_000).values())
    # Four standard deviations around 7500 of 10,000: 173.
    assert 7327 <= spread["a"] <= 7673


def test_when_a_target_leaves_only_its_own_prefixes_move(route: Route) -> None:
    before = homes(route.targets("a", "b", "c"))
    after = homes(route.targets("a", "c"))
    assert {key for key, home in before.items() if home != after[key]} == {
        key for key, home in before.items() if home == "b"
    }


def test_when_a_target_comes_prefixes_move_only_to_it(route: Route) -> None:
    before = homes(route.targets("a", "b"))
    after = homes(route.targets("a", "b", "new"))
    assert {after[key] for key, home in before.items() if home != after[key]} == {"new"}


def test_a_prefix_whose_home_is_down_goes_to_the_second_and_comes_back(route: Route) -> None:
    targets = route.targets("a", "b", "c")
    (key,) = keys(1)
    first, second, _ = names(pick(targets, sticky_key=key))
    home = next(target for target in targets if target.deployment.native == first)
    home.deployment.breaker.failed(NOW, hold=60.0)
    assert names(pick(targets, sticky_key=key))[0] == second
    home.deployment.breaker.succeeded(NOW)
    assert names(pick(targets, sticky_key=key))[0] == first


# --- the key that sticks ---


def said(role: str, *parts: str | Part) -> Message:
    made = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    return Message(role, made)  # pyright: ignore[reportArgumentType]


SYSTEM, FIRST = said("system", "Be brief."), said("user", "Hello.")


@pytest.mark.parametrize("opening", [[SYSTEM, FIRST], [FIRST], [SYSTEM, said("developer", "In English."), FIRST]])
def test_a_conversation_keeps_its_key_as_it_grows(opening: list[Message]) -> None:
    grown = [*opening, said("assistant", "Hi."), said("user", "And now?")]
    assert prefix_key(tuple(grown), "m", "key_1") == prefix_key(tuple(opening), "m", "key_1")


def test_a_mark_for_the_vendors_cache_that_moves_on_with_the_conversation_changes_no_key() -> None:
    marked = said("user", Text("Hello.", cache="5m"), Image(url="https://example.com/a.png", cache="1h"))
    plain = said("user", "Hello.", Image(url="https://example.com/a.png"))
    assert prefix_key((SYSTEM, marked), "m", "key_1") == prefix_key((SYSTEM, plain), "m", "key_1")


def test_other_words_another_model_and_another_caller_have_other_keys() -> None:
    found = {
        prefix_key((SYSTEM, FIRST), "m", "key_1"),
        prefix_key((SYSTEM, said("user", "Hello!")), "m", "key_1"),
        prefix_key((said("system", "Be long."), FIRST), "m", "key_1"),
        prefix_key((said("developer", "Be brief."), FIRST), "m", "key_1"),
        prefix_key((SYSTEM, FIRST), "n", "key_1"),
        prefix_key((SYSTEM, FIRST), "m", "key_2"),
        prefix_key((), "m", "key_1"),
    }
    assert len(found) == 7
    assert {len(key) for key in found} == {16}


@given(model=st.text(max_size=300), caller=st.text(max_size=300))
def test_a_key_is_made_of_whatever_names_there_are(model: str, caller: str) -> None:
    assert len(prefix_key((FIRST,), model, caller)) == 16


# --- in words ---


@pytest.mark.parametrize(
    ("strategy", "opening", "how"),
    [
        ("ordered", None, "it stands first in the route"),
        ("weighted", None, "this draw fell on it, as 33% of all do, and every request is drawn anew"),
        ("cheapest", None, "the lowest price for a request of this size"),
        (
            "fastest",
            None,
            "the lowest average time to the first token, or to the whole answer where it is not streamed",
        ),
        (
            "ordered",
            "Be brief. Hi",
            "with this key and model the opening 'Be brief. Hi' falls on it, as 33% of all openings do; another may go elsewhere "
            "(sticky)",
        ),
        (
            "weighted",
            "x" * 41,
            f"with this key and model the opening '{'x' * 39}…' falls on it, as 33% of all openings do; another may go elsewhere "
            "(sticky)",
        ),
        (
            "weighted",
            "",
            "no opening was given, and an empty one falls on it, as 33% of all openings do; others may go elsewhere (sticky)",
        ),
    ],
)
def test_a_choice_is_explained_first_to_last_and_then_who_was_left_out(
    route: Route, strategy: Strategy, opening: str | None, how: str
) -> None:
    targets = [broken(route.target("z")), *route.targets("a", "b", "c")]
    choice = replace(pick(targets), targets=tuple(targets[1:]))
    assert explain(choice, strategy, opening=opening) == [
        Why("server/a", 0, f"Asked first: {how}."),
        Why("server/b", 1, "Asked when the 1 before it fail."),
        Why("server/c", 2, "Asked when the 2 before it fail."),
        Why("server/z", None, "Its circuit breaker is open after failures."),
    ]


def test_the_share_of_the_draws_is_that_of_the_weights_among_those_that_can_be_asked(route: Route) -> None:
    one, three = replace(route.target("a"), weight=1.0), replace(route.target("b"), weight=3.0)
    (first, _) = explain(Choice((three, one)), "weighted", opening=None)
    assert first.reason == "Asked first: this draw fell on it, as 75% of all do, and every request is drawn anew."
    nothing = tuple(replace(target, weight=0.0) for target in (one, three))
    assert "as none of all do" in explain(Choice(nothing), "weighted", opening=None)[0].reason


@pytest.mark.parametrize("opening", [None, "", "Hi"])
def test_where_one_target_is_left_nothing_was_chosen(route: Route, opening: str | None) -> None:
    (only,) = explain(Choice((route.target("a"),)), "weighted", opening=opening)
    assert only.reason == "Asked first: no other target is left."


def test_fastest_goes_by_the_kind_that_is_asked_for(route: Route) -> None:
    early, brief = route.targets("early", "brief")
    for target, first, whole in ((early, 0.1, 9.0), (brief, 0.5, 2.0)):
        target.deployment.latency.first.observe(first)
        target.deployment.latency.whole.observe(whole)
    assert names(pick([early, brief], Needs(stream=True), strategy="fastest")) == ["early", "brief"]
    assert names(pick([early, brief], Needs(stream=False), strategy="fastest")) == ["brief", "early"]


# --- what a vendor keeps ---

KEPT = """
    [vendors.openai]
    api_key = { env = "KEY" }

    [vendors.ours]
    like = "openai"
    api_key = { env = "OTHER" }
    kept_ids = "any"

    [vendors.anthropic]
    api_key = { env = "KEY" }
"""
ACME, OTHER = "acme\x00support", "acme\x00sales"


def kept(*deployments: str) -> tuple[Target, ...]:
    made = deployments_of(KEPT, *ROWS)
    return tuple(Target(made.get(name), None) for name in deployments)


def responding(**fields: object) -> tuple[Request, Needs]:
    body = msgspec.json.encode({"model": "m", "input": "hi", **fields})
    request = get("openai-responses").read_request(body)
    return request, measure(request, len(body))


def test_what_leans_on_a_vendors_state_goes_to_those_that_speak_the_callers_dialect() -> None:
    targets = kept("anthropic/a", "openai/b", "openai/c")
    assert same_dialect(targets, "openai-responses", "background") == targets[1:]
    with pytest.raises(Unsupported, match="`background` leans on what one vendor keeps") as caught:
        same_dialect(targets[:1], "openai-responses", "background")
    assert caught.value.param == "background"
    assert "store = false" in caught.value.advice


def test_a_stored_response_leads_to_the_account_that_keeps_it() -> None:
    targets = kept("openai/b", "anthropic/a", "ours/b", "openai/c")
    keeper = targets[0].deployment.keeper
    assert keeper is not None
    request, needs = responding(previous_response_id=keeper.seal(ACME, "resp_1"))
    able, sent = keeping(targets, request, needs, ACME)
    assert [target.deployment.name for target in able] == ["openai/b", "openai/c"]
    assert bytes(sent.fields["previous_response_id"]) == b'"resp_1"'
    assert bytes(request.fields["previous_response_id"]) != b'"resp_1"'


def test_nobody_goes_on_from_a_response_of_another_project() -> None:
    targets = kept("openai/b", "ours/b")
    keeper = targets[0].deployment.keeper
    assert keeper is not None
    request, needs = responding(previous_response_id=keeper.seal(ACME, "resp_1"))
    with pytest.raises(InvalidField, match="no response that this door gave to your project") as caught:
        keeping(targets, request, needs, OTHER)
    assert caught.value.param == "previous_response_id"


def test_a_response_whose_account_is_not_in_the_route_is_told_so() -> None:
    keeper = kept("openai/b")[0].deployment.keeper
    assert keeper is not None
    request, needs = responding(previous_response_id=keeper.seal(ACME, "resp_1"))
    with pytest.raises(Unsupported, match="not in this route"):
        keeping(kept("ours/b"), request, needs, ACME)


def test_an_id_without_a_seal_goes_only_where_any_is_taken_and_unchanged() -> None:
    request, needs = responding(previous_response_id="resp_1")
    able, sent = keeping(kept("openai/b", "ours/b"), request, needs, ACME)
    assert [target.deployment.name for target in able] == ["ours/b"]
    assert sent is request
    with pytest.raises(InvalidField):
        keeping(kept("openai/b"), request, needs, ACME)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}, "tools[0].vector_store_ids"),
        ({"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, "tools[0].container"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]}, "file_id"),
    ],
)
def test_ids_that_are_not_of_this_door_go_only_where_any_is_taken(fields: dict[str, object], named: str) -> None:
    request, needs = responding(**fields)
    able, _ = keeping(kept("openai/b", "ours/b"), request, needs, ACME)
    assert [target.deployment.name for target in able] == ["ours/b"]
    with pytest.raises(Unsupported, match="whether it is yours cannot be told") as caught:
        keeping(kept("openai/b"), request, needs, ACME)
    assert caught.value.param == named


def test_a_stored_response_beside_an_id_of_elsewhere_does_not_let_that_pass() -> None:
    targets = kept("openai/b")
    keeper = targets[0].deployment.keeper
    assert keeper is not None
    request, needs = responding(previous_response_id=keeper.seal(ACME, "resp_1"), prompt={"id": "pmpt_1"})
    with pytest.raises(Unsupported, match="`prompt` names"):
        keeping(targets, request, needs, ACME)


def test_a_bound_is_known_by_the_body_or_by_the_window(route: Route) -> None:
    unknown, known = route.target("unknown"), route.target("openai/plain")
    assert bounded((unknown, known), Needs(bound=10)) == (unknown, known)
    assert bounded((unknown, known), Needs(bound=None)) == (known,)
    with pytest.raises(Unbounded, match="server/unknown is unknown"):
        bounded((unknown,), Needs(bound=None))
    with pytest.raises(Unbounded, match="as often as the model likes"):
        bounded((known,), Needs(bound=None, rounds=None))
