"""Chat bytes on their way through: what stays as it was, byte for byte, and the little that changes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dialects.chat_sdk import ORIGIN, OTHER_ORIGIN, body, delta_of, fixture, request_of, target
from freehold.dialects.dialect import Target
from freehold.dialects.openai_chat_passing import pass_request, seal
from freehold.dialects.openai_chat_reading import read_request
from freehold.dialects.openai_chat_writing import write_request
from freehold.errors import InvalidField, Unsupported

SPACED = (
    b'{"model": "w",\n "messages": [ {"role":"user", "content":"h\\u00efi"} ], "temperature": 1.0e0,'
    b' "logit_bias": {"1":  2}, "later": [1.50, {"a":null}]}'
)


def passed(data: bytes, where: Target | None = None) -> bytes:
    return pass_request(read_request(data), data, where or target())


def fields_of(data: bytes) -> dict[str, bytes]:
    return {name: bytes(raw) for name, raw in msgspec.json.decode(data, type=dict[str, Raw]).items()}


# --- fields --------------------------------------------------------------------------------------------------------------


def test_only_the_model_changes() -> None:
    where = target()
    assert passed(SPACED, where) == (
        b'{"model":"gpt-x","messages":[ {"role":"user", "content":"h\\u00efi"} ],"temperature":1.0e0,'
        b'"logit_bias":{"1":  2},"later":[1.50, {"a":null}]}'
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
    request = read_request(data)
    before, after = fields_of(data), fields_of(pass_request(request, data, target()))
    assert after.pop("model") == b'"gpt-x"'
    assert before.pop("model") == b'"m"'
    assert after == before


def test_refused_fields_are_removed_and_named() -> None:
    where = target(refuses=frozenset({"temperature", "logit_bias", "absent"}))
    assert fields_of(passed(SPACED, where)).keys() == {"model", "messages", "later"}
    assert where.dropped == ["temperature", "logit_bias"]


def test_a_field_goes_under_the_name_that_the_vendor_knows() -> None:
    where = target(renames={"max_tokens": "max_completion_tokens"})
    value = fields_of(passed(body(max_tokens=5), where))
    assert value["max_completion_tokens"] == b"5"
    assert "max_tokens" not in value
    assert where.dropped == []


def test_of_two_names_for_one_thing_the_vendors_own_counts() -> None:
    where = target(renames={"max_tokens": "max_completion_tokens"})
    value = fields_of(passed(body(max_tokens=5, max_completion_tokens=9), where))
    assert value["max_completion_tokens"] == b"9"
    assert where.dropped == ["max_tokens"]


@pytest.mark.parametrize(
    ("given", "sent", "dropped"),
    [
        ({"max_completion_tokens": 1, "max_tokens": 300_000}, 1, ["max_tokens"]),
        ({"max_tokens": 300_000, "max_completion_tokens": 1}, 1, ["max_tokens"]),
        ({"max_completion_tokens": 300_000, "max_tokens": 1}, 300_000, ["max_tokens"]),
        ({"max_completion_tokens": None, "max_tokens": 7}, 7, []),
        ({"max_completion_tokens": 7, "max_tokens": None}, 7, []),
    ],
)
@pytest.mark.parametrize("renames", [{"max_completion_tokens": "max_tokens"}, {"max_tokens": "max_completion_tokens"}])
def test_of_two_caps_the_one_that_was_reserved_is_sent_under_the_vendors_name(
    given: dict[str, int | None], sent: int, dropped: list[str], renames: dict[str, str]
) -> None:
    where = target(renames=renames)
    data = body(**given)
    assert read_request(data).max_tokens == sent
    value = fields_of(passed(data, where))
    ((old, new),) = renames.items()
    assert (value[new], old in value) == (b"%d" % sent, False)
    assert where.dropped == dropped


def test_of_two_caps_one_is_sent_to_a_vendor_that_knows_both() -> None:
    where = target()
    value = fields_of(passed(body(max_completion_tokens=1, max_tokens=300_000), where))
    assert value["max_completion_tokens"] == b"1"
    assert "max_tokens" not in value
    assert where.dropped == ["max_tokens"]


@pytest.mark.parametrize(
    ("given_options", "wanted"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {"include_usage": False}}, {"include_usage": True}),
        (
            {"stream_options": {"include_obfuscation": False}},
            {"include_obfuscation": False, "include_usage": True},
        ),
    ],
)
def test_usage_is_always_asked_for_in_a_stream(given_options: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert json.loads(passed(body(stream=True, **given_options)))["stream_options"] == wanted


def test_usage_is_not_asked_for_without_a_stream_or_where_that_is_refused() -> None:
    assert "stream_options" not in fields_of(passed(body()))
    refusing = target(refuses=frozenset({"stream_options"}))
    assert "stream_options" not in fields_of(passed(body(stream=True), refusing))


def test_a_missing_ability_or_a_temperature_out_of_range_is_an_error() -> None:
    with pytest.raises(Unsupported):
        passed(body(n=2), target(no_abilities=frozenset({"n"})))
    with pytest.raises(InvalidField):
        passed(body(temperature=1.2), target(temperature_max=1.0))


# --- how much to think ---------------------------------------------------------------------------------------------------

DEEPSEEK = {
    "reasoning_style": "thinking",
    "efforts": {"minimal": "low", "medium": "high", "xhigh": "high"},
    "refuses": frozenset({"reasoning"}),
}


@pytest.mark.parametrize(
    ("traits", "asked", "wanted"),
    [
        ({}, {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ({}, {"reasoning": {"effort": "high", "exclude": True}}, {"reasoning": {"effort": "high", "exclude": True}}),
        ({"efforts": {"max": "xhigh"}}, {"reasoning_effort": "max"}, {"reasoning_effort": "xhigh"}),
        ({"refuses": frozenset({"reasoning"})}, {"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"refuses": frozenset({"thinking"})}, {"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}),
        (DEEPSEEK, {"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
        (DEEPSEEK, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (DEEPSEEK, {"reasoning_effort": "max"}, {"reasoning_effort": "max"}),
        (DEEPSEEK, {"reasoning_effort": "medium"}, {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        (DEEPSEEK, {"reasoning": {"effort": "low"}}, {"thinking": {"type": "enabled"}, "reasoning_effort": "low"}),
    ],
)
def test_thinking_is_asked_for_in_the_vendors_words(
    traits: dict[str, Any], asked: dict[str, Any], wanted: dict[str, Any]
) -> None:
    where = target(**traits)
    value = json.loads(passed(body(**asked), where))
    assert {name: value[name] for name in value if name not in ("model", "messages")} == wanted
    assert where.dropped == []


def test_what_the_caller_says_to_the_template_itself_counts() -> None:
    where = target(reasoning_style="template", thinking_switch="enable_thinking", thinking_budget="cap")
    said = {"reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False, "x": 1}, "cap": 7}
    sent = json.loads(passed(body(**said), where))
    assert (sent["chat_template_kwargs"], sent["cap"]) == ({"enable_thinking": False, "x": 1}, 7)
    assert "reasoning_effort" not in sent
    assert where.dropped == []
    with pytest.raises(InvalidField, match="`chat_template_kwargs` is no object"):
        passed(body(reasoning_effort="low", chat_template_kwargs=[1]), where)


def test_what_the_door_adds_takes_the_place_of_what_is_refused() -> None:
    where = target(refuses=frozenset({"lora"}), adds={"lora": Raw(b"[1]")})
    assert json.loads(passed(body(lora=[2]), where))["lora"] == [1]
    assert where.dropped == ["lora"]
    assert json.loads(write_request(request_of(), where))["lora"] == [1]


GREEDY = {"samplers": Raw(b'["top_k"]'), "top_k": Raw(b"1")}


@pytest.mark.parametrize(
    ("said", "cheaper"),
    [
        ({"temperature": 0}, True),
        ({"temperature": 0.0, "top_p": 0.9, "seed": 1, "logprobs": True, "max_completion_tokens": 9}, True),
        ({"temperature": 0, "presence_penalty": 0, "frequency_penalty": None, "ignore_eos": True}, True),
        ({"temperature": 0, "lora": [1]}, True),
        ({"temperature": 0, "response_format": {"type": "json_object"}}, False),
        ({"temperature": 0, "frequency_penalty": 0.5}, False),
        ({"temperature": 0, "xtc_probability": 0.2}, False),
        ({"temperature": 0, "samplers": ["mirostat"]}, False),
        ({"temperature": 0.1}, False),
        ({}, False),
    ],
)
def test_the_likeliest_token_is_asked_for_at_less_cost_where_nothing_else_is(
    said: dict[str, Any], cheaper: bool
) -> None:
    where = target(greedy=GREEDY, refuses=frozenset({"lora"}), adds={"lora": Raw(b"[2]")})
    sent = json.loads(passed(body(**said), where))
    assert (sent.get("samplers") == ["top_k"] and sent.get("top_k") == 1) == cheaper
    assert {name: sent[name] for name in said if name != "lora"} == {k: v for k, v in said.items() if k != "lora"}
    written = json.loads(write_request(request_of(**said), where))
    assert (written.get("samplers") == ["top_k"] and written.get("top_k") == 1) == cheaper
    assert "samplers" not in json.loads(passed(body(temperature=0)))


def test_a_model_that_does_not_think_is_not_asked() -> None:
    where = target(reasoning_style="none")
    assert fields_of(passed(body(reasoning_effort="high"), where)).keys() == {"model", "messages"}
    assert where.dropped == ["reasoning_effort"]


# --- inside messages -----------------------------------------------------------------------------------------------------


def turns(*messages: dict[str, Any]) -> bytes:
    return json.dumps({"model": "m", "messages": messages}).encode()


def messages_of(data: bytes) -> list[dict[str, Any]]:
    return json.loads(data)["messages"]


def thinking(signature: str, **more: Any) -> dict[str, Any]:
    detail = {"type": "reasoning.text", "text": "Hm.", "signature": signature, "format": "v1", "index": 0}
    return {"role": "assistant", "content": "Done.", "reasoning_details": [detail], **more}


READS = {"reasoning_field": "reasoning"}


def test_the_operators_role_is_the_one_that_the_vendor_knows() -> None:
    data = turns({"role": "developer", "content": "a"}, {"role": "user", "content": "developer"})
    assert [m["role"] for m in messages_of(passed(data, target(system_role="system")))] == ["system", "user"]
    assert [m["role"] for m in messages_of(passed(data))] == ["developer", "user"]
    system = turns({"role": "system", "content": "a"})
    assert messages_of(passed(system, target(system_role="developer")))[0]["role"] == "developer"


def test_our_own_artefact_goes_back_byte_for_byte() -> None:
    where = target(**READS)
    data = turns(thinking(f"fh1.{ORIGIN}.SIG+/=="))
    assert messages_of(passed(data, where)) == [thinking("SIG+/==")]
    assert where.dropped == []


def test_an_escaped_artefact_keeps_its_escapes() -> None:
    data = turns(thinking(f"fh1.{ORIGIN}.SIG+/==")).replace(b"SIG+/==", b"SIG+\\/\\u003d=")
    assert b'"signature":"SIG+\\/\\u003d="' in passed(data, target(**READS)).replace(b'": "', b'":"')


def test_a_foreign_artefact_is_taken_out_and_named() -> None:
    where = target(**READS)
    data = turns(thinking(f"fh1.{OTHER_ORIGIN}.SIG", reasoning="Hm."))
    assert messages_of(passed(data, where)) == [{"role": "assistant", "content": "Done.", "reasoning": "Hm."}]
    assert where.dropped == ["reasoning"]


def test_an_artefact_from_before_freehold_passes() -> None:
    where = target(**READS)
    data = turns(thinking("SIG"))
    assert messages_of(passed(data, where)) == [thinking("SIG")]
    assert where.dropped == []


def test_of_two_artefacts_only_the_foreign_one_goes() -> None:
    ours = {"type": "reasoning.encrypted", "data": f"fh1.{ORIGIN}.A", "index": 0}
    theirs = {"type": "reasoning.encrypted", "data": f"fh1.{OTHER_ORIGIN}.B", "index": 1}
    data = turns({"role": "assistant", "content": "x", "reasoning_details": [ours, theirs]})
    where = target(**READS)
    (message,) = messages_of(passed(data, where))
    assert message["reasoning_details"] == [{"type": "reasoning.encrypted", "data": "A", "index": 0}]
    assert where.dropped == ["reasoning"]


def test_a_vendor_without_a_field_for_reasoning_gets_none() -> None:
    where = target()
    data = turns(thinking(f"fh1.{ORIGIN}.SIG", reasoning_content="Hm."), {"role": "user", "content": "hi"})
    assert messages_of(passed(data, where)) == [
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "hi"},
    ]
    assert where.dropped == ["reasoning"]


def test_reasoning_that_is_null_was_not_said() -> None:
    where = target()
    passed(turns({"role": "assistant", "content": "a", "reasoning_content": None, "reasoning_details": None}), where)
    assert where.dropped == []


@pytest.mark.parametrize(
    ("said", "wanted"),
    [({"reasoning_content": "Hm."}, "Hm."), ({"reasoning": "Hm."}, "Hm."), ({"reasoning": None}, ""), ({}, "")],
)
def test_a_vendor_that_wants_its_chain_back_gets_one_on_every_turn(said: dict[str, Any], wanted: str) -> None:
    data = turns({"role": "user", "content": "hi"}, {"role": "assistant", "content": "Done.", **said})
    where = target(reasoning_field="reasoning_content", returns_reasoning=True)
    assert messages_of(passed(data, where)) == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Done.", "reasoning_content": wanted},
    ]
    assert where.dropped == []


def test_words_about_artefacts_are_not_artefacts() -> None:
    data = turns({"role": "user", "content": f'"signature":"fh1.{OTHER_ORIGIN}.x" "reasoning_details"'})
    assert messages_of(passed(data)) == messages_of(data)


# --- what comes back -----------------------------------------------------------------------------------------------------


def test_every_artefact_of_a_reply_is_sealed_and_nothing_else_changes() -> None:
    raw = fixture("reply_details.json")
    sealed = seal(raw, ORIGIN)
    mark = f"fh1.{ORIGIN}.".encode()
    assert sealed == (
        raw.replace(b'"SIG+\\/=="', b'"' + mark + b'SIG+\\/=="')
        .replace(b'"gAAA1"', b'"' + mark + b'gAAA1"')
        .replace(b'"gAAA2"', b'"' + mark + b'gAAA2"')
    )


def test_an_event_is_sealed_as_a_reply_is() -> None:
    raw = delta_of(reasoning_details=[{"type": "reasoning.text", "signature": "SIG", "index": 0}])
    mark = f"fh1.{ORIGIN}.".encode()
    assert seal(raw, ORIGIN) == raw.replace(b'"SIG"', b'"' + mark + b'SIG"')
    named = b"event: x\n" + raw
    assert seal(named, ORIGIN) == named.replace(b'"SIG"', b'"' + mark + b'SIG"')


@pytest.mark.parametrize("name", ["reply_text.json", "reply_tools.json", "stream_text.sse"])
def test_what_has_no_artefact_is_left_alone(name: str) -> None:
    raw = fixture(name)
    assert seal(raw, ORIGIN) is raw


def test_the_same_text_elsewhere_is_not_sealed() -> None:
    value = {
        "choices": [
            {
                "message": {
                    "content": "SIG",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "SIG", "signature": "SIG"},
                        {"type": "reasoning.text", "text": "", "signature": "", "data": None},
                    ],
                }
            }
        ]
    }
    sealed = json.loads(seal(json.dumps(value).encode(), ORIGIN))
    value["choices"][0]["message"]["reasoning_details"][0]["signature"] = f"fh1.{ORIGIN}.SIG"  # type: ignore[index]
    assert sealed == value


@pytest.mark.parametrize(
    "raw", [b'{"reasoning_details"', b'data: "reasoning_details"\n\n', b'{"choices":3,"reasoning_details":1}']
)
def test_bytes_that_are_not_chat_are_left_for_the_reader_to_refuse(raw: bytes) -> None:
    assert seal(raw, ORIGIN) == raw


@given(st.lists(st.text('ab+/=\\"é', min_size=1, max_size=6), min_size=1, max_size=4), st.booleans())
def test_a_sealed_artefact_sent_back_is_what_the_vendor_made(payloads: list[str], ascii_only: bool) -> None:
    details = [{"type": "reasoning.encrypted", "data": payload, "index": at} for at, payload in enumerate(payloads)]
    reply = json.dumps(
        {"choices": [{"message": {"role": "assistant", "content": "x", "reasoning_details": details}}]},
        ensure_ascii=ascii_only,
    )
    message = json.loads(seal(reply.encode(), ORIGIN))["choices"][0]["message"]
    assert all(detail["data"].startswith(f"fh1.{ORIGIN}.") for detail in message["reasoning_details"])
    (back,) = messages_of(passed(turns(message), target(**READS)))
    assert back["reasoning_details"] == details
