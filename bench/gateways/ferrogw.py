"""ferrogw: a gateway in Go, from its PyPI wheel, which holds the one binary."""

from collections.abc import Mapping
from pathlib import Path

from bench.gateways.gateway import Start, package_version, python_package

VERSION = "1.5.10"
KEY = "fgw_0123456789abcdef0123456789abcdef"
CONFIGURATION = """\
strategy:
  mode: fallback
targets:
  - virtual_key: openai
"""


class Ferrogw:
    """As it comes, with its rate limit out of the way."""

    name = "ferrogw"
    title = "ferrogw (Go)"
    on = "its key check; its rate limiter, set so high that it never acts; its metrics"
    off = "request log (off unless asked for), budgets (a plugin), retries, information logs"

    def install(self, work: Path) -> str:
        folder = work / "ferrogw"
        python_package(folder, f"ferrogw=={VERSION}", "ferrogw")
        return package_version(folder, "ferrogw")

    def start(self, work: Path, folder: Path, port: int, upstream: int) -> Start:
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "config.yaml"
        configuration.write_text(CONFIGURATION)
        env = {
            "GATEWAY_CONFIG": str(configuration),
            "MASTER_KEY": KEY,
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}",
            "PORT": str(port),
            "RATE_LIMIT_RPS": "1000000000",
            "RATE_LIMIT_BURST": "1000000000",
            "LOG_LEVEL": "error",
        }
        return Start([work / "ferrogw" / "bin" / "ferrogw", "serve"], env)

    def headers(self, folder: Path, upstream: int) -> Mapping[str, str]:
        return {"authorization": f"Bearer {KEY}"}
