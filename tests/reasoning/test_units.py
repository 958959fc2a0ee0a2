"""Quantities: converted, compared, refuted when the dimensions differ."""

import pytest

from reasoning.reading import found, verdicts

pytest.importorskip("pint", reason="the extra `reasoning` is not installed")

from freehold.reasoning.units import Units


@pytest.fixture(scope="module")
def units() -> Units:
    """One for all tests, made when the first of them runs: reading all units takes half a second, and every worker of pytest
    collects this file."""
    return Units()


@pytest.mark.parametrize(
    "text",
    [
        "5 km = 5,000 m",
        "98.6 °F = 37 °C",
        "0 °C = 273.15 K",
        "98.6 degrees Fahrenheit is 37 degrees Celsius",
        "2 hours + 30 minutes = 2.5 hours",
        "60 km/h × 2 h = 120 km",
        "60 mph * 90 minutes = 90 miles",
        "25 bps = 0.25%",
        "1 mile = 1.6 km",
        "1 mile ≈ 2 km",
        "10 oz = 296 ml",
        "16 oz = 1 lb",
        "1 atm = 760 mmHg",
        "0.5 mg = 500 mcg",
        "1 year = 365 days",
        "1 GB = 1024 MB",
        "150 mg/kg * 10 kg = 1.5 g",
        "5 m² = 50,000 cm^2",
        "120 minutes / 60 = 2 hours",
        "1 hour - 20 minutes - 10 minutes = 30 minutes",
        "3 kWh = 10.8 MJ",
        "3 * 5 kg = 15 kg",
    ],
)
def test_equal_quantities_are_verified(units: Units, text: str) -> None:
    assert verdicts(units, text) == ["verified"]


@pytest.mark.parametrize(
    "text",
    ["0.5 mg = 50 mcg", "1 inch = 3 cm", "18 minutes + 45 minutes = 1 hour", "5 kg = 5 m", "60 km/h * 2 h = 120 kg",
     "100 °F = 40 °C", "25 bps = 2.5%", "120 minutes / 60 = 3 hours"],
)  # fmt: skip
def test_unequal_quantities_are_refuted(units: Units, text: str) -> None:
    assert verdicts(units, text) == ["refuted"]


def test_the_dose_that_would_be_right_is_told(units: Units) -> None:
    assert found(units, "The dose 0.5 mg = 50 mcg.")[0].found == "500 microgram"


@pytest.mark.parametrize("text", ["20 °C + 5 °C = 25 °C", "3 hours x 60 minutes = 180 minutes", "The 5 kg is 3 m away"])
def test_what_people_mean_otherwise_is_not_decided(units: Units, text: str) -> None:
    assert verdicts(units, text) == ["not_checkable"]


@pytest.mark.parametrize(
    "text",
    ["5 apples = 10 oranges", "20% of 50 kg = 10 kg", "100 km + 10% = 110 km", "twice 5 kg is 10 kg", "y * 5 kg = 15 kg",
     "5 min is short", "(2 hours + 30 minutes) * 2 = 5 hours"],
)  # fmt: skip
def test_what_is_no_whole_claim_is_left_alone(units: Units, text: str) -> None:
    assert verdicts(units, text) == []


def test_a_chain_of_conversions_is_checked_link_by_link(units: Units) -> None:
    assert verdicts(units, "3 weeks = 21 days = 500 hours") == ["verified", "refuted"]


@pytest.mark.parametrize(
    "text",
    [
        "1 hour 30 minutes = 90 minutes",
        "2 hours and 30 minutes = 150 minutes",
        "100 minutes = 1 hour 40 minutes",
        "6 feet 2 inches = 74 inches",
        "45 minutes = 3/4 hour",
        "1 1/2 hours = 90 minutes",
        "154 lb / 2.2 = 70 kg",
        "70 kg × 2.2 = 154 lb",
        "1 cup = 240 mL",
        "1 fl oz = 30 mL",
    ],
)
def test_quantities_as_people_write_them_are_verified(units: Units, text: str) -> None:
    assert verdicts(units, text) == ["verified"]


@pytest.mark.parametrize(
    "text",
    [
        "1 hour 30 minutes = 80 minutes",
        "1 1/2 hours = 80 minutes",
        "154 lb / 2.2 = 71 kg",
        "154 lb / 2.4 = 64 kg",
        "5 days × 8 hours = 45 hours",
        "5 m × 2 m = 10 m",
    ],
)
def test_quantities_as_people_write_them_are_refuted_where_they_are_wrong(units: Units, text: str) -> None:
    assert verdicts(units, text) == ["refuted"]


@pytest.mark.parametrize(
    "text", ["120 mg/dL = 6.7 mmol/L", "0.9% = 9 mg/mL", "1 L = 1 kg", "5 days × 8 hours = 40 hours"]
)
def test_what_a_substance_or_a_rate_decides_is_not_decided(units: Units, text: str) -> None:
    assert verdicts(units, text) == ["not_checkable"]


@pytest.mark.parametrize("text", ["100 m in 10 s = 10 m/s", "1 hour 30 minutes × 2 = 3 hours"])
def test_a_quantity_is_not_torn_from_the_one_before_it(units: Units, text: str) -> None:
    assert verdicts(units, text) == []


def test_a_wrong_weight_is_not_saved_by_an_ounce_of_volume(units: Units) -> None:
    assert verdicts(units, "72 pounds = 72 ounces") == ["refuted"]
    assert verdicts(units, "30 pounds = 480 ounces") == ["verified"]
