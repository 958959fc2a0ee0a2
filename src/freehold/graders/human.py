"""Human: what a person said of the reply, the latest label first.

It knows labels and no text. It exists because people are what every other grader is measured against.
"""

from typing import Annotated

from msgspec import Meta

from freehold.graders.grader import Case, Grader, Options, unscored
from freehold.items import Given, Grade, Item, Label, LabelSource, ToolUse


class HumanOptions(Options, frozen=True, kw_only=True):
    """Whose labels count."""

    sources: Annotated[
        tuple[LabelSource, ...], Meta(min_length=1, description="Where a label may come from: human, feedback, import.")
    ] = ("human",)
    by: Annotated[str, Meta(description="Only the labels of this person.")] = ""
    threshold: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="Score 1 from this label on, else 0; unset, the label is the score."),
    ] = None


class Human(Grader):
    """What a person said of this very reply: the latest label of the item's own reply. A reply that nobody has labelled, such as
    another model's, is unscored. To grade a candidate's replies by hand, put them into items of their own and label those."""

    name = "human"
    version = "1"
    takes = HumanOptions
    options: HumanOptions

    @property
    def binary(self) -> bool:
        """With a `threshold` every score is 0 or 1."""
        return self.options.threshold is not None

    def grade(self, item: Item, given: Given) -> Grade:
        """The latest label of the reply; of two of one moment the later in the list."""
        if item.given is None or _said(given) != _said(item.given):
            return unscored("The reply is not the one that was labelled.")
        options = self.options
        fits = [
            label
            for label in item.labels
            if label.source in options.sources and options.by in ("", label.by) and label.model == item.model
        ]
        if not fits:
            return unscored("Nobody has labelled the reply.")
        latest = max(enumerate(fits), key=lambda pair: (pair[1].at, pair[0]))[1]
        score = min(1.0, max(0.0, latest.score))
        if options.threshold is not None:
            score = float(score >= options.threshold)
        who = latest.by or f"the source {latest.source}"
        return Grade(score=score, reason=f"Label by {who}.", details={"label": latest.score, "note": latest.note[:500]})

    @classmethod
    def selftest(cls) -> list[Case]:
        """The latest label, of this reply, by those who count."""

        def item(*labels: Label, text: str = "Paris") -> Item:
            return Item(id="1", workload="w", input={}, given=Given(text=text), model="a/b", labels=labels)

        good = Label(source="human", score=1.0, model="a/b", at=2)
        bad = Label(source="human", score=0.0, model="a/b", at=1)
        worse = Label(source="human", score=0.0, model="a/b", at=3)
        thumb = Label(source="feedback", score=1.0, model="a/b", at=9)
        said = Given(text="Paris")
        return [
            Case(role="gold", item=item(good, bad), given=said),
            Case(role="corrupted", item=item(good, bad, worse, thumb), given=said),
            Case(role="garbage", item=item(bad, text="§§"), given=Given(text="§§")),
            Case(role="empty", item=item(bad, text=""), given=Given()),
            Case(role="unscorable", item=item(), given=said),
            Case(role="unscorable", item=item(thumb), given=said),
            Case(role="unscorable", item=item(good), given=Given(text="Rome")),
        ]


GRADER = Human


def _said(given: Given) -> tuple[str, tuple[ToolUse, ...]]:
    return given.text.strip(), given.tool_uses
