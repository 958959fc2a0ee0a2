"""Panel: several graders as one, by weight.

It knows graders as tables and how scores add up. It exists because a trial needs one number for its hypothesis, and a good
reply is often right in several ways at once. A part that cannot say leaves the whole unscored: a mean over what is left would
be another measure for every item.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta

from freehold.errors import InvalidGrader
from freehold.graders import build
from freehold.graders.grader import Answer, Ask, AskingGrader, Case, Grader, Options, PairwiseGrader, unscored
from freehold.items import Given, Grade, Item


class PanelOptions(Options, frozen=True, kw_only=True):
    """The parts, and how they add up."""

    graders: Annotated[
        tuple[dict[str, Any], ...],
        Meta(
            min_length=2,
            max_length=20,
            description="The graders, each a table.",
            examples=[[{"kind": "includes"}, {"kind": "length", "most": 50}]],
        ),
    ]
    weights: Annotated[
        tuple[Annotated[float, Meta(ge=0)], ...], Meta(description="How much each counts; default: all the same.")
    ] = ()
    combine: Annotated[
        Literal["mean", "all", "any"], Meta(description="The weighted mean; the lowest score; the highest.")
    ] = "mean"
    pass_at: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="Score 1 from this score on, else 0; unset, the score stands."),
    ] = None


class Panel(AskingGrader):
    """Several graders as one: the weighted mean of their scores, the lowest, or the highest. Unscored when any part that counts
    is. The details tell each part's score. It grades by itself when all parts do."""

    name = "panel"
    version = "1"
    takes = PanelOptions
    options: PanelOptions

    def __init__(self, options: PanelOptions) -> None:
        super().__init__(options)
        self._weights = options.weights or (1.0,) * len(options.graders)
        if len(self._weights) != len(options.graders):
            raise InvalidGrader(
                f"There are {len(options.graders)} graders and {len(self._weights)} weights.",
                "Give each one.",
                param="weights",
            )
        if sum(self._weights) <= 0:
            raise InvalidGrader("All weights are 0.", "Give at least one grader a weight above 0.", param="weights")
        self._parts = [_part(place, table) for place, table in enumerate(options.graders)]

    @property
    def binary(self) -> bool:
        """With `pass_at`, or where only whole scores can come out."""
        whole = self.options.combine != "mean" and all(part.binary for part in self._parts)
        return self.options.pass_at is not None or whole

    @property
    def asks_nobody(self) -> bool:
        """When all parts grade by themselves."""
        return all(isinstance(part, Grader) for part in self._parts)

    def asks(self, item: Item, given: Given) -> tuple[Ask, ...]:
        """What the parts ask, one after the other."""
        return tuple(one for part in self._parts if isinstance(part, AskingGrader) for one in part.asks(item, given))

    def score(self, item: Item, given: Given, replies: Sequence[Answer]) -> Grade:
        """The parts' scores as one."""
        grades: list[Grade] = []
        place = 0
        for part in self._parts:
            if isinstance(part, Grader):
                grades.append(part.grade(item, given))
                continue
            count = len(part.asks(item, given))
            grades.append(part.score(item, given, replies[place : place + count]))
            place += count
        parts = [
            {"grader": part.label, "score": grade.score, "reason": grade.reason, "details": grade.details}
            for part, grade in zip(self._parts, grades, strict=True)
        ]
        counting = [(weight, grade) for weight, grade in zip(self._weights, grades, strict=True) if weight > 0]
        missing = next((grade for _, grade in counting if grade.score is None), None)
        if missing is not None:
            return unscored(f"A part is unscored: {missing.reason}", parts=parts)
        score = self._combined([(weight, grade.score or 0.0) for weight, grade in counting])
        if self.options.pass_at is not None:
            score = float(score >= self.options.pass_at)
        worst = min(counting, key=lambda pair: pair[1].score or 0.0)[1]
        return Grade(score=score, reason=worst.reason, details={"parts": parts})

    def _combined(self, scores: list[tuple[float, float]]) -> float:
        if self.options.combine == "mean":
            return sum(weight * score for weight, score in scores) / sum(weight for weight, _ in scores)
        return (min if self.options.combine == "all" else max)(score for _, score in scores)

    def close(self) -> None:
        """Ends all parts."""
        for part in self._parts:
            part.close()

    @classmethod
    def selftest(cls) -> list[Case]:
        """Both right, one wrong, one unscored."""
        table: dict[str, Any] = {
            "graders": [{"kind": "includes"}, {"kind": "length", "most": 4}],
            "combine": "all",
        }
        asking = {"graders": [{"kind": "embedding", "model": "echo/echo"}, {"kind": "includes"}], "weights": [1, 3]}
        item = Item(id="1", workload="w", input={}, reference="Paris")
        return [
            Case(role="gold", item=item, given=Given(text="It is Paris."), table=table),
            Case(role="gold", item=item, given=Given(text="Paris!"), table=asking, replies=((1.0, 0.0), (1.0, 0.0))),
            Case(role="corrupted", item=item, given=Given(text="It is Rome."), table=table),
            Case(role="corrupted", item=item, given=Given(text="I would say that it is Paris."), table=table),
            Case(
                role="garbage", item=item, given=Given(text="§ § §"), table={**table, "combine": "mean", "pass_at": 0.9}
            ),
            Case(role="empty", item=item, given=Given(), table=table),
            Case(role="unscorable", item=item, given=Given(text="Paris!"), table=asking, replies=((1.0, 0.0), None)),
            Case(role="unscorable", item=Item(id="2", workload="w", input={}), given=Given(text="Paris"), table=table),
        ]


GRADER = Panel


def _part(place: int, table: dict[str, Any]) -> Grader | AskingGrader:
    try:
        part = build(table)
    except InvalidGrader as error:
        raise InvalidGrader(f"Part {place + 1}: {error.sentence}", error.advice, param="graders") from error
    if isinstance(part, PairwiseGrader):
        raise InvalidGrader(
            f"Part {place + 1} compares two replies.", "A panel grades one; use it on its own.", param="graders"
        )
    return part
