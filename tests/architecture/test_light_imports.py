"""Importing Freehold, or asking for help, loads nothing heavy and touches nothing. Each in a fresh interpreter."""

import json
import subprocess
import sys

HEAVY = {
    "torch",
    "transformers",
    "trl",
    "xllamacpp",
    "numpy",
    "genai_prices",
    "yaml",
    "openai",
    "anthropic",
    "pydantic",
}

BUILDERS = {"freehold.__main__", "freehold.catalog.genai_rows", "freehold.catalog.merge", "freehold.catalog.update"}
"""Modules that run only to build the catalog, with the extra that they need, and the one that runs on import by design."""

EVERY_MODULE = f"""
import importlib, pkgutil, freehold
for found in pkgutil.walk_packages(freehold.__path__, "freehold."):
    if found.name not in {BUILDERS} and not found.name.startswith("freehold.training.heavy."):
        importlib.import_module(found.name)
"""

WATCH = """
import os, sys
TOUCHED = []
sys.dont_write_bytecode = True  # what Python would keep of what it compiled is no doing of ours
HERE = os.path.dirname(freehold.__file__)

def watch(event, arguments):
    if event.split(".")[0] in ("socket", "subprocess", "sqlite3", "mmap", "urllib", "ftplib", "smtplib"):
        if event not in ("socket.gethostname",):
            TOUCHED.append(event)
    elif event in ("os.mkdir", "os.remove", "os.rename", "os.fork", "os.exec", "os.system", "os.putenv"):
        TOUCHED.append(event)
    elif event == "open" and isinstance(arguments[0], str):
        path, mode = arguments[0], arguments[1] or "r"
        if set(mode) & set("wax+") and not path.endswith(".pyc") and ".pyc." not in path:
            TOUCHED.append(f"wrote {path}")
        elif path.startswith(HERE) and not path.endswith((".py", ".pyc")):
            TOUCHED.append(f"read {path}")
    # `os.environ` raises no event, so the law of imports holds that one.

sys.addaudithook(watch)
"""
"""Notes what the modules imported after it do: connections, processes, databases, files written, data files read."""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_after(code: str) -> set[str]:
    last = run(f"{code}\nimport sys\nprint()\nprint(*sys.modules)").splitlines()[-1]
    return set(last.split())


def test_no_module_loads_a_heavy_library() -> None:
    loaded = loaded_after(EVERY_MODULE)
    assert loaded.isdisjoint(HEAVY)
    assert len([name for name in loaded if name.startswith("freehold.")]) > 80


def test_importing_every_module_touches_nothing() -> None:
    code = f"import freehold\n{WATCH}\n{EVERY_MODULE}\nimport json\nprint(json.dumps(TOUCHED))"
    assert json.loads(run(code)) == []


def test_the_package_alone_loads_nothing_of_ours_or_others() -> None:
    assert loaded_after("import freehold").isdisjoint({"msgspec", "typer", "uvloop", "httptools", "rich"})


def test_help_loads_neither_the_door_nor_its_libraries() -> None:
    loaded = loaded_after(
        "import sys\n"
        "from freehold.cli import main\n"
        "sys.argv = ['freehold', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
    )
    rooms = {name for name in loaded if name.startswith("freehold.")}
    assert rooms <= {"freehold.cli", "freehold.errors"}
    assert loaded.isdisjoint({"asyncio", "uvloop", "httptools", "sqlite3", "prometheus_client", "http.client"})
