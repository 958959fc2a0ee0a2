"""Where things are on this machine, and the one place where the process's environment is read.

Folders follow the XDG Base Directory Specification 0.8: variables that hold relative paths are ignored.
"""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from freehold.errors import ConfigError

FILE = "freehold.toml"


def environment() -> Mapping[str, str]:
    """The environment of this process, as it is now. Everything else in Freehold is handed what this gives."""
    return dict(os.environ)


def config_file(chosen: Path | None, folder: Path) -> Path | None:
    """The configuration to read: the chosen one, else `freehold.toml` in `folder` (the current one), else none.

    Raises `ConfigError` when the chosen one does not exist.
    """
    if chosen is not None:
        if not chosen.is_file():
            raise ConfigError(f"There is no file {chosen}.", f"Write one with `freehold init {chosen}`.")
        return chosen
    found = folder / FILE
    if not found.is_file():
        return None
    return Path(FILE) if folder == Path() else found


def data_dir(chosen: Path | None, environ: Mapping[str, str]) -> Path:
    """Where keys, records and budgets are kept: the chosen folder, else $FREEHOLD_DATA, else `freehold` in the user's
    data folder. Absolute. It need not exist. Raises `ConfigError` when the user has no home."""
    if chosen is not None:
        return chosen.absolute()
    named = environ.get("FREEHOLD_DATA")
    if named:
        return Path(named).absolute()
    return _base(environ, "XDG_DATA_HOME", ".local/share", "Give --data DIR.") / "freehold"


def used_data_dir(chosen: Path | None, environ: Mapping[str, str]) -> Path:
    """The same for a command that only reads. Raises `ConfigError` when a folder was named that is not there: a misspelt one
    would be made, and nothing would be found in it."""
    folder = data_dir(chosen, environ)
    if (chosen is not None or environ.get("FREEHOLD_DATA")) and not folder.exists():
        raise ConfigError(
            f"There is no data folder {folder}.", "Name another with --data, or start Freehold on it: `freehold up`."
        )
    return folder


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Where fetched weights are kept: `freehold` in the user's cache folder. Absolute. It need not exist. Raises
    `ConfigError` when the user has no home."""
    return _base(environ, "XDG_CACHE_HOME", ".cache", "Set XDG_CACHE_HOME.") / "freehold"


def user_name(environ: Mapping[str, str]) -> str:
    """Who runs this process: the name of its user, or its number where it has none; behind sudo, who called that."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    return f"{environ['SUDO_USER']} as {name}" if number == 0 and environ.get("SUDO_USER") else name


def _base(environ: Mapping[str, str], variable: str, below_home: str, instead: str) -> Path:
    named = environ.get(variable, "")
    if Path(named).is_absolute():
        return Path(named)
    home = environ.get("HOME") or _home_of_user()
    if home is None or not Path(home).is_absolute():
        raise ConfigError("This user has no home folder.", f"Say where to keep things. {instead}")
    return Path(home) / below_home


def _home_of_user() -> str | None:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None
