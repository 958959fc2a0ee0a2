"""The plots of a report on independence, as SVG that stands inside a page: no script, nothing loaded, the page's own colours. Pure.

Each is one line of a table, stretched to the width that it gets, so that it can be read on a telephone; what it shows stands
beside it in numbers, and in words for who hears the page.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from freehold.trials.independence import HIGH, MODERATE, Concentration, Ending, Part, Saving

STYLE: Final = """
.ln { width: 100%; display: block } .ln * { vector-effect: non-scaling-stroke } .ln.bars { height: 1.5rem }
.ln.line { height: 1.2rem } .ln.scale { height: 2.2rem }
.ln .spend { fill: var(--link) } .ln .traffic { fill: var(--soft) } .ln .rail { fill: var(--line) }
.ln .low { fill: var(--good-back) } .ln .middle { fill: var(--plain-back) } .ln .high { fill: var(--bad-back) }
.ln .mark { stroke: var(--link); stroke-width: 4 } .ln .mark.traffic { stroke: var(--soft) }
.ln .run { stroke: var(--line); stroke-width: 3 } .ln .end { stroke: var(--ink); stroke-width: 6 }
.ln .soon { stroke: var(--bad) } .ln .zero { stroke: var(--soft) } .ln .bar { stroke-width: 3; stroke: var(--soft) }
.ln .dot { stroke-width: 9; stroke: var(--soft) } .ln .good { stroke: var(--good) } .ln .bad { stroke: var(--bad) }
"""

WIDE: Final = 1000
"""The inner width of every picture; it is stretched to what there is."""

SOON_DAYS: Final = 180
"""What ends within half a year is told in another colour: a trial and a canary take weeks."""

MOST_DAYS: Final = 730


def shares(part: Part) -> str:
    """Spend above, traffic below, each of everything."""
    spend, traffic = _share(part.spend), _share(part.traffic)
    told = f"{part.name}: {spend:.0%} of the spend, {traffic:.0%} of the traffic"
    return _picture(
        "bars",
        24,
        told,
        f'<rect class="rail" width="{WIDE}" height="24"/><rect class="spend" width="{WIDE * spend:.1f}" height="13"/>'
        f'<rect class="traffic" y="15" width="{WIDE * traffic:.1f}" height="9"/>',
    )


def scale(spend: Concentration, traffic: Concentration) -> str:
    """Both indices on the scale from 0 to 10,000, with the two limits; its root, so that the limits can be told apart."""
    marks = "".join(
        f'<path class="{kind}" d="M{_root(one.hhi):.1f} {at}v17"/>'
        for kind, one, at in (("mark", spend, 1), ("mark traffic", traffic, 17))
        if one.hhi is not None
    )
    first, second = _root(MODERATE), _root(HIGH)
    told = " and ".join(
        f"{name} {one.hhi:,.0f}" for name, one in (("spend", spend), ("traffic", traffic)) if one.hhi is not None
    )
    return _picture(
        "scale",
        35,
        f"Index of concentration: {told or 'unknown'}",
        f'<rect class="low" width="{first:.1f}" height="35"/>'
        f'<rect class="middle" x="{first:.1f}" width="{second - first:.1f}" height="35"/>'
        f'<rect class="high" x="{second:.1f}" width="{WIDE - second:.1f}" height="35"/>{marks}',
    )


def remaining(ending: Ending, most: int) -> str:
    """The days that a model has left, on a line of `most` days; empty where no date is known."""
    if ending.days is None:
        return ""
    at = WIDE * min(1.0, max(0.0, ending.days / most))
    soon = " soon" if ending.days <= SOON_DAYS else ""
    told = f"{ending.model}: {ending.days} days left"
    return _picture(
        "line", 24, told, f'<path class="run" d="M0 12H{at:.1f}"/><path class="end{soon}" d="M{at:.1f} 4V20"/>'
    )


def longest(endings: Sequence[Ending]) -> int:
    """The days of the line on which all ends stand: up to two years."""
    return min(MOST_DAYS, max([SOON_DAYS, *(one.days for one in endings if one.days is not None)]))


def axis_of(savings: Sequence[Saving]) -> tuple[float, float]:
    """The range, in nano-dollars, in which all savings and nothing lie."""
    low = min([0.0, *(one.low for one in savings)])
    high = max([0.0, *(one.high for one in savings)])
    room = max(1.0, (high - low) * 0.06)
    return low - room, high + room


def interval(saving: Saving, axis: tuple[float, float]) -> str:
    """One saving with its interval on the axis; right of the line it saves."""

    def at(value: float) -> str:
        return f"{WIDE * (value - axis[0]) / (axis[1] - axis[0]):.1f}"

    kind = "good" if saving.low > 0 else "bad" if saving.high < 0 else ""
    told = f"saves {saving.nano / 1e9:.2f} dollars, {saving.low / 1e9:.2f} to {saving.high / 1e9:.2f}"
    return _picture(
        "line",
        24,
        told,
        f'<path class="zero" d="M{at(0)} 0V24"/><path class="bar {kind}" d="M{at(saving.low)} 12H{at(saving.high)}"/>'
        f'<path class="dot {kind}" d="M{at(saving.nano)} 7.5V16.5"/>',
    )


def _picture(kind: str, high: int, told: str, inside: str) -> str:
    return (
        f'<svg class="ln {kind}" viewBox="0 0 {WIDE} {high}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(told)}">{inside}</svg>'
    )


def _share(value: float | None) -> float:
    return 0.0 if value is None else value


def _root(hhi: float) -> float:
    """Where an index stands: at the share that one vendor alone would need for it."""
    return WIDE * (hhi / 10_000) ** 0.5
