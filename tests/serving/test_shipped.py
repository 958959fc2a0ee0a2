"""Our own smallest models, which come with the package: whole, and right, in llama.cpp."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from freehold.catalog import weights
from freehold.catalog.weights import NAMED, digest, locate
from freehold.errors import FetchError
from freehold.serving.weights import fetch

NANO = NAMED["nano"]
SHIPPED = [name for name, one in NAMED.items() if not one.pieces]


@pytest.mark.parametrize("name", SHIPPED)
def test_they_come_with_the_package_beside_their_papers(tmp_path: Path, name: str) -> None:
    path, known = fetch(name, tmp_path), NAMED[name]
    assert locate(name, tmp_path) == path
    assert (digest(path), path.stat().st_size) == (known.sha256, known.size)
    assert {"MODEL_CARD.md", "lineage.json", "LICENSE"} <= {one.name for one in path.parent.iterdir()}
    assert list(tmp_path.iterdir()) == []
    lineage = json.loads((path.parent / "lineage.json").read_bytes())
    assert (lineage["weights"], lineage["licence"]) == (known.sha256, known.licence)


def test_all_of_them_are_small() -> None:
    assert SHIPPED == ["nano", "nano-refund"]
    assert sum(one.stat().st_size for one in weights.SHIPPED.rglob("*") if one.is_file()) <= 6_000_000


def test_a_copy_that_was_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / NANO.file).parent.mkdir()
    (tmp_path / NANO.file).write_bytes(b"GGUF")
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    with pytest.raises(FetchError, match="missing or changed"):
        fetch("nano", tmp_path)


@pytest.fixture(scope="module")
def engine() -> Generator[str, None, None]:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("llama.cpp is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = weights.kept_at(NANO, Path())
    argv = [sys.executable, "-m", "freehold.serving.engine", "--weights", str(path), "--model", "nano"]
    argv += ["--port", str(port), "--prefix", "x", "--context", "512", "--parallel", "1", "--threads", "1"]
    with subprocess.Popen(argv, env=os.environ) as process:
        try:
            url = f"http://127.0.0.1:{port}/x"
            _until_ready(url, process)
            yield url
        finally:
            process.kill()


def _until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(400):
        assert process.poll() is None, "the engine has ended"
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the engine is not ready")


def test_it_answers_step_by_step(engine: str) -> None:
    asked = {"messages": [{"role": "user", "content": "123-45+678=?"}], "max_tokens": 200, "temperature": 0}
    request = urllib.request.Request(
        f"{engine}/v1/chat/completions", json.dumps(asked).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        message: dict[str, Any] = json.load(reply)["choices"][0]["message"]
    said = f"{message.get('reasoning_content') or ''}\n{message['content']}"
    assert "0123-0045:-8,-7,00,00,=0078" in said
    assert "0078+0678:16,15,07,00,=0756" in said
    assert message["content"].strip().endswith("756")
