"""What came of a trial, without a word of any content: the scores of each item, the gates, the verdict. Pure data.

The file's SHA-256 enters the ledger with the verdict, so the numbers can be shown to be those of the day.
"""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.errors import NotFound, TrialError

Outcome = Literal["pass", "fail", "inconclusive"]
GateKind = Literal["quality", "segment", "grader", "latency", "cost"]

FORMAT: Final = 1


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one model did on one item. `scores` are the means over its samples by grader, None where one could not say, with
    the reason in `reasons`; `lost` has the numbers of the samples that a grader could not score, where it could score others;
    `ms` is one duration for each sample that this trial asked for; `cost_nano` the mean of a sample."""

    scores: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    lost: dict[str, tuple[int, ...]] = {}
    ms: tuple[float, ...] = ()
    cost_nano: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    keys: tuple[str, ...] = ()
    receipts: tuple[str, ...] = ()


class Flips(Struct, frozen=True, array_like=True):
    """How often the judges of pairs changed their verdict with the order of the replies, of how many times they were asked."""

    changed: int
    asked: int


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item: what both models did. What a grader of pairs said is the candidate's score, and 1 minus it the incumbent's;
    `flips` is told by such a grader's name. `missing` says why the item could not be asked at all."""

    item: str
    cluster: str
    segments: tuple[str, ...] = ()
    candidate: Told = Told()
    incumbent: Told = Told()
    flips: dict[str, Flips] = {}
    missing: str = ""


class Calibration(Struct, frozen=True, kw_only=True):
    """How a judge did on replies that people had labelled: `q1` is the share of the good ones (`m1`) that it took for good,
    `q0` of the bad ones (`m0`) that it took for bad. `model` is whose replies they were, empty for both together."""

    grader: str
    model: str
    q0: float
    q1: float
    m0: int
    m1: int


class Gate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One condition and how it stands. For quality, segments and graders `estimate` is candidate minus incumbent in score
    points and `limit` minus the margin; for latency and cost it is the ratio, and `limit` the largest that passes. `low` and
    `high` enclose it at the level 1 - 2 alpha. `p` is the probability of such data if the condition did not hold."""

    name: str
    kind: GateKind
    outcome: Outcome
    judged: bool = True
    """False for what is shown only: a segment that is too small."""
    n: int = 0
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    p: float | None = None
    adjusted_p: float | None = None
    candidate: float | None = None
    incumbent: float | None = None
    method: str = ""
    reason: str = ""
    more: int | None = None
    """How many more items it would take, where more items would help."""


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of a trial. `void` says why it counts for nothing; the outcome is inconclusive then."""

    outcome: Outcome
    sentence: str
    gates: tuple[Gate, ...]
    void: str = ""
    p: float | None = None
    more: int | None = None
    unscored: dict[str, float] = {}
    """The share of items that could not be scored, by grader."""
    against: float | None = None
    """The lower limit of the difference in quality if every unscored item counted against the candidate."""


class Results(Struct, frozen=True, kw_only=True):
    """A whole trial. `plan` is the digest of its plan; money is in nano-dollars."""

    format: int = FORMAT
    trial: str
    plan: str
    ended_at: int
    spent_nano: int
    asked: int
    cached: int
    captured: int
    verdict: Verdict
    calibrations: tuple[Calibration, ...]
    rows: tuple[Row, ...]
    labels: str = ""
    """The SHA-256 of what people said of the replies (`labels.py`), empty where they said nothing."""
    notes: tuple[str, ...] = ()


def encode(results: Results) -> bytes:
    """The results as their file: indented JSON, one line for each item."""
    fields: dict[str, Any] = msgspec.to_builtins(results)
    rows = fields.pop("rows")
    head = msgspec.json.format(msgspec.json.encode(fields), indent=2).removesuffix(b"\n}")
    lines = b",\n".join(b"    " + msgspec.json.encode(row) for row in rows)
    return head + b',\n  "rows": [\n' + lines + b"\n  ]\n}\n"


def read_results(path: Path) -> tuple[Results, bytes]:
    """The results in a file, and its bytes. Raises NotFound where the trial has not ended, TrialError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(
            f"The trial {path.parent.name} has no results yet.", f"Run it: `freehold trial run {path.parent.name}`."
        ) from None
    try:
        return msgspec.json.decode(content, type=Results), content
    except msgspec.MsgspecError as error:
        raise TrialError(f"{path} cannot be read: {error}.", "Restore it, or run the trial again.") from None


def find_same(path: Path, results: Results) -> Results | None:
    """The results in a file, where they say what these say and only ended at another time; None for others, for none, and where they cannot be read."""
    try:
        before, content = read_results(path)
    except (NotFound, TrialError):
        return None
    return before if encode(replace(results, ended_at=before.ended_at)) == content else None
