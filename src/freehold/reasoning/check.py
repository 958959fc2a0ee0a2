"""Checking a trace: one chain of thought, taken apart and held against what is known, step by step.

It knows the order of things and no verifier: they come as arguments. It exists so that the great path stands in one
place, and so that no text and no verifier, however broken, can make checking fail: what goes wrong is a finding like
any other.
"""

import time
from collections.abc import Callable, Iterable

import msgspec

from freehold.reasoning.split import answer_step, split
from freehold.reasoning.trace import Finding, Step, Trace
from freehold.reasoning.verifier import Context, Verifier, finding

SECONDS: float = 30.0
"""For a whole trace. It is met to within the time of one claim: each verifier bounds its own."""

MAX_CHAIN: int = 400_000
"""Characters of a chain that are read."""

MOST_DERIVED: int = 5_000


def check_trace(
    chain: str,
    context: Context,
    verifiers: Iterable[Verifier],
    *,
    seconds: float = SECONDS,
    splitter: Callable[[str], list[Step]] = split,
) -> Trace:
    """The trace of the chain and of `context.answer`, its last step when there is one. Never raises for any text.

    1. cut the chain into steps, the answer last
    2. order the verifiers: by name, those that want the others' numbers last
    3. for each step, in order, with what the steps before have established:
    4.   ask each verifier; a crash is a finding with its name, not an error
    5.   keep the numbers that verified claims derive, for the verifiers and steps that follow
    6. when the time is over, say so for every step that is left
    """
    # 1
    steps = splitter(chain[:MAX_CHAIN])
    if context.answer is not None and context.answer.strip():
        steps.append(answer_step(context.answer, len(steps)))
    # 2
    asked = sorted(verifiers, key=lambda verifier: (verifier.late, verifier.name))
    deadline = time.monotonic() + seconds
    found: list[Finding] = []
    derived: dict[str, None] = dict.fromkeys(context.derived)
    # 3
    for step in steps:
        for verifier in asked:
            # 6
            if time.monotonic() >= deadline:
                found.append(_whole(verifier, step, f"The {seconds:g} s for this trace were over."))
                continue
            known = msgspec.structs.replace(
                context, earlier=tuple(steps[: step.index]), derived=tuple(derived), deadline=deadline
            )
            # 4
            findings = _asked(verifier, step, known)
            found += findings
            # 5
            for number in (number for one in findings for number in one.derived):
                if len(derived) < MOST_DERIVED:
                    derived[number] = None
    return Trace(steps=tuple(steps), findings=tuple(found))


def _asked(verifier: Verifier, step: Step, context: Context) -> list[Finding]:
    try:
        return list(verifier.check(step, context))
    except Exception as error:  # a third party's code may raise anything; the finding keeps it
        return [_whole(verifier, step, f"The verifier failed: {type(error).__name__}: {str(error)[:200]}.")]


def _whole(verifier: Verifier, step: Step, reason: str) -> Finding:
    return finding(verifier, step, (0, len(step.text)), "not_checkable", "", reason)
