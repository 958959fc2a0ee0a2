"""The table `capture`: what it may say, and what is said about the rest."""

from collections.abc import Callable

import pytest

from freehold.config.reading import Reading, settled
from freehold.config.settings import Capture, RedactPattern

Parse = Callable[..., Reading]
Complaints = Callable[..., list[str]]


def capturing(table: str, more: str = "") -> str:
    return f'[workloads.a]\nroute = ["echo/echo"]\ncapture = {table}\n{more}'


def test_every_rule_is_on_unless_the_file_says_otherwise(read_text: Parse) -> None:
    assert settled(read_text(capturing("{}"))).workloads["a"].capture == Capture(
        share=1.0, keep_days=90, redact=("secret", "email", "iban", "card", "national_id", "ip", "phone")
    )
    assert settled(read_text(capturing("{ redact = [] }"))).workloads["a"].capture == Capture(redact=())


def test_rules_are_named_and_patterns_written_out(read_text: Parse) -> None:
    table = """{ share = 0.25, redact = ["phone", { name = "CUSTOMER", pattern = 'C-\\d{6}' }] }"""
    assert settled(read_text(capturing(table))).workloads["a"].capture == Capture(
        share=0.25, redact=("phone", RedactPattern(name="CUSTOMER", pattern=r"C-\d{6}"))
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('{ redact = "email" }', "must be a list"),
        ('{ redact = ["emial"] }', 'Did you mean "email"?'),
        ('{ redact = ["names"] }', "There are secret, email, iban, card, national_id, ip and phone."),
        ("{ redact = [1] }", "must be the name of a rule or a table"),
        ('{ redact = [{ name = "X" }] }', 'needs the setting "pattern"'),
        ('{ redact = [{ name = "x", pattern = "y" }] }', "cannot stand in a placeholder"),
        ('{ redact = [{ name = "X", pattern = "(" }] }', "is no regular expression"),
        ('{ redact = [{ name = "X", pattern = "a*" }] }', "fits an empty text"),
        ("{ share = 1.5 }", "must be a number from 0 to 1"),
        ("{ keep_days = 0 }", "must be a whole number from 1 to 36500"),
    ],
)
def test_what_cannot_be_used_is_said_at_its_place(complaints: Complaints, table: str, said: str) -> None:
    [complaint] = complaints(capturing(table))
    assert said in complaint
    assert "[workloads.a] capture" in complaint


def test_capture_needs_the_ledger(complaints: Complaints) -> None:
    [complaint] = complaints(capturing("{}", "[ledger]\nenabled = false\n"))
    assert complaint.endswith(
        "[workloads.a] capture seals what it keeps with the ledger's contents, and the ledger is off. "
        "Take out enabled = false below [ledger], or take out capture."
    )
