"""Messages bytes on their way through: what stays as it was, byte for byte, and the little that changes."""

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dialects.messages_sdk import ORIGIN, OTHER_ORIGIN, body, checked_reply, checked_request, fixture, split, target
from freehold.dialects.anthropic_passage import pass_request, seal
from freehold.dialects.anthropic_request import read_request
from freehold.dialects.dialect import Target
from freehold.dialects.sse import EventSplitter
from freehold.errors import InvalidField, Unsupported

SPACED = (
    b'{"model": "w",\n "max_tokens": 9, "messages": [ {"role":"user", "content":"h\\u00efi"} ],'
    b' "temperature": 1.0e0, "cache_control": {"type":  "ephemeral"}, "later": [1.50, {"a":null}]}'
)


def passed(data: bytes, where: Target | None = None) -> bytes:
    return pass_request(read_request(data), data, where or target())


def fields_of(data: bytes) -> dict[str, bytes]:
    return {name: bytes(raw) for name, raw in msgspec.json.decode(data, type=dict[str, Raw]).items()}


# --- fields --------------------------------------------------------------------------------------------------------------


def test_only_the_model_changes() -> None:
    where = target()
    assert passed(SPACED, where) == (
        b'{"model":"claude-x","max_tokens":9,"messages":[ {"role":"user", "content":"h\\u00efi"} ],'
        b'"temperature":1.0e0,"cache_control":{"type":  "ephemeral"},"later":[1.50, {"a":null}]}'
    )
    assert where.dropped == []


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text().map(lambda name: f"x-{name}"), _json), st.sampled_from([None, 1, 4]), st.booleans())
def test_fields_that_nobody_knows_pass_byte_for_byte(
    extra: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    data = json.dumps({**json.loads(body()), **extra}, indent=indent, ensure_ascii=ascii_only).encode()
    before, after = fields_of(data), fields_of(passed(data))
    assert after.pop("model") == b'"claude-x"'
    assert before.pop("model") == b'"m"'
    assert after == before


def test_blocks_that_nobody_knows_pass_byte_for_byte() -> None:
    data = body(
        messages=[
            {"role": "user", "content": [{"type": "search_result", "source": "u", "content": [1.50]}]},
            {"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "n", "input": {}}]},
        ],
        tools=[{"type": "web_search_20260318", "name": "web_search", "max_uses": 3}],
    )
    before, after = fields_of(data), fields_of(passed(data))
    assert (after["messages"], after["tools"]) == (before["messages"], before["tools"])


def test_refused_fields_are_removed_and_named() -> None:
    where = target(refuses=frozenset({"temperature", "absent"}))
    assert "temperature" not in fields_of(passed(SPACED, where))
    assert where.dropped == ["temperature"]


def test_a_field_goes_under_the_name_that_the_vendor_knows() -> None:
    value = fields_of(passed(body(), target(renames={"max_tokens": "max_output_tokens"})))
    assert value["max_output_tokens"] == b"100"
    assert "max_tokens" not in value


def test_a_thinking_budget_that_the_vendor_refuses_is_refused_before_it_is_asked() -> None:
    data = body(thinking={"type": "enabled", "budget_tokens": 99})
    with pytest.raises(InvalidField, match="99 tokens is below 1024"):
        pass_request(read_request(data), data, target(reasoning_style="thinking"))
    passed = json.loads(pass_request(read_request(data), data, target(reasoning_style="effort")))
    assert passed["thinking"] == {"type": "enabled", "budget_tokens": 99}


NO_BUDGET = {"refuses": frozenset({"thinking.budget_tokens"}), "reasoning_style": "effort"}


@pytest.mark.parametrize(
    ("asked", "wanted", "dropped"),
    [
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9000}},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
            ["budget_tokens"],
        ),
        (
            {
                "thinking": {"type": "enabled", "budget_tokens": 40_000, "display": "omitted"},
                "output_config": {"effort": "low", "new": 1},
            },
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low", "new": 1}},
            ["budget_tokens"],
        ),
        ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}, []),
        ({"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}, []),
    ],
)
def test_an_effort_goes_in_the_place_of_a_budget_that_the_model_does_not_take(
    asked: dict[str, Any], wanted: dict[str, Any], dropped: list[str]
) -> None:
    data = body(max_tokens=50_000, **asked)
    where = target(**NO_BUDGET)
    passed = json.loads(pass_request(read_request(data), data, where))
    assert {name: passed[name] for name in wanted} == wanted
    assert where.dropped == dropped


def test_an_effort_that_the_model_lacks_goes_to_the_nearest() -> None:
    data = body(output_config={"effort": "xhigh", "new": 1})
    passed = json.loads(pass_request(read_request(data), data, target(efforts={"xhigh": "high", "none": "unset"})))
    assert passed["output_config"] == {"effort": "high", "new": 1}


