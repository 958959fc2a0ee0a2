"""The source tree as the laws see it: files, rooms, and what imports what. Read with `ast`, never imported."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "freehold"
FILES = sorted(SOURCE.rglob("*.py"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


def label(path: Path) -> str:
    """The path below `src/freehold`, as a test's id and in messages."""
    return str(path.relative_to(SOURCE))


@cache
def tree(path: Path) -> ast.Module:
    """The file, parsed."""
    return ast.parse(path.read_text())


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of the file: walking all files takes a second, and many laws look at all of them."""
    return tuple(ast.walk(tree(path)))


def room_of(path: Path) -> str:
    """The first folder below `src/freehold`, or the file's own name there."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    """The dotted name that Python knows the file by."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


@cache
def imports(path: Path) -> tuple[tuple[str, int], ...]:
    """(module, line) of every import in the file, wherever it stands. `from package import module` gives the module.

    Raises AssertionError for a relative import, which would hide where it points."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{label(path)}:{node.lineno}: write the whole name"
            assert node.module is not None
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield (below if below in MODULES else node.module), node.lineno


def own_imports(path: Path) -> Iterator[tuple[str, int]]:
    """Those of `imports` that name Freehold's own modules."""
    return ((name, line) for name, line in imports(path) if name.split(".")[0] == "freehold")


def functions(path: Path) -> Iterator[Function]:
    """Every function of the file, methods and inner ones included."""
    return (node for node in nodes(path) if isinstance(node, Function))


def names(path: Path) -> set[str]:
    """Every name and attribute that the file uses: `open_connection` of `asyncio.open_connection(...)`."""
    attributes = {node.attr for node in nodes(path) if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in nodes(path) if isinstance(node, ast.Name)}
