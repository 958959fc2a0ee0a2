"""How long `freehold --help` takes, and `freehold up` until it is ready: a process a start, on one core."""

import statistics
import subprocess
import time
from pathlib import Path

from msgspec import Struct

from bench.gateways.freehold import FREEHOLD, Freehold
from bench.processes import GATEWAY_CORE, free_port, started

HELPS, UPS = 10, 5
UP_SECONDS = 60.0


class Starts(Struct, frozen=True):
    """Seconds, one figure a start, on one core."""

    helps: list[float]
    ups: list[float]


def measure(folder: Path, upstream: int) -> Starts:
    """Starts each several times in `folder`, an empty data folder for each `up`. Raises RuntimeError when a door does not come up."""
    folder.mkdir(parents=True, exist_ok=True)
    return Starts([_help() for _ in range(HELPS)], [_up(folder / f"up-{number}", upstream) for number in range(UPS)])


def section(starts: Starts) -> str:
    """The part of results.md about them."""
    return (
        "| on one core | seconds, median (least-greatest) | starts | to stay under |\n|---|--:|--:|--:|\n"
        f"| `freehold --help` | {_spread(starts.helps)} | {len(starts.helps)} | 0.3 |\n"
        f"| `freehold up`, until it says `ready`, in an empty data folder | {_spread(starts.ups)} | {len(starts.ups)} | 3 |\n"
    )


def _help() -> float:
    began = time.perf_counter()
    subprocess.run(["taskset", "-c", str(GATEWAY_CORE), FREEHOLD, "--help"], check=True, capture_output=True)
    return time.perf_counter() - began


def _up(folder: Path, upstream: int) -> float:
    start = Freehold().start(folder, folder, free_port(), upstream)
    began = time.perf_counter()
    with started("up", start.command, core=GATEWAY_CORE, folder=folder, env=start.env) as running:
        while "ready http://" not in running.log.read_text():
            if running.process.poll() is not None or time.perf_counter() - began > UP_SECONDS:
                raise RuntimeError(f"freehold up did not come up:\n{running.said()}")
            time.sleep(0.01)
        return time.perf_counter() - began


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"
