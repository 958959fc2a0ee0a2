"""The verdict: from the scores of a trial and its plan to pass, fail or inconclusive, gate by gate. Pure, seeded by the plan.

1 what cannot be scored is counted, and too much of it voids the trial
2 quality: the candidate is no worse than the incumbent by more than the margin (Tango's score test for binary scores of single
  samples, else the cluster-robust paired test; a judge's error is carried into the interval, or nothing is concluded)
3 each segment that the plan judges, held to the segments' margin
4 further graders, latency and cost
5 pass when every gate passes at alpha (intersection-union, Berger 1982: no correction); fail when any is shown not to hold, at
  alpha divided by the number of gates (Bonferroni, since this claim is about any of them); else inconclusive

A gate that is not shown to hold is not shown to fail: that is what `inconclusive` is for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from freehold.trials.comparing import (
    Pairs,
    Rule,
    compare_binary,
    compare_corrected,
    compare_cost,
    compare_graded,
    compare_latency,
)
from freehold.trials.plan import Plan, PlannedGrader
from freehold.trials.results import Calibration, Gate, Row, Told, Verdict
from freehold.trials.statistics import FEW_CLUSTERS, all_must_pass, benjamini_hochberg

LEAST_LABELS: Final = 10
"""Human labels of each kind, good and bad, below which a judge counts as not calibrated."""


def decide(plan: Plan, rows: Sequence[Row], calibrations: Sequence[Calibration] = ()) -> Verdict:
    """The verdict on a trial whose rows are all there, missing items included."""
    judged, shown = _segments(plan)
    count = 1 + len(judged) + len(plan.gates.graders) + (plan.gates.p95 is not None) + (plan.gates.cost is not None)
    rule = Rule(plan.alpha, plan.alpha / count, plan.power, plan.seed)
    primary = plan.graders[0]
    # 1 what cannot be scored
    unscored = {grader.name: _unscored(rows, grader) for grader in plan.graders}
    gating = [primary.name, *plan.gates.graders]
    void = _void(plan, unscored, gating)
    # 2 quality
    gates = [_graded_gate("quality", plan, primary, plan.margin, rows, calibrations, rule)]
    # 3 segments
    gates += _segment_gates(plan, rows, judged, shown, calibrations, rule)
    # 4 further graders, latency, cost
    by_name = {grader.name: grader for grader in plan.graders}
    for name, margin in plan.gates.graders.items():
        gate = _graded_gate("grader", plan, by_name[name], margin, rows, calibrations, rule)
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
    calibrations: Sequence[Calibration],
    rule: Rule,
) -> list[Gate]:
    gates: list[Gate] = []
    for name in (*judged, *shown):
        within = [row for row in rows if name in row.segments]
        gate = _graded_gate("segment", plan, plan.graders[0], plan.segments.margin, within, calibrations, rule)
        gate = replace(gate, name=name)
        if name in shown:
            few = f"{gate.n} of at least {plan.segments.least} items: shown, not judged"
            gate = replace(gate, judged=False, outcome="inconclusive", reason=few, more=None)
        gates.append(gate)
    known = [place for place, gate in enumerate(gates) if gate.judged and gate.p is not None]
    adjusted = benjamini_hochberg([gates[place].p or 0.0 for place in known]) if known else ()
    for place, p in zip(known, adjusted, strict=True):
        gates[place] = replace(gates[place], adjusted_p=float(p))
    return gates


def _graded_gate(
    kind: str,
    plan: Plan,
    grader: PlannedGrader,
    margin: float,
    rows: Sequence[Row],
    calibrations: Sequence[Calibration],
    rule: Rule,
) -> Gate:
    """The gate of one grader's scores: non-inferiority by `margin`."""
    gate = Gate(name="quality", kind="quality" if kind == "quality" else "segment" if kind == "segment" else "grader",
                outcome="inconclusive", limit=-margin)  # fmt: skip
    pairs = _pairs(rows, grader)
    if len(pairs.differences) < 2:
        return replace(gate, n=len(pairs.differences), reason="fewer than two items were scored for both models")
    if grader.judge and not grader.pairwise:
        of_arm = _calibration_of(plan, grader, calibrations)
        if of_arm is not None:
            return compare_corrected(gate, pairs, of_arm, margin, rule)
    groups = len(set(pairs.clusters))
    enough = groups == len(pairs.clusters) or groups >= FEW_CLUSTERS
    if grader.binary and not grader.pairwise and plan.sampling.samples == 1 and enough:
        gate = compare_binary(gate, pairs, margin, rule)
    else:
        gate = compare_graded(gate, pairs, margin, rule)
    if grader.judge:
        why = f"the judge `{grader.name}` is not calibrated: label at least {LEAST_LABELS} good and {LEAST_LABELS} bad replies"
        return replace(gate, outcome="inconclusive", reason=why, more=None)
    return gate


