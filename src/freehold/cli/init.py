"""`freehold init`: a commented freehold.toml to begin with."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("freehold.toml"),
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Writes a commented freehold.toml. A file that is there already is left alone."""
    import sys

    import msgspec

    from freehold.errors import ConfigError

    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(template())
    except FileExistsError:
        raise ConfigError(f"{file} is there already.", "Remove it first, or name another file.") from None
    except OSError as problem:
        raise ConfigError(
            f"{file} cannot be written: {problem.strerror}.", "Name a file in another folder."
        ) from problem
    if as_json:
        sys.stdout.write(msgspec.json.encode({"written": str(file)}).decode() + "\n")
    else:
        print(f"Wrote {file}. Change it, check it with `freehold check`, and start with `freehold up`.")


def template() -> str:
    """The text that is written: all of it comments and defaults, so that it is valid on every machine."""
    from importlib.resources import files

    return (files("freehold.cli") / "template.toml").read_text(encoding="utf-8")
