"""`freehold models fetch`: the weights of a model that this machine can serve itself."""

from contextlib import closing
from typing import Annotated

import typer


def fetch(
    name: Annotated[str, typer.Argument(help="Which weights.")] = "smollm2-135m",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Fetches the weights, checks their SHA-256 and prints where they are. What is here already is not fetched again."""
    import msgspec

    from freehold.config.paths import cache_dir, environment
    from freehold.serving import weights

    with closing(Bar(f"Fetching {name}")) as bar:
        path = weights.fetch(name, cache_dir(environment()), bar)
    known = weights.NAMED[name]
    if json:
        shown = {"name": name, "path": str(path), "sha256": known.sha256, "licence": known.licence}
        print(msgspec.json.encode(shown).decode())
    else:
        print(path)


class Bar:
    """A progress bar on stderr that comes with the first news, so that what is quick has none."""

    def __init__(self, label: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task(label, total=None)

    def __call__(self, here: int, all_of: int) -> None:
        """`here` bytes of `all_of` have come."""
        self._bar.start()
        self._bar.update(self._task, completed=here, total=all_of)

    def close(self) -> None:
        self._bar.stop()
