"""Includes: the right answer stands in the reply, in whole words.

It knows words and no sentence: "not Paris" includes Paris. It exists for replies in prose. Whole words, because "yesterday"
holds "yes" and says nothing of the kind.
"""

from typing import Annotated, Literal

from msgspec import Meta

from freehold.graders.grader import Case, Grader, Options, decided, gist, is_empty, unscored, wrong
from freehold.graders.plain_text import holds_words, normalised
from freehold.graders.reference import right_texts, why_no_texts
from freehold.items import Given, Grade, Item


class IncludesOptions(Options, frozen=True, kw_only=True):
    """What must stand in the reply."""

    values: Annotated[
        tuple[str, ...],
        Meta(description="The texts to look for, the same for every item; default: the item's reference."),
    ] = ()
    need: Annotated[Literal["any", "all"], Meta(description="Whether one of several texts is enough.")] = "any"
    case: Annotated[bool, Meta(description="Upper and lower case count.")] = False
    words: Annotated[bool, Meta(description="Whole words only; false finds a text also inside a word.")] = True


class Includes(Grader):
    """The right answer stands in the reply, in whole words. Punctuation, invisible signs and, unless asked, case do not
    count. It does not understand "not"."""

    name = "includes"
    version = "1"
    takes = IncludesOptions
    options: IncludesOptions

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when any, or all, of the texts stand in the reply."""
        texts = self.options.values or right_texts(item)
        if not texts:
            return unscored(why_no_texts(item))
        if is_empty(given):
            return wrong("The reply is empty.")
        found = [text for text in texts if self._stands(text, given.text)]
        missing = [text for text in texts if text not in found]
        holds = bool(found) if self.options.need == "any" else not missing
        what = f"It has {gist(found[0])!r}." if found else ""
        return decided(holds, what if holds else f"It lacks {gist(missing[0])!r}.", found=found, missing=missing)

    def _stands(self, wanted: str, said: str) -> bool:
        if self.options.case and wanted not in said:
            return False
        if not self.options.words:
            return wanted in said if self.options.case else wanted.casefold() in said.casefold()
        return holds_words(normalised(said, articles=False), normalised(wanted, articles=False))

    @classmethod
    def selftest(cls) -> list[Case]:
        """Whole words, in order."""
        item = Item(id="1", workload="w", input={}, reference="yes")
        both = Item(id="2", workload="w", input={}, reference=["red", "dark blue"])
        return [
            Case(role="gold", item=item, given=Given(text="Well - Yes, it is.")),
            Case(role="gold", item=both, given=Given(text="Dark  blue and RED"), table={"need": "all"}),
            Case(role="gold", item=item, given=Given(text="a b"), table={"values": ["b"]}),
            Case(role="corrupted", item=item, given=Given(text="It was yesterday.")),
            Case(role="corrupted", item=both, given=Given(text="blue, dark red"), table={"need": "all"}),
            Case(role="corrupted", item=item, given=Given(text="YES"), table={"case": True}),
            Case(role="garbage", item=item, given=Given(text="y e s \u200b")),
            Case(role="empty", item=item, given=Given()),
            Case(role="unscorable", item=Item(id="3", workload="w", input={}), given=Given(text="yes")),
        ]


GRADER = Includes
