"""results.md: what was measured, where, with what switched off; and the ratios, paired round by round."""

import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import plot
from bench.gateways.gateway import Gateway
from bench.rounds import PACED, STREAM_CHUNKS, Measured, Plan, Requests, Streams
from bench.starts import Starts, section

GOALS = {"ferrogw": 1.0, "portkey": 7.0, "litellm": 60.0}
"""Requests/s of Freehold over each rival's that the project wants to reach (32 connections)."""
STREAM_GOALS = {"portkey": 5.0}


def write(
    folder: Path,
    plan: Plan,
    gateways: Sequence[Gateway],
    rows: Mapping[str, Measured],
    versions: Mapping[str, str],
    problems: Mapping[str, str],
    began: Starts | None,
) -> None:
    """Writes results.md and results.svg into `folder`."""
    whole = [gateway for gateway in gateways if rows[gateway.name].memory is not None]
    parts = [
        HEAD.format(
            date=datetime.now(UTC).date(),
            machine=machine(),
            rounds=plan.rounds,
            seconds=plan.seconds,
            options=arguments(plan),
        ),
        "## Requests (whole answers)\n",
        request_table(whole, rows),
        "## Streams\n",
        stream_table(whole, rows),
        "## Freehold over each of the others\n",
        ratio_table(whole, rows)
        if any(gateway.name.startswith("freehold") for gateway in whole)
        else "Freehold was not measured.\n",
        *(() if began is None else ("## Starts\n", section(began))),
        "## What was on and what was off\n",
        setting_table(gateways, versions),
    ]
    if problems:
        parts.append("## Not measured\n")
        parts.append("".join(f"- {name}: {reason.splitlines()[0]}\n" for name, reason in problems.items()))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text("\n".join(parts))
    (folder / "results.svg").write_text(plot.draw(whole, rows))


HEAD = """\
# Freehold and other gateways, side by side

Made by `make bench` on {date} with `{options}`; do not edit. {machine}.

Each gateway runs alone on one core; the load generator (wrk, one thread, closed loop) and the mock vendor (nginx with a
static answer of half a kilobyte; a small server for streams) share the other. {rounds} rounds of {seconds:g} s for each figure, every
gateway once in each round. Figures are the median over rounds, with the least and the greatest. *Added* is the gateway's
percentile less that of the load generator straight at the vendor, in the same round. Since the loop is closed, the added
time at 32 connections is mostly queueing: 32 divided by the requests/s.

![Requests and chunks per second](results.svg)
"""


def arguments(plan: Plan) -> str:
    """The options that the page was made with, as one would write them again."""
    return f"--rounds {plan.rounds} --seconds {plan.seconds:g} --requests {plan.requests} --soak-seconds {plan.soak_seconds:g}"


