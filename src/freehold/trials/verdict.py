"""The verdict: from the scores of a trial and its plan to pass, fail or inconclusive, gate by gate. Pure, seeded by the plan.

1 what cannot be scored is counted, and too much of it voids the trial
2 quality: the candidate is no worse than the incumbent by more than the margin (Tango's score test for binary scores of single
  samples, else the cluster-robust paired test; a judge's error is carried into the interval by what people said of the same
  replies, or nothing is concluded)
3 each segment that the plan judges, held to the segments' margin
4 further graders, latency and cost
5 pass when every gate passes at alpha (intersection-union, Berger 1982: no correction); fail when any is shown not to hold, at
  alpha divided by the number of gates (Bonferroni, since this claim is about any of them); else inconclusive

A gate that is not shown to hold is not shown to fail: that is what `inconclusive` is for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from freehold.trials.calibrating import believed
from freehold.trials.comparing import (
    ONE_CLUSTER,
    Pairs,
    Rule,
    compare_binary,
    compare_corrected,
    compare_cost,
    compare_graded,
    compare_latency,
    compare_with_people,
)
from freehold.trials.labels import Said, differences, preferences
from freehold.trials.plan import Plan, PlannedGrader
from freehold.trials.results import Calibration, Gate, Row, Told, Verdict
from freehold.trials.statistics import FEW_CLUSTERS, all_must_pass, benjamini_hochberg

LEAST_COMPARED: Final = 50
"""Items that people must have labelled for both models, of as many conversations, before a judge of grades or of pairs is
believed: with fewer, errors that are seldom and favour the candidate are missed too often by chance, and no interval tells."""


class Known(Struct, frozen=True):
    """What is known of the judges: how they did on single replies that people labelled, and what people said of the trial's."""

    calibrations: Sequence[Calibration] = ()
    said: Sequence[Said] = ()


def decide(
    plan: Plan, rows: Sequence[Row], calibrations: Sequence[Calibration] = (), said: Sequence[Said] = ()
) -> Verdict:
    """The verdict on a trial whose rows are all there, missing items included. `said` is what people said of its replies, as far
    as it counts (`labels.py`)."""
    known = Known(calibrations, said)
    judged, shown = _segments(plan)
    count = 1 + len(judged) + len(plan.gates.graders) + (plan.gates.p95 is not None) + (plan.gates.cost is not None)
    rule = Rule(plan.alpha, plan.alpha / count, plan.power, plan.seed)
    primary = plan.graders[0]
    # 1 what cannot be scored
    unscored = {grader.name: _unscored(plan, rows, grader) for grader in plan.graders}
    gating = [primary.name, *plan.gates.graders]
    void = _void(plan, unscored, gating)
    # 2 quality
    gates = [_graded_gate("quality", plan, primary, plan.margin, rows, known, rule)]
    # 3 segments
    gates += _segment_gates(plan, rows, judged, shown, known, rule)
    # 4 further graders, latency, cost
    by_name = {grader.name: grader for grader in plan.graders}
    for name, margin in plan.gates.graders.items():
        gate = _graded_gate("grader", plan, by_name[name], margin, rows, known, rule)
        gates.append(replace(gate, name=name))
    if plan.gates.p95 is not None:
        gates.append(compare_latency(_both(rows), plan.gates.p95, rule))
    if plan.gates.cost is not None:
        gates.append(compare_cost(_both(rows), plan.gates.cost, rule))
    # 5 all together
    return _conclude(plan, tuple(gates), void, unscored, _against(plan, rows, rule))


def _segments(plan: Plan) -> tuple[list[str], list[str]]:
    """The segments that are judged and those that are only shown, as the plan's own items fix them."""
    counts = Counter(segment for item in plan.items for segment in item.segments)
    judged = sorted(name for name, count in counts.items() if count >= plan.segments.least)
    return judged, sorted(set(counts) - set(judged))


