"""What a verifier is: a name, a version, and a function from one step to what it found. The plug that all of them fit.

It knows no verifier. It exists so that a third party's verifier, a built-in one and a test's are the same thing, and so
that every one of them is asked to prove itself on its own samples before it may judge or reward anything.

The contract of `check`: it returns, and never raises, for any text; it is deterministic; it reports only claims of its
own kind, and none is a good answer; `verified` and `refuted` mean shown by computation, never guessed. A claim that it
recognises and cannot decide is `not_checkable`, with the reason.
"""

import time
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import msgspec

from freehold.reasoning.trace import Claim, Finding, Step, Verdict


class Context(msgspec.Struct, frozen=True):
    """What a step may be held against.

    `documents` maps a record's id to its text. `earlier` are the steps before this one, `derived` the numbers that
    verified claims have established so far (as `Fraction` reads them). `expected` is the known right answer, where
    there is one. `schema` is the JSON Schema of the answer. `deadline` is a moment of `time.monotonic()`.
    """

    question: str = ""
    documents: Mapping[str, str] = {}
    answer: str | None = None
    expected: str | None = None
    schema: Mapping[str, Any] | None = None
    earlier: tuple[Step, ...] = ()
    derived: tuple[str, ...] = ()
    deadline: float | None = None

    def seconds(self, most: float) -> float:
        """How long a verifier may still work on one claim: `most`, or less when the deadline is near. Never below 0."""
        if self.deadline is None:
            return most
        return max(0.0, min(most, self.deadline - time.monotonic()))


class Sample(msgspec.Struct, frozen=True):
    """One line of a verifier's self-test. `gold` must be verified, `corrupted` must be caught, `garbage` left alone."""

    role: Literal["gold", "corrupted", "garbage"]
    text: str
    context: Context = Context()
    kind: Literal["sentence", "answer"] = "sentence"


@runtime_checkable
class Verifier(Protocol):
    """One way to check a step. `late` ones are asked last, with what the others derived from the same step."""

    name: ClassVar[str]
    version: ClassVar[str]
    late: ClassVar[bool]
    samples: ClassVar[tuple[Sample, ...]]

    def check(self, step: Step, context: Context) -> list[Finding]:
        """What it found in the step, in the order of the text."""
        ...

    def close(self) -> None:
        """Ends what it has started. It may be used again afterwards."""
        ...


def finding(
    verifier: Verifier,
    step: Step,
    span: tuple[int, int],
    verdict: Verdict,
    found: str,
    reason: str,
    derived: tuple[str, ...] = (),
) -> Finding:
    """A finding on `step.text[span]`; the span is moved to offsets into the text that the step was cut from."""
    start, end = span
    return Finding(
        step=step.index,
        verdict=verdict,
        verifier=verifier.name,
        version=verifier.version,
        claim=Claim(text=step.text[start:end], start=step.start + start, end=step.start + end),
        found=found,
        reason=reason,
        derived=derived if verdict == "verified" else (),
    )


def self_test(verifier: Verifier) -> list[str]:
    """What the verifier gets wrong of its own samples, a sentence each. Empty means that it may be used.

    Gold: something is verified, nothing refuted or unsupported. Corrupted: something is refuted or unsupported.
    Garbage: at most not_checkable. Each role must be there at least once.
    """
    missing = {"gold", "corrupted", "garbage"} - {sample.role for sample in verifier.samples}
    wrong = [f"{verifier.name} has no {role} sample." for role in sorted(missing)]
    for sample in verifier.samples:
        step = Step(index=0, text=sample.text, start=0, end=len(sample.text), kind=sample.kind)
        found = verifier.check(step, sample.context)
        if not _as_it_should(sample, {one.verdict for one in found}):
            said = ", ".join(f"{one.verdict} ({one.reason})" for one in found) or "nothing"
            wrong.append(f"{verifier.name} says of the {sample.role} sample {sample.text!r}: {said}.")
    return wrong


def _as_it_should(sample: Sample, verdicts: set[Verdict]) -> bool:
    caught = bool(verdicts & {"refuted", "unsupported"})
    if sample.role == "gold":
        return "verified" in verdicts and not caught
    if sample.role == "corrupted":
        return caught
    return verdicts <= {"not_checkable"}
