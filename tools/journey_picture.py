"""Draws where a journey stands, as its live view shows it, into an SVG: the picture of the README, from the state of a real run.

python tools/journey_picture.py DATA_FOLDER docs/images/journey-run.svg
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from freehold.cli.journey_run import TITLES
from freehold.cli.journey_state import State
from freehold.cli.journey_view import View

WIDTH = 132


def main(data: Path, to: Path) -> None:
    """Writes the picture."""
    state = State(data)
    console = Console(file=io.StringIO(), record=True, width=WIDTH, force_terminal=True, color_system="truecolor")
    view = View(TITLES, console)
    for name in TITLES:
        if state.done(name):
            view.end(name, str(state.facts(name).get("said", "")), state.kept.stages[name].seconds)
    seconds = sum(stage.seconds for stage in state.kept.stages.values())
    console.print(view.picture(seconds))
    drawn = console.export_svg(title="freehold journey")
    # rich names a font of its own on the net; whoever looks at the picture has one for code.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL).replace("Fira Code", "ui-monospace")
    to.write_text("\n".join(line.rstrip() for line in drawn.splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
