"""A data folder with items in it, for the commands to read."""

import json
from pathlib import Path
from typing import Any

from cli.commands import Said, run
from freehold.cli.items import open_items
from freehold.items import Given
from trials.shelves import KEEP_UNTIL, item


def fill(data: Path, count: int = 3) -> Path:
    """So many items, one minute apart; the newest has the highest number."""
    with open_items(data, make=True) as opened:
        made = [
            item(n, at=60_000 * n, given=Given(text=f"Answer {n}"), cost_nano=1_500_000 * n)
            for n in range(1, count + 1)
        ]
        opened.items.add(made, KEEP_UNTIL, "ann")
    return data


def command(*words: str, data: Path) -> Said:
    """A command about a data folder."""
    return run("items", *words, "--data", str(data))


def told(*words: str, data: Path) -> Any:
    """What it says as JSON."""
    done = command(*words, "--json", data=data)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)
