"""Where a journey stands, shown while it goes on: a live table on a terminal, a line for each event elsewhere. All of it on stderr.

It knows the names of stages and sentences, and nothing of what they mean. Colour says nothing that the signs do not say.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from freehold.cli.audit import plain

Standing = Literal["waiting", "running", "done", "failed", "kept"]

SIGNS: Final[Mapping[Standing, tuple[str, str]]] = {
    "waiting": ("·", "dim"),
    "running": (">", "bold cyan"),
    "done": ("✓", "green"),
    "kept": ("✓", "green"),
    "failed": ("✗", "bold red"),
}
"""The sign and the style of each standing. What an earlier call did is `kept`."""

LATEST: Final = 3
"""Commands that are shown below the stages."""

EVERY_SECONDS: Final = 10.0
"""How often progress is told where no terminal shows it."""


class Line(Struct, frozen=True, kw_only=True):
    """One stage as it is shown: its title, how it stands, its result in a sentence, seconds."""

    title: str
    standing: Standing = "waiting"
    said: str = ""
    seconds: float = 0.0


class View:
    """The view of one journey. `titles` are those of the stages, by name, in order. Used as a context."""

    def __init__(self, titles: Mapping[str, str], console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.lines = {name: Line(title=title) for name, title in titles.items()}
        self.commands: list[str] = []
        self._doing = ""
        self._share: float | None = None
        self._told_at = 0.0
        self._stage = ""
        self._began = self._all_began = time.monotonic()
        self._live = Live(console=self.console, get_renderable=self.picture, refresh_per_second=4, transient=False)
        self._shown = self.console.is_terminal

    def __enter__(self) -> "View":
        if self._shown:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._doing, self._share = "", None
        if self._shown:
            self._live.stop()

    def begin(self, stage: str) -> None:
        """A stage begins."""
        self._stage, self._began = stage, time.monotonic()
        self._doing, self._share = "", None
        self._put(stage, "running")
        self._tell(f"{self._number(stage)} {self.lines[stage].title} ...")

    def end(self, stage: str, said: str, seconds: float, *, standing: Standing = "done") -> None:
        """A stage has ended, or was done by an earlier call."""
        self._doing, self._share = "", None
        self._put(stage, standing, said, seconds)
        again = " (before)" if standing == "kept" else f" ({seconds:.0f} s)"
        self._tell(f"{self._number(stage)} {SIGNS[standing][0]} {self.lines[stage].title}: {said}{again}")

    def ran(self, words: Sequence[str]) -> None:
        """A command is run."""
        self.commands.append("freehold " + " ".join(words))
        self._tell(f"    $ {self.commands[-1]}")

    def doing(self, what: str, done: float | None = None, total: float = 1.0) -> None:
        """What goes on in the stage that runs, and how much of it is done."""
        self._doing = what
        self._share = None if done is None else min(1.0, done / total if total else 1.0)
        if not self._shown and time.monotonic() - self._told_at >= EVERY_SECONDS:
            self._told_at = time.monotonic()
            self._tell(f"    {what}")

    def say(self, sentence: str) -> None:
        """A sentence that stays."""
        self.console.print(Text(plain(sentence)), soft_wrap=True)

    def picture(self, seconds: float | None = None) -> RenderableType:
        """The whole view; `seconds` stand in its title, or those since it began."""
        table = Table(box=None, pad_edge=False, show_header=False, expand=True)
        table.add_column(width=1)
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        table.add_column(justify="right", no_wrap=True)
        for name, line in self.lines.items():
            sign, style = SIGNS[line.standing]
            bold = "bold" if line.standing == "running" else ""
            table.add_row(
                Text(self._number(name), "dim"),
                Text(sign, style),
                Text(line.title, bold),
                Text(plain(line.said)),
                self._time(name),
            )
        under: list[RenderableType] = [
            Text(f"$ {plain(one)}", "dim", no_wrap=True, overflow="ellipsis") for one in self.commands[-LATEST:]
        ]
        if self._doing:
            under.append(_bar(self._doing, self._share))
        spent = time.monotonic() - self._all_began if seconds is None else seconds
        title = f"freehold journey  {int(spent) // 60}:{int(spent) % 60:02d}"
        return Panel(Group(table, Text(), *under), title=title, title_align="left", border_style="dim")

    def _time(self, name: str) -> Text:
        line = self.lines[name]
        if line.standing == "running":
            return Text(f"{time.monotonic() - self._began:.0f} s", "cyan")
        return Text("before" if line.standing == "kept" else f"{line.seconds:.0f} s" if line.seconds else "", "dim")

    def _put(self, stage: str, standing: Standing, said: str = "", seconds: float = 0.0) -> None:
        self.lines[stage] = replace(self.lines[stage], standing=standing, said=said, seconds=seconds)

    def _number(self, stage: str) -> str:
        return str(1 + list(self.lines).index(stage))

    def _tell(self, line: str) -> None:
        """A line where no terminal shows the table."""
        if not self._shown:
            self.console.print(Text(plain(line)), soft_wrap=True)


def _bar(doing: str, share: float | None) -> RenderableType:
    if share is None:
        return Spinner("dots", Text(plain(doing)))
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=24)
    grid.add_column(ratio=1)
    grid.add_row(ProgressBar(total=1.0, completed=share, width=24), Text(plain(doing)))
    return grid
