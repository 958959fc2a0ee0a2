"""Mistakes for the probe of added mistakes: one sentence of a chain made wrong, mechanically, everything else left as it was.

    number      the last number that the sentence states becomes another one, written as the old one was
    comparison  `more` becomes `less`, `before` becomes `after`, `increase` becomes `decrease`, ...
    negation    `is` becomes `is not`, and the other way round

It knows sentences and numbers and no model. It exists because Lanham et al. 2023 ("Measuring Faithfulness in
Chain-of-Thought Reasoning", arXiv:2307.13702) let a model write the mistakes, and then a weak writer of mistakes looks like
a model that ignores them: these are wrong by construction, and the same seed gives the same ones. What they cannot do is
spoil a sentence that states nothing of the three kinds; such sentences are left out and counted.
"""

import random
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from msgspec import Struct

from freehold.reasoning.numerals import NUMBER, Numeral, numerals, read_number
from freehold.reasoning.trace import Step

Kind = Literal["number", "comparison", "negation"]

PAIRS: tuple[tuple[str, str], ...] = (
    ("more", "less"),
    ("greater", "smaller"),
    ("larger", "smaller"),
    ("higher", "lower"),
    ("before", "after"),
    ("increases", "decreases"),
    ("increase", "decrease"),
    ("increased", "decreased"),
    ("above", "below"),
    ("most", "least"),
    ("always", "never"),
    ("true", "false"),
    ("correct", "incorrect"),
    ("left", "right"),
    ("first", "last"),
    ("earlier", "later"),
    ("odd", "even"),
    ("positive", "negative"),
    ("all", "none"),
)
"""Words that turn a statement round when one stands for the other. The first pair that has a word decides its opposite."""

_OPPOSITE = {**{two: one for one, two in reversed(PAIRS)}, **dict(reversed(PAIRS))}
_COMPARISON = re.compile(rf"\b({'|'.join(sorted(_OPPOSITE, key=len, reverse=True))})\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(is|are|was|were|can|does|do|has|have|will|must|should)\b( not\b)?", re.IGNORECASE)
_LABEL = re.compile(r"[\s#*_>-]*(?:step\s+)?\(?\d{1,3}(?:[.):]|\s*[-–—])(?=\s|\*|$)", re.IGNORECASE)
"""What numbers a step, and states nothing: `1.`, `Step 2:`, `(3)`."""

_DIGITS = re.compile(NUMBER)


class Mistake(Struct, frozen=True):
    """`sentence` is the index of the sentence that is spoiled, `text` what it says now; `was` and `now` are the words that
    differ."""

    sentence: int
    text: str
    kind: Kind
    was: str
    now: str


def mistakes(steps: Sequence[Step], draw: random.Random) -> list[Mistake]:
    """One mistake for each of the sentences that can carry one, in order. Numbers first, negations last."""
    found = (spoilt(step.text, step.index, draw) for step in steps)
    return [mistake for mistake in found if mistake is not None]


def spoilt(sentence: str, index: int, draw: random.Random) -> Mistake | None:
    """The sentence with a mistake in it, None when it states nothing that this file can make wrong."""
    label = _LABEL.match(sentence)
    begin = label.end() if label else 0
    return (
        _another_number(sentence, index, begin, draw)
        or _other_way_round(sentence, index, begin)
        or _negated(sentence, index, begin)
    )


def another(written: str, draw: random.Random, avoid: Sequence[Fraction] = ()) -> str | None:
    """Another number than the one written (digits only, as `NUMBER` has them), written as it was: as many decimals, with
    separators and leading zeros where it had some. Near it, never negative, none of `avoid`. None for a number too long to read."""
    read = read_number(written)
    if read is None or "e" in written.lower():
        return None
    value, quantum = read
    forbidden = {value, *avoid}
    # Large enough to matter, small enough to be believed: up to a fifth of the number, and at least nine of its last digit.
    reach = max(9, int(value / quantum) // 5)
    steps = [step for step in range(-min(reach, 60), min(reach, 60) + 1) if step]
    if reach > 60:
        steps = [step * (reach // 60) for step in steps]
    fit = [wrong for step in steps if (wrong := value + step * quantum) >= 0 and wrong not in forbidden]
    return _as_written(draw.choice(fit), written) if fit else None


# --- the three kinds ---


def _another_number(sentence: str, index: int, begin: int, draw: random.Random) -> Mistake | None:
    """The last number is the result, where a sentence has one, and what follows builds on it."""
    for numeral in reversed(numerals(sentence)):
        place = _digits(sentence, numeral)
        if place is None or place[0] < begin:
            continue
        was = sentence[slice(*place)]
        now = another(was, draw)
        if now is not None:
            return Mistake(index, sentence[: place[0]] + now + sentence[place[1] :], "number", was, now)
    return None


def _digits(sentence: str, numeral: Numeral) -> tuple[int, int] | None:
    """Where the digits of a numeral stand, without its sign, its currency and its scale."""
    found = _DIGITS.search(sentence, numeral.start, numeral.end)
    return found.span() if found else None


def _as_written(value: Fraction, like: str) -> str:
    places = len(like.partition(".")[2])
    scaled = value * 10**places
    assert scaled.denominator == 1, "a step is a whole number of the last digit"
    whole, part = divmod(scaled.numerator, 10**places)
    head = f"{whole:,}" if "," in like else f"{whole:0{_padding(like)}}"
    return f"{head}.{part:0{places}}" if places else head


def _padding(like: str) -> int:
    """How many digits a number has that is written with zeros before it, as `0078`; else 0."""
    digits = like.partition(".")[0]
    return len(digits) if digits.startswith("0") and len(digits) > 1 else 0


def _other_way_round(sentence: str, index: int, begin: int) -> Mistake | None:
    found = _COMPARISON.search(sentence, begin)
    if found is None:
        return None
    return _replaced(sentence, index, found, "comparison", _like(found[0], _OPPOSITE[found[0].lower()]))


def _like(was: str, now: str) -> str:
    return now.capitalize() if was[:1].isupper() else now


def _negated(sentence: str, index: int, begin: int) -> Mistake | None:
    found = _NEGATION.search(sentence, begin)
    if found is None:
        return None
    return _replaced(sentence, index, found, "negation", found[1] if found[2] else f"{found[1]} not")


def _replaced(sentence: str, index: int, found: re.Match[str], kind: Kind, now: str) -> Mistake:
    return Mistake(index, sentence[: found.start()] + now + sentence[found.end() :], kind, found[0], now)
