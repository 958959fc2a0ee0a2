"""The law of imports: which room may know which. One table; docs/architecture.md shows the same, and is compared here."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from architecture.source import (
    FILES,
    MODULES,
    ROOT,
    SOURCE,
    functions,
    imports,
    label,
    module_of,
    names,
    nodes,
    own_imports,
    room_of,
)

FLOORS: tuple[tuple[str, ...], ...] = (
    ("messages", "errors", "items"),
    (
        "config",
        "outbound",
        "store",
        "dialects",
        "vendors",
        "catalog",
        "ledger",
        "reasoning",
        "processes",
        "graders",
        "redaction",
    ),
    ("gateway", "serving", "training", "trials"),
    ("cli",),
)
NEIGHBOURS = {
    ("vendors", "dialects"): "a vendor names the dialects that it speaks",
    ("graders", "reasoning"): "a mathematical answer is graded by what verifies it",
}
"""Rooms of one floor that may know each other, with the reason."""

LOADERS = {
    "cli/__init__.py": "a command is imported only when it runs",
    "cli/import_litellm.py": "YAML is an extra",
    "cli/journey_door.py": "the official SDK is an extra",
    "dialects/__init__.py": "a dialect is found by its name",
    "graders/__init__.py": "graders are found, never listed",
    "ledger/object_store.py": "object storage is an extra",
    "reasoning/__init__.py": "verifiers are found, never listed",
    "reasoning/extras.py": "the libraries of an extra",
    "serving/engine.py": "llama.cpp is an extra, and loaded in a process of its own",
    "trials/extras.py": "the libraries of an extra",
    "trials/parquet.py": "Parquet is an extra",
    "training/cluster.py": "Ray is an extra",
    "training/heavy/libraries.py": "torch and what stands on it are an extra, and loaded in a process of its own",
    "training/tasks/__init__.py": "tasks are found, never listed",
    "training/tasks/word_problems.py": "reasoning-gym is an extra",
    "vendors/__init__.py": "vendors are found, never listed",
}
"""Files that import a module by its name, with the reason."""

READERS = {
    "config/paths.py": "the one reader",
}
"""Files that read the environment, with the reason."""

CONNECTORS = {
    "cli/running.py": "a command asks the running door, as any caller does",
    "outbound/fetch.py": "the door to the outside",
    "outbound/pool.py": "the door to the outside",
    "training/heavy/llama.py": "asks llama.cpp's server, in this process on the loopback address, what an exported model says",
    "serving/launch.py": "asks an engine, a child on the loopback address, whether it has loaded",
}
"""Files that open a connection, with the reason."""

CONNECTING = {
    "create_connection",
    "create_datagram_endpoint",
    "open_connection",
    "sock_connect",
    "getaddrinfo",
    "gethostbyname",
    "urlopen",
    "HTTPConnection",
    "HTTPSConnection",
}
CLIENTS = {"aiohttp", "ftplib", "http.client", "httpx", "requests", "smtplib", "telnetlib", "urllib.request", "urllib3"}

FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
OUTSIDE = ("__init__", "__main__")
"""The package itself and its entry point stand on no floor."""


def room_named(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    if room in OUTSIDE:
        return
    assert room in FLOOR_OF, f"the room {room} stands on no floor"
    for name, line in own_imports(path):
        other = room_named(name)
        if other in (room, "__init__"):
            continue
        below = FLOOR_OF[other] < FLOOR_OF[room]
        assert below or (room, other) in NEIGHBOURS, f"{label(path)}:{line}: {room} may not know {other}"


def test_every_room_of_the_law_is_there() -> None:
    rooms = {room_of(path) for path in FILES} - set(OUTSIDE)
    assert set(FLOOR_OF) == rooms


def test_every_exception_is_used() -> None:
    used = {(room_of(path), room_named(name)) for path in FILES for name, _ in own_imports(path)}
    assert set(NEIGHBOURS) <= used
    assert [file for file in (*LOADERS, *READERS, *CONNECTORS) if not (SOURCE / file).exists()] == []


def test_no_file_needs_itself() -> None:
    graph = {module_of(path): {name for name, _ in own_imports(path) if name in MODULES} for path in FILES}
    graph = {module: others - {module} for module, others in graph.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_imports_hide_in_functions_only_on_the_command_line() -> None:
    hidden = [
        f"{label(path)}:{node.lineno}"
        for path in FILES
        if room_of(path) != "cli"
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_modules_are_imported_by_name_only_where_the_table_says() -> None:
    found = {label(path) for path in FILES if names(path) & {"import_module", "__import__"}}
    assert found == set(LOADERS)


def test_the_environment_is_read_in_one_room() -> None:
    reading = re.compile(r"\bos\.(environb?\b(?!/)|getenvb?\b)|from os import .*\b(environ|getenv)")
    assert {label(path) for path in FILES if reading.search(path.read_text())} == set(READERS)


def test_connections_are_opened_only_where_the_table_says() -> None:
    found = {label(path) for path in FILES if names(path) & CONNECTING}
    assert found == set(CONNECTORS)


def test_no_file_brings_another_client_of_the_network() -> None:
    brought = [
        f"{label(path)}:{line}: {name}"
        for path in FILES
        if label(path) not in CONNECTORS and room_of(path) != "cli"
        for name, line in imports(path)
        if name in CLIENTS or name.split(".")[0] in CLIENTS
    ]
    assert brought == []


def test_no_branch_on_a_vendors_name() -> None:
    vendors = {found.stem.replace("_", "-") for found in (SOURCE / "vendors").glob("*.py")} - {"--init--", "vendor"}
    assert len(vendors) >= 6
    compared = [
        f"{label(path)}: {text}"
        for path in FILES
        if room_of(path) != "vendors"
        for node in nodes(path)
        for text in texts_decided_on(node)
        if text.removesuffix("/") in vendors
    ]
    assert compared == []


def texts_decided_on(node: ast.AST) -> set[str]:
    """The texts that this node branches on: compared with, contained in, begun with, matched."""
    if isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.MatchValue):
        parts = [node.value]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
        parts = node.args
    else:
        return set()
    found = (inner for part in parts for inner in ast.walk(part) if isinstance(inner, ast.Constant))
    return {inner.value for inner in found if isinstance(inner.value, str)}


def test_the_page_shows_the_same_law() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (\d) \| (.+?) \|", page, flags=re.MULTILINE)
    shown = tuple(tuple(re.findall(r"`(\w+)`", rooms)) for _, rooms in rows)
    assert shown == FLOORS


def test_the_page_counts_ten_steps_as_the_code_does() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text().split("## One request", 1)[1].split("\n## ", 1)[0]
    assert [int(number) for number in re.findall(r"^(\d+)\. ", page, flags=re.MULTILINE)] == list(range(1, 11))
    code = (SOURCE / "gateway" / "lifecycle.py").read_text()
    numbers = [int(number) for number in re.findall(r"^ +# (\d+)\b", code, flags=re.MULTILINE)]
    assert sorted(set(numbers)) == list(range(1, 11))
