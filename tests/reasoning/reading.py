"""What the tests of verifiers share: one text as a step, and its verdicts."""

from typing import Any

from freehold.reasoning.trace import Finding, Kind, Step
from freehold.reasoning.verifier import Context, Verifier


def step(text: str, *, kind: Kind = "sentence", start: int = 0) -> Step:
    return Step(index=0, text=text, start=start, end=start + len(text), kind=kind)


def found(verifier: Verifier, text: str, *, kind: Kind = "sentence", **context: Any) -> list[Finding]:
    return verifier.check(step(text, kind=kind), Context(**context))


def verdicts(verifier: Verifier, text: str, *, kind: Kind = "sentence", **context: Any) -> list[str]:
    return [one.verdict for one in found(verifier, text, kind=kind, **context)]