def test_a_budget_that_gave_way_is_not_missed_where_the_loop_lost_its_first_thought() -> None:
    data = loop(thinking(f"fh1.{'0' * 16}.SIG"), thinking=BUDGET)
    where = target(**NO_BUDGET)
    assert json.loads(pass_request(read_request(data), data, where))["thinking"] == {"type": "adaptive"}
    assert where.dropped == ["budget_tokens", "reasoning"]


def test_a_missing_ability_is_an_error() -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "u"}}
    with pytest.raises(Unsupported):
        passed(body(messages=[{"role": "user", "content": [picture]}]), target(no_abilities=frozenset({"vision"})))
    begun = body(messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    with pytest.raises(Unsupported, match="begun"):
        passed(begun, target(no_abilities=frozenset({"prefill"})))
    passed(begun)


# --- artefacts on the way to a vendor ------------------------------------------------------------------------------------


def thinking(signature: str, text: str = "Hm – ü.") -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature}


def redacted(data: str) -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": data}


CALL: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "f", "input": {"thinking": True}}
RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "t", "content": "r"}


def loop(*blocks: dict[str, Any], **fields: Any) -> bytes:
    return body(
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [*blocks, CALL]},
            {"role": "user", "content": [RESULT]},
        ],
        **fields,
    )


def blocks_of(data: bytes) -> list[dict[str, Any]]:
    return checked_request(data)["messages"][1]["content"]


def test_our_own_artefacts_go_back_byte_for_byte() -> None:
    where = target()
    data = loop(thinking(f"fh1.{ORIGIN}.SIG+/=="), redacted(f"fh1.{ORIGIN}.D+/=="))
    assert blocks_of(passed(data, where)) == [thinking("SIG+/=="), redacted("D+/=="), CALL]
    assert where.dropped == []


def test_nothing_but_the_seal_changes() -> None:
    data = loop(thinking(f"fh1.{ORIGIN}.SIG+/=="))
    before, after = fields_of(data), fields_of(passed(data))
    assert after["messages"] == before["messages"].replace(f"fh1.{ORIGIN}.".encode(), b"")


def test_a_text_that_looks_like_a_seal_stays() -> None:
    data = loop(thinking(f"fh1.{ORIGIN}.SIG"), {"type": "text", "text": f"fh1.{ORIGIN}.no artefact"})
    assert blocks_of(passed(data)) == [
        thinking("SIG"),
        {"type": "text", "text": f"fh1.{ORIGIN}.no artefact"},
        CALL,
    ]


def test_a_foreign_artefact_is_taken_out_and_named() -> None:
    where = target()
    data = loop(thinking(f"fh1.{OTHER_ORIGIN}.SIG"), redacted(f"fh1.{OTHER_ORIGIN}.D"), thinking(f"fh1.{ORIGIN}.OURS"))
    assert blocks_of(passed(data, where)) == [thinking("OURS"), CALL]
    assert where.dropped == ["reasoning"]


def test_a_turn_of_nothing_but_foreign_artefacts_goes_with_them() -> None:
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thinking(f"fh1.{OTHER_ORIGIN}.SIG")]},
        {"role": "user", "content": "b"},
    ]
    sent = checked_request(passed(body(messages=turns)))
    assert sent["messages"] == [turns[0], turns[2]]


def test_an_artefact_from_before_freehold_passes() -> None:
    where = target()
    data = loop(thinking("SIG"), redacted("D"))
    assert fields_of(passed(data, where))["messages"] == fields_of(data)["messages"]
    assert where.dropped == []


def test_thinking_that_nobody_signed_goes_only_where_it_is_wanted() -> None:
    data = loop(thinking(""))
    where = target()
    assert blocks_of(passed(data, where)) == [CALL]
    assert where.dropped == ["reasoning"]
    wanting = target(returns_reasoning=True)
    assert blocks_of(passed(data, wanting)) == [thinking(""), CALL]
    assert wanting.dropped == []


BUDGET = {"type": "enabled", "budget_tokens": 2000}


@pytest.mark.parametrize(
    ("blocks", "asked", "dropped"),
    [
        ([thinking(f"fh1.{OTHER_ORIGIN}.SIG")], BUDGET, ["reasoning", "thinking"]),
        ([thinking(f"fh1.{OTHER_ORIGIN}.SIG")], {"type": "adaptive"}, ["reasoning"]),
        ([thinking(f"fh1.{ORIGIN}.SIG")], BUDGET, []),
        ([thinking("SIG")], BUDGET, []),
        ([thinking(f"fh1.{ORIGIN}.SIG"), thinking(f"fh1.{OTHER_ORIGIN}.SIG")], BUDGET, ["reasoning"]),
    ],
)
def test_a_budget_is_taken_back_where_the_loop_lost_its_first_thought(
    blocks: list[dict[str, Any]], asked: dict[str, Any], dropped: list[str]
) -> None:
    where = target()
    sent = checked_request(passed(loop(*blocks, thinking=asked, max_tokens=4000), where))
    assert where.dropped == dropped
    assert ("thinking" in sent) == ("thinking" not in dropped)


