"""`freehold up`: the supervisor. Engines, workers and the ledger's writer, started in that order and ended in the reverse."""

from pathlib import Path
from typing import Annotated

import typer


def up(
    config: Annotated[Path | None, typer.Option(help="freehold.toml; default: the one in this folder, if any.")] = None,
    data: Annotated[Path | None, typer.Option(help="Where keys, records and budgets are kept.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on, before the file's.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, before the file's; 0 takes a free one.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Worker processes, before the file's.")] = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Say that it is ready as JSON: `ready` (the URL), `data`, `admin_key`, `models`."),
    ] = False,
) -> None:
    """Starts the door and the engines of own models. Prints `ready http://HOST:PORT` on stdout when it can serve.

    SIGTERM and SIGINT drain and end it; SIGHUP reads the configuration anew without dropping a request.
    """
    import asyncio

    from freehold.cli.house import House
    from freehold.cli.settings import read_settings
    from freehold.config.paths import config_file, data_dir, environment

    environ = environment()
    path = config_file(config, Path())
    folder = data_dir(data, environ)
    settings = read_settings(path, folder)
    if (folder / "runs").exists():
        from freehold.training.runs import tell_of_all

        tell_of_all(folder)  # of trainings that ended while nobody looked
    house = House(
        settings,
        path=path.absolute() if path is not None else None,
        data=folder,
        host=host or settings.door.host,
        port=settings.door.port if port is None else port,
        workers=workers or settings.door.workers,
        environ=environ,
        json=json,
    )
    asyncio.run(house.run())