def _segment_gates(
    plan: Plan,
    rows: Sequence[Row],
    judged: Sequence[str],
    shown: Sequence[str],
    known: Known,
    rule: Rule,
) -> list[Gate]:
    gates: list[Gate] = []
    for name in (*judged, *shown):
        within = [row for row in rows if name in row.segments]
        gate = _graded_gate("segment", plan, plan.graders[0], plan.segments.margin, within, known, rule)
        gate = replace(gate, name=name)
        if name in shown:
            few = f"{gate.n} of at least {plan.segments.least} items: shown, not judged"
            gate = replace(gate, judged=False, outcome="inconclusive", reason=few, more=None)
        gates.append(gate)
    tested = [place for place, gate in enumerate(gates) if gate.judged and gate.p is not None]
    adjusted = benjamini_hochberg([gates[place].p or 0.0 for place in tested]) if tested else ()
    for place, p in zip(tested, adjusted, strict=True):
        gates[place] = replace(gates[place], adjusted_p=float(p))
    return gates


def _graded_gate(
    kind: str,
    plan: Plan,
    grader: PlannedGrader,
    margin: float,
    rows: Sequence[Row],
    known: Known,
    rule: Rule,
) -> Gate:
    """The gate of one grader's scores: non-inferiority by `margin`."""
    gate = Gate(name="quality", kind="quality" if kind == "quality" else "segment" if kind == "segment" else "grader",
                outcome="inconclusive", limit=-margin)  # fmt: skip
    pairs = _pairs(rows, grader)
    if len(pairs.differences) < 2:
        return replace(gate, n=len(pairs.differences), reason="fewer than two items were scored for both models")
    if len(set(pairs.clusters)) < 2:
        return replace(gate, n=len(pairs.differences), reason=ONE_CLUSTER)
    if grader.judge:
        return _judged_gate(gate, plan, grader, margin, pairs, known, rule)
    return _plain_gate(gate, plan, grader, margin, pairs, rule)


def _plain_gate(gate: Gate, plan: Plan, grader: PlannedGrader, margin: float, pairs: Pairs, rule: Rule) -> Gate:
    groups = len(set(pairs.clusters))
    enough = groups == len(pairs.clusters) or groups >= FEW_CLUSTERS
    if grader.binary and not grader.pairwise and plan.sampling.samples == 1 and enough:
        return compare_binary(gate, pairs, margin, rule)
    return compare_graded(gate, pairs, margin, rule)


def _judged_gate(
    gate: Gate, plan: Plan, grader: PlannedGrader, margin: float, pairs: Pairs, known: Known, rule: Rule
) -> Gate:
    """A judge's gate. One who says right or wrong is corrected by its shares of errors; one who gives grades or compares is set
    right by what people said of some of the same items."""
    if grader.binary and not grader.pairwise:
        found = believed(plan, grader, known.calibrations)
        if not isinstance(found, str):
            return compare_corrected(gate, pairs, found, margin, rule, plan.sampling.samples)
    else:
        human = preferences(known.said) if grader.pairwise else differences(known.said)
        count = len({cluster for item, cluster in zip(pairs.items, pairs.clusters, strict=True) if item in human})
        if count >= LEAST_COMPARED:
            return compare_with_people(gate, pairs, human, margin, rule)
        what = "which reply is better" if grader.pairwise else "how good both replies are"
        found = (
            f"people have said of {count} conversations {what}; the judge `{grader.name}` is believed from {LEAST_COMPARED} on "
            f"(`freehold trial label {plan.id}`)"
        )
    return replace(
        _plain_gate(gate, plan, grader, margin, pairs, rule), outcome="inconclusive", reason=found, more=None
    )


def _pairs(rows: Sequence[Row], grader: PlannedGrader) -> Pairs:
    """The scores of both models where both could be scored. Those of a grader of pairs add up to 1, so that their difference is
    -1 to 1."""
    scored: list[tuple[float, float, Row]] = []
    for row in rows:
        mine, theirs = row.candidate.scores.get(grader.name), row.incumbent.scores.get(grader.name)
        if mine is not None and theirs is not None:
            scored.append((mine, theirs, row))
    return Pairs(
        [mine for mine, _, _ in scored],
        [theirs for _, theirs, _ in scored],
        [mine - theirs for mine, theirs, _ in scored],
        [row.cluster for _, _, row in scored],
        [row.item for _, _, row in scored],
    )


def _both(rows: Sequence[Row]) -> list[tuple[Told, Told, str]]:
    return [(row.candidate, row.incumbent, row.cluster) for row in rows]


def _unscored(plan: Plan, rows: Sequence[Row], grader: PlannedGrader) -> float:
    """The share that this grader could not score for both models: of an item with several samples, the samples."""
    return sum(_lost(plan, row, grader) for row in rows) / len(rows) if rows else 1.0


