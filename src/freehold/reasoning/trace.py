"""The trace: the reasoning of one answer as data. Steps, what was found about each, and a headline that is never one
score.

It knows no verifier and checks nothing; `check.py` fills it. It exists so that what was checked, by whom and in which
words can be kept, sent and counted without the code that checked it.

The headline is two shares that must be read together: *coverage*, how much of the reasoning could be checked at all,
and *precision*, how much of what was checked is right. A single number would hide that nothing was checked.
"""

import hashlib
from collections import Counter
from typing import Literal

import msgspec

Verdict = Literal["verified", "refuted", "unsupported", "not_checkable"]
"""Shown right; shown wrong; a claim for which nothing was found; a claim (or a step) that no verifier can decide."""

Kind = Literal["tag", "numbered", "paragraph", "sentence", "list_item", "table", "code", "formula", "answer"]
"""How a step was cut out. `answer`: the answer itself, the last step of its trace, with offsets into the answer."""

CHECKED: tuple[Verdict, ...] = ("verified", "refuted", "unsupported")
VERDICTS: tuple[Verdict, ...] = ("verified", "refuted", "unsupported", "not_checkable")


class Step(msgspec.Struct, frozen=True):
    """One step. `text == chain[start:end]`, in characters; for the kind `answer`, `text == answer[start:end]`."""

    index: int
    text: str
    start: int
    end: int
    kind: Kind


class Claim(msgspec.Struct, frozen=True):
    """The exact words that were checked, and where they stand in the text that the step was cut from."""

    text: str
    start: int
    end: int


class Finding(msgspec.Struct, frozen=True):
    """What one verifier says of one claim.

    `found` is what the verifier has in its place (a value, a passage), `reason` a sentence for a person. `derived`
    holds the numbers that a verified claim establishes, as `fractions.Fraction` reads them ("17", "5/2").
    """

    step: int
    verdict: Verdict
    verifier: str
    version: str
    claim: Claim
    found: str
    reason: str
    derived: tuple[str, ...] = ()


class Headline(msgspec.Struct, frozen=True):
    """Counts only. `by_verifier` maps `name/version` to its counts by verdict, names in order."""

    steps: int
    steps_checked: int
    verified: int
    refuted: int
    unsupported: int
    not_checkable: int
    by_verifier: dict[str, dict[str, int]]

    @property
    def coverage(self) -> float | None:
        """The share of steps with at least one claim that could be checked, 0 to 1. None without steps."""
        return self.steps_checked / self.steps if self.steps else None

    @property
    def precision(self) -> float | None:
        """verified / (verified + refuted), 0 to 1, over claims. None when neither was found."""
        decided = self.verified + self.refuted
        return self.verified / decided if decided else None


class Trace(msgspec.Struct, frozen=True):
    """The steps in order, and the findings in the order of steps and then of verifiers."""

    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]

    @property
    def headline(self) -> Headline:
        """The counts of this trace."""
        counts = Counter(finding.verdict for finding in self.findings)
        by_verifier: dict[str, Counter[str]] = {}
        for finding in self.findings:
            by_verifier.setdefault(f"{finding.verifier}/{finding.version}", Counter())[finding.verdict] += 1
        checked = {finding.step for finding in self.findings if finding.verdict in CHECKED}
        return Headline(
            steps=len(self.steps),
            steps_checked=len(checked),
            verified=counts["verified"],
            refuted=counts["refuted"],
            unsupported=counts["unsupported"],
            not_checkable=counts["not_checkable"],
            by_verifier={
                name: {verdict: by_verifier[name][verdict] for verdict in VERDICTS} for name in sorted(by_verifier)
            },
        )

    def verdict(self, step: int) -> Verdict:
        """The verdict on a whole step: the worst of its claims (refuted, unsupported, verified), else not_checkable."""
        verdicts = {finding.verdict for finding in self.findings if finding.step == step}
        for verdict in ("refuted", "unsupported", "verified"):
            if verdict in verdicts:
                return verdict
        return "not_checkable"

    @property
    def first_refuted(self) -> int | None:
        """The index of the first step that is refuted, as ProcessBench asks for it; None when none is."""
        return min((finding.step for finding in self.findings if finding.verdict == "refuted"), default=None)


def digest(trace: Trace) -> str:
    """SHA-256 of the whole trace, in hexadecimal: of its JSON with fields in the order of their declaration, UTF-8."""
    return hashlib.sha256(msgspec.json.encode(trace, order="deterministic")).hexdigest()


def summary(trace: Trace) -> dict[str, int | str]:
    """The trace as a ledger entry keeps it: counts and a digest, integers and strings only, keys in order, no contents.

    A key `VERIFIER/VERSION VERDICT` stands there for each count above zero.
    """
    headline = trace.headline
    flat: dict[str, int | str] = {
        "digest": f"sha256:{digest(trace)}",
        "steps": headline.steps,
        "steps_checked": headline.steps_checked,
        "verified": headline.verified,
        "refuted": headline.refuted,
        "unsupported": headline.unsupported,
        "not_checkable": headline.not_checkable,
    }
    for name, counts in headline.by_verifier.items():
        flat |= {f"{name} {verdict}": count for verdict, count in counts.items() if count}
    return dict(sorted(flat.items()))
