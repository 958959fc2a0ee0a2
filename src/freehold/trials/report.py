"""What a trial has to say, put together for a reader: as data, and as Markdown. Pure.

It knows no file and no colour; the page (`cli/trial_page.py`) and the plots (`plots.py`) are made from the same `Report`. What
stands in `disagreements` are contents: whoever writes them down takes them out of the reach of an erasure.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.graders.calibration import POOLED
from freehold.trials.calibrating import alike, believed
from freehold.trials.plan import ARMS, Arm, ArmName, Plan, PlannedGrader
from freehold.trials.results import Calibration, Gate, Results, Row, Told
from freehold.trials.statistics import mcnemar

QUANTILE: Final = 0.95
ALL: Final = "all items"


class Point(Struct, frozen=True, kw_only=True):
    """A model on the frontier: mean score, dollars for 1,000 answers and the 95th percentile of seconds, where known."""

    model: str
    role: str
    quality: float
    usd_per_1000: float | None
    p95_seconds: float | None


class Paired(Struct, frozen=True, kw_only=True):
    """Both models on the same items, by the primary grader: mean scores, and on how many items which of them is ahead. `where`
    is a segment, or `all items`; items that could not be scored for both are not counted. `mid_p` is the two-sided mid-P value of
    McNemar's test that both are ahead equally often, None where it does not apply: graded scores, several samples, clusters, and
    judges, whose errors it does not know."""

    where: str
    n: int
    candidate: float
    incumbent: float
    ahead: int
    behind: int
    """Items on which the candidate scores more, and less, than the incumbent."""
    mid_p: float | None = None


class Disagreement(Struct, frozen=True, kw_only=True):
    """One item on which the two models differ, to be read. Texts are None where they cannot be opened any more."""

    item: str
    difference: float
    asked: str | None
    reference: str | None
    candidate: str | None
    incumbent: str | None
    candidate_score: float | None
    incumbent_score: float | None
    candidate_reason: str = ""
    incumbent_reason: str = ""
    segments: tuple[str, ...] = ()


class Noted(Struct, frozen=True, kw_only=True):
    """Where the ledger holds it: digests, and the places of the entries where they are published."""

    plan: str
    results: str
    planned_entry: int | None
    ended_entry: int | None
    log: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """A whole report."""

    plan: Plan
    results: Results
    noted: Noted
    points: tuple[Point, ...]
    disagreements: tuple[Disagreement, ...] = ()
    hidden: int = 0
    """How many more items the two models differ on than are shown."""


def points_of(plan: Plan, results: Results) -> list[Point]:
    """Both models of a trial, as points."""
    return [_point(plan.arm(arm), arm, [_told(row, arm) for row in results.rows], plan.graders[0].name) for arm in ARMS]


def frontier(points: Sequence[Point], cost: str) -> list[Point]:
    """The points that no other beats in quality and in `cost` (`usd_per_1000` or `p95_seconds`), the cheapest first."""
    known = [point for point in points if getattr(point, cost) is not None]
    best = -math.inf
    found: list[Point] = []
    for point in sorted(known, key=lambda one: (getattr(one, cost), -one.quality)):
        if point.quality > best:
            best = point.quality
            found.append(point)
    return found


def paired(plan: Plan, results: Results) -> list[Paired]:
    """How the two compare item by item: on all items, then in each segment by name. Empty where nothing has a score."""
    primary = plan.graders[0]
    tested = primary.binary and not (primary.judge or primary.pairwise) and plan.sampling.samples == 1
    found: dict[str, list[tuple[float, float, str]]] = {ALL: []}
    for row in results.rows:
        mine, theirs = row.candidate.scores.get(primary.name), row.incumbent.scores.get(primary.name)
        if mine is not None and theirs is not None:
            for where in (ALL, *row.segments):
                found.setdefault(where, []).append((mine, theirs, row.cluster))
    return [_paired(where, found[where], tested=tested) for where in (ALL, *sorted(set(found) - {ALL})) if found[where]]


def disagreeing(plan: Plan, results: Results) -> list[Row]:
    """The rows on which the primary grader scores the two models differently: those the candidate loses first, by how much."""
    name = plan.graders[0].name

    def gap(row: Row) -> float:
        mine, theirs = row.candidate.scores.get(name), row.incumbent.scores.get(name)
        return 0.0 if mine is None or theirs is None else mine - theirs

    return sorted((row for row in results.rows if gap(row)), key=lambda row: (gap(row), row.item))


def as_data(report: Report) -> dict[str, Any]:
    """The report for machines: everything but the plan's items and the rows, which stand in their own files."""
    fields: dict[str, Any] = msgspec.to_builtins(report)
    del fields["plan"]["items"], fields["results"]["rows"]
    fields["paired"] = msgspec.to_builtins(paired(report.plan, report.results))
    return fields


