"""`freehold models fetch`: the path on stdout, the progress on stderr and only when there is any."""

import json
from pathlib import Path

import pytest

from cli.commands import run
from freehold.catalog.weights import NAMED
from freehold.errors import FetchError
from freehold.serving import weights
from freehold.serving.weights import Progress


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Path]]:
    """What was asked of `weights.fetch`, in place of which a file is here at once."""
    asked: list[tuple[str, Path]] = []

    def fetch(name: str, cache: Path, progress: Progress) -> Path:
        asked.append((name, cache))
        return tmp_path / "model.gguf"

    monkeypatch.setattr(weights, "fetch", fetch)
    return asked


def test_the_path_is_printed_and_nothing_else(fetched: list[tuple[str, Path]], tmp_path: Path) -> None:
    said = run("models", "fetch", environ={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert (said.exit_code, said.stdout, said.stderr) == (0, f"{tmp_path / 'model.gguf'}\n", "")
    assert fetched == [("smollm2-135m", tmp_path / "cache" / "freehold")]


def test_machines_get_the_checksum_and_the_licence_too(fetched: list[tuple[str, Path]], tmp_path: Path) -> None:
    assert json.loads(run("models", "fetch", "smollm2-135m", "--json").stdout) == {
        "name": "smollm2-135m",
        "path": str(tmp_path / "model.gguf"),
        "sha256": NAMED["smollm2-135m"].sha256,
        "licence": "Apache-2.0",
    }


def test_terms_that_bind_whoever_uses_the_weights_are_told_on_stderr(fetched: list[tuple[str, Path]]) -> None:
    said = run("models", "fetch", "gemma3-270m")
    assert said.stdout.endswith("model.gguf\n")
    assert (
        "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms"
        in " ".join(said.stderr.split())
    )


def test_while_it_takes_long_a_bar_on_stderr_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fetch(name: str, cache: Path, progress: Progress) -> Path:
        progress(25_000_000, 100_000_000)
        progress(100_000_000, 100_000_000)
        return tmp_path / "model.gguf"

    monkeypatch.setattr(weights, "fetch", fetch)
    said = run("models", "fetch", environ={"COLUMNS": "120"})
    assert said.stdout == f"{tmp_path / 'model.gguf'}\n"
    assert "Fetching smollm2-135m" in said.stderr
    assert "100.0/100.0 MB" in said.stderr


def test_a_name_that_nobody_knows_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"No weights are called 'huge'\."):
        run("models", "fetch", "huge", environ={"XDG_CACHE_HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
