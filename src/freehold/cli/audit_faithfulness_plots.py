"""The pictures of a faithfulness audit: curves over the parts of a chain with their intervals, and shares as bars. Pure.

A chart is a text of SVG that takes its colours from the page's style; `picture` puts all curves of a report into one file that
has a style of its own. No script, and nothing is loaded from anywhere.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from msgspec import Struct

from freehold.reasoning.curves import Point
from freehold.reasoning.faithfulness import Report
from freehold.reasoning.shares import Share

LEFT, TOP, WIDE, HIGH = 56, 14, 500, 220
"""The field of a curve: where it begins and how large it is, in pixels."""

TALL = TOP + HIGH + 66
"""A chart with its axis, its caption and its legend."""

HEAD = 26
"""The line above each chart of a picture."""

STYLE = """
.plot { width: 100%; max-width: 40rem; height: auto; display: block } .plot text { fill: var(--soft); font-size: 12px }
.plot .axis { stroke: var(--line) } .plot .curve { stroke: var(--link); stroke-width: 2; fill: none }
.plot .beside { stroke: var(--soft); stroke-width: 2; stroke-dasharray: 6 4; fill: none }
.plot .over { fill: var(--link); opacity: .12 } .plot .bar { fill: var(--link); opacity: .75 }
.plot .reach { stroke: var(--link); stroke-width: 1.5 } .plot .reach-beside { stroke: var(--soft); stroke-width: 1.5 }
.plot .name { fill: var(--ink) }
"""

_COLOURS = (
    ":root{--ink:#1c2430;--soft:#5c6675;--line:#d9dee6;--link:#1d4fb8;--card:#ffffff} text{font-family:sans-serif}"
)

Row = tuple[float, Share]


class Series(Struct, frozen=True):
    """A curve: what it is called, its shares, and whether each holds up to the next (a step) or only where it stands."""

    name: str
    rows: Sequence[Row]
    step: bool = True


def charts(report: Report) -> dict[str, str]:
    """The chart of each probe that has a curve, by the probe's name."""
    drawn: dict[str, str] = {}
    if report.early is not None:
        series = [Series("the answer is the final one", _same(report.early.curve))]
        drawn["early"] = _chart(series, "how much of the chain stands", over=True)
    if report.mistakes is not None:
        series = [
            Series("the same answer after a mistake", _same(report.mistakes.curve)),
            Series("after going on without one", _same(report.mistakes.control_curve)),
        ]
        drawn["mistakes"] = _chart(series, "how much of the chain stands before the mistake", over=True)
    if report.filler is not None:
        series = _both("the same answer as with the chain", report.filler.curve, step=False)
        drawn["filler"] = _chart(series, "dots in place of the chain, as a part of its length")
    if report.paraphrase is not None:
        series = _both("the same answer", report.paraphrase.curve, step=True)
        drawn["paraphrase"] = _chart(series, "the part of the chain up to which other words stand", over=True)
    return drawn


def picture(report: Report, model: str) -> str:
    """All curves of a report, one under the other, as one SVG file."""
    found = charts(report)
    parts: list[str] = []
    for number, (name, drawn) in enumerate(found.items()):
        y = number * (HEAD + TALL)
        parts.append(f'<text class="name" x="{LEFT}" y="{y + 19}">{_h(f"{model}: {HEADS[name]}")}</text>')
        parts.append(drawn.replace("<svg ", f'<svg y="{y + HEAD}" width="{_across()}" height="{TALL}" ', 1))
    high = len(found) * (HEAD + TALL)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {_across()} {high}" role="img" '
        f'aria-label="{_h(f"Faithfulness of {model}")}"><style>{_COLOURS}{STYLE}</style>'
        f'<rect width="{_across()}" height="{high}" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


HEADS = {
    "early": "early answering",
    "mistakes": "added mistakes",
    "filler": "dots in place of the chain",
    "paraphrase": "the chain in other words",
}


def _same(points: Sequence[Point]) -> list[Row]:
    return [(point.x, point.same) for point in points]


def _both(name: str, points: Sequence[Point], *, step: bool) -> list[Series]:
    """The same answers, and where they are known the right ones."""
    right = [(point.x, point.right) for point in points if point.right is not None]
    series = [Series(name, _same(points), step)]
    return [*series, Series("a right answer", right, step)] if right else series


# --- one chart ---


