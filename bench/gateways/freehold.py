"""Freehold, from this repository, with a key that has budgets and rate limits."""

import shutil
import sys
from pathlib import Path

from bench.gateways.gateway import Start, run

FREEHOLD = Path(sys.executable).with_name("freehold")
CONFIGURATION = """\
[door]
workers = 1

[vendors.openai]
base_url = "http://127.0.0.1:{upstream}/v1"
api_key  = {{ env = "BENCH_VENDOR_KEY" }}

[projects.bench]
budget = {{ usd = 1000000, per = "month", hard = true }}
limits = {{ requests_per_minute = 1000000000, tokens_per_minute = 1000000000000 }}

[workloads.default]
route  = ["requested"]
budget = {{ usd = 1000000, per = "day", hard = true }}
limits = {{ requests_per_minute = 1000000000 }}
"""


class Freehold:
    """One worker, everything on."""

    name = "freehold"
    title = "Freehold"
    on = "keys, hard budgets on project and workload, request and token limits, a record of every answer, metrics"
    off = "nothing"

    def install(self, work: Path) -> str:
        return run(FREEHOLD, "version")

    def start(self, work: Path, folder: Path, port: int, upstream: int) -> Start:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        configuration = folder / "freehold.toml"
        configuration.write_text(CONFIGURATION.format(upstream=upstream))
        raise NotImplementedError
