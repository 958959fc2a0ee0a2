"""The engine's process without a model: its command line, what llama.cpp is told, and how it ends when it cannot serve."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from freehold.serving.engine import Options, options_from, parameters, serve

COMPLETE = [
    *("--weights", "/models/mine.gguf", "--model", "mine", "--port", "20123", "--prefix", "abc"),
    *("--context", "1024", "--parallel", "3", "--threads", "2"),
]
OPTIONS = Options(
    weights=Path("/models/mine.gguf"),
    model="mine",
    prefix="abc",
    port=20123,
    context=1024,
    parallel=3,
    threads=2,
)


@pytest.fixture
def llama() -> Any:
    """llama.cpp itself, so that a parameter that it does not know is an error here."""
    return importlib.import_module("xllamacpp")


def test_the_command_line_says_what_to_serve() -> None:
    assert options_from(COMPLETE) == OPTIONS


@pytest.mark.parametrize("missing", ["weights", "model", "port", "context", "parallel", "threads"])
def test_what_is_missing_on_the_command_line_is_told(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    at = COMPLETE.index(f"--{missing}")
    with pytest.raises(SystemExit) as ended:
        options_from(COMPLETE[:at] + COMPLETE[at + 2 :])
    assert ended.value.code == 2
    assert f"required: --{missing}" in capsys.readouterr().err


def test_each_caller_gets_the_whole_context_and_one_more_never_waits_for_health(llama: Any) -> None:
    params = parameters(llama, OPTIONS)
    assert (params.n_ctx, params.n_parallel, params.kv_unified) == (3072, 3, False)
    assert params.n_threads_http == 251
    assert params.cpuparams.n_threads == params.cpuparams_batch.n_threads == 2


def test_the_engine_answers_on_loopback_below_its_prefix_only_and_shows_no_pages(llama: Any) -> None:
    params = parameters(llama, OPTIONS)
    assert list(params.hostnames) == ["127.0.0.1"]
    assert (params.port, params.api_prefix, params.cors_origins) == (20123, "/abc", "")
    assert not any((params.ui, params.endpoint_metrics, params.endpoint_props, params.endpoint_slots))


def test_without_a_prefix_paths_begin_at_the_root(llama: Any) -> None:
    assert parameters(llama, options_from([*COMPLETE, "--prefix", ""])).api_prefix == ""


def test_the_model_answers_under_its_name_and_gives_embeddings_too(llama: Any) -> None:
    params = parameters(llama, OPTIONS)
    assert params.model.path == "/models/mine.gguf"
    assert set(params.model_alias) == {"mine"}
    assert (params.embedding, params.pooling_type, params.use_jinja) == (True, 1, True)


def test_adapters_are_loaded_in_order_and_rest_until_a_request_names_one(llama: Any) -> None:
    options = options_from([*COMPLETE, "--adapter", "/models/a.gguf", "--adapter", "/models/b.gguf"])
    assert options.adapters == (Path("/models/a.gguf"), Path("/models/b.gguf"))
    loaded = parameters(llama, options).lora_adapters
    assert [(one.path, one.scale) for one in loaded] == [("/models/a.gguf", 0.0), ("/models/b.gguf", 0.0)]


def test_without_llama_cpp_it_ends_and_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    assert serve(OPTIONS, {}) == 1
    assert "engine mine cannot serve /models/mine.gguf: " in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"GGUF", b"GGUF\x03\x00\x00\x00" + b"\xff" * 64])
def test_weights_that_cannot_be_read_end_the_process_with_1_and_a_sentence(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "broken.gguf"
    if content is not None:
        path.write_bytes(content)
    argv = [*COMPLETE, "--weights", str(path)]
    done = subprocess.run(
        [sys.executable, "-m", "freehold.serving.engine", *argv],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"engine ERROR engine mine cannot serve {path}: " in done.stderr
    assert "Traceback" not in done.stderr
