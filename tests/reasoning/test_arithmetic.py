"""Arithmetic claims: right ones verified, wrong ones refuted, others left alone."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning.arithmetic import Arithmetic
from reasoning.reading import found, step, verdicts

A = Arithmetic()


@pytest.mark.parametrize(
    "text",
    [
        "So 3 boxes × $2.50 + $1 = $8.50.",
        "12 apples + 5 red apples = 17 apples",
        "x = 5 + 3 = 8",
        "f(3) = 2*3 + 1 = 7",
        "$12 + 5 = 17$",
        "100 + 10% = 110",
        "20% × 50 = 10",
        "5/20*100 = 25%",
        "0.5 = 50%",
        "10/3 = 3.33",
        "10/3 = 3.333...",
        "7/2 = 4 (rounded up)",
        "1234 * 5 ≈ 6200",
        "$19.99 * 1.0825 = $21.64",
        "5 + 3 > 7",
        "So -5 + 3 = -2",
        "5 plus 3 is 8",
        "\\frac{1}{2} + \\frac{1}{3} = \\frac{5}{6}",
        "<<12+5=17>>17 apples",
        "a total of $4700 + $23500 = $28200",
        "- 96 plants × $3 per plant = $288",
        "13 - 7 = 6 times.",
        "3 hours * 60 = 180 minutes",
        "10÷1/2 = 20",
        "600/12 = 50 dozen eggs",
        "48 * 0.3333333333333333 = 16",
        "71 * 6 = 426 white t-shirts.",
    ],
)
def test_right_claims_are_verified(text: str) -> None:
    assert verdicts(A, text) == ["verified"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12 + 5 = 18", "17"),
        ("7/2 = 4", "3.5"),
        ("1/8 = 0.13", "0.125"),
        ("10/3 ≈ 3.34", "10/3 (about 3.33333)"),
        ("2/3 = 0.66", "2/3 (about 0.666667)"),
        ("17 > 21", "17 and 21"),
        ("20% of 50 is 12", "10"),
        ("1,234 × 10 = 123,400", "12340"),
        ("1234 * 5 ≈ 6100", "6170"),
    ],
)
def test_wrong_claims_are_refuted_and_the_value_is_told(text: str, value: str) -> None:
    (one,) = found(A, text)
    assert (one.verdict, one.found) == ("refuted", value)


@pytest.mark.parametrize(
    "text",
    ["John + 5 = 12", "2x + 3 = 7", "log(100) = 2", "sin 30 = 1/2", "In 2020 x + 3 = 8", "the ratio is 3:4 = 0.75", "3 * (4 + 5 = 27",
     "5 = 5", "20 of us are 30 strong", "Item 8 = 4 * 3", "9**9**9**9 = 3", "5 -> 6", "P(A) = 0.3", "half of 30 + 1 = 17"],
)  # fmt: skip
def test_what_only_looks_like_a_claim_is_left_alone(text: str) -> None:
    assert verdicts(A, text) == []


def test_different_measures_are_left_to_units() -> None:
    assert verdicts(A, "2 hours + 30 minutes = 2.5 hours") == ["not_checkable"]
    assert verdicts(A, "2 hours + 30 minutes = 32 hours") == ["not_checkable"]


def test_a_dozen_may_be_one_thing_or_twelve() -> None:
    assert verdicts(A, "3 dozen + 5 = 41") == ["not_checkable"]


def test_a_chain_is_checked_link_by_link_with_exact_places() -> None:
    text = "So 2 + 3 = 5 = 6."
    first, second = found(A, text)
    assert [(one.verdict, one.claim.text) for one in (first, second)] == [
        ("verified", "2 + 3 = 5"),
        ("refuted", "5 = 6"),
    ]


def test_claims_stand_where_the_chain_has_them() -> None:
    (one,) = A.check(step("So 2 + 3 = 5.", start=100), None)
    assert (one.claim.text, one.claim.start, one.claim.end) == ("2 + 3 = 5", 103, 112)


def test_a_verified_claim_derives_its_value_and_a_refuted_one_nothing() -> None:
    assert found(A, "10 / 4 = 2.5")[0].derived == ("5/2",)
    assert found(A, "10 / 4 = 3")[0].derived == ()


@given(st.integers(-999, 999), st.integers(1, 999), st.sampled_from("+-*/"), st.integers(1, 50))
def test_exact_results_are_verified_and_others_refuted(left: int, right: int, sign: str, off: int) -> None:
    values = {"+": left + right, "-": left - right, "*": left * right, "/": Fraction(left, right)}
    exact = Fraction(values[sign])
    assert verdicts(A, f"{left} {sign} {right} = {exact}") == ["verified"]
    assert verdicts(A, f"{left} {sign} {right} = {exact + off}") == ["refuted"]


@given(st.text(max_size=80) | st.text(alphabet="0123456789+-*/=()%$x. ≈", max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    for one in found(A, text):
        assert text[one.claim.start : one.claim.end] == one.claim.text


@pytest.mark.parametrize(
    "text",
    [
        "12,5 + 3 = 15,5",
        "12,5 + 3 = 8,5",
        "1'250 + 99 = 1'349",
        "12.500,50 + 1 = 12.501,50",
        "1,00,000 + 50,000 = 1,50,000",
    ],
)
def test_a_number_of_another_country_is_not_cut_in_two(text: str) -> None:
    assert verdicts(A, text) == []


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("0.5% = 50 bps", "verified"),
        ("The rate is 5.25% + 75 bps = 6.00%", "verified"),
        ("The rate is 5.25% + 75bps = 6.25%", "refuted"),
        ("4 × 30 basis points = 1.2%", "verified"),
        ("25 bps of $10,000 is $25", "verified"),
        ("43% - 36% = 7 percentage points", "verified"),
        ("43% - 36% = 9 percentage points", "refuted"),
        ("0.5% = 5‰", "verified"),
        ("2,000 / 6,000 = 33%", "verified"),
        ("2,000 / 6,000 = 34%", "refuted"),
        ("0.355 × 1 = 36%", "refuted"),
        ("$500 million × 2 = $1 bn", "verified"),
        ("10 m^2 + 5 m^2 = 15 m^2", "verified"),
        ("10 m^2 + 5 m^2 = 16 m^2", "refuted"),
        ("70 / 1.75^2 = 22.86 kg/m^2", "verified"),
    ],
)
def test_shares_scales_and_powers_of_units_are_read_as_they_are_meant(text: str, verdict: str) -> None:
    assert verdicts(A, text) == [verdict]


@pytest.mark.parametrize(
    "text",
    [
        "8 out of 10 = 80%",
        "$80 at 5% = $4",
        "$80 less 50% = $40",
        "Year 2 - 1,050 × 1.05 = 1,102.50",
        "2023 revenue = 5 × $100",
        "12/25/2024 = day 360",
        "3 × $0.25 = 75¢",
    ],
)
def test_what_only_begins_like_a_claim_is_none(text: str) -> None:
    assert verdicts(A, text) == []


def test_a_share_beside_a_limit_is_compared() -> None:
    assert verdicts(A, "The DTI of 43% > 36%") == ["verified"]


def test_a_fraction_that_nobody_could_read_is_told_by_its_first_digits() -> None:
    assert found(A, "1.005^360 / (1.005^360 - 1) = 1.2")[0].found == "about 1.1991"
