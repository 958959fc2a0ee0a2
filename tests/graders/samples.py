"""Items and replies for the tests of graders."""

from typing import Any

from freehold.graders import made
from freehold.graders.grader import AnyGrader, Grader
from freehold.items import Given, Grade, Item


def item(reference: Any = None, question: str = "", **metadata: Any) -> Item:
    """An item with a reference, a question of the user, and metadata."""
    body = {"messages": [{"role": "user", "content": question}]} if question else {}
    return Item(id="1", workload="w", input=body, reference=reference, metadata=metadata)


def grade(kind: type[AnyGrader], one: Item, text: str, **options: Any) -> Grade:
    """What a grader of this class with these options says of a text."""
    grader = made(kind, options)
    assert isinstance(grader, Grader)
    try:
        return grader.grade(one, Given(text=text))
    finally:
        grader.close()


def score(kind: type[AnyGrader], one: Item, text: str, **options: Any) -> float | None:
    """The score alone."""
    return grade(kind, one, text, **options).score
