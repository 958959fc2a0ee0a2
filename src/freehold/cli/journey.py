"""`freehold journey`: from renting a model to owning one, on this machine, in one command: what Freehold is for, shown on a workload of its own.

    1 the door is up        2 traffic is captured     3 the terms are asked      4 an own model is trained
    5 a pre-registered trial    6 shadow, canary, promotion    7 a sabotaged version is taken back    8 strangers verify the ledger

Each stage is made of the commands that a person would run, and they are shown. What a stage leaves is kept in the data folder, so the same command
goes on where it stopped; when all is done it starts the door and nothing else.
"""

from pathlib import Path
from typing import Annotated

import typer

RECIPE = Path(__file__).with_name("journey.toml")


def journey(
    incumbent: Annotated[
        str | None,
        typer.Option(
            help="A rented model as vendor/model; default: a small one here stands in for it, and nobody is paid."
        ),
    ] = None,
    ends: Annotated[
        bool, typer.Option("--exit", help="End when it is done, instead of serving the own model.")
    ] = False,
    most_usd: Annotated[
        str, typer.Option(help="What each stage may spend on a rented model at most, in dollars.")
    ] = "1",
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe of your own for the task refund-policy; default: the journey's.")
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Install the extra `training` where it is missing, while the door is up.")
    ] = False,
    first_start: Annotated[
        bool,
        typer.Option(
            "--first-start",
            help="Where a freehold.toml stands in this folder, or the data folder is in use and not by a journey: start the door alone, as `up` does.",
        ),
    ] = False,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of the door; 0 takes a free one.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, when it is done.")] = False,
) -> None:
    """Goes the whole way, and shows where it stands. Ends with a report, DATA/journey.html, and with the own model serving.

    `ready http://HOST:PORT` stands on stdout as soon as the door is up. Ctrl-C ends it cleanly; the same command goes on. Exit code 1 when a stage
    failed: it says what failed, what is kept, and what to do."""
    from freehold.cli.journey_run import Wish, go
    from freehold.cli.journey_state import begun
    from freehold.cli.up import up
    from freehold.config.paths import config_file, data_dir, environment
    from freehold.store.folder import DATABASE

    environ = environment()
    folder = data_dir(data, environ)
    used = not begun(folder) and (folder / DATABASE).exists()
    if first_start and (used or config_file(None, Path()) is not None):
        up(data=data, port=port)
        return
    wish = Wish(
        data=folder,
        recipe=(recipe or RECIPE).absolute(),
        incumbent=incumbent,
        port=port,
        most_usd=most_usd,
        install=install,
        ends=ends,
        json=json,
    )
    code = go(wish, environ)
    if code:
        raise typer.Exit(code)
