"""Embedding: how near the reply is to the right answer, as a model of embeddings sees it.

It knows vectors and asks for two. It exists for free text where no rule fits; it sees what a text is about and not whether
it is true: "it is refundable" and "it is not refundable" are near each other. Use it for ranking, not as a gate.
"""

import math
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from freehold.graders.grader import Answer, Ask, AskingGrader, Case, Options, is_empty, unscored, wrong
from freehold.graders.reference import right_texts, why_no_texts
from freehold.items import Given, Grade, Item

MOST_TEXTS = 16


class EmbeddingOptions(Options, frozen=True, kw_only=True):
    """Which model sees it, and from where on it is right."""

    model: Annotated[
        str,
        Meta(
            min_length=1,
            description="The model of embeddings: vendor/model.",
            examples=["openai/text-embedding-3-small"],
        ),
    ]
    threshold: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(description="Score 1 from this similarity on, else 0; unset, the similarity is the score."),
    ] = None


class Embedding(AskingGrader):
    """How near the reply is to the nearest right answer: (1 + cosine) / 2 of their embeddings. Asks a model, once for the reply
    and once for each right answer."""

    name = "embedding"
    version = "1"
    takes = EmbeddingOptions
    options: EmbeddingOptions

    @property
    def binary(self) -> bool:
        """With a `threshold` every score is 0 or 1."""
        return self.options.threshold is not None

    def asks(self, item: Item, given: Given) -> tuple[Ask, ...]:
        """The reply, then each right answer."""
        texts = right_texts(item)[:MOST_TEXTS]
        if not texts or not given.text.strip():
            return ()
        bodies = ({"model": self.options.model, "input": text} for text in (given.text, *texts))
        return tuple(Ask(operation="embed", body=body) for body in bodies)

    def score(self, item: Item, given: Given, replies: Sequence[Answer]) -> Grade:
        """The similarity, unscored when a vector is missing or two do not fit."""
        if not right_texts(item):
            return unscored(why_no_texts(item))
        if is_empty(given) or not given.text.strip():
            return wrong("The reply has no text.")
        vectors = [
            [float(part) for part in reply] for reply in replies if reply is not None and not isinstance(reply, str)
        ]
        if len(vectors) != len(replies) or len(vectors) < 2:
            return unscored("The model gave no embedding.")
        found = [cosine(vectors[0], other) for other in vectors[1:]]
        best = max((one for one in found if one is not None), default=None)
        if best is None or None in found:
            return unscored("The embeddings do not fit together.")
        similarity = round(
            min(1.0, max(0.0, (1.0 + best) / 2.0)), 12
        )  # a vector beside itself is 1, whatever rounding says
        score = similarity if self.options.threshold is None else float(similarity >= self.options.threshold)
        return Grade(score=score, reason=f"Similarity {similarity:.3f}.", details={"similarity": similarity})

    @classmethod
    def selftest(cls) -> list[Case]:
        """The same direction, the opposite one, and no vector."""
        table = {"model": "echo/echo"}
        item = Item(id="1", workload="w", input={}, reference="Paris")
        said = Given(text="Paris, France")
        return [
            Case(role="gold", item=item, given=said, table=table, replies=((3.0, 4.0), (6.0, 8.0))),
            Case(
                role="gold", item=item, given=said, table={**table, "threshold": 0.9}, replies=((1.0, 0.0), (1.0, 0.5))
            ),
            Case(role="corrupted", item=item, given=said, table=table, replies=((1.0, 2.0), (-1.0, -2.0))),
            Case(
                role="corrupted",
                item=item,
                given=said,
                table={**table, "threshold": 0.9},
                replies=((1.0, 0.0), (0.0, 1.0)),
            ),
            Case(
                role="garbage",
                item=item,
                given=Given(text="%%%"),
                table={**table, "threshold": 0.6},
                replies=((1.0, 0.0), (0.0, 1.0)),
            ),
            Case(role="empty", item=item, given=Given(), table=table),
            Case(role="unscorable", item=item, given=said, table=table, replies=((1.0, 0.0), None)),
            Case(role="unscorable", item=item, given=said, table=table, replies=((1.0, 0.0), (0.0, 0.0))),
        ]


GRADER = Embedding


def cosine(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The cosine of two vectors, -1 to 1; None when they differ in length, have none, or are not finite."""
    if len(one) != len(other) or not one:
        return None
    size = math.hypot(*one) * math.hypot(*other)
    if not math.isfinite(size) or size == 0:
        return None
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / size
