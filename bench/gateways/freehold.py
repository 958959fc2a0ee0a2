"""Freehold, from this repository, with a key that has budgets and rate limits."""

import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.gateways.gateway import Start, run

FREEHOLD = Path(sys.executable).with_name("freehold")
CONFIGURATION = """\
[door]
workers = 1

[ledger]
{ledger}

[vendors.openai]
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = {{ env = "BENCH_VENDOR_KEY" }}

[projects.bench]
budget = {{ usd = 1000000, per = "month", hard = true }}
limits = {{ requests_per_minute = 100000000, tokens_per_minute = 100000000000 }}

[workloads.default]
route = ["requested"]
budget = {{ usd = 1000000, per = "day", hard = true }}
limits = {{ requests_per_minute = 100000000 }}
"""


CONTROLS = (
    "keys, hard budgets on key, project and workload, request and token limits, metrics, a record of every answer"
)


class Freehold:
    """One worker, everything on. `ledger` is `off` (records only), or the durability of its entries."""

    def __init__(self, ledger: str = "process") -> None:
        self.ledger = ledger
        self.name = "freehold-records" if ledger == "off" else "freehold"
        self.title = "Freehold, records only" if ledger == "off" else "Freehold"
        self.on = (
            f'{CONTROLS} (durability "process")'
            if ledger == "off"
            else f'{CONTROLS} and its entry in the ledger (durability "{ledger}")'
        )
        self.off = "the ledger" if ledger == "off" else "nothing"

    def install(self, work: Path) -> str:
        return json.loads(run(FREEHOLD, "version", "--json"))["freehold"]

    def start(self, work: Path, folder: Path, port: int, upstream: int) -> Start:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        configuration = folder / "freehold.toml"
        ledger = 'enabled = false\ndurability = "process"' if self.ledger == "off" else f'durability = "{self.ledger}"'
        configuration.write_text(CONFIGURATION.format(upstream=upstream, ledger=ledger))
        command = [FREEHOLD, "up", "--config", configuration, "--data", folder / "data", "--port", str(port)]
        return Start(command, {"BENCH_VENDOR_KEY": "sk-bench"})

    def headers(self, folder: Path, upstream: int) -> Mapping[str, str]:
        log = folder / f"{self.name}.log"
        for _ in range(300):
            if "ready http://" in log.read_text():
                break
            time.sleep(0.1)
        command = [FREEHOLD, "keys", "create", "bench", "--project", "bench", "--data", folder / "data", "--json"]
        limits = [
            "--budget-usd",
            "1000000",
            "--requests-per-minute",
            "100000000",
            "--tokens-per-minute",
            "100000000000",
        ]
        return {"authorization": f"Bearer {json.loads(run(*command, *limits))['secret']}"}
