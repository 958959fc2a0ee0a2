"""The picture of the study of the own family: shares by level, a line a model, with their intervals. SVG by itself."""

from collections.abc import Sequence
from html import escape

from msgspec import Struct

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 210, 44, 44
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44", "#8d5a97", "#b08900", "#4f6d7a")


class Curve(Struct, frozen=True):
    """A line: its name, and (level, share, low, high) of each point."""

    name: str
    points: tuple[tuple[int, float, float, float], ...]


def draw(curves: Sequence[Curve], title: str, *, trained_to: int) -> str:
    """The picture; levels beyond `trained_to` stand on grey."""
    levels = sorted({point[0] for curve in curves for point in curve.points})
    first, last = levels[0], max(levels[-1], levels[0] + 1)

    def x(level: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (level - first) / (last - first)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value)

    edge = x(trained_to + 0.5)
    parts = [f'<text x="{LEFT}" y="22" font-size="14">{escape(title)}</text>']
    if last > trained_to:
        parts.append(
            f'<rect x="{edge:.1f}" y="{TOP}" width="{x(last) + 10 - edge:.1f}" height="{HEIGHT - TOP - BOTTOM}" fill="#f1f1f1"/>'
        )
        parts.append(f'<text x="{edge + 4:.1f}" y="{TOP - 5}" fill="#555">never trained on</text>')
    for part in range(5):
        at = y(part / 4)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT + 10}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end" fill="#555">{25 * part} %</text>')
    for level in levels:
        parts.append(
            f'<text x="{x(level):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#555">{level}</text>'
        )
    for place, curve in enumerate(curves):
        colour = COLOURS[place % len(COLOURS)]
        shift = 3 * (place - len(curves) / 2)
        line = "L".join(f"{x(level) + shift:.1f} {y(value):.1f}" for level, value, _, _ in curve.points)
        parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for level, value, low, high in curve.points:
            at = x(level) + shift
            parts.append(f'<path d="M{at:.1f} {y(low):.1f}V{y(high):.1f}" stroke="{colour}"/>')
            parts.append(f'<circle cx="{at:.1f}" cy="{y(value):.1f}" r="2.5" fill="{colour}"/>')
        parts.append(
            f'<text x="{WIDTH - RIGHT + 18}" y="{TOP + 12 + 16 * place}" fill="{colour}">{escape(curve.name)}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11" role="img">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
