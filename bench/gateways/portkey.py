"""Portkey's gateway: Node, from npm. It has no keys of its own; where to go stands in each request's headers.

Its package allows newer versions of its HTTP server with which its streams answer 500 ("immutable" headers: seen with
`@hono/node-server` 1.14.4 to 1.19.19, Node 20). So it is installed with 1.13.8, the newest with which both kinds work.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from bench.gateways.gateway import Start, run

VERSION = "1.15.2"
MANIFEST = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": VERSION},
    "overrides": {"@hono/node-server": "1.13.8"},
}
PACKAGE = Path("node_modules/@portkey-ai/gateway")


class Portkey:
    """As it comes, without its page of logs."""

    name = "portkey"
    title = "Portkey (Node)"
    on = "routing by headers"
    off = "its log page (`--headless`); it has no keys, budgets, rate limits or records in this edition"

    def install(self, work: Path) -> str:
        folder = work / "portkey"
        if not (folder / PACKAGE / "package.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text(json.dumps(MANIFEST))
            run("npm", "install", "--silent", cwd=folder)
        version = json.loads((folder / PACKAGE / "package.json").read_text())["version"]
        return f"{version}, Node {run('node', '--version').removeprefix('v')}"

    def start(self, work: Path, folder: Path, port: int, upstream: int) -> Start:
        program = work / "portkey" / PACKAGE / "build" / "start-server.js"
        return Start(["node", program, f"--port={port}", "--headless"], {"NODE_ENV": "production"})

    def headers(self, folder: Path, upstream: int) -> Mapping[str, str]:
        return {
            "authorization": "Bearer sk-bench",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
        }
