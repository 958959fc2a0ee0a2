"""`python -m bench.trials`: how fast a trial asks and scores, beside inspect-ai on the same items. Writes trials.md.

Both ask the same two models of the built-in `echo` vendor through the same door the same questions, 2 x 2,000 answers, as many at
once, score each with their own `exact`, and keep every sample in a log on the disk. In each round Freehold is started anew on a
folder of its own; the door and its ledger writer have one core, the harness the other. What is timed is the whole command, start
and verdict included; inspect-ai is also given the time of its own log, which leaves its start out, and the goal is held against
that.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.gateways.freehold import FREEHOLD
from bench.gateways.gateway import package_version, python_package, run
from bench.processes import GATEWAY_CORE, LOAD_CORE, Running, free_port, started
from bench.report import machine, spread

HERE = Path(__file__).resolve().parent
MODELS = ("echo/echo", "rival/echo")
GOAL = 3.0
"""Answers/s of a trial over inspect-ai's that the project wants to reach."""

READY_SECONDS = 30
CONFIGURATION = """\
[door]
workers = 1

[vendors.echo]

[vendors.rival]
like = "echo"

[workloads.default]
route = ["requested"]

[workloads.sums]
route = ["echo/echo"]
graders = [{ kind = "exact" }]
"""

TASK = """\
from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import exact
from inspect_ai.solver import generate


@task
def sums():
    return Task(dataset=json_dataset("inspect.jsonl"), solver=generate(), scorer=exact())
"""


@dataclass(frozen=True)
class Seen:
    """One round: answers/s of a trial, of inspect-ai by its whole command, and by its own log."""

    trial: float
    inspect: float
    inspect_log: float


def main() -> None:
    """Measures and writes the page."""
    parser = argparse.ArgumentParser(prog="bench.trials", description="A trial beside inspect-ai.")
    parser.add_argument(
        "--rounds", type=int, default=2, help="how often each is measured, six minutes each (default 2)"
    )
    parser.add_argument("--items", type=int, default=2000, help="items, each asked of two models (default 2,000)")
    parser.add_argument("--concurrency", type=int, default=32, help="questions under way at once (default 32)")
    parser.add_argument("--venv", type=Path, help="an environment that has inspect-ai; default: one is made")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for trials.md")
    options = parser.parse_args()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not {0, 1} <= os.sched_getaffinity(0):
        raise SystemExit("The benchmark pins processes to cores 0 and 1, and this machine does not give it both.")
    venv = options.venv or install(HERE / ".work" / "inspect")
    work = HERE / ".work" / "trials"
    seen: list[Seen] = []
    for number in range(1, options.rounds + 1):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_items(work, options.items)
        seen.append(measure(work, venv, options.items, options.concurrency))
        console.print(f"round {number} of {options.rounds}: {seen[-1]}")
    shutil.rmtree(work)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "trials.md").write_text(page(options, seen, package_version(venv, "inspect-ai")))
    console.print(f"Written: {options.out}/trials.md")


def install(folder: Path) -> Path:
    """An environment with inspect-ai and the client that its provider needs."""
    python_package(folder, "inspect-ai", "inspect")
    run(folder / "bin" / "python", "-m", "pip", "install", "-qq", "openai")
    return folder


def write_items(work: Path, count: int) -> None:
    """The same questions for both. The echo vendor says again what it is asked, so that is what is right."""
    asked = [f"What is {number} + {7 * number % 1000}?" for number in range(count)]
    ours = [json.dumps({"id": f"item_{at:05}", "input": one, "reference": one}) for at, one in enumerate(asked)]
    (work / "items.jsonl").write_text("\n".join(ours) + "\n")
    (work / "inspect.jsonl").write_text("\n".join(json.dumps({"input": one, "target": one}) for one in asked) + "\n")
    (work / "sums.py").write_text(TASK)
    (work / "freehold.toml").write_text(CONFIGURATION)


def measure(work: Path, venv: Path, items: int, concurrency: int) -> Seen:
    """One door, a trial on it, then inspect-ai on it."""
    port, data = free_port(), work / "data"
    command = [FREEHOLD, "up", "--config", work / "freehold.toml", "--data", data, "--port", str(port)]
    with started("freehold", command, core=GATEWAY_CORE, folder=work) as door:
        wait_until_ready(door)
        trial = time_trial(work, data, items, concurrency)
        whole, inside = time_inspect(work, venv, f"http://127.0.0.1:{port}/v1", data, concurrency)
    answers = items * len(MODELS)
    return Seen(answers / trial, answers / whole, answers / inside)


