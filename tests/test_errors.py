"""The error tree: drawn as it is, each error with a code and a status that callers may rely on, and safe to show."""

import re

import pytest

from freehold import errors
from freehold.errors import (
    BadInput,
    BodyTooLarge,
    BudgetExhausted,
    EngineDown,
    FreeholdError,
    InvalidField,
    MissingKey,
    VendorRefused,
    VendorTimeout,
    VendorUnreachable,
)

DRAWN = re.compile(r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)(?P<told>.*)$", re.MULTILINE)


def tree(kind: type[FreeholdError] = FreeholdError) -> list[type[FreeholdError]]:
    below = [found for child in kind.__subclasses__() if child.__module__ == errors.__name__ for found in tree(child)]
    return [kind, *below]


def drawn() -> list[tuple[str, str, int | None, str | None]]:
    """The drawing at the top of the module: name, name of the parent, status, code."""
    assert errors.__doc__ is not None
    found: list[tuple[str, str, int | None, str | None]] = []
    above: list[str] = []
    for line in DRAWN.finditer(errors.__doc__):
        depth = len(line["branch"]) // 4
        above[depth:] = [line["name"]]
        status = re.match(r"\s*(\d{3})\b", line["told"])
        told = re.sub(r"\d{3}|\((its own status|command line only)\)", "", line["told"]).split()
        code = told[0] if len(told) == 1 else None
        parent = above[depth - 1] if depth else "Exception"
        found.append((line["name"], parent, int(status[1]) if status else None, code))
    return found


def test_the_drawing_shows_every_error_below_its_parent_in_the_order_of_the_file() -> None:
    shown = [(name, parent) for name, parent, _, _ in drawn()]
    assert shown == [(kind.__name__, kind.__bases__[0].__name__) for kind in tree()]
    assert len(shown) > 40


def test_the_drawing_shows_the_status_and_the_code_of_each() -> None:
    known = {kind.__name__: kind for kind in tree()}
    for name, _, status, code in drawn():
        if status is not None:
            assert known[name].status == status, name
        if code is not None:
            assert known[name].code == code, name
    leaves = {kind.__name__ for kind in tree() if not kind.__subclasses__()}
    raised_itself = {"BudgetExhausted"}  # although a quota's is a special case of it
    assert {name for name, _, _, code in drawn() if code is not None} == leaves | raised_itself


def test_a_code_is_lower_case_words_with_dashes_and_names_one_error_only() -> None:
    codes = [kind.code for kind in tree() if not kind.__subclasses__()]
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)
    assert len(codes) == len(set(codes))


def test_advice_is_whole_sentences() -> None:
    for kind in tree():
        assert kind.default_advice == "" or re.fullmatch(r"[A-Z].*\.", kind.default_advice), kind


def test_an_error_says_what_happened_and_then_what_to_do() -> None:
    error = MissingKey("No key was sent.")
    assert str(error) == error.sentence == "No key was sent."
    assert error.message == "No key was sent. Send `Authorization: Bearer KEY` or `x-api-key: KEY`."


def test_advice_of_its_own_stands_instead_of_the_usual_and_none_at_all_leaves_no_space() -> None:
    assert MissingKey("No key.", "Ask Ada.").message == "No key. Ask Ada."
    assert MissingKey("No key.", "").message == "No key."


def test_an_error_names_the_field_at_fault_and_the_seconds_to_wait() -> None:
    error = InvalidField("`top_p` is 3.", param="top_p")
    assert (error.param, error.retry_after) == ("top_p", None)
    assert EngineDown("It is being restarted.", retry_after=2).retry_after == 2


@pytest.mark.parametrize(
    ("kind", "status"),
    [(BadInput, 400), (BodyTooLarge, 413), (BudgetExhausted, 429), (EngineDown, 503), (VendorUnreachable, 502)],
)
def test_a_status_that_is_changed_on_one_error_stays_with_it(kind: type[FreeholdError], status: int) -> None:
    changed = kind("This one is special.")
    changed.status = 431
    assert kind("This one is not.").status == status


def test_a_vendors_refusal_carries_what_the_vendor_said() -> None:
    error = VendorRefused(
        "Slow down.",
        status=429,
        kind="rate_limit_error",
        native="rate_limit_exceeded",
        retry_after=1.5,
        should_retry=True,
        deployment="openai/gpt-5-mini",
    )
    assert (error.status, error.kind, error.native) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert (error.retry_after, error.should_retry, error.deployment) == (1.5, True, "openai/gpt-5-mini")
    assert VendorRefused("Again.", status=500).status == 500
    assert VendorRefused("Again.", status=500).should_retry is None


def test_a_timeout_counts_as_sent_until_it_is_known_that_it_was_not() -> None:
    assert VendorTimeout("It did not answer in time.").sent
    assert not VendorTimeout("No connection in time.", sent=False).sent
