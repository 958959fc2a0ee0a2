"""Portkey's gateway: Node, from npm. It has no keys of its own; where to go stands in each request's headers."""

import json
from pathlib import Path

from bench.gateways.gateway import Start, run

VERSION = "1.15.2"
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
            run("npm", "install", "--silent", "--prefix", folder, f"@portkey-ai/gateway@{VERSION}")
        version = json.loads((folder / PACKAGE / "package.json").read_text())["version"]
        return f"{version}, Node {run('node', '--version').removeprefix('v')}"

    def start(self, work: Path, folder: Path, port: int, upstream: int) -> Start:
        program = work / "portkey" / PACKAGE / "build" / "start-server.js"
        headers = {
            "authorization": "Bearer sk-bench",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
        }
        return Start(["node", program, f"--port={port}", "--headless"], headers, {"NODE_ENV": "production"})
