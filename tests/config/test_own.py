"""The tables [own.NAME]: what serves an own model, and what does not go together."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config.conftest import Complaints, Parse
from freehold.config.reading import settled
from freehold.config.settings import Engine, Secret

Own = Callable[[str], dict[str, Engine]]


@pytest.fixture
def own(read_text: Parse, folder: Path) -> Own:
    """The own models of a text, beside which files stand."""
    (folder / "m.gguf").write_bytes(b"GGUF")
    (folder / "a.gguf").write_bytes(b"GGUF")
    (folder / "claims").mkdir()
    return lambda text: dict(settled(read_text(text)).own)


def test_a_server_elsewhere_has_an_address_a_name_there_a_key_and_headers(own: Own, folder: Path) -> None:
    (folder / "key").write_text("sk-ours\n")
    found = own(
        '[own.claims]\nurl = "http://gpu-1:8000/v1/"\nengine = "vllm"\nmodel = "acme/claims"\nthinking = "enable_thinking"\n'
        'api_key = { file = "key" }\nheaders = { "x-team" = "claims" }\n'
    )
    assert found == {
        "claims": Engine(
            name="claims",
            url="http://gpu-1:8000/v1",
            engine="vllm",
            model="acme/claims",
            thinking="enable_thinking",
            api_key=Secret("sk-ours", "file key"),
            headers={"x-team": "claims"},
        )
    }


def test_vllm_serves_a_folder_and_is_started_as_one_says(own: Own, folder: Path) -> None:
    found = own(
        '[own.claims]\nengine = "vllm"\nweights = "claims"\ncommand = ["/opt/vllm", "serve", "--dtype", "half"]\n'
    )
    assert found["claims"] == Engine(
        name="claims",
        engine="vllm",
        weights=str(folder / "claims"),
        command=("/opt/vllm", "serve", "--dtype", "half"),
    )


def test_an_adapter_changes_another_model(own: Own, folder: Path) -> None:
    found = own('[own.m]\nweights = "m.gguf"\n[own.a]\nbase = "own/m"\nadapter = "a.gguf"\n')
    assert found["a"] == Engine(name="a", base="own/m", adapter=str(folder / "a.gguf"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threads = 1", 'line 1: [own.x] needs the setting "weights". Write weights = "smollm2-135m".'),
        (
            'weights = "nano"\nurl = "http://a/v1"',
            "line 1: [own.x] has `weights` and `url`, and is served by one of them. Keep one.",
        ),
        ('url = "gpu-1:8000"', 'line 2: [own.x] url must be a URL such as "http://10.0.0.7:8000/v1", not "gpu-1:8000".'),
        ('url = "http://a/v1"\nparallel = 2', "line 3: [own.x] parallel is of no use with `url`. Remove it."),
        ('weights = "nano"\nmodel = "b"', "line 3: [own.x] model is of no use without `url`. Remove it."),
        ('base = "own/m"', 'line 1: [own.x] needs the setting "adapter" beside `base`. Write adapter = "adapter.gguf".'),
        ('adapter = "a.gguf"', 'line 1: [own.x] needs the setting "base" beside `adapter`. Write base = "own/OTHER".'),
        (
            'weights = "nano"\nengine = "other"',
            'line 3: [own.x] engine is "other", which needs `url`. Freehold starts "llama.cpp" and "vllm".',
        ),
        (
            'weights = "nano"\nengine = "vlm"',
            'line 3: [own.x] engine must be "llama.cpp", "other" or "vllm", not "vlm". Did you mean "vllm"?',
        ),
        ('weights = "nano"\ncommand = "vllm serve"', 'line 3: [own.x] command must be a list of words in quotes. Write command = ["vllm", "serve"].'),
        ('engine = "vllm"\nweights = "claims"\ncommand = []', 'line 4: [own.x] command must not be empty. Write command = ["vllm", "serve"].'),
        ('base = "own/y"\nadapter = "a.gguf"', 'line 2: [own.x] base is "own/y", and there is no such model. Did you mean "own/x"?'),
        ('url = "http://a/v1"\napi_key = { env = "NONE" }', "line 3: [own.x] api_key names the environment variable NONE, which is not set. Set NONE, or remove the setting."),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told_at_its_line(text: str, said: str, own: Own, complaints: Complaints) -> None:
    assert complaints(f"[own.x]\n{text}\n")[0] == f"freehold.toml, {said}"


def test_an_adapter_needs_a_base_with_weights_and_its_engine(own: Own, complaints: Complaints) -> None:
    table = '[own.a]\nbase = "own/m"\nadapter = "a.gguf"\n'
    assert complaints(f'{table}[own.m]\nurl = "http://a/v1"\n') == [
        'freehold.toml, line 2: [own.a] base is "own/m", which has no weights here. Name the model whose `weights` are set.'
    ]
    assert complaints(f'{table}engine = "vllm"\n[own.m]\nweights = "m.gguf"\n') == [
        'freehold.toml, line 4: [own.a] engine is "vllm", and own/m is not. Remove it: an adapter is served by the engine of its base.'
    ]
