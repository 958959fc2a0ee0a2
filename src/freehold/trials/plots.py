"""The plots of a report, as SVG that stands inside a page: no script, nothing loaded, colours by the page's own variables. Pure.

An interval is one line for each gate, stretched to the width that it gets, so that it can be read on a telephone; a frontier is
one small picture. All text is escaped.
"""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from freehold.trials.report import Point, frontier
from freehold.trials.results import Gate

STYLE: Final = """
.iv { width: 100%; height: 1.5rem; display: block } .iv * { vector-effect: non-scaling-stroke }
.iv .zero { stroke: var(--soft); stroke-width: 1 } .iv .limit { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3 }
.iv .bar { stroke-width: 3 } .iv .dot { stroke-width: 9 } .iv .cap { stroke-width: 2 }
.pass { stroke: var(--good) } .fail { stroke: var(--bad) } .inconclusive, .shown { stroke: var(--soft) }
.fr { width: 100%; max-width: 34rem; height: auto; display: block } .fr text { fill: var(--ink); font-size: 11px;
  paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round }
.fr .soft { fill: var(--soft) } .fr .grid { stroke: var(--line) } .fr .edge { fill: none; stroke: var(--soft);
  stroke-dasharray: 4 3 }
.fr .candidate { fill: var(--link) } .fr .incumbent { fill: var(--ink) } .fr .other { fill: var(--soft) }
"""

WIDE: Final = 1000
"""The inner width of an interval's picture; it is stretched to what there is."""

WIDTH, HEIGHT = 400, 270
LEFT, RIGHT, TOP, BOTTOM = 44, 16, 16, 40


def axis_of(gates: Sequence[Gate]) -> tuple[float, float]:
    """The range, in shares of the score, in which all intervals, limits and zero lie."""
    values = [value for gate in gates for value in (gate.low, gate.high, gate.limit, 0.0) if value is not None]
    low, high = min(values, default=-0.05), max(values, default=0.05)
    room = max(0.01, (high - low) * 0.06)
    return low - room, high + room


def interval(gate: Gate, axis: tuple[float, float]) -> str:
    """One gate on the axis: its interval, its estimate, zero, and the limit that the interval must clear."""
    if gate.low is None or gate.high is None or gate.estimate is None:
        return ""

    def at(value: float) -> str:
        return f"{WIDE * (value - axis[0]) / (axis[1] - axis[0]):.1f}"

    kind = gate.outcome if gate.judged else "shown"
    low, high, middle = at(gate.low), at(gate.high), at(gate.estimate)
    limit = "" if gate.limit is None else f'<path class="limit" d="M{at(gate.limit)} 0V24"/>'
    told = f"{100 * gate.estimate:+.1f} points, {100 * gate.low:+.1f} to {100 * gate.high:+.1f}"
    return (
        f'<svg class="iv" viewBox="0 0 {WIDE} 24" preserveAspectRatio="none" role="img" aria-label="{escape(told)}">'
        f'<path class="zero" d="M{at(0)} 0V24"/>{limit}<path class="bar {kind}" d="M{low} 12H{high}"/>'
        f'<path class="cap {kind}" d="M{low} 7V17M{high} 7V17"/><path class="dot {kind}" d="M{middle} 7.5V16.5"/></svg>'
    )


def scatter(points: Sequence[Point], cost: str, label: str) -> str:
    """Quality against what it costs (`usd_per_1000` or `p95_seconds`), and the edge of what is not beaten; empty where
    nothing of it is known, or all of it is nothing."""
    known = [point for point in points if getattr(point, cost) is not None]
    if not any(getattr(point, cost) for point in known):
        return ""
    most = _nice(max(1e-9, *(1.15 * getattr(point, cost) for point in known)))
    low = max(0.0, math.floor(20 * (min(point.quality for point in known) - 0.04)) / 20)
    high = min(1.0, math.ceil(20 * (max(point.quality for point in known) + 0.04)) / 20)

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / most

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    parts = [_grid(low, high, most, x, y, label)]
    edge = frontier(known, cost)
    if len(edge) > 1:
        steps = f"M{x(getattr(edge[0], cost)):.1f} {y(edge[0].quality):.1f}" + "".join(
            f"H{x(getattr(point, cost)):.1f}V{y(point.quality):.1f}" for point in edge[1:]
        )
        parts.append(f'<path class="edge" d="{steps}"/>')
    taken: list[float] = []
    for point in sorted(known, key=lambda one: -one.quality):
        parts.append(_marked(point, x(getattr(point, cost)), y(point.quality), taken))
    return (
        f'<svg class="fr" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _grid(
    low: float, high: float, most: float, x: Callable[[float], float], y: Callable[[float], float], label: str
) -> str:
    steps = max(1, round((high - low) * 20))
    every = max(1, math.ceil(steps / 5))
    lines: list[str] = []
    for step in range(0, steps + 1, every):
        value = low + step / 20
        lines.append(
            f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>'
            f'<text class="soft" x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{100 * value:.0f}%</text>'
        )
    for step in range(5):
        value = most * step / 4
        anchor = "end" if step == 4 else "middle"
        lines.append(
            f'<text class="soft" x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="{anchor}">{value:.3g}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    return (
        "".join(lines) + f'<text class="soft" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(label)}</text>'
    )


def _marked(point: Point, x: float, y: float, taken: list[float]) -> str:
    """A point with its name above it, moved down where another name stands already."""
    at = y - 7
    while any(abs(at - other) < 12 for other in taken):
        at += 12
    taken.append(at)
    right = x < WIDTH * 0.55
    name = point.model if len(point.model) <= 34 else f"{point.model[:33]}…"
    role = point.role if point.role in ("candidate", "incumbent") else "other"
    return (
        f'<circle class="{role}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        f'<text x="{x + (9 if right else -9):.1f}" y="{at:.1f}" text-anchor="{"start" if right else "end"}">{escape(name)}</text>'
    )


def _nice(value: float) -> float:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))
