"""Every kind of entry that the code can write stands in the table of docs/concepts/ledger.md, and no other does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from architecture.source import FILES, MODULES, ROOT, label, tree
from freehold.gateway.item_rows import ITEM
from freehold.training.registry import KINDS
from freehold.trials.rollouts import Kind

PAGE = ROOT / "docs" / "concepts" / "ledger.md"

WRITE = {"keep_event": 1, "Event": 0, "_New": 0, "note": 0}
"""The functions that are given the kind of an entry, and at which place."""

OTHERS = {"Event": "dialects/", "note": "cli/journey"}
"""Where a function of that name is another one."""

ENDS = {"change_canary": ("canary.", 2), "change": ("canary.", 2), "_tell": ("shadow.", 0)}
"""Those that are given only its end; what it begins with; and at which place."""

CALLED = re.compile(rf"\b({'|'.join([*WRITE, *ENDS])})\(")

KNOWN = {"canary.*": {f"canary.{kind}" for kind in get_args(Kind)}, "shadow.*": set[str](), "*key": set(KINDS.values())}
"""What is put together while the code runs, and what can come of it besides what `ENDS` finds."""


def documented() -> list[str]:
    table = PAGE.read_text().partition("| kind | when | id |\n|---|---|---|\n")[2].partition("\n\n")[0]
    return [kind for row in table.split("\n") for kind in re.findall(r"`([^`]+)`", row.split("|")[1])]


def calls(path: Path) -> Iterator[tuple[str, list[ast.expr]]]:
    if not CALLED.search(path.read_text()):
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.func.id if isinstance(node.func, ast.Name) else node.func.attr, node.args


def value(path: Path, name: str) -> str | None:
    """The text that a name stands for at the top of a file, its own or another's; None for what is no constant."""
    for node in tree(path).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return str(node.value.value)
    for node in ast.walk(tree(path)):  # commands import where they need it
        if isinstance(node, ast.ImportFrom) and node.module in MODULES and any(one.name == name for one in node.names):
            return value(MODULES[node.module], name)
    return None


def kinds(path: Path, given: ast.expr) -> set[str] | None:
    """What an argument can be as a kind of entry; None for what only passes one on."""
    if isinstance(given, ast.Constant):
        return {str(given.value)}
    if isinstance(given, ast.JoinedStr) and isinstance(given.values[0], ast.Constant):
        return KNOWN[f"{given.values[0].value}*"]
    if isinstance(given, ast.Starred) and isinstance(given.value, ast.Name):
        return KNOWN[f"*{given.value.id}"]
    constant = value(path, given.id) if isinstance(given, ast.Name) else None
    return None if constant is None else {constant}


def written() -> set[str]:
    found: set[str] = set()
    for path in FILES:
        for name, args in calls(path):
            if name in WRITE and len(args) > WRITE[name] and not label(path).startswith(OTHERS.get(name, "/")):
                found |= kinds(path, args[WRITE[name]]) or set()
            begins, place = ENDS.get(name, ("", 0))
            if begins and len(args) > place and isinstance(end := args[place], ast.Constant):
                found |= {f"{begins}{end.value}"}
    return found


def test_the_table_of_what_is_logged_has_every_kind_that_the_code_writes_and_no_other() -> None:
    table, found = documented(), written()
    assert len(table) == len(set(table)) > 20
    assert {"answer", "answer.withheld", "trace", "shadow", "canary.paused", "model.registered", "policy"} <= found
    assert set(table) == found - {ITEM}  # an item has no entry of its own