def _calibration_of(
    plan: Plan, grader: PlannedGrader, calibrations: Sequence[Calibration]
) -> tuple[Calibration, Calibration] | None:
    """The calibrations for (candidate, incumbent): each model's own, else the one of all replies; None when one is missing."""
    usable = {
        one.model: one
        for one in calibrations
        if one.grader == grader.name and min(one.m0, one.m1) >= LEAST_LABELS and one.q0 + one.q1 > 1
    }
    found = [usable.get(arm.model) or usable.get("") for arm in (plan.candidate, plan.incumbent)]
    return (found[0], found[1]) if found[0] is not None and found[1] is not None else None


def _pairs(rows: Sequence[Row], grader: PlannedGrader) -> Pairs:
    """The scores of both models where both could be scored. A duel's score of 0 to 1 is a difference of -1 to 1."""
    candidate: list[float] = []
    incumbent: list[float] = []
    differences: list[float] = []
    clusters: list[str] = []
    for row in rows:
        if grader.pairwise:
            if row.duel is None:
                continue
            mine, theirs = row.duel, 1 - row.duel
        else:
            mine, theirs = row.candidate.scores.get(grader.name), row.incumbent.scores.get(grader.name)
            if mine is None or theirs is None:
                continue
        candidate.append(mine)
        incumbent.append(theirs)
        differences.append(mine - theirs)
        clusters.append(row.cluster)
    return Pairs(candidate, incumbent, differences, clusters)


def _both(rows: Sequence[Row]) -> list[tuple[Told, Told, str]]:
    return [(row.candidate, row.incumbent, row.cluster) for row in rows]


def _unscored(rows: Sequence[Row], grader: PlannedGrader) -> float:
    """The share of items that this grader could not score for both models."""
    return (len(rows) - len(_pairs(rows, grader).differences)) / len(rows) if rows else 1.0


def _void(plan: Plan, unscored: Mapping[str, float], gating: Sequence[str]) -> str:
    for name in gating:
        if unscored[name] > plan.most_unscored:
            return f"{unscored[name]:.1%} of the items could not be scored by `{name}`, and {plan.most_unscored:.0%} may be"
    return ""


def _against(plan: Plan, rows: Sequence[Row], rule: Rule) -> float | None:
    """The lower limit of the difference if every item without a score were right for the incumbent and wrong for the
    candidate: how much the missing ones could matter."""
    primary = plan.graders[0]
    known = _pairs(rows, primary)
    lost = len(rows) - len(known.differences)
    if len(rows) < 2 or not lost or (primary.judge and not primary.pairwise):
        return None
    scored = {row.item for row in rows if len(_pairs([row], primary).differences)}
    clusters = [*known.clusters, *(row.cluster for row in rows if row.item not in scored)]
    pairs = Pairs([*known.candidate, *[0.0] * lost], [*known.incumbent, *[1.0] * lost],
                  [*known.differences, *[-1.0] * lost], clusters)  # fmt: skip
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
