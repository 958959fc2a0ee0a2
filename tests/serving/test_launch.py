"""What is planned for own models: weights that are there and whole, a context the model can read, ports of their own."""

import asyncio
import contextlib
import hashlib
import importlib.util
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from freehold.config.settings import Engine
from freehold.errors import FetchError, NotConfigured
from freehold.serving import launch
from freehold.serving.launch import EngineSpec, check_files, plan, ready
from freehold.serving.machine import free_ports
from freehold.vendors.own import Mind, Served, traits_of
from serving.tiny_models import TEMPLATE, adapter, bare, write_gguf


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
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/abc/v1/health", heads
    finally:
        stop.set()
        server.close()


def test_an_engine_is_the_same_python_with_what_the_settings_say(tmp_path: Path) -> None:
    path = bare(tmp_path / "mine.gguf")
    engine = Engine(name="mine", weights=str(path), context=384, parallel=3, threads=2)
    (spec,) = plan({"mine": engine}, tmp_path, {"LANG": "C"}, never)
    assert spec.argv[:3] == (sys.executable, "-m", "freehold.serving.engine")
    said = {name: option(spec.argv, name) for name in ("weights", "model", "context", "parallel", "threads")}
    assert said == {"weights": str(path), "model": "mine", "context": "384", "parallel": "3", "threads": "2"}
    assert spec.name == "mine"
    base_url = f"http://127.0.0.1:{option(spec.argv, 'port')}/{option(spec.argv, 'prefix')}/v1"
    assert (spec.health, spec.models["mine"].base_url) == (f"{base_url}/health", base_url)
    assert spec.environ == {"LANG": "C", "GOMP_SPINCOUNT": "1000"}


def test_without_a_number_of_threads_all_cores_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "cores", lambda: 5)
    path = bare(tmp_path / "mine.gguf")
    with path.open("ab") as file:
        file.truncate(launch.ONE_THREAD_BYTES)
    (spec,) = plan({"mine": Engine(name="mine", weights=str(path))}, tmp_path, {}, never)
    assert option(spec.argv, "threads") == "5"


def test_small_weights_get_one_thread_and_more_only_when_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "cores", lambda: 5)
    path = str(bare(tmp_path / "mine.gguf"))
    (by_itself,) = plan({"mine": Engine(name="mine", weights=path)}, tmp_path, {}, never)
    (told,) = plan({"mine": Engine(name="mine", weights=path, threads=3)}, tmp_path, {}, never)
    assert [option(spec.argv, "threads") for spec in (by_itself, told)] == ["1", "3"]


def test_how_threads_wait_can_be_said_in_the_environment(tmp_path: Path) -> None:
    engine = Engine(name="mine", weights=str(bare(tmp_path / "mine.gguf")))
    (spec,) = plan({"mine": engine}, tmp_path, {"GOMP_SPINCOUNT": "7"}, never)
    assert spec.environ["GOMP_SPINCOUNT"] == "7"


def test_each_engine_has_a_port_and_a_secret_prefix_of_its_own(tmp_path: Path) -> None:
    path = str(bare(tmp_path / "mine.gguf"))
    engines = {name: Engine(name=name, weights=path) for name in ("a", "b", "c")}
    specs = plan(engines, tmp_path, {}, never)
    assert [spec.name for spec in specs] == ["a", "b", "c"]
    assert len({option(spec.argv, "port") for spec in specs}) == 3
    prefixes = {option(spec.argv, "prefix") for spec in specs}
    assert len(prefixes) == 3
    assert all(len(prefix) == 16 and int(prefix, 16) >= 0 for prefix in prefixes)


def one(tmp_path: Path, *engines: Engine) -> EngineSpec:
    """The one engine that serves them."""
    (spec,) = plan({engine.name: engine for engine in engines}, tmp_path, {}, never)
    return spec


@pytest.mark.parametrize(("reads", "context"), [(256, "256"), (32768, "4096"), (0, "4096")])
def test_the_context_is_what_the_model_reads_up_to_the_usual(reads: int, context: str, tmp_path: Path) -> None:
    spec = one(tmp_path, Engine(name="mine", weights=str(bare(tmp_path / "mine.gguf", context=reads))))
    assert option(spec.argv, "context") == context