def machine() -> str:
    """The machine in one phrase: processor, cores, memory, system, Python."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    gib = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return f"{model}, {cores} cores, {gib:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"


def request_table(gateways: Sequence[Gateway], rows: Mapping[str, Measured]) -> str:
    """Requests/s, added latency, CPU and memory."""
    lines = [
        "| | requests/s, 32 connections | requests/s, 1 | added p50 / p99, 1 (ms) | added p50 / p99, 32 (ms) "
        "| CPU per request (µs) | its core busy | memory, then after N requests (MiB) |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    direct = rows["direct"]
    lines.append(
        f"| no gateway | {spread([one.per_second for one in direct.requests[32]])} "
        f"| {spread([one.per_second for one in direct.requests[1]])} | | | | | |"
    )
    for gateway in gateways:
        row = rows[gateway.name]
        one, many = row.requests[1], row.requests[32]
        before, after, count = row.memory or (0, 0, 0)
        lines.append(
            f"| {gateway.title} | {spread([seen.per_second for seen in many])} | {spread([seen.per_second for seen in one])} "
            f"| {added(one, direct.requests[1])} | {added(many, direct.requests[32])} "
            f"| {statistics.median(seen.cpu_us for seen in many):,.0f} | {statistics.median(seen.busy for seen in many):.0%} "
            f"| {before:,.0f}, {after:,.0f} ({count:,}) |"
        )
    return "\n".join(lines) + "\n"


def stream_table(gateways: Sequence[Gateway], rows: Mapping[str, Measured]) -> str:
    """Chunks/s and how late paced chunks are."""
    lines = [
        f"32 streams at once, {STREAM_CHUNKS} chunks each. *One at a time*: the vendor writes a stream's next chunk when the "
        "caller has the one before, so each is read, understood and passed on alone. *In bursts*: the vendor writes as fast as "
        "it can, and a gateway that falls behind reads many at once. *Added*: "
        f"{PACED['connections']} streams with a chunk every {PACED['apart_ms']} ms, from the vendor's write to the caller's read.\n",
        "| | chunks/s, one at a time | CPU per chunk (µs) | chunks/s, in bursts | added p50 / p99 to a chunk (ms) |",
        "|---|--:|--:|--:|--:|",
    ]
    direct = rows["direct"].streams
    lines.append(
        f"| no gateway | {spread([seen.per_second for seen in direct])} | "
        f"| {spread([seen.in_bursts for seen in direct])} | |"
    )
    for gateway in gateways:
        streams = rows[gateway.name].streams
        p50 = statistics.median(seen.p50 - bare.p50 for seen, bare in zip(streams, direct, strict=False))
        p99 = statistics.median(seen.p99 - bare.p99 for seen, bare in zip(streams, direct, strict=False))
        lines.append(
            f"| {gateway.title} | {spread([seen.per_second for seen in streams])} "
            f"| {statistics.median(seen.cpu_us for seen in streams):,.1f} | {spread([seen.in_bursts for seen in streams])} "
            f"| {p50:.2f} / {p99:.2f} |"
        )
    return "\n".join(lines) + "\n"


def ratio_table(gateways: Sequence[Gateway], rows: Mapping[str, Measured]) -> str:
    """Freehold's figures divided by each of the others', in the same round."""
    ours = [gateway for gateway in gateways if gateway.name.startswith("freehold")]
    lines = [
        "Median of the ratios within each round, with the least and the greatest.\n",
        "| | over | requests/s, 32 connections | to reach | chunks/s, one at a time | to reach |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for mine in ours:
        for other in gateways:
            if other in ours:
                continue
            plain = paired(rows[mine.name].requests[32], rows[other.name].requests[32])
            chunks = paired(rows[mine.name].streams, rows[other.name].streams)
            lines.append(
                f"| {mine.title} | {other.title} | {times(plain)} | {goal(GOALS, other)} | {times(chunks)} "
                f"| {goal(STREAM_GOALS, other)} |"
            )
    return "\n".join(lines) + "\n"


def setting_table(gateways: Sequence[Gateway], versions: Mapping[str, str]) -> str:
    """Version, and what each did while it was measured."""
    lines = ["| | version | on | off |", "|---|---|---|---|"]
    lines += [f"| {gateway.title} | {versions[gateway.name]} | {gateway.on} | {gateway.off} |" for gateway in gateways]
    return "\n".join(lines) + f"\n\nThe harness itself ran on Python {sys.version.split()[0]}.\n"


# --- numbers as text -------------------------------------------------------------------------------------------------


def spread(values: Sequence[float]) -> str:
    """`median (least-greatest)`."""
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}-{max(values):,.0f})"


def added(seen: Sequence[Requests], bare: Sequence[Requests]) -> str:
    """Median over rounds of what the gateway adds to p50 and p99."""
    p50 = statistics.median(one.p50 - other.p50 for one, other in zip(seen, bare, strict=False))
    p99 = statistics.median(one.p99 - other.p99 for one, other in zip(seen, bare, strict=False))
    return f"{p50:.2f} / {p99:.2f}"


def paired(ours: Sequence[Requests | Streams], theirs: Sequence[Requests | Streams]) -> list[float]:
    """The ratios, round by round."""
    return [one.per_second / other.per_second for one, other in zip(ours, theirs, strict=False)]


def times(ratios: Sequence[float]) -> str:
    """`median (least-greatest)` of ratios."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def goal(goals: Mapping[str, float], gateway: Gateway) -> str:
    """The ratio to reach, or nothing."""
    return f"{goals[gateway.name]:g}" if gateway.name in goals else ""
