"""What is planned for own models: weights that are there and whole, a context the model can read, ports of their own."""

import asyncio
import contextlib
import importlib.util
import os
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from freehold.config.settings import Engine
from freehold.errors import FetchError, NotConfigured
from freehold.serving import launch
from freehold.serving.launch import cores, free_ports, plan, ready


def gguf(path: Path) -> Path:
    path.write_bytes(b"GGUF\x03\x00\x00\x00 and more")
    return path


def option(argv: tuple[str, ...], name: str) -> str:
    return argv[argv.index(f"--{name}") + 1]


def nothing(_name: str) -> None:
    """In place of `find_spec`: nothing is installed."""


def never(sentence: str) -> None:
    raise AssertionError(sentence)


@contextlib.asynccontextmanager
async def answering(answer: bytes | None) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """The base URL of a server that answers every request so (None: not at all), and the heads of those requests."""
    heads: list[bytes] = []
    stop = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is None:
            await stop.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/abc/v1", heads
    finally:
        stop.set()
        server.close()


def test_an_engine_is_the_same_python_with_what_the_settings_say(tmp_path: Path) -> None:
    path = gguf(tmp_path / "mine.gguf")
    engine = Engine(name="mine", weights=str(path), context=1024, parallel=3, threads=2)
    (spec,) = plan({"mine": engine}, tmp_path, {"LANG": "C"}, never)
    assert spec.argv[:3] == (sys.executable, "-m", "freehold.serving.engine")
    said = {name: option(spec.argv, name) for name in ("weights", "model", "context", "parallel", "threads")}
    assert said == {"weights": str(path), "model": "mine", "context": "1024", "parallel": "3", "threads": "2"}
    assert spec.name == "mine"
    assert spec.base_url == f"http://127.0.0.1:{option(spec.argv, 'port')}/{option(spec.argv, 'prefix')}/v1"
    assert spec.environ == {"LANG": "C", "GOMP_SPINCOUNT": "1000"}


def test_without_a_number_of_threads_all_cores_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "cores", lambda: 5)
    engine = Engine(name="mine", weights=str(gguf(tmp_path / "mine.gguf")))
    (spec,) = plan({"mine": engine}, tmp_path, {}, never)
    assert option(spec.argv, "threads") == "5"


def test_how_threads_wait_can_be_said_in_the_environment(tmp_path: Path) -> None:
    engine = Engine(name="mine", weights=str(gguf(tmp_path / "mine.gguf")))
    (spec,) = plan({"mine": engine}, tmp_path, {"GOMP_SPINCOUNT": "7"}, never)
    assert spec.environ["GOMP_SPINCOUNT"] == "7"


def test_each_engine_has_a_port_and_a_secret_prefix_of_its_own(tmp_path: Path) -> None:
    path = str(gguf(tmp_path / "mine.gguf"))
    engines = {name: Engine(name=name, weights=path) for name in ("a", "b", "c")}
    specs = plan(engines, tmp_path, {}, never)
    assert [spec.name for spec in specs] == ["a", "b", "c"]
    assert len({option(spec.argv, "port") for spec in specs}) == 3
    prefixes = {option(spec.argv, "prefix") for spec in specs}
    assert len(prefixes) == 3
    assert all(len(prefix) == 16 and int(prefix, 16) >= 0 for prefix in prefixes)


def test_with_no_own_model_llama_cpp_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    assert plan({}, tmp_path, {}, never) == []


def test_without_llama_cpp_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(NotConfigured, match=r"Own models need llama\.cpp") as caught:
        plan({"a": Engine(name="a", weights="smollm2-135m")}, tmp_path, {}, never)
    assert caught.value.advice == "pip install 'freehold[own]'"


def test_a_context_longer_than_the_model_reads_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="context of 8193 tokens, but smollm2-135m reads 8192 at most") as caught:
        plan({"a": Engine(name="a", weights="smollm2-135m", context=8193)}, tmp_path, {}, never)
    assert caught.value.advice == "Set context to 8192 or less under [own.a] in freehold.toml."


def test_weights_that_are_not_there_are_told_with_the_names_that_are_known(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.gguf")
    with pytest.raises(FetchError, match=r"The weights of own/a are not at .*none\.gguf\.") as caught:
        plan({"a": Engine(name="a", weights=missing)}, tmp_path, {}, never)
    assert "smollm2-135m" in caught.value.advice


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04 a wheel", b"\x00\x00\x00\x00GGUF"])
def test_a_file_that_is_no_gguf_is_told_before_an_engine_meets_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(FetchError, match=r"The weights of own/a at .* are not a GGUF file\."):
        plan({"a": Engine(name="a", weights=str(path))}, tmp_path, {}, never)


def test_weights_that_have_a_name_are_fetched_and_that_is_said_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def fetch(name: str, cache: Path, progress: object) -> Path:
        order.append(f"fetched {name} into {cache.name}")
        return gguf(tmp_path / "fetched.gguf")

    monkeypatch.setattr(launch, "fetch", fetch)
    (spec,) = plan({"a": Engine(name="a", weights="smollm2-135m")}, tmp_path / "cache", {}, order.append)
    assert order == [
        "Fetching the weights of smollm2-135m, once: 98 MB, Apache-2.0 ...",
        "fetched smollm2-135m into cache",
    ]
    assert option(spec.argv, "weights") == str(tmp_path / "fetched.gguf")


async def test_an_engine_that_answers_its_health_with_200_is_ready() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as (url, heads):
        assert await ready(url)
        assert heads[0].startswith(b"GET /abc/v1/health HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n", b"", b"SSH-2.0-x\r\n"]
)
async def test_an_engine_that_says_anything_else_is_not_ready(answer: bytes) -> None:
    async with answering(answer) as (url, _):
        assert not await ready(url)


async def test_an_engine_that_hangs_or_is_not_there_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "READY_SECONDS", 0.05)
    async with answering(None) as (url, _):
        assert not await ready(url)
    assert not await ready(f"http://127.0.0.1:{free_ports(1)[0]}/abc/v1")


def test_free_ports_are_different_and_free_and_not_given_to_outgoing_connections() -> None:
    found = free_ports(200)
    assert len(set(found)) == 200
    assert all(20_000 <= port < 32_000 for port in found)


def test_a_port_that_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = free_ports(2)
    with socket.create_server(("127.0.0.1", taken)):
        monkeypatch.setattr(launch, "PORTS", [taken, free])
        assert free_ports(1) == [free]


@pytest.mark.parametrize(("quota", "at_most"), [("100000 100000\n", 1), ("150000 100000\n", 2), ("1000 100000\n", 1)])
def test_a_containers_quota_caps_the_cores(quota: str, at_most: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert 1 <= cores(tmp_path / "cpu.max") <= at_most


@pytest.mark.parametrize("quota", ["max 100000\n", "", "nonsense", None])
def test_without_a_quota_the_cores_are_those_of_this_process(quota: str | None, tmp_path: Path) -> None:
    path = tmp_path / "cpu.max"
    if quota is not None:
        path.write_text(quota)
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert cores(path) == bound
