"""The page docs/studies/through-the-door.md, written from the records of `door_error_rates.py` alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Protocol

from door_error_runs import ITEMS, MOST_CONVERSATIONS, MOST_PAIRS

from freehold.trials.statistics import wilson

HEAD = """# Trials, shadows and canaries through a real door

{runs:,} runs as users have them: `freehold up` with its own processes, models behind it over HTTP, the ledger on and every answer
flushed to the disk, what shadows and canaries grade captured and sealed before; {asked:,} questions in all. The incumbent is right on
80 % of the questions, each candidate on as many as the table says; half of the questions are equally hard for both models, the
others hard for each by itself, so the two differ on about 16 %. Every run has questions of its own. Written by
`studies/door_error_rates.py` from `studies/records/door`, a line for each run; its docstring says how. Intervals are Wilson's, at 95 %.

Every run was computed again in the process, from the same questions, by the functions that decide, and came to the same: a trial
to the same gates, a shadow to the same wealth after as many pairs, a canary to the same outcome at the same conversation. No
question was asked twice of one model, and none went without a grade.
"""

SECTIONS = (
    (
        "trial",
        ("pass", "inconclusive", "fail"),
        f"""
## Trials

Planned and run by the functions of the commands on {ITEMS:,} items, margin 3 points, alpha 2.5 % one-sided; the plan is in the ledger
before the first question. An error is a pass at 74 % and a fail at 80 or 78 %.
""",
    ),
    (
        "shadow",
        ("passed", "harmed", "undecided"),
        f"""
## Shadows

A workload with `shadow` and the default rules (margin 0.03, harm 0.03, alpha and alpha_rollback 0.05), graded by a pattern that
knows no right answers. Its caller asks until the candidate is passed or shown to be worse (`harmed`), {MOST_PAIRS:,} pairs at most.
An error, with probability 0.05 at most, is to pass at 74 % and to be harmed at 80 or 78 %. Medians are of pairs.
""",
    ),
    (
        "canary",
        ("promoted", "rolled_back", "undecided"),
        f"""
## Canaries

Begun at 50 % of the conversations, then 100, with the default rules; asked until promoted or taken back, {MOST_CONVERSATIONS:,}
conversations at most. An error, with probability 0.05 at most, is to be promoted at 74 % and taken back at 80 %. A canary that begins
at 1 % needs far more conversations to find out a candidate of 74 % ([how canaries end](canary.md)), for few callers meet it; begun at
half, it shows the whole way from an answer to the rollback within the traffic that a study has. Medians are of conversations.
""",
    ),
)
OTHERWISE = "rolled_back_otherwise"

GROWTH = """
## Whether a door grows slow

Each kind had one door for all its runs (a new one where the study was cut off and went on), and several runs at once. Of the door that
had most runs of each kind, the first fifth of them and the last: their own seconds for each question asked, waiting for the other
runs on the same core included, and what all processes of the door held in memory.

| | runs | milliseconds a question, first fifth | last fifth | MiB, first fifth | last fifth |
|---|---|---|---|---|---|
"""

TAIL = """
The page to hold beside it is [how often a trial is wrong](trial-error-rates.md): 200 trials of each kind on other questions, without
a door.
"""


class Line(Protocol):
    """What the page reads of a run (`door_error_rates.Ended`)."""

    @property
    def kind(self) -> str: ...
    @property
    def candidate(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def after(self) -> int: ...
    @property
    def asked(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def door(self) -> str: ...
    @property
    def place(self) -> int: ...
    @property
    def mib(self) -> int: ...


def page(ended: Sequence[Line]) -> str:
    """The page about these runs."""
    written = HEAD.format(runs=len(ended), asked=sum(one.asked for one in ended))
    for kind, outcomes, text in SECTIONS:
        here = [one for one in ended if one.kind == kind]
        if here:
            written += text + "\n" + "\n".join(_table(here, outcomes)) + "\n"
    return written + GROWTH + "\n".join(_growth(ended)) + "\n" + TAIL


def _table(here: Sequence[Line], outcomes: Sequence[str]) -> Iterator[str]:
    yield f"| candidate is right | {' | '.join(outcomes).replace('_', ' ')} | decided after, median |"
    yield "|---" * (len(outcomes) + 2) + "|"
    for candidate in sorted({one.candidate for one in here}, reverse=True):
        runs = [one for one in here if one.candidate == candidate]
        counts = Counter(one.outcome for one in runs)
        cells = [_share(counts[outcome], len(runs)) for outcome in outcomes]
        yield f"| {candidate.split('-')[1]} % | {' | '.join(cells)} | {median(one.after for one in runs):,.0f} |"
    otherwise = Counter(one.candidate.split("-")[1] for one in here if one.outcome == OTHERWISE)
    if otherwise:
        each = ", ".join(f"{count} of {right} %" for right, count in sorted(otherwise.items(), reverse=True))
        yield (
            f"\nTaken back for another reason than quality: {each}. Runs before 2026-11-28 had an alarm of time that did not yet\nlook at the"
            " incumbent's answers [of the same minutes](slow-alarm.md)."
        )


def _share(count: int, runs: int) -> str:
    share = wilson(count, runs)
    return f"{count}/{runs} = {share.estimate:.1%} [{share.low:.1%}, {share.high:.1%}]"


def _growth(ended: Sequence[Line]) -> Iterator[str]:
    for kind, _, _ in SECTIONS:
        here = [one for one in ended if one.kind == kind]
        if not here:
            continue
        door, _ = Counter(one.door for one in here).most_common(1)[0]
        runs = sorted((one for one in here if one.door == door), key=lambda one: one.place)
        fifth = max(1, len(runs) // 5)
        first, last = runs[:fifth], runs[-fifth:]
        took = [
            f"{1000 * sum(one.seconds for one in part) / sum(one.asked for one in part):.1f}" for part in (first, last)
        ]
        memory = [f"{median(one.mib for one in part):,.0f}" for part in (first, last)]
        yield f"| {kind} | {len(runs)} | {' | '.join(took)} | {' | '.join(memory)} |"
