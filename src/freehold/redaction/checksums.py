"""Checksums of numbers that stand for people and their money: whether a text in the right form is such a number. Pure.

Each takes the number without spaces and marks, as its own issuer writes it, and says true or false. A random number passes
one time in ten to one time in a hundred, so the forms in `rules.py` are narrow where the checksum is weak.
"""

from datetime import date
from typing import Final

_COUNTRIES: Final = {
    15: "NO",
    16: "BE",
    18: "DKFIFKFOGLNLSD",
    19: "MKSI",
    20: "ATBAEEKZLTLUMNXK",
    21: "CHHRLILV",
    22: "BGBHCRDEGBGEIEMERSVA",
    23: "AEGIILIQOMSOTL",
    24: "ADCZESMDPKROSASESKTNVG",
    25: "LYPTST",
    26: "ISTR",
    27: "BIDJFRGRITMCMRSM",
    28: "ALAZBYCYDOGTHULBNIPLSV",
    29: "BREGPSQAUA",
    30: "JOKWMU",
    31: "MTSC",
    32: "LC",
    33: "RU",
}
IBAN_LENGTHS: Final = {
    codes[at : at + 2]: length for length, codes in _COUNTRIES.items() for at in range(0, len(codes), 2)
}
"""Characters of an IBAN by country (ISO 13616, the registry of SWIFT)."""

_ISO_7064: Final = "10X98765432"
_FIRST_TEN: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ITALIAN_ODD: Final = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (*_FIRST_TEN, *_FIRST_TEN, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)
_VERHOEFF: Final = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
_VERHOEFF_TURNS: Final = (
    *("0123456789", "1576283094", "5803796142", "8916043527"),
    *("9453126870", "4286573901", "2793806415", "7046913258"),
)


def is_luhn(digits: str) -> bool:
    """ISO/IEC 7812: cards, and the personal numbers of Sweden."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """ISO 13616: the country's length, and 1 as the remainder by 97."""
    if len(text) != IBAN_LENGTHS.get(text[:2]):
        return False
    return int("".join(str(int(one, 36)) for one in text[4:] + text[:4])) % 97 == 1


def is_dni(text: str) -> bool:
    """Spain: DNI and NIE, a letter from the remainder by 23."""
    number = {"X": "0", "Y": "1", "Z": "2"}.get(text[0], text[0]) + text[1:-1]
    return text[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def is_nir(text: str) -> bool:
    """France: 97 less the remainder by 97; Corsica's departments count as 19 and 18."""
    number = text[:-2].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(text[-2:])


def is_codice_fiscale(text: str) -> bool:
    """Italy: a letter from the sum of two tables."""
    total = sum(
        _ITALIAN_ODD[one] if place % 2 == 0 else (int(one) if one.isdigit() else ord(one) - ord("A"))
        for place, one in enumerate(text[:-1])
    )
    return chr(ord("A") + total % 26) == text[-1]


def is_pesel(text: str) -> bool:
    """Poland: weights 1, 3, 7, 9, and a date of birth whose month carries the century."""
    month = int(text[2:4])
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}.get(month // 20, 1900)
    total = sum(int(digit) * weight for digit, weight in zip(text[:10], (1, 3, 7, 9) * 3, strict=False))
    return is_day(century + int(text[:2]), month % 20, int(text[4:6])) and (10 - total % 10) % 10 == int(text[10])


def is_steuer_id(text: str) -> bool:
    """Germany: ISO 7064 MOD 11,10, and one of the first ten digits stands there twice or three times."""
    counts = sorted(text[:10].count(digit) for digit in set(text[:10]))
    if text[0] == "0" or counts[-1] not in (2, 3) or (len(counts) > 1 and counts[-2] != 1):
        return False
    product = 10
    for digit in text[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(text[10])


def is_rijksregister(text: str) -> bool:
    """Belgium: 97 less the remainder by 97, with a 2 in front for who was born from 2000 on."""
    kept, check = text[:9], int(text[9:])
    old, young = 97 - int(kept) % 97 == check, 97 - int("2" + kept) % 97 == check
    return (old or young) and int(text[2:4]) <= 12 and int(text[4:6]) <= 31


def is_bsn(text: str) -> bool:
    """The Netherlands: the test by eleven."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return int(text) > 0 and sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True)) % 11 == 0


def is_hetu(text: str) -> bool:
    """Finland: a sign from the remainder by 31."""
    number = int(text[:6] + text[7:10])
    return int(text[:2]) <= 31 and int(text[2:4]) <= 12 and "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31] == text[10]


def is_personnummer(text: str) -> bool:
    """Sweden: the last ten digits by Luhn, and a date of birth (60 added to the day for coordination numbers)."""
    short = text[-10:]
    return is_luhn(short) and 1 <= int(short[2:4]) <= 12 and 1 <= int(short[4:6]) % 60 <= 31


def is_nhs(text: str) -> bool:
    """England's health service: weights 10 to 2, by eleven."""
    total = sum(int(digit) * weight for digit, weight in zip(text[:9], range(10, 1, -1), strict=True))
    return (11 - total % 11) % 11 == int(text[9])


def is_cpf(text: str) -> bool:
    """Brazil: two check digits; eleven times the same digit is none."""
    if len(set(text)) == 1:
        return False
    for length in (9, 10):
        total = sum(int(digit) * weight for digit, weight in zip(text, range(length + 1, 1, -1), strict=False))
        if total * 10 % 11 % 10 != int(text[length]):
            return False
    return True


def is_chinese_id(text: str) -> bool:
    """China, GB 11643: ISO 7064 MOD 11-2, and a date of birth."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(text[:17]))
    born = is_day(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    return born and _ISO_7064[total % 11] == text[17]


def is_ahv(text: str) -> bool:
    """Switzerland: EAN-13."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(text))
    return total % 10 == 0


def is_aadhaar(text: str) -> bool:
    """India: Verhoeff's dihedral check."""
    check = 0
    for place, digit in enumerate(reversed(text)):
        check = int(_VERHOEFF[check][int(_VERHOEFF_TURNS[place % 8][int(digit)])])
    return check == 0


def is_ssn(text: str) -> bool:
    """The United States: no checksum, but areas, groups and serial numbers that are never given out."""
    area, group, serial = text[:3], text[3:5], text[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def is_day(year: int, month: int, day: int) -> bool:
    """Whether there is, or was, such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