def _chart(series: Sequence[Series], below: str, *, over: bool = False) -> str:
    """The first curve drawn through with, where wanted, the area over it; the others dashed; an interval at each share."""
    drawn = [_axes()]
    first = _line(series[0])
    if over:
        drawn.append(f'<polygon class="over" points="{_at(0, 1)} {first} {_at(1, 1)}"/>')
    for number, one in enumerate(series):
        drawn += _reaches(one, number, len(series))
        drawn.append(f'<polyline class="{"beside" if number else "curve"}" points="{_line(one)}"/>')
    drawn.append(f'<text x="{LEFT + WIDE / 2}" y="{TOP + HIGH + 38}" text-anchor="middle">{_h(below)}</text>')
    drawn += _legend(series)
    return plot(TALL, "".join(drawn), f"{'; '.join(one.name for one in series)}, over {below}")


def _line(one: Series) -> str:
    if not one.step:
        return " ".join(_at(x, share.value) for x, share in one.rows)
    corners = [_at(one.rows[0][0], one.rows[0][1].value)]
    for (_, before), (x, now) in pairwise(one.rows):
        corners += [_at(x, before.value), _at(x, now.value)]
    return " ".join([*corners, _at(1, one.rows[-1][1].value)])


def _reaches(one: Series, number: int, of: int) -> list[str]:
    """The intervals: in the middle of each step, those of several curves beside each other."""
    aside = (number - (of - 1) / 2) * 6 + (WIDE * 0.05 if one.step else 0)
    name = "reach-beside" if number else "reach"
    return [
        f'<line class="{name}" x1="{_x(x) + aside:.1f}" x2="{_x(x) + aside:.1f}" '
        f'y1="{_y(share.low):.1f}" y2="{_y(share.high):.1f}"/>'
        for x, share in one.rows
    ]


def _legend(series: Sequence[Series]) -> list[str]:
    drawn: list[str] = []
    for number, one in enumerate(series):
        x, y = LEFT + number * WIDE / 2, TOP + HIGH + 58
        drawn.append(
            f'<line class="{"beside" if number else "curve"}" x1="{x}" x2="{x + 26}" y1="{y - 4}" y2="{y - 4}"/>'
        )
        drawn.append(f'<text x="{x + 32}" y="{y}">{_h(one.name)}</text>')
    return drawn


def _axes() -> str:
    drawn: list[str] = []
    for tenth in range(0, 11, 2):
        x, y = _x(tenth / 10), _y(tenth / 10)
        drawn.append(f'<line class="axis" x1="{LEFT}" x2="{LEFT + WIDE}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth * 10}%</text>')
        drawn.append(f'<text x="{x:.1f}" y="{TOP + HIGH + 20}" text-anchor="middle">{tenth * 10}%</text>')
    return "".join(drawn)


def _at(x: float, y: float) -> str:
    return f"{_x(x):.1f},{_y(y):.1f}"


def _x(part: float) -> float:
    return LEFT + part * WIDE


def _y(part: float) -> float:
    return TOP + (1 - part) * HIGH


# --- bars ---


def bars(rows: Sequence[tuple[str, Share]]) -> str:
    """Shares as bars with their intervals, one under the other."""
    if not rows:
        return ""
    left, wide, drawn = 170, WIDE + LEFT - 170, list[str]()
    for number, (name, one) in enumerate(rows):
        y = TOP + number * 28
        low, high = left + one.low * wide, left + one.high * wide
        drawn.append(f'<text class="name" x="{left - 8}" y="{y + 13}" text-anchor="end">{_h(name)}</text>')
        drawn.append(f'<rect class="bar" x="{left}" y="{y}" width="{one.value * wide:.1f}" height="17"/>')
        drawn.append(f'<line class="reach" x1="{low:.1f}" x2="{high:.1f}" y1="{y + 8.5}" y2="{y + 8.5}"/>')
    bottom = TOP + len(rows) * 28
    for quarter in range(5):
        x = left + quarter / 4 * wide
        drawn.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{bottom}"/>')
        drawn.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{quarter * 25}%</text>')
    return plot(bottom + 24, "".join(drawn), "Shares with their intervals")


def plot(high: int, drawn: str, label: str) -> str:
    """What was drawn, as a picture of this height in the page."""
    return f'<svg class="plot" viewBox="0 0 {_across()} {high}" role="img" aria-label="{_h(label)}">{drawn}</svg>'


def _across() -> int:
    return LEFT + WIDE + 24


def _h(value: object) -> str:
    return escape(str(value))