def test_a_context_longer_than_the_file_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match=r"context of 1024 tokens, but mine\.gguf reads 512 at most"):
        one(tmp_path, Engine(name="mine", weights=str(bare(tmp_path / "mine.gguf")), context=1024))


def test_what_the_template_says_of_thinking_and_tools_is_what_the_door_learns(tmp_path: Path) -> None:
    path = bare(tmp_path / "mine.gguf", template=TEMPLATE)
    traits = one(tmp_path, Engine(name="mine", weights=str(path))).models["mine"].traits
    assert (traits.reasoning_style, traits.thinking_switch) == ("template", "enable_thinking")
    assert traits.thinking_budget == "thinking_budget_tokens"
    assert "tools" in traits.no_abilities
    told = one(tmp_path, Engine(name="mine", weights=str(path), thinking="")).models["mine"].traits
    assert (told.reasoning_style, told.thinking_switch) == ("none", None)


def test_adapters_are_served_by_one_engine_each_under_the_hash_of_its_bytes(tmp_path: Path) -> None:
    base = Engine(name="mine", weights=str(bare(tmp_path / "mine.gguf")))
    seven = Engine(name="seven", base="own/mine", adapter=str(adapter(tmp_path / "7.gguf", "7")))
    eight = Engine(name="eight", base="own/mine", adapter=str(adapter(tmp_path / "8.gguf", "8")))
    spec = one(tmp_path, base, seven, eight)
    assert spec.argv[-4:] == ("--adapter", str(tmp_path / "7.gguf"), "--adapter", str(tmp_path / "8.gguf"))
    assert list(spec.models) == ["mine", "seven", "eight"]
    assert len({served.base_url for served in spec.models.values()}) == 1
    hashed = hashlib.sha256((tmp_path / "8.gguf").read_bytes()).hexdigest()
    served = spec.models["eight"]
    assert (served.weights, served.model) == (hashed, f"eight-{hashed[:12]}")
    assert {name: bytes(value) for name, value in served.traits.adds.items()} == {"lora": b'[{"id":1,"scale":1.0}]'}
    assert spec.models["mine"].traits.adds == {}


def test_weights_in_several_files_are_told_by_all_of_them(tmp_path: Path) -> None:
    about = {"general.architecture": "llama", "split.count": 2}
    first, second = (
        write_gguf(tmp_path / f"big-0000{number}-of-00002.gguf", {**about, "split.no": number - 1}, {})
        for number in (1, 2)
    )
    engine = Engine(name="big", weights=str(first))
    (spec,) = plan({"big": engine}, tmp_path, {}, never)
    lines = "".join(f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in (first, second))
    assert spec.models["big"].weights == hashlib.sha256(lines.encode()).hexdigest()
    second.unlink()
    with pytest.raises(FetchError, match=r"own/big are 2 files, and big-00002-of-00002\.gguf is not there"):
        check_files(engine)
    with pytest.raises(FetchError, match=r"big\.gguf is a part of 2, and is not called big-00001-of-00002\.gguf"):
        check_files(Engine(name="big", weights=str(first.rename(tmp_path / "big.gguf"))))


def test_a_model_is_no_adapter_and_an_adapter_no_model(tmp_path: Path) -> None:
    model, lora = str(bare(tmp_path / "m.gguf")), str(adapter(tmp_path / "a.gguf", "7"))
    with pytest.raises(FetchError, match=r"a\.gguf is of the kind adapter, and model is needed"):
        one(tmp_path, Engine(name="mine", weights=lora))
    with pytest.raises(FetchError, match=r"m\.gguf is of the kind model, and adapter is needed"):
        one(tmp_path, Engine(name="mine", weights=model), Engine(name="a", base="own/mine", adapter=model))