def test_a_budget_stays_when_the_loop_is_over() -> None:
    where = target()
    turns = [
        *json.loads(loop(thinking(f"fh1.{OTHER_ORIGIN}.SIG")))["messages"],
        {"role": "assistant", "content": [thinking(f"fh1.{OTHER_ORIGIN}.SIG"), {"type": "text", "text": "Done."}]},
        {"role": "user", "content": "Thanks."},
    ]
    passed(body(messages=turns, thinking=BUDGET, max_tokens=4000), where)
    assert where.dropped == ["reasoning"]


# --- seals on the way to a caller ----------------------------------------------------------------------------------------

MARK = f"fh1.{ORIGIN}."


def test_a_whole_reply_is_sealed_and_else_untouched() -> None:
    raw = fixture("reply_tools.json")
    sealed = seal(raw, ORIGIN)
    checked_reply(sealed)
    assert sealed == raw.replace(b'"EqQB', b'"' + MARK.encode() + b"EqQB").replace(
        b'"EmwK', b'"' + MARK.encode() + b"EmwK"
    )


@pytest.mark.parametrize("name", ["stream_tools.sse", "stream_omitted.sse"])
def test_events_are_sealed_and_else_untouched(name: str) -> None:
    raw = fixture(name)
    sealed = b"".join(seal(event.raw, ORIGIN) for event in split(raw))
    wanted = raw
    for start in (b'"EqQB', b'"EmwK', b'"EosB'):
        wanted = wanted.replace(start, b'"' + MARK.encode() + start[1:])
    assert sealed == wanted != raw


@pytest.mark.parametrize("name", ["reply_text.json", "reply_refusal.json", "stream_text.sse", "stream_search.sse"])
def test_what_has_no_artefact_is_left_alone(name: str) -> None:
    raw = fixture(name)
    assert seal(raw, ORIGIN) is raw


def test_an_artefact_that_is_not_there_yet_is_not_sealed() -> None:
    raw = b'{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}'
    assert seal(raw, ORIGIN) == raw


def test_the_same_text_elsewhere_is_not_sealed() -> None:
    content = [
        {"type": "text", "text": '"signature": "SIG"'},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"data": "SIG", "signature": "other"}},
        {"type": "thinking", "thinking": "SIG", "signature": "SIG"},
        {"type": "redacted_thinking", "data": "SIG"},
    ]
    sealed = json.loads(seal(json.dumps({"content": content}).encode(), ORIGIN))["content"]
    assert sealed == [
        *content[:2],
        {"type": "thinking", "thinking": "SIG", "signature": f"{MARK}SIG"},
        {"type": "redacted_thinking", "data": f"{MARK}SIG"},
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"signature"',
        b'data: "redacted_thinking"\n\n',
        b'{"content":3,"signature":1}',
        b'{"content":[{"type":"thinking","signature":5}]}',
        b'{"content":[{"type":"thinking","signature":null}]}',
    ],
)
def test_bytes_that_do_not_follow_are_left_for_the_reader_to_refuse(raw: bytes) -> None:
    assert seal(raw, ORIGIN) == raw


_payloads = st.text('ab+/=\\"é\n', min_size=1, max_size=6).filter(lambda text: not text.startswith("fh1."))


@given(st.lists(st.tuples(st.booleans(), _payloads), min_size=1, max_size=4), st.booleans(), st.sampled_from([None, 2]))
def test_a_sealed_artefact_sent_back_is_what_the_vendor_made(
    made: list[tuple[bool, str]], ascii_only: bool, indent: int | None
) -> None:
    blocks = [thinking(payload) if readable else redacted(payload) for readable, payload in made]
    reply = json.dumps({"content": [*blocks, CALL]}, ensure_ascii=ascii_only, indent=indent).encode()
    handed_out = json.loads(seal(reply, ORIGIN))["content"]
    opaque = [block["signature" if block["type"] == "thinking" else "data"] for block in handed_out[:-1]]
    assert opaque == [f"{MARK}{payload}" for _, payload in made]
    where = target()
    assert blocks_of(passed(loop(*handed_out[:-1]), where)) == [*blocks, CALL]
    assert where.dropped == []
    foreign = Target(model="m", traits=where.traits, origin=OTHER_ORIGIN, dropped=[])
    assert blocks_of(passed(loop(*handed_out[:-1]), foreign)) == [CALL]


@given(st.lists(st.integers(0, 5_000), max_size=6))
def test_a_stream_is_sealed_the_same_however_its_bytes_break(cuts: list[int]) -> None:
    raw, splitter = fixture("stream_tools.sse"), EventSplitter()
    places = sorted({min(cut, len(raw)) for cut in cuts} | {0, len(raw)})
    events = [event for start, end in pairwise(places) for event in splitter.feed(raw[start:end])]
    assert b"".join(seal(event.raw, ORIGIN) for event in events).count(MARK.encode()) == 2
