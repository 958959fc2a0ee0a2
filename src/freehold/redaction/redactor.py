"""Redaction: what identifies a person or opens a door is replaced by a numbered placeholder, before anything is stored.

    Write to ann@example.com, or ANN@example.com   ->   Write to [EMAIL_1], or [EMAIL_1]

One `Redaction` goes through one item, so that a value has the same number wherever it stands in input and reply; numbers say
nothing across items. It finds what has a form and, where the kind has one, a checksum: names, addresses in prose and
what a picture shows have neither, and stay.

It knows neither items nor where they are kept. The door uses it on what it captures, an import on what it reads.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import msgspec

from freehold.errors import InvalidField
from freehold.redaction.rules import RULES, Rule, custom

WORD: Final = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
"""What a rule of one's own may be called in its placeholders."""

_LEFT_ALONE: Final = frozenset({"role", "type", "id", "tool_call_id"})
"""Fields of a message that hold no words of a person."""


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
        return {word: len(values) for word, values in self._numbers.items()}

    def text(self, text: str) -> str:
        """The text with placeholders. Text that is JSON is JSON afterwards: a number becomes a placeholder in quotes."""
        replaced = text
        for rule in self._rules:
            replaced = self._replace(rule, replaced)
        if replaced != text and text.lstrip()[:1] in ("{", "[") and _json(replaced) is None:
            value = _json(text)
            if value is not None:
                return msgspec.json.encode(self._inner(value.value)).decode()
        return replaced

    def value(self, value: Any) -> Any:
        """A value made of JSON's types, with placeholders in every text but the fields that name parts of a message."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in cast("list[Any]", value)]
        if isinstance(value, dict):
            pairs = cast("dict[str, Any]", value)
            return {name: one if name in _LEFT_ALONE else self.value(one) for name, one in pairs.items()}
        return value

    def _inner(self, value: Any) -> Any:
        """As `value`, for what a model wrote: every field counts, and so do numbers."""
        if isinstance(value, list):
            return [self._inner(one) for one in cast("list[Any]", value)]
        if isinstance(value, dict):
            return {self.text(name): self._inner(one) for name, one in cast("dict[str, Any]", value).items()}
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = msgspec.json.encode(value).decode()
            replaced = self.text(written)
            return value if replaced == written else replaced
        return self.text(value) if isinstance(value, str) else value

    def _replace(self, rule: Rule, text: str) -> str:
        parts: list[str] = []
        at = 0
        for start, end, value in rule.find(text):
            numbers = self._numbers.setdefault(rule.word, {})
            number = numbers.setdefault(value, len(numbers) + 1)
            parts += (text[at:start], f"[{rule.word}_{number}]")
            at = end
        return "".join((*parts, text[at:])) if parts else text


class _Json(msgspec.Struct, frozen=True):
    value: Any


def _json(text: str) -> _Json | None:
    try:
        return _Json(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def _own(word: str, pattern: str) -> Rule:
    if WORD.fullmatch(word) is None:
        raise InvalidField(
            f"{word!r} cannot be the word of a placeholder.", "Use capital letters, digits and _.", param="redact"
        )
    try:
        return custom(word, pattern)
    except (re.error, ValueError) as error:
        raise InvalidField(f"The pattern of {word} cannot be used: {error}.", param="redact") from None
