"""Importing Freehold, or asking for help, loads nothing heavy. Each in a fresh interpreter."""

import subprocess
import sys

HEAVY = ("torch", "transformers", "xllamacpp", "numpy", "genai_prices", "yaml", "openai", "anthropic")

BUILDERS = {"freehold.__main__", "freehold.catalog.genai_rows", "freehold.catalog.merge", "freehold.catalog.update"}
"""Modules that run only to build the catalog, with the extra that they need."""


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_no_module_loads_a_heavy_library() -> None:
    code = (
        "import importlib, pkgutil, freehold\n"
        "for found in pkgutil.walk_packages(freehold.__path__, 'freehold.'):\n"
        f"    if found.name not in {BUILDERS}: importlib.import_module(found.name)"
    )
    assert loaded_after(code).isdisjoint(HEAVY)


def test_the_package_alone_loads_nothing_of_ours_or_others() -> None:
    assert loaded_after("import freehold").isdisjoint({"msgspec", "typer", "uvloop", "httptools", "rich"})


def test_help_loads_neither_the_door_nor_its_libraries() -> None:
    code = "from freehold.cli import application\napplication(['--help'])"
    assert loaded_after(code).isdisjoint({"uvloop", "httptools", "sqlite3", "prometheus_client"})
