"""`freehold models fetch`: the weights of a model that this machine can serve itself."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress


def fetch(
    name: Annotated[str, typer.Argument(help="Which weights.")] = "smollm2-135m",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Fetches the weights, checks their SHA-256 and prints where they are. What is here already is not fetched again."""
    import msgspec

    from freehold.catalog.weights import NAMED

    path, known = fetched(name), NAMED[name]
    if json:
        shown = {"name": name, "path": str(path), "sha256": known.sha256, "licence": known.licence}
        print(msgspec.json.encode(shown).decode())
    else:
        print(path)


def fetched(name: str) -> Path:
    """The file of weights, with a bar while they come; what binds whoever uses them is told first. Raises FetchError."""
    from freehold.catalog.weights import NAMED
    from freehold.config.paths import cache_dir, environment
    from freehold.serving import weights

    if name in NAMED and NAMED[name].terms:
        print(NAMED[name].terms, file=sys.stderr)
    with closing(Bar(f"Fetching {name}")) as bar:
        return weights.fetch(name, cache_dir(environment()), bar)


class Bar:
    """A progress bar on stderr that comes with the first news, so that what is quick has none."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Progress | None = None

    def __call__(self, here: int, all_of: int) -> None:
        """`here` bytes of `all_of` have come."""
        if self._bar is None:
            self._bar = _begun(self._label)
        self._bar.update(self._bar.task_ids[0], completed=here, total=all_of)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


def _begun(label: str) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True))
    bar.add_task(label, total=None)
    bar.start()
    return bar
