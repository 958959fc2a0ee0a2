"""`make bench`: measures Freehold and other gateways side by side on this machine, and writes results.md and results.svg.

Needs nginx and wrk (Debian: `apt-get install -y nginx-light wrk`), Node with npm for Portkey, and two cores: one for the
gateway under test, one for the load generator and the mock vendor.
"""

import argparse
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench import report, starts, upstream
from bench.gateways.ferrogw import Ferrogw
from bench.gateways.freehold import Freehold
from bench.gateways.gateway import Gateway
from bench.gateways.litellm import LiteLLM
from bench.gateways.nginx import Nginx
from bench.gateways.portkey import Portkey
from bench.processes import LOAD_CORE
from bench.rounds import Plan, Rounds

HERE = Path(__file__).resolve().parent
GATEWAYS: tuple[Gateway, ...] = (Freehold(), Freehold("off"), Nginx(), Ferrogw(), Portkey(), LiteLLM())


def main() -> int:
    """Runs the benchmark. Gives 0, or 2 when something that it needs is missing, or 1 when a gateway failed."""
    options = read_options()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    missing = [program for program in ("nginx", "wrk", "taskset") if shutil.which(program) is None]
    if missing:
        console.print(f"Missing: {', '.join(missing)}. On Debian: apt-get install -y nginx-light wrk util-linux")
        return 2
    if not {0, 1} <= os.sched_getaffinity(0):
        console.print("The benchmark pins processes to cores 0 and 1, and this machine does not give it both.")
        return 2
    work = HERE / ".work"
    versions, problems = install(options.only, work, console)
    gateways = [gateway for gateway in GATEWAYS if gateway.name in versions]
    os.sched_setaffinity(0, {LOAD_CORE})
    plan = Plan(options.rounds, options.seconds, options.requests, options.soak_seconds, work)
    shutil.rmtree(work / "run", ignore_errors=True)
    with upstream.whole_answers(work / "run") as whole, upstream.streams(work / "run") as streaming:
        rounds = Rounds(plan, gateways, whole, streaming, console)
        rounds.run()
        began = (
            starts.measure(work / "run" / "starts", whole)
            if any(isinstance(one, Freehold) for one in gateways)
            else None
        )
    problems |= {name: row.problem for name, row in rounds.rows.items() if row.problem is not None}
    raw = {name: asdict(row) for name, row in rounds.rows.items()}
    (work / "results.json").write_text(json.dumps(raw, indent=1))
    report.write(options.out, plan, gateways, rounds.rows, versions, problems, began)
    console.print(f"Written: {options.out}/results.md and results.svg")
    return 1 if problems else 0


def read_options() -> argparse.Namespace:
    """What the command line asks for."""
    names = [gateway.name for gateway in GATEWAYS]
    parser = argparse.ArgumentParser(prog="bench", description="Freehold and other gateways, side by side.")
    parser.add_argument("--only", default=",".join(names), help=f"gateways to measure, of: {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--seconds", type=float, default=6, help="length of one measurement (default 6)")
    parser.add_argument(
        "--requests", type=int, default=200_000, help="requests before memory is read (default 200,000)"
    )
    parser.add_argument(
        "--soak-seconds",
        type=float,
        default=60,
        help="longest time for those requests (default 60; slow ones do fewer)",
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder for results.md and results.svg")
    options = parser.parse_args()
    options.only = [name.strip() for name in options.only.split(",")]
    if unknown := set(options.only) - set(names):
        parser.error(f"unknown gateway: {', '.join(sorted(unknown))}")
    return options


def install(only: list[str], work: Path, console: Console) -> tuple[dict[str, str], dict[str, str]]:
    """Installs each gateway. Gives the versions, and why those that could not be had could not."""
    versions: dict[str, str] = {}
    problems: dict[str, str] = {}
    for gateway in GATEWAYS:
        if gateway.name not in only:
            continue
        with console.status(f"Installing {gateway.title}"):
            try:
                versions[gateway.name] = gateway.install(work)
            except (RuntimeError, OSError) as error:
                problems[gateway.name] = str(error)
        console.print(f"{gateway.title} {versions.get(gateway.name, problems.get(gateway.name))}", markup=False)
    return versions, problems


if __name__ == "__main__":
    sys.exit(main())
