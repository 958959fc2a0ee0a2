"""Normalised: the reply has the words of the right answer, whatever its case, marks, articles and spaces.

It knows the rule of `plain_text.py` and no meaning. It exists for short answers that people and models write differently.
"""

from typing import Annotated

from msgspec import Meta

from freehold.graders.grader import Case, Grader, Options, decided, gist, is_empty, unscored, wrong
from freehold.graders.plain_text import normalised
from freehold.graders.reference import right_texts, why_no_texts
from freehold.items import Given, Grade, Item


class NormalisedOptions(Options, frozen=True, kw_only=True):
    """What is ignored."""

    accents: Annotated[bool, Meta(description="Accents count: `é` is not `e`.")] = True
    articles: Annotated[bool, Meta(description="Ignore the words a, an, the.")] = True


class Normalised(Grader):
    """The reply has the words of one of the right answers: case, punctuation, articles, invisible signs and the width of
    spaces do not count; points inside numbers, minus and per cent signs do."""

    name = "normalised"
    version = "1"
    takes = NormalisedOptions
    options: NormalisedOptions

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when both are the same after the rule of `plain_text.py`."""
        wanted = {plain for text in right_texts(item) if (plain := self._plain(text))}
        if not wanted:
            return unscored(why_no_texts(item))
        if is_empty(given):
            return wrong("The reply is empty.")
        said = self._plain(given.text)
        holds = said in wanted
        return decided(
            holds, "It has the right words." if holds else f"It reads {gist(said)!r}, not {gist(min(wanted))!r}."
        )

    def _plain(self, text: str) -> str:
        return normalised(text, accents=self.options.accents, articles=self.options.articles)

    @classmethod
    def selftest(cls) -> list[Case]:
        """What changes the meaning counts; what does not, does not."""
        item = Item(id="1", workload="w", input={}, reference="The U.S. dollar")
        number = Item(id="2", workload="w", input={}, reference="-3.5 %")
        return [
            Case(role="gold", item=item, given=Given(text="  us Dollar. ")),
            Case(role="gold", item=item, given=Given(text="**the US\u200b dollar**!")),
            Case(role="gold", item=number, given=Given(text="−3.5%")),
            Case(role="corrupted", item=number, given=Given(text="-35%")),
            Case(role="corrupted", item=number, given=Given(text="3.5%")),
            Case(role="corrupted", item=item, given=Given(text="The US dollars")),
            Case(role="garbage", item=item, given=Given(text="??? ...")),
            Case(role="empty", item=item, given=Given(text=" \n")),
            Case(
                role="unscorable", item=Item(id="3", workload="w", input={}, reference={"a": 1}), given=Given(text="a")
            ),
        ]


GRADER = Normalised
