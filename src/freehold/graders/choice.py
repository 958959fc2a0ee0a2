"""Choice: the reply picks the right option of several, by its letter or by its text.

It knows options and how replies name them. It exists because models answer "B", "(B)", "The answer is B) Paris" and
"Paris", and all four are one answer. Where a reply names two options, it has picked none.

The options are `choices` of the table, else `metadata.choices` of the item (a list, or a table of letters and texts), else
the lines of the question that begin with a letter: `A) ...`, `(B) ...`, `C. ...`, `D: ...`. The order of reading: the stated
final answer as a letter or an option's text; the whole reply, the last line and the first line likewise; one option whose
words stand in the last line, then in the whole reply, and no other's (an option that contains another's words hides it).
"""

import re
from collections.abc import Mapping
from string import ascii_uppercase
from typing import Annotated, Any, Literal, cast

from msgspec import Meta

from freehold.graders.grader import Case, Grader, Options, decided, gist, is_empty, unscored, wrong
from freehold.graders.plain_text import holds_words, normalised
from freehold.graders.reference import MISSING, asked, at
from freehold.items import Given, Grade, Item
from freehold.reasoning.answers import final_answers, plain

MAX_LENGTH = 100_000

_LINE = re.compile(
    r"^\s*(?:\((?P<closed>[A-Za-z])\)|(?P<open>[A-Za-z])[.):])[ \t]+(?P<text>\S[^\n]*?)\s*$", re.MULTILINE
)
_LETTER = re.compile(r"(?:option|choice|answer)?\s*:?\s*[(\[]?([A-Za-z])[)\]]?[.,:;!]?", re.IGNORECASE)
_LETTER_IN = re.compile(r"(?<!\w)[(\[]?([A-Z])[)\]](?!\w)")
_LETTER_THEN_TEXT = re.compile(r"[(\[]?([A-Za-z])(?:[)\]]|[.:)](?=\s))\s*(\S.*)", re.DOTALL)


class ChoiceOptions(Options, frozen=True, kw_only=True):
    """Where the options are, and what the reference may be."""

    choices: Annotated[
        tuple[str, ...], Meta(max_length=26, description="The options, the same for every item; letters from A.")
    ] = ()
    index_from: Annotated[
        Annotated[int, Meta(ge=0, le=1)] | None,
        Meta(description="The reference is a number: of the option, counted from this."),
    ] = None
    unclear: Annotated[
        Literal["wrong", "unscored"], Meta(description="What a reply is that picks no option, or several.")
    ] = "wrong"


class Choice(Grader):
    """The reply picks the right option, by its letter or by its text. One that names several has picked none."""

    name = "choice"
    version = "2"
    takes = ChoiceOptions
    options: ChoiceOptions

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when the option that the reply picks is the reference's."""
        options = self._options(item)
        if len(options) < 2:
            return unscored("The item shows no options to choose from.")
        right = self._right(item, options)
        if right is None:
            return unscored(MISSING if item.reference is None else "The reference is none of the options.")
        if is_empty(given):
            return wrong("The reply is empty.")
        if len(given.text) > MAX_LENGTH:
            return unscored(f"The reply is longer than {MAX_LENGTH:,} characters.")
        picked = pick(given.text, options)
        if picked is None:
            said = "The reply picks no option, or several."
            return wrong(said) if self.options.unclear == "wrong" else unscored(said)
        return decided(picked == right, f"It picks {picked}; {right} is right ({gist(options[right])}).", picked=picked)

    def _options(self, item: Item) -> dict[str, str]:
        """The text of each option by its letter."""
        if self.options.choices:
            return lettered(list(self.options.choices))
        found = at(item, "metadata.choices")
        return lettered(found) if found is not None else shown_options(asked(item))

    def _right(self, item: Item, options: Mapping[str, str]) -> str | None:
        reference: Any = item.reference
        if isinstance(reference, list) and len(cast("list[Any]", reference)) == 1:
            reference = cast("list[Any]", reference)[0]
        if self.options.index_from is not None and isinstance(reference, int) and not isinstance(reference, bool):
            place = reference - self.options.index_from
            return list(options)[place] if 0 <= place < len(options) else None
        if isinstance(reference, int | float) and not isinstance(reference, bool):
            reference = str(reference)
        return _named(reference, options) if isinstance(reference, str) else None

    @classmethod
    def selftest(cls) -> list[Case]:
        """By letter, by text, and the ways not to choose."""
        question = "Where is it?\nA) Paris\nB) Paris, Texas\nC) Rome"
        body = {"messages": [{"role": "user", "content": question}]}
        item = Item(id="1", workload="w", input=body, reference="B")
        listed = Item(id="2", workload="w", input={}, reference=0, metadata={"choices": ["yes", "no"]})
        return [
            Case(role="gold", item=item, given=Given(text="**(b)**")),
            Case(role="gold", item=item, given=Given(text="A is in France. The answer is B) Paris, Texas.")),
            Case(role="gold", item=item, given=Given(text="It must be Paris, Texas!")),
            Case(role="gold", item=listed, given=Given(text="Yes."), table={"index_from": 0}),
            Case(role="corrupted", item=item, given=Given(text="It is Paris.")),
            Case(role="corrupted", item=item, given=Given(text="The answer is C.")),
            Case(role="corrupted", item=item, given=Given(text="Rome or Paris, Texas")),
            Case(role="garbage", item=item, given=Given(text="A nice question, because I like it.")),
            Case(role="empty", item=item, given=Given()),
            Case(role="unscorable", item=Item(id="3", workload="w", input={}, reference="B"), given=Given(text="B")),
            Case(role="unscorable", item=item, given=Given(text="None."), table={"unclear": "unscored"}),
        ]


