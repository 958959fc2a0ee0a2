"""Exact: the reply is the right answer, sign by sign.

It knows text and no meaning. It exists for labels, codes and other answers that a program reads.
"""

from typing import Annotated

from msgspec import Meta

from freehold.graders.grader import Case, Grader, Options, decided, gist, is_empty, unscored, wrong
from freehold.graders.reference import right_texts, why_no_texts
from freehold.items import Given, Grade, Item


class ExactOptions(Options, frozen=True, kw_only=True):
    """How strictly texts are compared."""

    strip: Annotated[bool, Meta(description="Ignore white space at both ends.")] = True


class Exact(Grader):
    """The reply is one of the right answers, sign by sign, case and all."""

    name = "exact"
    version = "1"
    takes = ExactOptions
    options: ExactOptions

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when the reply equals the reference or one of its texts."""
        texts = right_texts(item)
        if not texts:
            return unscored(why_no_texts(item))
        if is_empty(given):
            return wrong("The reply is empty.")
        said = self._ends(given.text)
        holds = said in {self._ends(text) for text in texts}
        return decided(holds, "It is the right answer." if holds else f"It is {gist(said)!r}, not {gist(texts[0])!r}.")

    def _ends(self, text: str) -> str:
        return text.strip() if self.options.strip else text

    @classmethod
    def selftest(cls) -> list[Case]:
        """Case and inner signs count, outer space does not."""
        item = Item(id="1", workload="w", input={}, reference=["Paris", "PARIS"])
        return [
            Case(role="gold", item=item, given=Given(text=" Paris\n")),
            Case(role="gold", item=item, given=Given(text="PARIS")),
            Case(role="corrupted", item=item, given=Given(text="paris")),
            Case(role="corrupted", item=item, given=Given(text="Paris.")),
            Case(role="corrupted", item=item, given=Given(text=" Paris"), table={"strip": False}),
            Case(role="garbage", item=item, given=Given(text="\x00\u200b§")),
            Case(role="empty", item=item, given=Given()),
            Case(role="unscorable", item=Item(id="2", workload="w", input={}), given=Given(text="Paris")),
        ]


GRADER = Exact
