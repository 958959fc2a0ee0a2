"""The rules: what each kind of thing looks like, and what must hold for it to be one. Data, and small functions over text.

Every pattern looks at a bounded stretch behind a fixed beginning, so that no text, however it is made, takes longer than in
proportion to its length.
"""

import contextlib
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from freehold.redaction import checksums

Found = tuple[int, int, str]
"""Where something stands in a text, and its value in one spelling, by which it is known again."""


class Rule(Struct, frozen=True):
    """One rule. `word` stands in its placeholders; `find` gives what it finds in a text, in order, without overlap."""

    word: str
    find: Callable[[str], Iterator[Found]]


def custom(word: str, pattern: str) -> Rule:
    """A rule of the user's own. Raises `re.error`, and ValueError for a pattern that finds nothing at all."""
    compiled = re.compile(pattern)
    if compiled.fullmatch("") is not None:
        raise ValueError("the pattern fits an empty text, so it would stand everywhere")

    def find(text: str) -> Iterator[Found]:
        for match in compiled.finditer(text):
            if match.end() > match.start():
                yield match.start(), match.end(), match[0]

    return Rule(word, find)


# --- secrets ---

_KEYS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,300}|fh_[A-Za-z0-9_-]{16,100}|hf_[A-Za-z0-9]{20,100}|gh[pousr]_[A-Za-z0-9]{20,260}|"
    r"github_pat_[A-Za-z0-9_]{20,200}|glpat-[A-Za-z0-9_-]{16,100}|xox[abeprs]-[A-Za-z0-9-]{10,200}|"
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35}|npm_[A-Za-z0-9]{30,60}|pypi-[A-Za-z0-9_-]{16,300}|"
    r"SG\.[A-Za-z0-9_-]{16,40}\.[A-Za-z0-9_-]{16,80}|eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{0,2000}"
    r")(?![A-Za-z0-9])"
)
_NAMED: Final = re.compile(
    r"(?i)(?:api[_-]?key|access[_-]?key|client[_-]?secret|secret|password|passwort|passwd|pwd|token|bearer|authorization)"
    r"[\"']?\s{0,4}(?:[:=]|\bis\b|(?<=bearer)\s)\s{0,4}[\"']?(?P<value>-?\d[\d.eE+-]{7,300}(?=\s{0,9}\})|[^\s\"',;\[\]]{8,300})"
)
_QUOTED: Final = re.compile(
    r"(?i)(?:password(?:_?confirm(?:ation)?)?|passwort|passwd|passphrase|pwd|(?<=[_-])secret|secret(?=\\{0,3}[\"']|\s{0,4}=))"
    r"\\{0,3}[\"']?\s{0,4}[:=]\s{0,4}(?P<open>\\{0,3}[\"'])(?P<value>(?:(?!(?P=open))(?:\\.|[^\\\r\n])){4,200})(?P=open)"
)
"""A value in quotes beside a name that says outright what it is: shorter than others may be, and with spaces in it. Of what it finds in 249 MB of programs,
data and documents (22,418 files of Python packages) all were passwords."""

_ESCAPE: Final = re.compile(r"\\+u[0-9A-Fa-f]{4}")
_PLACEHOLDER: Final = re.compile(r"\[[A-Z][A-Z0-9_]*_\d+\]")
_COUNTING: Final = re.compile(
    r"(?i)\d\W{0,3}(?:or more |and more )?(?:\w{1,12} ){0,2}(?:characters?|chars?|letters?|digits?|symbols?|words?|days?|hours?|minutes?|attempts?|times|zeichen)\b"
)
"""What is said of a password, as in `"password": "must have at least 8 characters"`, and is none."""

SECRET_NAMES: Final = ("key", "secret", "passw", "passphrase", "pwd", "token", "bearer", "authorization")
"""What stands in every name of a secret, in small letters."""

_IN_URL: Final = re.compile(r"://(?P<value>[^\s/:@]{1,100}:[^\s/@]{1,200})@")
_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{0,30}PRIVATE KEY)-----")