def markdown(report: Report) -> str:
    """The report as Markdown, without contents: verdict, gates, models, plan, notes."""
    plan, results = report.plan, report.results
    verdict = results.verdict
    lines = [
        f"# {plan.candidate.model} against {plan.incumbent.model} on {plan.workload}",
        "",
        f"**{verdict.sentence}**",
        "",
        "| gate | outcome | estimate | interval | limit | p | items | how |",
        "|---|---|--:|---|--:|--:|--:|---|",
        *(_gate_row(gate) for gate in verdict.gates),
        "",
        "| item by item | items | candidate | incumbent | candidate ahead | incumbent ahead | the same | mid-P |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(_paired_row(one) for one in paired(plan, results)),
        "",
        "| model | | mean score | $ per 1,000 answers | p95 |",
        "|---|---|--:|--:|--:|",
        *(_point_row(point) for point in report.points),
        "",
        "## The plan",
        "",
        f"- {plan.question}",
        f"- {len(plan.items):,} items of {'the store' if plan.source == 'store' else 'a file'}, "
        f"{plan.sampling.samples} answer{'s' if plan.sampling.samples > 1 else ''} each; parameters: "
        f"{_parameters(plan)}; seed {plan.seed}; Freehold {plan.code}.",
        f"- Graders: {graders_of(plan)}.",
        f"- Expected before: {plan.expectation.told}.",
        f"- Plan SHA-256 `{report.noted.plan}`, ledger entry {_entry(report.noted.planned_entry)}.",
        f"- Results SHA-256 `{report.noted.results}`, ledger entry {_entry(report.noted.ended_entry)}.",
        f"- {results.asked:,} answers asked for, {results.cached:,} of earlier trials, {results.captured:,} captured; "
        f"${results.spent_nano / 1e9:.4f} spent.",
        *(f"- {note}" for note in notes(report)),
    ]
    return "\n".join(lines) + "\n"


def why_unscored(rows: Iterable[Row], most: int = 3) -> list[str]:
    """Why replies have no score, the most frequent reasons first: `judge: The judge gave no reason. (24 replies)`."""
    found: Counter[str] = Counter()
    for row in rows:
        if row.missing:
            found[row.missing] += 2
        for told in (row.candidate, row.incumbent):
            found.update(f"{name}: {why}" for name, why in told.reasons.items() if told.scores.get(name) is None)
    return [f"{why} ({count:,} {'reply' if count == 1 else 'replies'})" for why, count in found.most_common(most)]


def notes(report: Report) -> list[str]:
    """What a reader must know besides."""
    verdict = report.results.verdict
    found = list(report.results.notes)
    for name, share in verdict.unscored.items():
        found.append(f"{share:.2%} of the items could not be scored by {name}; they count for neither model.")
    if verdict.against is not None:
        found.append(
            "If every item without a score counted against the candidate, the lower limit of the difference would be "
            f"{100 * verdict.against:+.1f} points."
        )
    found += _flips(report.results.rows)
    for one in report.results.calibrations:
        whose = one.model or "all replies together"
        found.append(
            f"The judge {one.grader}, on replies that people had labelled ({whose}): it took {one.q1:.0%} of {one.m1} good ones "
            f"for good and {one.q0:.0%} of {one.m0} bad ones for bad."
        )
    for grader in report.plan.graders:
        if grader.judge and grader.binary and not grader.pairwise:
            found += _shared(report.plan, grader, report.results.calibrations)
    if report.results.labels:
        found.append(f"People have labelled replies of this trial; SHA-256 of what they said: {report.results.labels}.")
    return found


def _flips(rows: Sequence[Row]) -> list[str]:
    """For each grader of pairs, how often its judges changed their verdict with the order."""
    told: list[str] = []
    for name in dict.fromkeys(name for row in rows for name in row.flips):
        flips = [row.flips[name] for row in rows if name in row.flips]
        changed, asked = sum(one.changed for one in flips), sum(one.asked for one in flips)
        if asked:
            told.append(
                f"The judges of {name} changed their verdict with the order of the replies in {changed:,} of {asked:,} "
                f"comparisons ({changed / asked:.1%}); those count as ties."
            )
    return told