def test_an_adapter_of_another_architecture_is_refused(tmp_path: Path) -> None:
    base = Engine(name="mine", weights=str(bare(tmp_path / "m.gguf", architecture="gemma3")))
    with pytest.raises(FetchError, match="of the architecture llama, and its base is gemma3"):
        one(tmp_path, base, Engine(name="a", base="own/mine", adapter=str(adapter(tmp_path / "a.gguf", "7"))))


def test_a_file_that_names_no_architecture_is_no_model(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", {"general.name": "numbers"}, {})
    with pytest.raises(FetchError, match=r"m\.gguf names no architecture, so it is no model of llama\.cpp's"):
        one(tmp_path, Engine(name="mine", weights=str(path)))


def test_files_are_checked_by_their_heads_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", nothing)  # llama.cpp need not be here
    model, lora = str(bare(tmp_path / "m.gguf")), str(adapter(tmp_path / "a.gguf", "7"))
    check_files(Engine(name="mine", weights=model, adapter=lora))
    with pytest.raises(FetchError, match="and adapter is needed"):
        check_files(Engine(name="mine", weights=model, adapter=model))
    with pytest.raises(NotConfigured, match=r"m\.gguf reads 512 at most"):
        check_files(Engine(name="mine", weights=model, context=1024))
    with pytest.raises(FetchError, match=r"no file ends with \.safetensors"):
        check_files(Engine(name="mine", weights=str(tmp_path), engine="vllm"))
    (tmp_path / "model.safetensors").write_bytes(b"abc")
    check_files(Engine(name="mine", weights=str(tmp_path), engine="vllm"))


def test_a_server_elsewhere_is_run_by_nobody_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    engine = Engine(name="far", url="http://gpu-1:8000/v1", model="acme/far", engine="vllm", thinking="enable_thinking")
    spec = one(tmp_path, engine)
    assert (spec.argv, spec.health) == ((), "")
    assert spec.models == {
        "far": Served(
            base_url="http://gpu-1:8000/v1",
            model="acme/far",
            traits=traits_of("vllm", Mind(thinks=True, switch="enable_thinking")),
            counts=False,
            here=False,
        )
    }


def test_vllm_is_kept_as_a_child_that_only_the_door_has_the_key_of(tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"abc")
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    command = (sys.executable, "serve.py")
    spec = one(tmp_path, Engine(name="claims", engine="vllm", weights=str(folder), command=command))
    assert spec.argv[:6] == (sys.executable, "-m", "freehold.serving.guest", *command, str(folder))
    port, key = option(spec.argv, "port"), spec.environ["VLLM_API_KEY"]
    assert spec.health == f"http://127.0.0.1:{port}/health"
    served = spec.models["claims"]
    assert (served.base_url, served.headers) == (f"http://127.0.0.1:{port}/v1", {"authorization": f"Bearer {key}"})
    assert served.weights == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (len(key), key in " ".join(spec.argv)) == (32, False)
    assert (served.traits.thinking_switch, served.traits.thinking_budget) == (
        "enable_thinking",
        "thinking_token_budget",
    )


async def test_nobody_waits_for_a_server_elsewhere() -> None:
    assert await ready("")


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
    with pytest.raises(FetchError, match=r"The weights of own/a at .* are not a GGUF file: "):
        plan({"a": Engine(name="a", weights=str(path))}, tmp_path, {}, never)


def test_weights_that_have_a_name_are_fetched_and_that_is_said_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def fetch(name: str, cache: Path, _progress: object) -> Path:
        order.append(f"fetched {name} into {cache.name}")
        return bare(tmp_path / "fetched.gguf")

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
    "answer",
    [
        b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"",
        b"SSH-2.0-x\r\n",
        b"\0" * 100_000,
    ],
)
async def test_an_engine_that_says_anything_else_is_not_ready(answer: bytes) -> None:
    async with answering(answer) as (url, _):
        assert not await ready(url)


async def test_an_engine_that_hangs_or_is_not_there_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "READY_SECONDS", 0.05)
    async with answering(None) as (url, _):
        assert not await ready(url)
    assert not await ready(f"http://127.0.0.1:{free_ports(1)[0]}/abc/v1/health")
