"""What a grader is: a name, a version, options, and a function from an item and a reply to a grade. The plug for all.

It knows no grader. It exists so that a built-in grader, a third party's and a test's are the same thing, and so that each
must prove itself on cases of its own before it may judge a model or reward one.

There are three, told apart by their base class:

    Grader          grades by itself: pure, the same answer every time
    AskingGrader    needs models: it says what to ask, whoever runs it asks the door, and it grades with the replies
    PairwiseGrader  asks models which of two replies is the better

The contract: a grade is 0 to 1, or None (unscored) with the reason when the grader cannot tell, and then never wrong. An
empty reply is wrong, not unscored. No text of an item or a reply makes a grader raise. Reasoning is gone before a grader
sees the reply (`visible.py`).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, json
from msgspec.structs import replace

from freehold.items import Given, Grade, Item

Role = Literal["gold", "corrupted", "garbage", "empty", "unscorable"]

SCORES: dict[Role, float | None] = {
    "gold": 1.0,
    "corrupted": 0.0,
    "garbage": 0.0,
    "empty": 0.0,
    "unscorable": None,
}
"""What the case of each role must score."""

Answer = str | Sequence[float] | None
"""What came back for an ask: the text of the answer, the vector of an embedding, None where there was no answer."""


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every grader's table may hold besides `kind`."""

    label: Annotated[str, Meta(description="What reports call this grader; default: its kind.")] = ""
    negate: Annotated[bool, Meta(description="Turn the score around: 1 - score. Unscored stays unscored.")] = False


class Ask(Struct, frozen=True, kw_only=True):
    """One question for a model. `body` is a whole body, `model` included, for the door's /v1/chat/completions (`chat`) or
    /v1/embeddings (`embed`, one input); the answer is the first choice's text, or the vector."""

    operation: Literal["chat", "embed"]
    body: dict[str, Any]


class Case(Struct, frozen=True, kw_only=True):
    """One line of a self-test: what the grader made from `table` (without `kind`) must say of `given`.

    `replies` are what the models are taken to answer, for graders that ask; `other` is the reply of the incumbent, for
    graders of pairs. A `gold` case scores 1, an `unscorable` one is unscored, all others score 0.
    """

    role: Role
    item: Item
    given: Given
    table: Mapping[str, Any] = {}
    replies: tuple[Answer, ...] = ()
    other: Given = Given()


class Common(ABC):
    """What the three have in common. `name` is the kind in a table, `takes` the type of its options; `version` changes when
    any grade could. `hint` is advice for those whose table it refuses."""

    name: ClassVar[str]
    version: ClassVar[str]
    takes: ClassVar[type[Options]]
    hint: ClassVar[str] = ""

    def __init__(self, options: Any) -> None:
        """`options` are of the type `takes`. Raises InvalidGrader for options that do not fit together and NotConfigured
        without the extra that it needs. Nothing is started."""
        self.options: Any = options

    @property
    def label(self) -> str:
        """What reports call it."""
        return self.options.label or self.name

    @property
    def binary(self) -> bool:
        """Whether every score is 0 or 1."""
        return True

    @classmethod
    @abstractmethod
    def selftest(cls) -> list[Case]:
        """The cases on which it proves itself, each role at least once."""

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """Ends what it has started. It may be used again afterwards."""


class Grader(Common):
    """Grades by itself."""

    @abstractmethod
    def grade(self, item: Item, given: Given) -> Grade:
        """The grade of this reply to this item."""


class AskingGrader(Common):
    """Grades with the help of models. The one who runs it does the asking."""

    @property
    def asks_nobody(self) -> bool:
        """Whether, with these options, no item makes it ask: it is then made as a `Grader`."""
        return False

    @abstractmethod
    def asks(self, item: Item, given: Given) -> tuple[Ask, ...]:
        """What to ask; nothing where the grade needs no answer (an empty reply)."""

    @abstractmethod
    def score(self, item: Item, given: Given, replies: Sequence[Answer]) -> Grade:
        """The grade, with an answer for each ask, in their order. One that is missing is None."""


class PairwiseGrader(Common):
    """Says which of two replies is better: 1 the candidate's, 0 the incumbent's, 0.5 neither."""

    @property
    def binary(self) -> bool:
        """A tie is 0.5."""
        return False

    @abstractmethod
    def asks(self, item: Item, candidate: Given, incumbent: Given) -> tuple[Ask, ...]:
        """What to ask."""

    @abstractmethod
    def score(self, item: Item, candidate: Given, incumbent: Given, replies: Sequence[Answer]) -> Grade:
        """The grade, with an answer for each ask, in their order. One that is missing is None."""


AnyGrader = Grader | AskingGrader | PairwiseGrader


def right(reason: str = "", **details: Any) -> Grade:
    """A score of 1."""
    return Grade(score=1.0, reason=reason, details=details)


def wrong(reason: str, **details: Any) -> Grade:
    """A score of 0."""
    return Grade(score=0.0, reason=reason, details=details)


def decided(holds: bool, reason: str, **details: Any) -> Grade:  # noqa: FBT001 - the one thing that it says
    """A score of 1 when it holds, else of 0."""
    return Grade(score=1.0 if holds else 0.0, reason=reason, details=details)


def unscored(reason: str, **details: Any) -> Grade:
    """No score, and why."""
    return Grade(score=None, reason=reason, details=details)


def in_range(grade: Grade) -> Grade:
    """The grade, unscored where its score is none from 0 to 1: what a third party's grader computed, or options that are no numbers."""
    if grade.score is None or 0 <= grade.score <= 1:
        return grade
    return replace(grade, score=None, reason=f"The grader gave {grade.score:g}, which is no score from 0 to 1.")


def is_empty(given: Given) -> bool:
    """Whether the model said nothing and called nothing."""
    return not given.text.strip() and not given.tool_uses


def written(grader: AnyGrader) -> dict[str, Any]:
    """The grader as JSON data, every default filled in: what a plan names and hashes. Equal data grade equally."""
    options: dict[str, Any] = json.decode(json.encode(grader.options))
    options.pop("label", None)
    return {"kind": grader.name, "version": grader.version, "options": options}


def gist(text: str, most: int = 80) -> str:
    """The text on one line, shortened, for a reason."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
