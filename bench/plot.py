"""results.svg: two panels of bars, on a logarithmic scale, with the spread over rounds. Written by hand, so no library."""

import math
import statistics
from collections.abc import Mapping, Sequence
from html import escape

from bench.gateways.gateway import Gateway
from bench.rounds import Measured

WIDTH, LEFT, RIGHT, ROW, TOP = 860, 190, 120, 34, 46
OURS, OTHERS, INK, QUIET = "#2563a8", "#9aa5b1", "#24292f", "#6e7781"


def draw(gateways: Sequence[Gateway], rows: Mapping[str, Measured]) -> str:
    """The whole picture, as SVG."""
    requests = [(one.title, one.name, [seen.per_second for seen in rows[one.name].requests[32]]) for one in gateways]
    streams = [(one.title, one.name, [seen.per_second for seen in rows[one.name].streams]) for one in gateways]
    height = 2 * (TOP + ROW * len(gateways) + 34)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="14">',
        "<title>Requests and chunks per second of each gateway, on one core</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *panel(0, "Requests per second, whole answers, 32 connections, one core", requests),
        *panel(height // 2, "Chunks per second, one at a time, 32 streams, one core", streams),
        "</svg>\n",
    ]
    return "\n".join(parts)


def panel(top: int, title: str, bars: Sequence[tuple[str, str, Sequence[float]]]) -> list[str]:
    """One panel: a title, a bar for each gateway, a grid line for each power of ten."""
    greatest = max((max(values) for _, _, values in bars), default=1.0)
    least = min((min(values) for _, _, values in bars), default=1.0)
    low, high = 10 ** math.floor(math.log10(least * 0.8)), greatest * 1.05
    room = WIDTH - LEFT - RIGHT

    def x(value: float) -> float:
        return LEFT + room * (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))

    bottom = top + TOP + ROW * len(bars)
    parts = [text(16, top + 28, title, INK, weight="600")]
    for power in range(round(math.log10(low)), math.floor(math.log10(high)) + 1):
        at = x(10**power)
        parts.append(f'<path d="M{at:.1f} {top + TOP}V{bottom}" stroke="#d8dee4"/>')
        parts.append(text(at, bottom + 18, f"{10**power:,}", QUIET, anchor="middle", size=12))
    for number, (label, name, values) in enumerate(bars):
        y = top + TOP + ROW * number
        middle = statistics.median(values)
        fill = OURS if name.startswith("freehold") else OTHERS
        parts.append(text(LEFT - 10, y + 22, label, INK, anchor="end"))
        parts.append(f'<rect x="{LEFT}" y="{y + 6}" width="{x(middle) - LEFT:.1f}" height="{ROW - 12}" fill="{fill}"/>')
        parts.append(
            f'<path d="M{x(min(values)):.1f} {y + ROW / 2}H{x(max(values)):.1f}" stroke="{INK}" stroke-width="2"/>'
        )
        parts.append(text(x(max(values)) + 8, y + 22, f"{middle:,.0f}", INK))
    return parts


def text(
    x: float, y: float, words: str, fill: str, *, anchor: str = "start", weight: str = "400", size: int = 14
) -> str:
    """One line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}" '
        f'font-size="{size}">{escape(words)}</text>'
    )