def _secrets(text: str) -> Iterator[Found]:
    found: list[Found] = [(match.start(), match.end(), match[0]) for match in _KEYS.finditer(text)]
    for match in _PEM.finditer(text):
        end = text.find(f"-----END {match[1]}-----", match.end())
        stop = len(text) if end < 0 else end + len(match[1]) + 14
        found.append((match.start(), stop, text[match.start() : stop]))
    small = text.lower()
    named = (_NAMED, _QUOTED) if any(word in small for word in SECRET_NAMES) else ()
    for pattern in (*named, _IN_URL):
        for match in pattern.finditer(text):
            value = match["value"]
            if pattern is _IN_URL or (any(one.isdigit() for one in value) if pattern is _NAMED else _is_secret(value)):
                found.append((match.start("value"), match.end("value"), value))
    yield from _apart(found)


def _is_secret(value: str) -> bool:
    """Whether a value in quotes has a digit of its own, is replaced by nothing yet, and is no sentence about secrets."""
    said = _ESCAPE.sub("", value)
    return any(one.isdigit() for one in said) and not _PLACEHOLDER.search(said) and not _COUNTING.search(said)


def _apart(found: list[Found]) -> Iterator[Found]:
    """In order, without overlap: of two that overlap the one that begins first, then the longer."""
    end = 0
    for one in sorted(found, key=lambda one: (one[0], -one[1])):
        if one[0] >= end:
            yield one
            end = one[1]


# --- people and places ---

_EMAIL: Final = re.compile(
    r"(?<![\w.+-])[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?!\w)"
)
_IPV4: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)")
_IPV6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![\w:])")
_PHONE: Final = re.compile(
    r"(?:(?<![\w@])\+ ?|(?<![\w@])\(|(?<![\w@./-])(?<!\d[:,]))\d(?:[ \u00a0().\-/]{0,2}\d){6,16}(?![\w@])"
)
"""A + or a bracket begins a number behind any mark, a bare digit not behind those of amounts, times, paths and names: `1,2`,
`1:2`, `/2`, `-2`, `.2`; but `Tel:0171` and `Lee,0171` are a label and a column."""

_SLASHED: Final = re.compile(
    r"(?:(?<![\w@])\+ ?(?:\d{1,3} (?:\(0\) ?)?\d{2,5}|\d{5,8})|(?<![\w@])\(0\d{2,5}\)|(?<![\w@./-])(?<!\d[:,])0\d{2,5})"
    r" / \d(?:[ -]?\d){3,9}(?![\w@])"
)
"""`0171 / 1234567`: an area code and a slash between spaces, which also stands between two numbers."""

_DATE: Final = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{2,4}(?: .*)?")
_DECIMAL: Final = re.compile(r"\d+[.,]\d+")
_AMERICAN: Final = re.compile(r"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])\d{3}[ .-]\d{4}")


def _emails(text: str) -> Iterator[Found]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield match.start(), match.end(), match[0].casefold()


def _addresses(text: str) -> Iterator[Found]:
    found: list[Found] = []
    for pattern in (_IPV4, _IPV6) if text.count(":") > 1 else (_IPV4,):
        for match in pattern.finditer(text):
            with contextlib.suppress(ValueError):
                value = str(ipaddress.ip_address(match[0]))
                if any(one.isdigit() for one in value):  # `::` is also how programs write a scope
                    found.append((match.start(), match.end(), value))
    yield from _apart(found)


def _phones(text: str) -> Iterator[Found]:
    found: list[Found] = []
    for pattern in (_PHONE, _SLASHED) if " / " in text else (_PHONE,):
        for match in pattern.finditer(text):
            written = match[0]
            digits = "".join(filter(str.isdigit, written))
            if _is_phone(written, digits):
                found.append((match.start(), match.end(), ("+" if written[0] == "+" else "") + digits))
    yield from _apart(found)


def _is_phone(written: str, digits: str) -> bool:
    """International with + or 00, national with a leading 0, or as North America writes them; no dates, no decimals."""
    if written[0] == "+":
        return 8 <= len(digits) <= 15
    if _DATE.fullmatch(written) or _DECIMAL.fullmatch(written):
        return False
    if digits.startswith("00"):
        return digits[2:3] != "0" and 10 <= len(digits) <= 17
    if digits.startswith("0"):
        return 9 <= len(digits) <= 12
    return _AMERICAN.fullmatch(written) is not None


# --- numbers with a checksum ---

_CARD: Final = re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){9,15}(?!\w|-\d)")
_IBAN: Final = re.compile(r"(?<!\w)[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]{1,4}){3,9}", re.IGNORECASE)
_CARD_LENGTHS: Final = (19, 18, 17, 16, 15, 14, 13)


