"""`freehold train show`: how a run stands, also while it goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from freehold.training.runs import RunFolder, Standing

LOOK_SECONDS = 0.5


def show(
    run: Annotated[str | None, typer.Argument(help="The run's id, or its beginning; default: the newest one.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on showing until it ends.")] = False,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Says how far a run is, its loss, its speed, what is left, and the share of right answers on each level; draws its curves anew."""
    import msgspec
    from rich.console import Console

    from freehold.cli.audit import print_json
    from freehold.config.paths import data_dir, environment
    from freehold.training.runs import find_run, standing, tell_if_possible

    place = find_run(data_dir(data, environment()), run)
    if follow:
        watch(place, lambda: place.process() is not None, quiet=json, leave=False)
    tell_if_possible(place)
    stands = standing(place)
    draw(place)
    if json:
        print_json({"run": place.path.name, **msgspec.to_builtins(stands)})
    else:
        Console().print(picture(place, stands))


def watch(place: "RunFolder", running: Callable[[], bool], *, quiet: bool = False, leave: bool = True) -> bool:
    """Shows a run on stderr until it ends, and leaves what it showed last there; a Ctrl-C ends the watching alone. Says whether
    the run has ended."""
    import sys
    import time

    from rich.console import Console
    from rich.live import Live

    from freehold.training.runs import standing

    try:
        if quiet:
            while running():
                time.sleep(LOOK_SECONDS)
            return True
        console = Console(stderr=True)
        with Live(console=console, auto_refresh=False, transient=not leave) as live:
            going = True
            while going:
                going = running()
                live.update(picture(place, standing(place)), refresh=True)
                if going:
                    time.sleep(LOOK_SECONDS)
        if leave and not console.is_terminal:
            console.line()  # on a terminal rich ends the last line itself
        return True
    except KeyboardInterrupt:
        print(f"The run goes on: freehold train show {place.path.name} --follow", file=sys.stderr)
        return False


def picture(place: "RunFolder", stands: "Standing") -> Any:
    """A run as a table with a line above."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    step = stands.step
    head = f"{place.path.name}: {stands.state}"
    if step is not None:
        steps = place.recipe().learning.steps
        left = f", about {step.left / 60:.0f} min left" if stands.state == "running" else ""
        head += f", step {step.step:,} of {steps:,}, loss {step.loss:.4f}, {step.per_second:,.0f} tokens/s, {step.elapsed / 60:.1f} min{left}"
    if stands.ended is not None and stands.state != "running":
        head += f" ({stands.ended.why})"
    table = Table(box=None, pad_edge=False)
    for name in ("task", "level", "steps", "right", "95 %", "every step holds", "unfinished"):
        table.add_column(name, justify="left" if name in ("task", "steps") else "right")
    for one in stands.scores:
        proven = f"{one.proven}/{one.right}" if one.thinking else ""
        bounds = f"{100 * one.low:.0f}-{100 * one.high:.0f}"
        table.add_row(
            one.task,
            str(one.level),
            "yes" if one.thinking else "no",
            f"{one.right}/{one.items}",
            bounds,
            proven,
            str(one.unfinished),
        )
    notes = [Text(f"note: {one.sentence}") for one in stands.notes]
    alarms = [Text(f"alarm: {one.sentence}") for one in stands.alarms]
    return Group(Text(head), *notes, *alarms, *([table] if stands.scores else []))


def draw(place: "RunFolder") -> None:
    """Writes the curves into the run's folder."""
    from freehold.training.curves import draw_curves

    (place.path / "curves.svg").write_text(draw_curves(place.lines(), place.path.name))
