"""`freehold version`."""

import json
import platform
import tomllib
from pathlib import Path

from cli.commands import run

RELEASED = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]["version"]


def test_people_get_the_version_of_the_package_and_of_python() -> None:
    assert run("version").stdout == f"freehold {RELEASED} (Python {platform.python_version()})\n"


def test_machines_get_the_same_as_json() -> None:
    said = json.loads(run("version", "--json").stdout)
    assert said == {"freehold": RELEASED, "python": platform.python_version()}
