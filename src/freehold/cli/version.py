"""`freehold version`."""

from typing import Annotated

import typer

from freehold import __version__


def version(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Prints the version of Freehold and of Python."""
    import platform

    if json:
        print(f'{{"freehold":"{__version__}","python":"{platform.python_version()}"}}')
    else:
        print(f"freehold {__version__} (Python {platform.python_version()})")