def _lost(plan: Plan, row: Row, grader: PlannedGrader) -> float:
    """The share of one item's samples, of either model, without a score."""
    if row.candidate.scores.get(grader.name) is None or row.incumbent.scores.get(grader.name) is None:
        return 1.0
    either = {*row.candidate.lost.get(grader.name, ()), *row.incumbent.lost.get(grader.name, ())}
    return len(either) / plan.sampling.samples


def _void(plan: Plan, unscored: Mapping[str, float], gating: Sequence[str]) -> str:
    for name in gating:
        if unscored[name] > plan.most_unscored:
            return f"{unscored[name]:.1%} of the items could not be scored by `{name}`, and {plan.most_unscored:.0%} may be"
    return ""


def _against(plan: Plan, rows: Sequence[Row], rule: Rule) -> float | None:
    """The lower limit of the difference if everything without a score were right for the incumbent and wrong for the candidate:
    how much the missing ones could matter."""
    primary = plan.graders[0]
    lost = [_lost(plan, row, primary) for row in rows]
    clusters = [row.cluster for row in rows]
    if len(set(clusters)) < 2 or not any(lost) or primary.judge:
        return None
    candidate = [
        (row.candidate.scores.get(primary.name) or 0.0) * (1 - share) for row, share in zip(rows, lost, strict=True)
    ]
    incumbent = [
        (row.incumbent.scores.get(primary.name) or 0.0) * (1 - share) + share
        for row, share in zip(rows, lost, strict=True)
    ]
    pairs = Pairs(candidate, incumbent, [a - b for a, b in zip(candidate, incumbent, strict=True)], clusters)
    blank = Gate(name="", kind="quality", outcome="inconclusive")
    return compare_graded(blank, pairs, plan.margin, rule).low


def _conclude(
    plan: Plan, gates: tuple[Gate, ...], void: str, unscored: dict[str, float], against: float | None
) -> Verdict:
    judged = [gate for gate in gates if gate.judged]
    failed = [gate for gate in judged if gate.outcome == "fail"]
    open_still = [gate for gate in judged if gate.outcome == "inconclusive"]
    needed = [gate.more for gate in open_still]
    more = None if not needed or None in needed else max(one for one in needed if one is not None)
    ps = [gate.p for gate in judged if gate.p is not None]
    p = float(all_must_pass(ps)) if len(ps) == len(judged) else None
    kept = {name: share for name, share in unscored.items() if share}
    if void:
        return Verdict(
            outcome="inconclusive", sentence=f"Void: {void}.", gates=gates, void=void, unscored=kept, against=against
        )
    if failed:
        sentence = f"Fail: {'; '.join(map(_told, failed))}."
        return Verdict(outcome="fail", sentence=sentence, gates=gates, p=p, unscored=kept, against=against)
    if open_still:
        advice = f" About {more:,} more items would decide it." if more else ""
        sentence = f"Inconclusive: {'; '.join(map(_told, open_still))}.{advice}"
        return Verdict(
            outcome="inconclusive", sentence=sentence, gates=gates, p=p, more=more, unscored=kept, against=against
        )
    held = f", and all {len(judged)} gates hold" if len(judged) > 1 else ""
    sentence = (
        f"Pass: {plan.candidate.model} is no worse than {plan.incumbent.model} on {plan.workload} by more than "
        f"{100 * plan.margin:g} points ({_told(judged[0])}){held}."
    )
    return Verdict(outcome="pass", sentence=sentence, gates=gates, p=p, unscored=kept, against=against)


def _told(gate: Gate) -> str:
    """One gate in words, with its numbers."""
    if gate.estimate is None or gate.low is None or gate.high is None or gate.limit is None:
        return f"{gate.name}: {gate.reason}"
    if gate.kind in ("latency", "cost"):
        numbers = (
            f"{gate.estimate:.2f} times the incumbent's ({gate.low:.2f} to {gate.high:.2f}; at most {gate.limit:g})"
        )
    else:
        numbers = (
            f"{100 * gate.estimate:+.1f} points ({100 * gate.low:+.1f} to {100 * gate.high:+.1f}; "
            f"limit {100 * gate.limit:+g})"
        )
    return f"{gate.name} {numbers}{f', {gate.reason}' if gate.reason else ''}"
