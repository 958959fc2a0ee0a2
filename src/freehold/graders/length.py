"""Length: the reply is as long as it should be.

It knows characters, words, lines and sentences and no meaning. It exists because "in at most 50 words" is a promise that a
person can count.
"""

from typing import Annotated, Literal

from msgspec import Meta

from freehold.errors import InvalidGrader
from freehold.graders.grader import Case, Grader, Options, decided, is_empty, unscored, wrong
from freehold.items import Given, Grade, Item, ToolUse
from freehold.reasoning.protect import protected
from freehold.reasoning.sentences import sentence_spans

Bound = Annotated[int, Meta(ge=0)] | None


class LengthOptions(Options, frozen=True, kw_only=True):
    """What is counted, and the bounds."""

    unit: Annotated[
        Literal["characters", "words", "lines", "sentences"],
        Meta(
            description="What is counted: characters (white space at the ends apart), words between white space, lines that are not empty, sentences."
        ),
    ] = "words"
    least: Annotated[Bound, Meta(description="At least so many.")] = None
    most: Annotated[Bound, Meta(description="At most so many.")] = None


class Length(Grader):
    """The reply is as long as it should be, in characters, words, lines or sentences. A reply that was cut off (it ended with
    `length`) is wrong; one that only calls tools has no length."""

    name = "length"
    version = "1"
    takes = LengthOptions
    options: LengthOptions

    def __init__(self, options: LengthOptions) -> None:
        super().__init__(options)
        least, most = options.least, options.most
        if least is None and most is None:
            raise InvalidGrader("The grader 'length' has no bound.", "Give `least`, `most`, or both.", param="most")
        if least is not None and most is not None and least > most:
            raise InvalidGrader(
                f"`least` is {least} and `most` is {most}.", "Nothing is as long as that.", param="least"
            )

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when the count is within the bounds."""
        if is_empty(given):
            return wrong("The reply is empty.")
        if not given.text.strip():
            return unscored("The reply only calls tools.")
        if given.finish == "length":
            return wrong("The reply was cut off.")
        count = counted(given.text, self.options.unit)
        least, most = self.options.least, self.options.most
        holds = (least is None or count >= least) and (most is None or count <= most)
        return decided(holds, f"It has {count} {self.options.unit}.", count=count)

    @classmethod
    def selftest(cls) -> list[Case]:
        """Within, above, below, cut off."""
        item = Item(id="1", workload="w", input={})
        three = Given(text=" one  two\nthree ")
        return [
            Case(role="gold", item=item, given=three, table={"least": 3, "most": 3}),
            Case(role="gold", item=item, given=three, table={"unit": "lines", "most": 2}),
            Case(role="corrupted", item=item, given=three, table={"most": 2}),
            Case(role="corrupted", item=item, given=Given(text="one two", finish="length"), table={"most": 5}),
            Case(role="garbage", item=item, given=Given(text="\u200b"), table={"least": 2}),
            Case(role="empty", item=item, given=Given(text=" \n "), table={"most": 5}),
            Case(role="unscorable", item=item, given=Given(tool_uses=(ToolUse("find", "{}"),)), table={"most": 5}),
        ]


GRADER = Length


def counted(text: str, unit: str) -> int:
    """How many of the unit the text has."""
    if unit == "characters":
        return len(text.strip())
    if unit == "lines":
        return sum(1 for line in text.splitlines() if line.strip())
    if unit == "sentences":
        return sum(1 for start, end in sentence_spans(text, 0, len(text), protected(text)) if text[start:end].strip())
    return len(text.split())
