"""Redaction: what identifies a person or opens a door is replaced by a numbered placeholder, before anything is stored.

    Write to ann@example.com, or ANN@example.com   ->   Write to [EMAIL_1], or [EMAIL_1]

One `Redaction` goes through one item, so that a value has the same number wherever it stands in input and reply; numbers say
nothing across items. It finds what has a form and, where the kind has one, a checksum: names, addresses in prose and
what a picture shows have neither, and stay.

It knows neither items nor where they are kept. The door uses it on what it captures, an import on what it reads.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Set
from typing import Any, Final, cast

from freehold.errors import InvalidField
from freehold.redaction.rules import RULES, SECRET_NAMES, Found, Rule, custom

WORD: Final = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
"""What a rule of one's own may be called in its placeholders."""

_LEFT_ALONE: Final = frozenset({"role", "type", "id", "tool_call_id"})
"""Fields of a message that hold no words of a person."""


_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*', re.DOTALL)
"""A string or a number of JSON."""

_BREAK: Final = re.compile(r"(?<!\\)\\+(?:[bfnrt]|u00[01][0-9A-Fa-f])")
"""A line break, tabulator or other sign without a body as JSON writes it, also in JSON inside JSON."""


class Redactor:
    """Some of the rules, ready for any number of items."""

    def __init__(self, names: Iterable[str] = tuple(RULES), patterns: Mapping[str, str] | None = None) -> None:
        """`names` are built-in rules, `patterns` regular expressions by the word of their placeholders, which come first.

        Raises InvalidField for a rule that there is not, or a pattern that cannot be used."""
        self._rules = [_own(word, pattern) for word, pattern in (patterns or {}).items()]
        wanted = set(names)
        unknown = sorted(wanted - set(RULES))
        if unknown:
            raise InvalidField(f"There is no rule {unknown[0]!r}.", f"There are {', '.join(RULES)}.", param="redact")
        self._rules += [rule for name, rule in RULES.items() if name in wanted]

    def begin(self) -> "Redaction":
        """For one item."""
        return Redaction(self._rules)


class Redaction:
    """The redaction of one item: give it everything that belongs together."""

    def __init__(self, rules: list[Rule]) -> None:
        self._rules = rules
        self._numbers: dict[str, dict[str, int]] = {}

    @property
    def counts(self) -> dict[str, int]:
        """How many different values were replaced, by the word of their placeholders."""
        return {word: len(values) for word, values in self._numbers.items() if values}

    def text(self, text: str) -> str:
        """The text with placeholders. Text that is JSON is JSON afterwards, and as it was but for what is replaced: its strings
        are read as they are meant, `\\n` as a line break, and a number becomes a placeholder in quotes."""
        return self._in_json(text) if text.lstrip()[:1] in ("{", "[") and _is_json(text) else self._in_words(text)

    def value(self, value: Any) -> Any:
        """A value made of JSON's types, with placeholders in every text but the fields that name parts of a message."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in cast("list[Any]", value)]
        if isinstance(value, dict):
            pairs = cast("dict[str, Any]", value)
            return {name: one if name in _LEFT_ALONE else self.under(name, one) for name, one in pairs.items()}
        return value

    def under(self, name: str, value: Any) -> Any:
        """A value as `value` has it, and where its name may be a secret's, as JSON that says the name beside it."""
        redacted = self.value(value)
        if redacted != value or not isinstance(value, str | int | float) or not _may_hide(name):
            return redacted
        written = json.dumps({name: value}, ensure_ascii=False)
        replaced = self.text(written)
        return value if replaced == written else next(iter(json.loads(replaced).values()))

    def _in_words(self, text: str) -> str:
        """What is no JSON, or only a piece of it, in a fence or cut short: there too a line break that is written `\\n` hides
        nothing."""
        for rule in self._rules:
            text = self._replace(rule, text, text)
        if _BREAK.search(text):
            for rule in self._rules:
                text = self._replace(rule, text, _BREAK.sub(lambda match: "\n" * len(match[0]), text))
        return text

    def _in_json(self, text: str) -> str:
        """Strings with escapes by their meaning; then the text as it is written, where a name says what its value is; and what
        would not be JSON after that, string by string and number by number."""
        text = _TOKEN.sub(lambda match: self._token(match[0]) if "\\" in match[0] else match[0], text)
        apart = False
        for rule in self._rules:
            replaced = self._if_json(rule, text)
            if replaced is None and not apart:
                apart, text = True, _TOKEN.sub(lambda match: self._token(match[0]), text)
                replaced = self._if_json(rule, text)
            text = text if replaced is None else replaced
        return text

    def _token(self, token: str) -> str:
        """A string or number of JSON, letter by letter as it was where nothing is found in it."""
        said: str = json.loads(token, strict=False) if token[0] == '"' else token
        replaced = self.text(said)
        return token if replaced == said else json.dumps(replaced, ensure_ascii="\\u" in token)

    def _if_json(self, rule: Rule, text: str) -> str | None:
        """The JSON text under one rule; None, and nothing is counted, where it would be JSON no longer."""
        before = dict(self._numbers.get(rule.word, {}))
        found = list(rule.find(text))
        for places, numbers in ((found, frozenset[int]()), _in_numbers(found, text)):
            replaced = self._put(rule, text, places, numbers)
            if replaced == text or _is_json(replaced):
                return replaced
            self._numbers[rule.word] = dict(before)
        return None

    def _replace(self, rule: Rule, text: str, read: str) -> str:
        """The text without what the rule finds in `read`, where everything has the place that it has in the text."""
        return self._put(rule, text, rule.find(read), frozenset())

    def _put(self, rule: Rule, text: str, found: Iterable[Found], bare: Set[int]) -> str:
        """Placeholders in the place of what was found; in quotes for what begins in `bare`."""
        parts: list[str] = []
        at = 0
        for start, end, value in found:
            numbers = self._numbers.setdefault(rule.word, {})
            number = numbers.setdefault(value, len(numbers) + 1)
            parts += (text[at:start], f'"[{rule.word}_{number}]"' if start in bare else f"[{rule.word}_{number}]")
            at = end
        return "".join((*parts, text[at:])) if parts else text


def _may_hide(name: str) -> bool:
    small = name.lower()
    return any(word in small for word in SECRET_NAMES)


def _in_numbers(found: Iterable[Found], text: str) -> tuple[list[Found], set[int]]:
    """What was found, whole numbers of JSON where it stands in one, and where these begin. What begins in a number and goes on
    behind it is none."""
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    starts = [start for start, _ in tokens]
    kept: list[Found] = []
    numbers: set[int] = set()
    for start, end, value in found:
        place = bisect_right(starts, start) - 1
        first, last = tokens[place] if place >= 0 else (0, 0)
        if start >= last or text[first] == '"':
            kept.append((start, end, value))
        elif end <= last and first not in numbers:
            kept.append((first, last, value))
            numbers.add(first)
    return kept, numbers


def _is_json(text: str) -> bool:
    """Whether it can be read as JSON. Numbers are not: they may be larger than any that there is."""
    try:
        json.loads(text, strict=False, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def _own(word: str, pattern: str) -> Rule:
    if WORD.fullmatch(word) is None:
        raise InvalidField(
            f"{word!r} cannot be the word of a placeholder.", "Use capital letters, digits and _.", param="redact"
        )
    try:
        return custom(word, pattern)
    except (re.error, ValueError) as error:
        raise InvalidField(f"The pattern of {word} cannot be used: {error}.", param="redact") from None