def wait_until_ready(door: Running) -> None:
    """Returns once Freehold says so. Raises RuntimeError when it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while "ready http://" not in door.log.read_text():
        if door.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Freehold did not come up:\n{door.said()}")
        time.sleep(0.1)


def time_trial(work: Path, data: Path, items: int, concurrency: int) -> float:
    """Seconds of `freehold trial run`. Raises RuntimeError unless every answer was asked for and the trial passed."""
    plan = ("trial", "plan", "sums", "--candidate", MODELS[1], "--items", str(work / "items.jsonl"), "--json")
    trial = json.loads(run(FREEHOLD, *plan, "--data", data, "--config", work / "freehold.toml"))["trial"]
    command = ("trial", "run", trial, "--concurrency", str(concurrency), "--data", data, "--json")
    begun = time.perf_counter()
    said = json.loads(run("taskset", "-c", str(LOAD_CORE), FREEHOLD, *command))
    seconds = time.perf_counter() - begun
    if said["asked"] != items * len(MODELS) or said["verdict"]["outcome"] != "pass":
        raise RuntimeError(f"The trial of {items} items ended with {said}.")
    return seconds


def time_inspect(work: Path, venv: Path, url: str, data: Path, concurrency: int) -> tuple[float, float]:
    """Seconds of `inspect eval`, and those that its logs say. Raises RuntimeError unless every sample was right."""
    models = ",".join(f"openai-api/freehold/{model}" for model in MODELS)
    each = str(concurrency // len(MODELS))  # both models are asked at once, each over connections of its own
    told = ("--model", models, "--max-tasks", str(len(MODELS)), "--max-connections", each, "--max-samples", each)
    logs = ("--log-dir", str(work / "logs"), "--log-format", "eval", "--display", "none")
    key = (data / "admin.key").read_text().strip()
    begun = time.perf_counter()
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), venv / "bin" / "inspect", "eval", "sums.py", *told, *logs],
        cwd=work,
        env={**os.environ, "FREEHOLD_BASE_URL": url, "FREEHOLD_API_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"inspect-ai ended with {done.returncode}: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return seconds, log_seconds(work, venv)


def log_seconds(work: Path, venv: Path) -> float:
    """From the first start to the last end of the logs. Raises RuntimeError where a sample is missing or wrong."""
    times: list[datetime] = []
    for path in sorted((work / "logs").glob("*.eval")):
        log = json.loads(run(venv / "bin" / "inspect", "log", "dump", "--header-only", path))
        mean = log["results"]["scores"][0]["metrics"]["mean"]["value"]
        if log["results"]["completed_samples"] != log["results"]["total_samples"] or mean != 1:
            raise RuntimeError(f"inspect-ai scored {mean} on {log['results']['completed_samples']} samples.")
        times += [datetime.fromisoformat(log["stats"][name]) for name in ("started_at", "completed_at")]
    if len(times) != 2 * len(MODELS):
        raise RuntimeError(f"inspect-ai left {len(times) // 2} logs.")
    return (max(times) - min(times)).total_seconds()


def page(options: argparse.Namespace, seen: Sequence[Seen], version: str) -> str:
    """trials.md."""
    freehold = re.sub(r"\s", "", json.loads(run(FREEHOLD, "version", "--json"))["freehold"])
    ratios = [one.trial / one.inspect_log for one in seen]
    verdict = "reached" if statistics.median(ratios) >= GOAL else "not reached"
    rows = (
        ("Freehold, `trial run`, whole command", [one.trial for one in seen], ratios),
        (f"inspect-ai {version}, by its own log", [one.inspect_log for one in seen], None),
        (f"inspect-ai {version}, whole command", [one.inspect for one in seen], None),
    )
    table = "".join(
        f"| {name} | {spread(rates)} | {'' if over is None else times(over)} |\n" for name, rates, over in rows
    )
    return (
        "# A trial beside inspect-ai\n\n"
        f"Made by `python -m bench.trials` on {datetime.now(UTC).date()}; do not edit. {machine()}. Freehold {freehold}.\n\n"
        f"{options.items:,} items, two models of the built-in `echo` vendor, {options.items * len(MODELS):,} answers through one "
        f"door, {options.concurrency} at once, one core for the door and its ledger, one for who asks. {options.rounds} rounds; "
        "medians with the least and the greatest, ratios within each round. What is on in a trial: every reply sealed under its "
        "subject's key, every sample logged and flushed, every answer entered in the ledger, graded, and the verdict with its "
        "intervals.\n\n"
        f"| | answers/s | over inspect-ai's log |\n|---|--:|--:|\n{table}\n"
        f"Goal: {GOAL:g} times, {verdict}.\n"
    )


def times(ratios: Sequence[float]) -> str:
    """`median (least-greatest)` with one decimal."""
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"


if __name__ == "__main__":
    sys.exit(main())
