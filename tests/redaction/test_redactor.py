"""The redactor: the same value has the same number, JSON stays JSON, and nothing that a rule finds is left."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.config.settings import REDACT_RULES
from freehold.errors import InvalidField
from freehold.redaction.redactor import Redactor
from freehold.redaction.rules import RULES


def redacted(text: str, *names: str) -> str:
    return Redactor(names or RULES).begin().text(text)


def test_the_configuration_names_the_rules_that_there_are() -> None:
    assert tuple(RULES) == REDACT_RULES


def test_a_value_has_one_number_wherever_it_stands() -> None:
    redaction = Redactor().begin()
    assert redaction.text("Ann@example.com wrote to bob@example.com.") == "[EMAIL_1] wrote to [EMAIL_2]."
    assert redaction.text("So bob@example.com answered ann@example.com.") == "So [EMAIL_2] answered [EMAIL_1]."
    assert redaction.counts == {"EMAIL": 2}
    assert Redactor().begin().text("bob@example.com") == "[EMAIL_1]", "another item counts anew"


def test_every_rule_takes_part_and_only_those_that_are_named() -> None:
    text = "ann@example.com, +1 415 555 0132, 4111 1111 1111 1111, DE89370400440532013000, 192.0.2.1, 12345678Z, sk-abcdefghij0123456789"
    assert redacted(text) == "[EMAIL_1], [PHONE_1], [CARD_1], [IBAN_1], [IP_1], [NATIONAL_ID_1], [SECRET_1]"
    assert redacted(text, "ip") == text.replace("192.0.2.1", "[IP_1]")
    assert Redactor(()).begin().text(text) == text


def test_patterns_of_ones_own_come_first() -> None:
    redactor = Redactor(("phone",), {"CUSTOMER": r"C-\d{6}", "ORDER": r"\+1 415 555 \d+"})
    assert redactor.begin().text("C-123456 ordered +1 415 555 0132.") == "[CUSTOMER_1] ordered [ORDER_1]."


@pytest.mark.parametrize(
    ("names", "patterns"),
    [(("emial",), {}), ((), {"lower": "x"}), ((), {"X": "("}), ((), {"X": "x?"}), ((), {"X-Y": "x"})],
)
def test_what_cannot_be_used_is_refused(names: tuple[str, ...], patterns: dict[str, str]) -> None:
    with pytest.raises(InvalidField):
        Redactor(names, patterns)


def test_json_stays_json() -> None:
    written = '{"card": 4111111111111111, "to": "ann@example.com", "n": 3, "ann@example.com": [true, null, 1.5]}'
    assert json.loads(redacted(written)) == {
        "card": "[CARD_1]",
        "to": "[EMAIL_1]",
        "n": 3,
        "[EMAIL_1]": [True, None, 1.5],
    }
    assert redacted('{"to": "ann@example.com"}') == '{"to": "[EMAIL_1]"}', "as the model spaced it"
    assert redacted("{4111111111111111") == "{[CARD_1]", "what was no JSON need not be any"


FOUND = {
    "DE89370400440532013000": "[IBAN_1]",
    "4111111111111111": "[CARD_1]",
    "0171 2345678": "[PHONE_1]",
    "192.168.1.10": "[IP_1]",
    "12345678Z": "[NATIONAL_ID_1]",
    "sk-proj-abcdefghijklmnop1234": "[SECRET_1]",
    "ann.müller@example.com": "[EMAIL_1]",
}


@pytest.mark.parametrize("mark", ["\n", "\t", "\r\n", "\f", "\b", "\u0001", '"', "\\", "\u00a0", "€"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_escapes_of_json_hide_nothing(mark: str, *, ascii_only: bool) -> None:
    body = {"to": "x", "body": "".join(f"Hallo{mark}{value}{mark}" for value in FOUND)}
    wanted = {"to": "x", "body": "".join(f"Hallo{mark}{name}{mark}" for name in FOUND.values())}
    inner, outer = json.dumps(body, ensure_ascii=ascii_only), json.dumps(wanted, ensure_ascii=ascii_only)
    assert redacted(inner) == outer
    assert redacted(f" {json.dumps([inner, body])}") == f" {json.dumps([outer, wanted])}", "nor does JSON inside JSON"
    assert redacted(redacted(inner)) == outer, "a second time changes nothing"


def test_a_json_text_stays_letter_by_letter_but_for_what_is_replaced() -> None:
    text = '\n{ "a" : 1.10, "a":1e999, "n": 123456789012345678901234567890, "x":"\\u00fc\\/\\n\\ud800", "b":[-0, 1E+2],\t"c":"ü\\n%s"}\n'
    assert redacted(text % "Z") == text % "Z"
    assert redacted(text % "4111111111111111") == text % "[CARD_1]"
    assert redacted('{"a\\/b":"0171\\/2345678"}') == '{"a\\/b":"[PHONE_1]"}'
    long = '{"n": ' + "9" * 5000 + ', "x": "\\n4111111111111111", "x": "2"}'
    assert redacted(long) == long.replace("4111111111111111", "[CARD_1]")


def test_a_name_in_json_still_says_what_its_value_is() -> None:
    assert redacted('{"x":"a\\nb","api_key": "0123456789abcdef", "n": 4111111111111111}') == (
        '{"x":"a\\nb","api_key": "[SECRET_1]", "n": "[CARD_1]"}'
    )


def test_what_is_found_only_by_breaking_json_is_not_counted() -> None:
    redaction = Redactor(("card",), {"END": r"\}"}).begin()
    assert redaction.text('{"n":4111111111111111}') == '{"n":"[CARD_1]"}'
    assert redaction.counts == {"CARD": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{"body":"Hallo,\\nDE89370400440532013000\\n4111111111111111\\n0171 23',
        'Here:\n```json\n{"body":"Hallo,\\nDE89370400440532013000\\t4111111111111111"}\n```',
        "[" * 100_000 + '"\\nDE89370400440532013000\\u000a4111111111111111"',
        '["[\\"\\\\nDE89370400440532013000\\\\n4111111111111111',
    ],
)
def test_json_that_is_cut_short_fenced_or_too_deep_hides_nothing(text: str) -> None:
    wanted = text.replace("DE89370400440532013000", "[IBAN_1]").replace("4111111111111111", "[CARD_1]")
    assert redacted(text) == wanted


def test_json_as_deep_as_it_is_long_is_read() -> None:
    deep = "[" * 20_000 + '"\\n4111111111111111"' + "]" * 20_000
    assert redacted(deep) == deep.replace("4111111111111111", "[CARD_1]")


@pytest.mark.parametrize("piece", ["\\", "\\n", '["', '"', '\\"', "[1,", "{", "-1e+", "\\u00"])
def test_no_text_takes_longer_than_in_proportion_to_its_length(piece: str) -> None:
    """One that backtracks without bound would not come back from this."""
    run = piece * (100_000 // len(piece))
    assert redacted(run) == run
    assert redacted(f'["{run}"]') == f'["{run}"]'
    assert redacted(json.dumps([run, 4111111111111111])) == json.dumps([run, "[CARD_1]"])


def test_a_body_keeps_its_shape_and_loses_its_values() -> None:
    body = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "I am ann@example.com"}]},
            {
                "role": "assistant",
                "tool_calls": [{"id": "call_1", "function": {"arguments": '{"to":"ann@example.com"}'}}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "sent to ann@example.com"},
        ],
        "temperature": 0.5,
    }
    assert Redactor().begin().value(body) == {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "I am [EMAIL_1]"}]},
            {"role": "assistant", "tool_calls": [{"id": "call_1", "function": {"arguments": '{"to":"[EMAIL_1]"}'}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sent to [EMAIL_1]"},
        ],
        "temperature": 0.5,
    }


SAMPLES = (
    "ann@example.com",
    "+49 30 90182015",
    "4111 1111 1111 1111",
    "192.0.2.17",
    "12345678Z",
    "DE89370400440532013000",
)


@given(st.lists(st.sampled_from(SAMPLES) | st.text(alphabet="abc é\n,", min_size=1, max_size=12), max_size=12))
def test_nothing_that_a_rule_finds_is_left_and_the_rest_stays(pieces: list[str]) -> None:
    out = redacted(" | ".join(pieces))
    for sample in SAMPLES:
        assert sample not in out
    plain = [one for one in pieces if one not in SAMPLES]
    assert [one for one in out.split(" | ") if not one.startswith("[")] == (plain or ([] if pieces else [""]))
    assert redacted(out) == out, "a second time changes nothing"


def test_a_number_under_the_name_of_a_secret_becomes_a_placeholder_in_quotes_and_the_rest_is_redacted_too() -> None:
    redaction = Redactor().begin()
    text = '{"a": {"password":12345678}, "token": "abc12345", "b": "password: hunter2222", "max_tokens": 100000000}'
    assert redaction.text(text) == (
        '{"a": {"password":"[SECRET_1]"}, "token": "[SECRET_2]", "b": "password: [SECRET_3]", "max_tokens": 100000000}'
    )
    assert redaction.text('{"secret": -12345678.5 }') == '{"secret": "[SECRET_4]" }'


def test_a_short_number_before_closing_braces_leaves_no_rule_out() -> None:
    text = '{"a":{"b":{"c":{"pwd":123456}}}, "x":"password: hunter2222"}'
    assert Redactor().begin().text(text) == text.replace("hunter2222", "[SECRET_1]")


def test_a_short_secret_in_quotes_or_one_with_spaces_goes_and_leaves_json() -> None:
    redaction = Redactor().begin()
    text = '{"a": {"password": "my dog 7", "note": "a\\nb"}, "b": "{\\"pwd\\": \\"my dog 7\\"}", "token": "yes"}'
    replaced = (
        '{"a": {"password": "[SECRET_1]", "note": "a\\nb"}, "b": "{\\"pwd\\": \\"[SECRET_1]\\"}", "token": "yes"}'
    )
    assert redaction.text(text) == replaced
    assert redaction.text(replaced) == replaced
    given = {"password": "abc123", "passphrase": "two 2s", "secret": "yes"}
    assert redaction.value(given) == {"password": "[SECRET_2]", "passphrase": "[SECRET_3]", "secret": "yes"}
    assert redaction.text('It is password: "abc123".') == 'It is password: "[SECRET_2]".'


def test_a_secret_in_a_table_is_known_by_its_name_as_it_is_in_text() -> None:
    redaction = Redactor().begin()
    given = {"metadata": {"password": "hunter2222", "token": 123456789012, "max_tokens": 100000000, "key": "short"}}
    assert redaction.value(given) == {
        "metadata": {"password": "[SECRET_1]", "token": "[SECRET_2]", "max_tokens": 100000000, "key": "short"}
    }
    assert redaction.text("password: hunter2222") == "password: [SECRET_1]"
    assert Redactor(["email"]).begin().value(given) == given
