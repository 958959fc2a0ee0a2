"""The curves of a run, drawn from what it told: loss, and the share of right answers, over the tokens that it learned from. SVG by itself, no script.

It knows lines of progress and pixels.
"""

from collections.abc import Sequence
from html import escape

from freehold.training.progress import Line, Rewarded, Scored, Step

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 120, 28, 36
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44", "#8d5a97", "#b08900", "#4f6d7a", "#a23e48", "#2a9d8f")

Points = Sequence[tuple[float, float]]


def draw_curves(lines: Sequence[Line], title: str) -> str:
    """The picture: a panel for the loss, one for accuracy, and one for rewards where there are any. Panels without two points are left out."""
    panels: list[tuple[str, dict[str, Points], float | None]] = [
        ("loss (nats a token)", {"": [(one.step, one.loss) for one in lines if isinstance(one, Step)]}, None),
        ("right answers, held-out items", _scores(lines), 1.0),
        ("mean reward", {"": [(one.step, one.reward) for one in lines if isinstance(one, Rewarded)]}, 1.0),
    ]
    shown = [panel for panel in panels if any(len(points) > 1 for points in panel[1].values())]
    parts = [_panel(said, curves, most, 30 + place * HEIGHT) for place, (said, curves, most) in enumerate(shown)]
    height = 30 + HEIGHT * len(shown)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11" '
        f'role="img"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>{"".join(parts)}</svg>\n'
    )


def _scores(lines: Sequence[Line]) -> dict[str, Points]:
    found: dict[str, list[tuple[float, float]]] = {}
    for one in lines:
        if isinstance(one, Scored) and one.items:
            name = f"{one.task[:9]} {one.level}{'' if one.thinking else ' direct'}"
            found.setdefault(name, []).append((one.step, one.right / one.items))
    return dict(found)


def _panel(said: str, curves: dict[str, Points], most: float | None, top: int) -> str:
    values = [point for points in curves.values() for point in points]
    high = most or max(value for _, value in values) or 1.0
    low = min(0.0, *(value for _, value in values))
    last = max(step for step, _ in values) or 1.0

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / last

    def y(value: float) -> float:
        return top + TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    parts = [f'<text x="{LEFT}" y="{top + 18}" fill="#555">{escape(said)}</text>']
    for part in range(5):
        value = low + (high - low) * part / 4
        parts.append(
            f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#555">{value:.3g}</text>'
        )
        parts.append(
            f'<text x="{x(last * part / 4):.1f}" y="{top + HEIGHT - 18}" text-anchor="middle" fill="#555">'
            f"{last * part / 4:,.0f}</text>"
        )
    for place, (name, points) in enumerate(curves.items()):
        colour = COLOURS[place % len(COLOURS)]
        path = "L".join(f"{x(step):.1f} {y(value):.1f}" for step, value in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{top + TOP + 8 + 14 * place}" fill="{colour}">{escape(name)}</text>'
        )
    return "".join(parts)