GRADER = Choice


def lettered(choices: Any) -> dict[str, str]:
    """The options by letter: of a list from A on, of a table by its own letters; empty for anything else."""
    if isinstance(choices, Mapping):
        table = cast("Mapping[Any, Any]", choices)
        pairs = [(str(letter).strip().upper(), str(text)) for letter, text in table.items()]
        return dict(pairs) if all(len(letter) == 1 and letter.isalpha() for letter, _ in pairs) else {}
    if not isinstance(choices, list | tuple) or len(cast("list[Any]", choices)) > len(ascii_uppercase):
        return {}
    return dict(zip(ascii_uppercase, (str(text) for text in cast("list[Any]", choices)), strict=False))


def shown_options(question: str) -> dict[str, str]:
    """The options that a question shows: its last run of lines that count from A without a gap."""
    found: dict[str, str] = {}
    for match in _LINE.finditer(question[:MAX_LENGTH]):
        letter = (match["closed"] or match["open"]).upper()
        if letter == "A":
            found = {}
        if letter == ascii_uppercase[len(found)] if len(found) < len(ascii_uppercase) else False:
            found[letter] = match["text"]
    return found


def pick(text: str, options: Mapping[str, str]) -> str | None:
    """The letter of the option that a reply picks; None where it picks none, or several."""
    lines = [line for line in text.splitlines() if line.strip()]
    stated = [answer for _, _, answer in final_answers(text, whole=False)]
    for whole in (*stated, text, *lines[-1:], *lines[:1]):
        named = _named(whole, options)
        if named is not None:
            return named or None
    for part in (lines[-1] if lines else "", text):
        inside = _inside(part, options)
        if inside:
            return inside[0] if len(inside) == 1 else None
    return None


def _named(text: str, options: Mapping[str, str]) -> str | None:
    """The option that the whole text names: its letter, its text, or both; empty where these are of two options."""
    bare = plain(text.strip().strip("*_`")).strip("*_` ")
    letter = _LETTER.fullmatch(bare)
    if letter:
        return letter[1].upper() if letter[1].upper() in options else None
    words = normalised(bare, articles=False)  # "A) Rome" is no "a Rome"
    exact = [one for one, said in options.items() if normalised(said, articles=False) == words]
    if len(exact) == 1:
        return exact[0]
    both = _LETTER_THEN_TEXT.fullmatch(bare)
    if both is None or both[1].upper() not in options:
        return None
    first = both[1].upper()
    others = {one.upper() for one in _LETTER_IN.findall(both[2])} | set(_inside(both[2], options))
    return first if others <= {first} else ""


def _inside(text: str, options: Mapping[str, str]) -> list[str]:
    """The options whose words stand in the text. One whose words stand only inside a longer option's is not counted."""
    left = normalised(text, articles=False)
    found: list[str] = []
    for letter, said in sorted(options.items(), key=lambda pair: -len(pair[1])):
        words = normalised(said, articles=False)
        if holds_words(left, words):
            found.append(letter)
            left = f" {left} ".replace(f" {words} ", " | ").strip()
    return sorted(found)
