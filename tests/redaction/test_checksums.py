"""Checksums: numbers that their issuers publish as samples hold, and every one of them with a digit changed does not."""

from collections.abc import Callable

import pytest

from freehold.redaction import checksums

# Samples of issuers, registries and encyclopaedias; none belongs to a person.
PUBLISHED: list[tuple[Callable[[str], bool], str]] = [
    (checksums.is_luhn, "4111111111111111"),
    (checksums.is_luhn, "378282246310005"),
    (checksums.is_luhn, "79927398713"),
    (checksums.is_iban, "GB82WEST12345698765432"),
    (checksums.is_iban, "DE89370400440532013000"),
    (checksums.is_iban, "FR1420041010050500013M02606"),
    (checksums.is_iban, "MT84MALT011000012345MTLCAST001S"),
    (checksums.is_dni, "12345678Z"),
    (checksums.is_dni, "X1234567L"),
    (checksums.is_nir, "255081416802538"),
    (checksums.is_codice_fiscale, "RSSMRA85T10A562S"),
    (checksums.is_pesel, "44051401359"),
    (checksums.is_steuer_id, "86095742719"),
    (checksums.is_rijksregister, "85073003328"),
    (checksums.is_bsn, "111222333"),
    (checksums.is_hetu, "131052-308T"),
    (checksums.is_personnummer, "8112189876"),
    (checksums.is_nhs, "9434765919"),
    (checksums.is_cpf, "39053344705"),
    (checksums.is_chinese_id, "11010519491231002X"),
    (checksums.is_ahv, "7569217076985"),
    (checksums.is_aadhaar, "234123412346"),
]


@pytest.mark.parametrize(("holds", "number"), PUBLISHED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_published_sample_holds(holds: Callable[[str], bool], number: str) -> None:
    assert holds(number)


@pytest.mark.parametrize(("holds", "number"), PUBLISHED, ids=lambda value: value if isinstance(value, str) else "")
def test_one_digit_changed_and_it_holds_no_more(holds: Callable[[str], bool], number: str) -> None:
    """Each of these checks finds every single wrong digit, at least among the last ones, which carry no date."""
    place = max(index for index, one in enumerate(number[:-1]) if one.isdigit())
    changed = [number[:place] + digit + number[place + 1 :] for digit in "0123456789" if digit != number[place]]
    assert [one for one in changed if holds(one)] == []


def test_an_iban_has_the_length_of_its_country() -> None:
    assert not checksums.is_iban("GB82WEST1234569876543")
    assert not checksums.is_iban("ZZ82WEST12345698765432")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("078051120", True),
        *((wrong, False) for wrong in ("000121234", "666121234", "900121234", "123001234", "123120000")),
    ],
)
def test_a_social_security_number_has_an_area_a_group_and_a_serial_that_are_given_out(
    number: str, expected: bool
) -> None:
    assert checksums.is_ssn(number) is expected


def test_dates_of_birth_must_exist() -> None:
    assert not checksums.is_pesel("44133100000")
    assert checksums.is_day(2024, 2, 29)
    assert not checksums.is_day(2023, 2, 29)
