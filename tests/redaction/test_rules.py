"""The rules: what each of them finds, and what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.redaction.redactor import Redactor
from freehold.redaction.rules import RULES, custom


def found(rule: str, text: str) -> list[str]:
    """What a rule finds in a text, as it stands there."""
    return [text[start:end] for start, end, _ in RULES[rule].find(text)]


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (
            "email",
            "Ann <ann.o'neil+x@mail.example.co.uk>, b@example.com.",
            ["ann.o'neil+x@mail.example.co.uk", "b@example.com"],
        ),
        ("email", "jörg@bücher.example", ["jörg@bücher.example"]),
        ("email", "user@localhost, a@b, @example.com, x@y.1", []),
        ("phone", "+49 (0)30 901820-15 or +1 415 555 0132", ["+49 (0)30 901820-15", "+1 415 555 0132"]),
        ("phone", "0044 20 7946 0958, 030/901820 15", ["0044 20 7946 0958", "030/901820 15"]),
        ("phone", "(415) 555-0132, 415-555-0132, 1-415-555-0132", ["(415) 555-0132", "415-555-0132", "1-415-555-0132"]),
        ("phone", "06 12 34 56 78", ["06 12 34 56 78"]),
        ("phone", "2026-11-25, 01.02.2024 10, order 4155550132, 0.123456789, 550e8400-e29b-41d4-a716-446655440000", []),
        (
            "phone",
            'Tel:+49 171 1234567; href="tel:+491711234567"; Phone:+1-212-555-1234',
            ["+49 171 1234567", "+491711234567", "+1-212-555-1234"],
        ),
        (
            "phone",
            "Phone:(212) 555-1234, Tel:0171-1234567 phone:212-555-1234 Tel.:0171 1234567",
            ["(212) 555-1234", "0171-1234567", "212-555-1234", "0171 1234567"],
        ),
        (
            "phone",
            "Ann Lee,+4917112345678,Berlin\nBob,0171 2345678,(030) 901820,Bonn",
            ["+4917112345678", "0171 2345678", "(030) 901820"],
        ),
        (
            "phone",
            "https://wa.me/+491711234567 Tel.+49 171 1234567 (+49) 171 1234567",
            ["+491711234567", "+49 171 1234567", "+49) 171 1234567"],
        ),
        (
            "phone",
            "0171 / 1234567, +49 171 / 1234567, +49 (0) 171 / 123 45 67, (0171) / 1234567, +49171 / 1234567",
            ["0171 / 1234567", "+49 171 / 1234567", "+49 (0) 171 / 123 45 67", "(0171) / 1234567", "+49171 / 1234567"],
        ),
        (
            "phone",
            "0171 1234567 / 0172 1234567, 030 / 901820 / 0172 / 7654321",
            ["0171 1234567", "0172 1234567", "030 / 901820", "0172 / 7654321"],
        ),
        ("phone", "12:30:45, at:12:30:45.678901, 2024-01-01T12:30:45.000+01:00, 00:00:00,012 --> 00:00:04,500", []),
        ("phone", "1,234,567 and $01,234,567.89; 1.234.567,89; x,0.123456789,0.987654321; [0.1234567,0.7654321]", []),
        ("phone", "1:1000000, 16:9, 3:0123456789, 17,0123456789, 100 / 1234567, +5 / 12345678", []),
        ("phone", "01.02.2024, on:01.02.2024, a,01/02/2024,b, 01 / 02 / 2024, 2024/01/02, date:2026-11-25", []),
        ("phone", "/0123456789/x, id-0123456789, a@0123456789, v1.0123456789, 1+12345678, abc:0123456789ef", []),
        (
            "card",
            "4111 1111 1111 1111, 5500-0000-0000-0004; 378282246310005",
            ["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"],
        ),
        ("card", "card 4111 1111 1111 1111 12 pieces", ["4111 1111 1111 1111"]),
        ("card", "4111 1111 1111 1112, 1111111111111117, 0000000000000000, 41111111111111111111111", []),
        (
            "iban",
            "DE89 3704 0044 0532 0130 00 IS MINE, gb82west12345698765432",
            ["DE89 3704 0044 0532 0130 00", "gb82west12345698765432"],
        ),
        ("iban", "DE89 3704 0044 0532 0130 01, DE00000000000000000000X", []),
        (
            "ip",
            "from 192.0.2.17, 2001:db8::8a2e:370:7334 and ::ffff:192.0.2.1.",
            ["192.0.2.17", "2001:db8::8a2e:370:7334", "::ffff:192.0.2.1"],
        ),
        ("ip", "at 10:30:00, version 1.2.3, 300.1.1.1, 1.2.3.4.5, a::b::c", []),
        (
            "national_id",
            "DNI 12345678Z, RSSMRA85T10A562S, 131052-308T",
            ["12345678Z", "RSSMRA85T10A562S", "131052-308T"],
        ),
        (
            "national_id",
            "811218-9876, 85.07.30-033.28, 390.533.447-05",
            ["811218-9876", "85.07.30-033.28", "390.533.447-05"],
        ),
        (
            "national_id",
            "756.9217.0769.85, 2341 2341 2346, 943 476 5919",
            ["756.9217.0769.85", "2341 2341 2346", "943 476 5919"],
        ),
        (
            "national_id",
            "11010519491231002X; 2 55 08 14 168 025 38; 078-05-1120",
            ["11010519491231002X", "2 55 08 14 168 025 38", "078-05-1120"],
        ),
        ("national_id", "86 095 742 719, 44051401359, BSN 111222333", ["86 095 742 719", "44051401359", "111222333"]),
        ("national_id", "12345678A, order 111222333, 811218-9877, 756.9217.0769.86, 000-12-3456", []),
        (
            "secret",
            "sk-proj-abcdefghij0123456789 and AKIAIOSFODNN7EXAMPLE",
            ["sk-proj-abcdefghij0123456789", "AKIAIOSFODNN7EXAMPLE"],
        ),
        ("secret", "password: hunter2-hunter2; token=abcdefgh1", ["hunter2-hunter2", "abcdefgh1"]),
        ("secret", "Authorization: Bearer abc.def-1234567", ["abc.def-1234567"]),
        ("secret", "postgres://app:s3cret-pw@db.example/x", ["app:s3cret-pw"]),
        ("secret", '{"api_key": "0123456789abcdef"}', ["0123456789abcdef"]),
        ("secret", '{"password": "my dog 7"}', ["my dog 7"]),
        ("secret", "password: \"abc123\", DB_PASSWORD='a 1b'", ["abc123", "a 1b"]),
        (
            "secret",
            '{"client_secret" : "7 x y", "new_password":"a1b2", "passphrase": "two 2s"}',
            ["7 x y", "a1b2", "two 2s"],
        ),
        ("secret", '{"password": "hunter22 and more", "passwordConfirm": "abc12"}', ["hunter22 and more", "abc12"]),
        ("secret", r'{"password": "my \"dog\" 7"} {\"pwd\": \"my dog 7\"}', [r"my \"dog\" 7", "my dog 7"]),
        ("secret", '"token": "yes", "password": "string", "password": "123", "key": "a 1", "token": "v 2"', []),
        (
            "secret",
            '{"password": {"type": "string", "minLength": 8}, "secret": "yes", "password_hint": "my dog 7"}',
            [],
        ),
        ("secret", '"password": "must have at least 8 characters", "pwd": "Use 3 or more letters, 2 of them big"', []),
        (
            "secret",
            'My secret: "7 habits". Forgot the password? "42" \'is\' the answer; type="password" value="a 1"',
            [],
        ),
        ("secret", r'{"password": "\u00e4r", "secret": "[SECRET_1]", "pwd": "see [NAME_2]"}', []),
        ("secret", "The password is required. A token: something. risk-averse, task-oriented", []),
    ],
)
def test_a_rule_finds_what_has_the_form_and_nothing_else(rule: str, text: str, expected: list[str]) -> None:
    assert found(rule, text) == expected


def test_a_private_key_goes_whole_even_when_its_end_is_missing() -> None:
    key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\nabc\n-----END EC PRIVATE KEY-----"
    assert found("secret", f"Here:\n{key}\nDone.") == [key]
    assert found("secret", "Here:\n-----BEGIN PRIVATE KEY-----\nMHcC") == ["-----BEGIN PRIVATE KEY-----\nMHcC"]


def test_one_value_has_one_spelling() -> None:
    def values(rule: str, text: str) -> set[str]:
        return {value for _, _, value in RULES[rule].find(text)}

    assert values("email", "Ann@Example.com ann@example.com") == {"ann@example.com"}
    assert values("card", "4111 1111 1111 1111 / 4111111111111111") == {"4111111111111111"}
    assert values("iban", "DE89 3704 0044 0532 0130 00, de89370400440532013000") == {"DE89370400440532013000"}
    assert values("ip", "2001:db8::1 2001:0db8:0:0:0:0:0:1") == {"2001:db8::1"}


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "1",
        "1 ",
        "1.",
        "1-",
        "a.",
        "@",
        "a@",
        "a@a.",
        ":",
        "1:",
        "A1",
        "(",
        "+1",
        "0123 / 1",
        "+1 12 / ",
        "://a:",
        "sk-",
        "token=",
        'password="',
        'password: "a',
        'password="1 \\"',
        "eyJ",
        "DE11 ",
        "a" * 50 + "@",
    ],
)
def test_no_text_takes_longer_than_in_proportion_to_its_length(rule: str, piece: str) -> None:
    """A pattern that backtracks without bound would not come back from this, and the run would be ended from outside."""
    assert len(list(RULES[rule].find(piece * (20_000 // len(piece))))) >= 0


IDS = ("12345678Z", "2 55 08 14 168 025 38", "RSSMRA85T10A562S", "131052-308T", "943 476 5919", "078-05-1120")


@given(st.lists(st.sampled_from(IDS) | st.text(alphabet="aZ1 -.", max_size=40), max_size=8))
def test_a_number_is_found_wherever_it_stands(pieces: list[str]) -> None:
    """In words of its own, whatever stands between it and the next."""
    text = " ; ".join(pieces)
    left = found("national_id", text)
    for one in pieces:
        if one in IDS:
            assert one in left


def test_a_pattern_that_stands_everywhere_is_refused() -> None:
    with pytest.raises(ValueError, match="fits an empty text"):
        custom("X", "a*")


def test_an_iban_with_hyphens_is_the_one_without() -> None:
    redaction = Redactor().begin()
    assert redaction.text("DE89-3704-0044-0532-0130-00, DE89370400440532013000") == "[IBAN_1], [IBAN_1]"
