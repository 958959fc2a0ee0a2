"""LiteLLM's proxy: Python, the newest that installs."""

import json
from collections.abc import Mapping
from pathlib import Path

from bench.gateways.gateway import Start, package_version, python_package

KEY = "sk-bench-0123456789"


class LiteLLM:
    """One worker, a master key, no database."""

    name = "litellm"
    title = "LiteLLM proxy (Python)"
    on = "its master key; its cost calculation"
    off = "keys, budgets, rate limits and spend logs (they need a PostgreSQL database), callbacks, information logs"

    def install(self, work: Path) -> str:
        folder = work / "litellm"
        python_package(folder, "litellm[proxy]", "litellm")
        return package_version(folder, "litellm")

    def start(self, work: Path, folder: Path, port: int, upstream: int) -> Start:
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "config.yaml"  # JSON is YAML
        vendor = {
            "model": "openai/gpt-4o-mini",
            "api_base": f"http://127.0.0.1:{upstream}/v1",
            "api_key": "sk-bench",
        }
        configuration.write_text(
            json.dumps(
                {
                    "model_list": [{"model_name": "gpt-4o-mini", "litellm_params": vendor}],
                    "general_settings": {"master_key": KEY},
                    "litellm_settings": {"telemetry": False},
                }
            )
        )
        program = work / "litellm" / "bin" / "litellm"
        command = [program, "--config", configuration, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        # Without the switch for the price list it asks the network for one when it starts.
        env = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return Start(command, env)

    def headers(self, folder: Path, upstream: int) -> Mapping[str, str]:
        return {"authorization": f"Bearer {KEY}"}