def _shared(plan: Plan, grader: PlannedGrader, calibrations: Sequence[Calibration]) -> list[str]:
    """Whether a model is judged by what is known of others' replies, and what speaks for that."""
    found = believed(plan, grader, calibrations)
    if isinstance(found, str):
        return []
    of = {one.model: one for one in calibrations if one.grader == grader.name}
    models = (plan.candidate.model, plan.incumbent.model)
    without = [model for model, one in zip(models, found, strict=True) if one.model == POOLED]
    if not without:
        return []
    p = alike(of.get(models[0]), of.get(models[1]))
    known = (
        "whether the judge errs alike on both models is an assumption, for one of them has no labelled reply"
        if p is None
        else f"that the judge errs alike on both models is not refuted (Fisher's exact test, p = {p:.2g})"
    )
    return [
        f"Too few replies of {' and '.join(without)} are labelled, so the errors of {grader.name} on them are taken to be those on "
        f"all labelled replies: {known}. `freehold trial label {plan.id}` asks people about them."
    ]


def graders_of(plan: Plan) -> str:
    """The graders of a plan, each with its kind where it is called something else, and its version."""
    kinds = [(one, str(one.table.get("kind", one.name))) for one in plan.graders]
    return ", ".join(
        f"{one.name} ({'' if kind == one.name else f'{kind}, '}version {one.version})" for one, kind in kinds
    )


def shown_segments(gates: Iterable[Gate]) -> list[Gate]:
    """The gates that are differences in score, in the order of the verdict."""
    return [gate for gate in gates if gate.kind in ("quality", "segment", "grader") and gate.estimate is not None]


def _told(row: Row, arm: ArmName) -> Told:
    return row.candidate if arm == "candidate" else row.incumbent


def _point(arm: Arm, role: str, told: Sequence[Told], grader: str) -> Point:
    scores = [score for one in told if (score := one.scores.get(grader)) is not None]
    costs = [one.cost_nano for one in told if one.cost_nano is not None]
    times = sorted(ms for one in told for ms in one.ms)
    return Point(
        model=arm.model,
        role=role,
        quality=fmean(scores) if scores else 0.0,
        usd_per_1000=fmean(costs) / 1e6 if costs else None,
        p95_seconds=times[math.ceil(QUANTILE * len(times)) - 1] / 1000 if times else None,
    )


def _paired(where: str, scores: Sequence[tuple[float, float, str]], *, tested: bool) -> Paired:
    ahead = sum(mine > theirs for mine, theirs, _ in scores)
    behind = sum(mine < theirs for mine, theirs, _ in scores)
    alone = len({cluster for _, _, cluster in scores}) == len(scores)
    return Paired(
        where=where,
        n=len(scores),
        candidate=fmean(mine for mine, _, _ in scores),
        incumbent=fmean(theirs for _, theirs, _ in scores),
        ahead=ahead,
        behind=behind,
        mid_p=mcnemar(ahead, behind).mid_p if tested and alone else None,
    )


def _paired_row(one: Paired) -> str:
    scores = f"{100 * one.candidate:.1f} % | {100 * one.incumbent:.1f} %"
    same, mid_p = one.n - one.ahead - one.behind, "" if one.mid_p is None else f"{one.mid_p:.4f}"
    return f"| {_cell(one.where)} | {one.n:,} | {scores} | {one.ahead:,} | {one.behind:,} | {same:,} | {mid_p} |"


def _gate_row(gate: Gate) -> str:
    outcome = gate.outcome if gate.judged else "shown"
    how = "; ".join(part for part in (gate.method, gate.reason) if part)
    if gate.estimate is None or gate.low is None or gate.high is None:
        return f"| {_cell(gate.name)} | {outcome} | | | | | {gate.n:,} | {_cell(how)} |"
    p = "" if gate.p is None else f"{gate.p:.4f}"
    p += "" if gate.adjusted_p is None else f" (BH {gate.adjusted_p:.4f})"
    if gate.kind in ("latency", "cost"):
        numbers = f"{gate.estimate:.2f}x | {gate.low:.2f} to {gate.high:.2f} | {gate.limit:g}x"
    else:
        numbers = f"{100 * gate.estimate:+.1f} | {100 * gate.low:+.1f} to {100 * gate.high:+.1f} | {100 * (gate.limit or 0):+g}"
    return f"| {_cell(gate.name)} | {outcome} | {numbers} | {p} | {gate.n:,} | {_cell(how)} |"


def _point_row(point: Point) -> str:
    usd = "?" if point.usd_per_1000 is None else f"{point.usd_per_1000:.4f}"
    p95 = "?" if point.p95_seconds is None else f"{point.p95_seconds:.3f} s"
    return f"| {_cell(point.model)} | {point.role} | {100 * point.quality:.1f} % | {usd} | {p95} |"


def _parameters(plan: Plan) -> str:
    named = plan.sampling.parameters()
    return ", ".join(f"{name} {value:g}" for name, value in named.items()) or "each item's own"


def _entry(place: int | None) -> str:
    return "none yet" if place is None else f"{place:,}"


def _cell(text: str) -> str:
    """Text that ends no cell and no line, and marks nothing up."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
