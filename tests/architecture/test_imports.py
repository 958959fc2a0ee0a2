"""The law of imports: which room may know which. One table; docs/architecture.md shows the same, and is compared here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "freehold"

FLOORS: tuple[tuple[str, ...], ...] = (
    ("messages", "errors"),
    ("config", "outbound", "store", "dialects", "vendors", "catalog", "processes"),
    ("gateway", "serving"),
    ("cli",),
)
NEIGHBOURS = {("vendors", "dialects"): "a vendor names the dialects that it speaks"}
"""Rooms of one floor that may know each other, with the reason."""

FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[tuple[str, int, bool]]:
    """(module, line, whether it stands inside a function) of every import of Freehold's own modules."""
    tree = ast.parse(path.read_text())
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module]
        else:
            continue
        for name in names:
            if name == "freehold" or name.startswith("freehold."):
                yield name, node.lineno, id(node) in inside


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    assert room in FLOOR_OF, f"the room {room} stands on no floor"
    for name, line, _ in imported(path):
        other = name.split(".")[1] if "." in name else "__init__"
        if other in (room, "__init__"):
            continue
        below = FLOOR_OF[other] < FLOOR_OF[room]
        assert below or (room, other) in NEIGHBOURS, f"{path.name}:{line}: {room} may not know {other}"


def test_no_module_needs_itself() -> None:
    graph = {module_of(path): {name for name, _, _ in imported(path)} for path in FILES}
    known = set(graph)
    state: dict[str, int] = {}

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert state.get(module) != 1, " -> ".join((*trail, module))
        if state.get(module) == 2:
            return
        state[module] = 1
        for other in graph[module] & known:
            visit(other, (*trail, module))
        state[module] = 2

    for module in graph:
        visit(module, ())


def test_imports_hide_in_functions_only_on_the_command_line() -> None:
    hidden = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in FILES
        for _, line, inside in imported(path)
        if inside and room_of(path) != "cli"
    ]
    assert hidden == []


def test_the_environment_is_read_in_one_room() -> None:
    allowed = {"config/paths.py", "serving/engine.py"}  # an engine is a process of its own
    readers = {
        str(path.relative_to(SOURCE))
        for path in FILES
        if re.search(r"\bos\.(environ\b(?!/)|getenv\b)", path.read_text())
    }
    assert readers <= allowed


def test_no_branch_on_a_vendors_name() -> None:
    vendors = {path.stem.replace("_", "-") for path in (SOURCE / "vendors").glob("*.py")} - {"--init--", "vendor"}
    pattern = re.compile(r"""[=!]=\s*["']({})["']""".format("|".join(sorted(vendors))))
    offenders = [
        f"{path.relative_to(SOURCE)}: {match.group()}"
        for path in FILES
        if room_of(path) != "vendors"
        for match in pattern.finditer(path.read_text())
    ]
    assert offenders == []


def test_the_page_shows_the_same_law() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (\d) \| (.+?) \|", page, flags=re.MULTILINE)
    shown = tuple(tuple(re.findall(r"`(\w+)`", rooms)) for _, rooms in rows)
    assert shown == FLOORS