def _cards(text: str) -> Iterator[Found]:
    for match in _CARD.finditer(text):
        for length in _CARD_LENGTHS:
            end = _end_of(text, match.start(), match.end(), length)
            digits = "".join(filter(str.isdigit, text[match.start() : end])) if end else ""
            if end and checksums.is_luhn(digits) and len(set(digits)) > 1:
                yield match.start(), end, digits
                break


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        country = match[0][:2].upper()
        end = _end_of(text, match.start(), match.end(), checksums.IBAN_LENGTHS.get(country, 0))
        value = text[match.start() : end].translate(_MARKS).upper() if end else ""
        if end and checksums.is_iban(value):
            yield match.start(), end, value


def _end_of(text: str, start: int, limit: int, length: int) -> int:
    """Where the first `length` letters and digits from `start` end; 0 where there are fewer, or the next belongs to them."""
    left = length
    for place in range(start, limit):
        left -= text[place].isalnum()
        if left == 0:
            following = text[place + 1 : place + 2]
            return 0 if following.isalnum() else place + 1
    return 0


_NATIONAL: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    (r"(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z]", checksums.is_dni),
    (
        r"[1278] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d",
        checksums.is_nir,
    ),
    (r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", checksums.is_codice_fiscale),
    (r"\d{11}", lambda text: checksums.is_pesel(text) or checksums.is_steuer_id(text) or checksums.is_cpf(text)),
    (r"\d\d \d{3} \d{3} \d{3}", checksums.is_steuer_id),
    (r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d|\d{6}-\d{3}-\d\d", checksums.is_rijksregister),
    (r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", checksums.is_hetu),
    (r"(?:\d\d)?\d{6}[-+]\d{4}", checksums.is_personnummer),
    (r"\d{3} \d{3} \d{4}", checksums.is_nhs),
    (r"\d{3}\.\d{3}\.\d{3}-\d\d", checksums.is_cpf),
    (r"\d{17}[\dX]", checksums.is_chinese_id),
    (r"756\.\d{4}\.\d{4}\.\d\d|756\d{10}", checksums.is_ahv),
    (r"[2-9]\d{3} \d{4} \d{4}", checksums.is_aadhaar),
    (r"\d{3}-\d\d-\d{4}", checksums.is_ssn),
    (r"(?i:(?<=bsn )|(?<=bsn: )|(?<=burgerservicenummer ))(?:\d{9}|\d{4}\.\d\d\.\d{3})", checksums.is_bsn),
)
_FORMS: Final = tuple((re.compile(rf"(?<![\w.-])(?:{form})(?!\w|[.-]\d)"), holds) for form, holds in _NATIONAL)
_DENSE: Final = re.compile(r"\d{5}|\d{2,4}[ .-]\d{2,4}[ .-]\d|[A-Z]{6}\d\d")
_AROUND: Final = 24
_MARKS: Final = str.maketrans("", "", " .-")


def _national_ids(text: str) -> Iterator[Found]:
    found: list[Found] = []
    for start, end in _dense(text):
        for form, holds in _FORMS:
            for match in form.finditer(text, start, end):
                bare = match[0].translate(_MARKS)
                if holds(match[0] if holds is checksums.is_hetu else bare.replace("+", "")):
                    found.append((match.start(), match.end(), bare))
    yield from _apart(found)


def _dense(text: str) -> Iterator[tuple[int, int]]:
    """The stretches around what every national number has somewhere: in most texts there is little of it, and the forms need
    not look at the rest. A number has at most 21 characters, so none is cut."""
    start = end = -1
    for match in _DENSE.finditer(text):
        if match.start() - _AROUND > end:
            if end >= 0:
                yield start, end
            start = max(0, match.start() - _AROUND)
        end = match.end() + _AROUND
    if end >= 0:
        yield start, end


RULES: Final[Mapping[str, Rule]] = {
    "secret": Rule("SECRET", _secrets),
    "email": Rule("EMAIL", _emails),
    "iban": Rule("IBAN", _ibans),
    "card": Rule("CARD", _cards),
    "national_id": Rule("NATIONAL_ID", _national_ids),
    "ip": Rule("IP", _addresses),
    "phone": Rule("PHONE", _phones),
}
"""The built-in rules by name, in the order in which they are applied: what one has replaced, the next does not see."""
