"""The two load generators: wrk for requests and bursts, and `stream.py` for streams whose every chunk is timed."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.processes import LOAD_CORE

SCRIPT = """\
wrk.method = "POST"
wrk.path = os.getenv("BENCH_PATH")
wrk.body = os.getenv("BENCH_BODY")
for name, value in os.getenv("BENCH_HEADERS"):gmatch("([^\\n:]+):([^\\n]*)") do wrk.headers[name] = value end
function done(summary, latency, requests)
  local e = summary.errors
  local out = io.open(os.getenv("BENCH_OUT"), "w")
  out:write(string.format(
    '{"requests": %d, "seconds": %f, "bytes": %d, "p50": %f, "p99": %f, "errors": %d, "bad_status": %d}',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.timeout, e.status))
  out:close()
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw. Percentiles in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def body(content: str, *, stream: bool = False) -> str:
    """A chat request of some 150 bytes."""
    asked: dict[str, object] = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 64,
    }
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(asked)


def wrk(
    url: str, path: str, headers: Mapping[str, str], body: str, *, connections: int, seconds: float, folder: Path
) -> Load:
    """Closed-loop load for `seconds`, from one thread. Raises RuntimeError if any request failed;
    none at all may have ended."""
    folder.mkdir(parents=True, exist_ok=True)
    script, out = folder / "wrk.lua", folder / "wrk.json"
    script.write_text(SCRIPT)
    out.unlink(missing_ok=True)
    said = subprocess.run(
        [
            "taskset",
            "-c",
            str(LOAD_CORE),
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "60s",
            "-s",
            str(script),
            url,
        ],
        env={
            **os.environ,
            "BENCH_PATH": path,
            "BENCH_BODY": body,
            "BENCH_HEADERS": "\n".join(f"{name}:{value}" for name, value in headers.items()),
            "BENCH_OUT": str(out),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if not out.exists():
        raise RuntimeError(f"wrk gave nothing: {said.stdout}{said.stderr}")
    seen = json.loads(out.read_text())
    if seen["errors"] or seen["bad_status"]:
        raise RuntimeError(
            f"Of {seen['requests']} requests, {seen['errors']} broke, {seen['bad_status']} had a bad status."
        )
    return Load(seen["requests"], seen["seconds"], seen["p50"] / 1000, seen["p99"] / 1000)


@dataclass(frozen=True)
class Chunks:
    """What came of streams: how many chunks in which time, and how late they were read, in milliseconds."""

    chunks: int
    seconds: float
    p50: float
    p99: float


def streams(measurer: int, patience: float, **ask: object) -> Chunks:
    """Has the process of `stream.py` at port `measurer` send streams (the fields of its `Ask`); waits at most `patience`
    seconds for all of them. Raises RuntimeError if one breaks."""
    url = f"http://127.0.0.1:{measurer}/measure"
    with urllib.request.urlopen(url, data=json.dumps(ask).encode(), timeout=patience) as answer:
        told = json.loads(answer.read())
    if "problem" in told:
        raise RuntimeError(told["problem"])
    return Chunks(**told)
