"""The proof that a grader must give before it may judge a model or reward one: its own cases, and the items' own answers.

It knows the contract of `grader.py` and no grader. It exists because a grader that gives a point to garbage makes every
trial with it worthless, and every model trained on it a liar.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from freehold.errors import InvalidGrader
from freehold.graders import build, load, made
from freehold.graders.grader import SCORES, AnyGrader, AskingGrader, Case, Grader
from freehold.graders.reference import right_texts
from freehold.items import Given, Grade, Item


def proven(table: Mapping[str, Any]) -> AnyGrader:
    """The grader that a table describes, as `build` makes it, once it and every grader inside it have proved themselves on
    their own cases. Raises InvalidGrader for one that has not, and what `build` raises."""
    grader = build(table)
    kinds = load()
    for name in dict.fromkeys(_kinds_in(table)):
        wrong = self_test(kinds[name])
        if wrong:
            grader.close()
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise InvalidGrader(
                f"The grader {name!r} has not proved itself: {wrong[0]}{more}",
                "Until its own cases score as they must, nothing is graded by it: mend or update what brings it.",
                param="kind",
            )
    return grader


def self_test(kind: type[AnyGrader]) -> list[str]:
    """What the grader gets wrong of its own cases, a sentence each. Empty means that it may be used.

    Gold scores 1, unscorable None, everything else 0. Every role must be there.
    """
    cases = kind.selftest()
    wrong = [f"{kind.name} has no {role} case." for role in SCORES if role not in {case.role for case in cases}]
    for case, grade in graded(kind):
        if grade.score != SCORES[case.role]:
            said = f"{grade.score} ({grade.reason})"
            wrong.append(f"{kind.name} says of the {case.role} case {case.given.text[:80]!r}: {said}.")
    return wrong


def graded(kind: type[AnyGrader], more: Mapping[str, Any] | None = None) -> Iterator[tuple[Case, Grade]]:
    """Each case, and what the grader made from its table, with `more` options, says of it."""
    graders: dict[str, AnyGrader] = {}
    try:
        for case in kind.selftest():
            named = repr(sorted(case.table.items()))
            if named not in graders:
                graders[named] = made(kind, {**case.table, **(more or {})})
            yield case, says(graders[named], case)
    finally:
        for grader in graders.values():
            grader.close()


def says(grader: AnyGrader, case: Case) -> Grade:
    """The grade of one case, with the case's own replies where the grader asks."""
    if isinstance(grader, Grader):
        return grader.grade(case.item, case.given)
    if isinstance(grader, AskingGrader):
        asked = len(grader.asks(case.item, case.given))
        return grader.score(case.item, case.given, case.replies[:asked])
    asked = len(grader.asks(case.item, case.given, case.other))
    return grader.score(case.item, case.given, case.other, case.replies[:asked])


def _kinds_in(table: Mapping[str, Any]) -> Iterator[str]:
    """The kind of a table, and those of the tables that it holds in `graders`."""
    yield str(table["kind"])
    inner: Any = table.get("graders", ())
    for one in inner if isinstance(inner, list | tuple) else ():  # pyright: ignore[reportUnknownVariableType]
        if isinstance(one, Mapping) and "kind" in one:
            yield from _kinds_in(cast("Mapping[str, Any]", one))


def misfits(grader: AnyGrader, items: Iterable[Item]) -> list[str]:
    """The items that do not fit the grader, a sentence each: the right answer, given as a reply, must score 1 (0 when
    turned around), and an empty reply 0 (1). Only for a grader that grades by itself and items with a reference in text
    or numbers; the others are passed over."""
    found: list[str] = []
    if not isinstance(grader, Grader):
        return found
    best = 0.0 if grader.options.negate else 1.0
    for item in items:
        texts = right_texts(item)
        if not texts:
            continue
        grade = grader.grade(item, Given(text=texts[0]))
        if grade.score != best:
            found.append(f"The item {item.id}: its own answer scores {grade.score} ({grade.reason}).")
        if grader.grade(item, Given()).score == best:
            found.append(f"The item {item.id}: an empty reply is right.")
    return found
