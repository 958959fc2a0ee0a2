"""What an own model that shall teach was made from: of the version that serves, or beside the file; and what follows from it."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from cli.model_shelf import GGUF, models, word
from freehold.catalog.terms import Terms
from freehold.catalog.weights import digest
from freehold.cli.traces_lineage import lineage_of
from freehold.config.settings import Engine, Settings
from freehold.errors import RowForbidden
from freehold.training.ancestry import behind_teacher
from freehold.training.lineage import Lineage, Source
from freehold.training.provenance import Student
from freehold.training.traces import Wanted, require_teacher
from training.versions import LINEAGE

TERMS = Terms.load()
CHAINS = Source("freehold/arithmetic-chains", "program", "freehold-tasks", "2026-01-01", "Apache-2.0", 0)
RENTED = Source("openai/gpt-5-mini", "api", "openai-services-agreement", "2026-01-01", "", 9)
BEFORE = Source("own/older-1", "api", "own-models", "2026-01-01", "", 3)


def weights(folder: Path, *sources: Source, base: str = "") -> Path:
    """A file of weights with its papers beside it."""
    path = folder / "w" / "nano.gguf"
    path.parent.mkdir()
    path.write_bytes(GGUF + b"w")
    made = replace(LINEAGE, weights=digest(path), sources=sources, base=base, dataset="")
    (path.parent / "lineage.json").write_bytes(msgspec.json.encode(made))
    return path


def teaches(lineage: Lineage | None) -> None:
    behind = {} if lineage is None else behind_teacher(lineage, TERMS, "2026-11-26")
    student = Student(name="own/claims")
    require_teacher(Wanted(student=student, teacher="own/nano", route="api", on="2026-11-26", lineage=behind), TERMS)


def test_the_version_that_serves_teaches_what_it_was_made_from(tmp_path: Path) -> None:
    path = weights(tmp_path, CHAINS, BEFORE, base="qwen/qwen3-0.6b")
    models(tmp_path, "add", "nano", str(path.parent))
    assert lineage_of("own/nano", Settings(), tmp_path, tmp_path) is None
    models(tmp_path, "promote", "nano@1", *word(tmp_path))
    found = lineage_of("own/nano", Settings(), tmp_path, tmp_path)
    assert found is not None
    assert found.sources == (CHAINS, BEFORE)
    teaches(found)
    assert lineage_of("openai/gpt-5-mini", Settings(), tmp_path, tmp_path) is None


@pytest.mark.parametrize(
    ("sources", "base", "why"),
    [
        ((CHAINS, RENTED), "", "OpenAI Services Agreement"),
        ((CHAINS,), "meta/llama-3.2-1b", "begins with Llama"),
        ((CHAINS,), "x/y", "no terms are known"),
        ((), "", "does not name what that was made from"),
    ],
)
def test_what_may_not_teach_teaches_through_no_model_of_ours(
    tmp_path: Path, sources: tuple[Source, ...], base: str, why: str
) -> None:
    path = weights(tmp_path, *sources, base=base)
    table = Settings(own={"nano": Engine(name="nano", weights=str(path))})
    with pytest.raises(RowForbidden, match=why):
        teaches(lineage_of("own/nano", table, tmp_path, tmp_path))


def test_papers_of_other_weights_a_server_elsewhere_and_a_shipped_model(tmp_path: Path) -> None:
    path = weights(tmp_path, CHAINS)
    path.write_bytes(b"GGUF others")
    for engine in (Engine(name="nano", weights=str(path)), Engine(name="nano", url="http://127.0.0.1:9/v1")):
        assert lineage_of("own/nano", Settings(own={"nano": engine}), tmp_path, tmp_path) is None
    shipped = Settings(own={"nano": Engine(name="nano", weights="nano")})
    found = lineage_of("own/nano", shipped, tmp_path, tmp_path)
    assert found is not None
    assert [one.producer for one in found.sources] == ["freehold/arithmetic-chains", "freehold/recall"]
    teaches(found)
