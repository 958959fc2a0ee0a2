"""The gates of a verdict as a table on a terminal."""

from collections.abc import Iterable

from freehold.cli.audit import print_table
from freehold.trials.results import Gate

COLUMNS = ("gate", "outcome", "estimate", "interval", "limit", "p", "items", "how")


def print_gates(gates: Iterable[Gate]) -> None:
    """One row for each gate; those that are only shown say so."""
    print_table(COLUMNS, (row(gate) for gate in gates), numbers=("estimate", "limit", "p", "items"))


def row(gate: Gate) -> tuple[str, ...]:
    """The cells of one gate. Scores are in points, latency and cost in multiples of the incumbent's; BH is the p-value of a segment
    adjusted for their number by Benjamini and Hochberg."""
    outcome = gate.outcome if gate.judged else "shown"
    how = "; ".join(part for part in (gate.method, gate.reason) if part)
    if gate.estimate is None or gate.low is None or gate.high is None:
        return (gate.name, outcome, "", "", limit_of(gate), "", f"{gate.n:,}", how)
    if gate.kind in ("latency", "cost"):
        estimate, interval = f"{gate.estimate:.2f}x", f"{gate.low:.2f} to {gate.high:.2f}"
    else:
        estimate, interval = f"{100 * gate.estimate:+.1f}", f"{100 * gate.low:+.1f} to {100 * gate.high:+.1f}"
    p = p_of(gate.p) + ("" if gate.adjusted_p is None else f" (BH {p_of(gate.adjusted_p)})")
    return (gate.name, outcome, estimate, interval, limit_of(gate), p, f"{gate.n:,}", how)


def p_of(p: float | None) -> str:
    """A p-value to three places."""
    return "" if p is None else f"{p:.3f}" if p >= 0.001 else "<0.001"


def limit_of(gate: Gate) -> str:
    """The limit in the gate's own unit."""
    if gate.limit is None:
        return ""
    return f"{gate.limit:g}x" if gate.kind in ("latency", "cost") else f"{100 * gate.limit:+g}"
