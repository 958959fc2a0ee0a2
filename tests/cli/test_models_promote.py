"""`freehold models promote`: a passed trial, or somebody's word; terms and contamination once more."""

import contextlib
import hashlib
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from cli.commands import run
from cli.ledgers import settle
from cli.model_shelf import GGUF, added, models, word
from cli.test_models_evidence import tried
from cli.test_people import person
from freehold.cli.models_evidence import kept_draws, kept_rows
from freehold.cli.people import people_in
from freehold.errors import (
    ConfigError,
    Contaminated,
    InvalidField,
    NotSigned,
    PromotionRefused,
    RegistryError,
    RowForbidden,
)
from freehold.store.database import open_database
from freehold.store.events import keep_event
from freehold.training.ancestry import Ancestry
from freehold.training.dataset import Dataset, write_dataset
from freehold.training.lineage import sources_of
from freehold.training.lives import Life, write_life
from freehold.training.recipe import parse_recipe
from freehold.training.registry import Registry
from freehold.training.runs import ANCESTRY, RunFolder, new_run
from freehold.training.tasks.apart import digest_of
from freehold.training.tasks.drawn import BYTES, DRAWN, Draws
from serving.tiny_models import adapter, bare, write_gguf
from training.rows import OPENAI, row
from training.versions import LINEAGE

QUESTIONS = [" ".join(f"word{number}x{place}" for place in range(20)) for number in range(40)]


def made(tmp_path: Path, dataset: Dataset) -> Path:
    """A version that was trained on these rows; gives the file of rows."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "nano.gguf").write_bytes(GGUF + b"one")
    weights = hashlib.sha256(GGUF + b"one").hexdigest()
    lineage = replace(LINEAGE, weights=weights, dataset=dataset.digest, sources=sources_of(dataset))
    (folder / "lineage.json").write_bytes(msgspec.json.encode(lineage))
    assert models(tmp_path, "add", "nano", str(folder)).exit_code == 0
    write_dataset(dataset, tmp_path / "rows.jsonl")
    return tmp_path / "rows.jsonl"


def test_without_a_trial_it_is_refused_and_the_advice_says_what_to_do(tmp_path: Path) -> None:
    added(tmp_path, 1)
    with pytest.raises(PromotionRefused, match="No trial of own/nano with the weights") as caught:
        models(tmp_path, "promote", "nano@1")
    assert "--override REASON --sign KEYFILE" in caught.value.advice
    assert not json.loads(models(tmp_path, "show", "nano", "--json").stdout)["promoted"]


def test_somebody_can_answer_for_it(tmp_path: Path) -> None:
    added(tmp_path, 1)
    said = models(tmp_path, "promote", "nano@1", *word(tmp_path, "the vendor is down"))
    assert (said.stdout, said.stderr) == ("own/nano@1 serves as own/nano, by ops's word.\n", "")
    line = json.loads(models(tmp_path, "show", "nano", "--json").stdout)["history"][-1]
    assert (line["deed"], line["evidence"]["override"], line["evidence"]["by"]) == (
        "promoted",
        "the vendor is down",
        "ops",
    )
    with pytest.raises(RegistryError, match="serves already"):
        models(tmp_path, "promote", "nano@1", *word(tmp_path, "again"))


@pytest.mark.parametrize(
    ("about", "why"),
    [
        (None, "are not a GGUF file: it does not begin with GGUF"),
        ({"general.name": "numbers"}, "names no architecture, so it is no model of llama.cpp's"),
        ({"general.architecture": "clip", "general.type": "mmproj"}, "is of the kind mmproj, and model is needed"),
    ],
)
def test_a_file_that_llama_cpp_cannot_serve_is_refused_whoever_answers_for_it(
    about: dict[str, str] | None, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "nano.gguf"
    path.write_bytes(b"<html>Not found</html>")
    if about is not None:
        write_gguf(path, about, {})
    models(tmp_path, "add", "nano", str(path), "--licence", "MIT")
    with pytest.raises(PromotionRefused, match=rf"own/nano@1 cannot be served\. The .* {re.escape(why)}") as caught:
        models(tmp_path, "promote", "nano@1", *word(tmp_path))
    assert caught.value.advice.startswith("Export it to GGUF anew, and add that as another version")
    assert Registry(tmp_path / "models").serving() == {}


def test_an_adapter_that_does_not_fit_its_base_is_refused(tmp_path: Path) -> None:
    models(tmp_path, "add", "nano", str(bare(tmp_path / "nano.gguf", architecture="gemma3")), "--licence", "MIT")
    lora = str(adapter(tmp_path / "claims.gguf", "7"))
    models(tmp_path, "add", "claims", lora, "--licence", "MIT", "--base", "own/nano@1")
    with pytest.raises(PromotionRefused, match=r"own/claims@1 cannot be served\. .* and its base is gemma3"):
        models(tmp_path, "promote", "claims@1", *word(tmp_path))


def test_a_trial_of_the_safetensors_through_vllm_lets_an_export_with_gguf_serve(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "nano.gguf").write_bytes(GGUF)
    (folder / "model.safetensors").write_bytes(b"tensors")
    (folder / "config.json").write_bytes(b"{}")
    models(tmp_path, "add", "nano", str(folder), "--licence", "MIT")
    tried(tmp_path, trial="trial_1", weights=hashlib.sha256(b"{}").hexdigest())
    with pytest.raises(PromotionRefused, match="No trial of own/nano"):
        models(tmp_path, "promote", "nano@1")
    tensors = hashlib.sha256(b"tensors").hexdigest()
    tried(tmp_path, trial="trial_2", weights=tensors)
    with pytest.raises(PromotionRefused, match="No trial of own/nano"):  # llama.cpp would serve another file
        models(tmp_path, "promote", "nano@1")
    config = tmp_path / "freehold.toml"
    config.write_text('[own.nano]\nengine = "vllm"\nweights = "registry"\n')
    evidence = json.loads(models(tmp_path, "promote", "nano@1", "--json", "--config", str(config)).stdout)["evidence"]
    assert (evidence["trial"], evidence["tried"]) == ("trial_2", tensors)
    assert evidence["weights"] == hashlib.sha256(GGUF).hexdigest()


def test_a_word_that_nobody_signs_is_refused_and_the_advice_says_how_to_sign(tmp_path: Path) -> None:
    added(tmp_path, 1)
    with pytest.raises(NotSigned, match="signed by who answers for it") as caught:
        models(tmp_path, "promote", "nano@1", "--override", "urgent")
    assert "`freehold people create NAME --out NAME.key >> freehold.toml`" in caught.value.advice
    assert "No such option: --by" in models(tmp_path, "promote", "nano@1", "--override", "urgent", "--by", "ops").stderr
    with pytest.raises(PromotionRefused, match="needs a reason"):
        models(tmp_path, "promote", "nano@1", *word(tmp_path, " "))
    with pytest.raises(InvalidField, match="Nothing is there to be signed"):
        models(tmp_path, "promote", "nano@1", *word(tmp_path)[2:])
    assert Registry(tmp_path / "models").serving() == {}


def test_rows_are_checked_again_where_they_are_here(tmp_path: Path) -> None:
    rows = made(tmp_path, Dataset((row("a"), row("b"))))
    words = ("promote", "nano@1", *word(tmp_path), "--json")
    assert json.loads(models(tmp_path, *words, "--dataset", str(rows)).stdout)["evidence"]["rows"] == "checked"


def test_rows_whose_terms_forbid_it_are_refused_with_and_without_the_file(tmp_path: Path) -> None:
    rows = made(tmp_path, Dataset((row("a"), row("b", pedigree=OPENAI))))
    words = ("promote", "nano@1", *word(tmp_path))
    for more in ((), ("--dataset", str(rows))):
        with pytest.raises(RowForbidden, match="openai/gpt-5-mini"):
            models(tmp_path, *words, *more)


def test_an_override_of_the_terms_that_no_ledger_holds_frees_nothing(tmp_path: Path) -> None:
    rows = made(tmp_path, Dataset((row("b", pedigree=OPENAI),)))
    said = run(
        "terms", "override", "openai-services-agreement", "--date", "2026-01-01", "--use", "distil",
        "--student", "own/nano", "--reason", "r", *word(tmp_path)[2:], "--data", str(tmp_path),
    )  # fmt: skip
    assert said.exit_code == 0
    words = ("promote", "nano@1", *word(tmp_path), "--dataset", str(rows))
    with pytest.raises(RowForbidden):
        models(tmp_path, *words)
    settle(tmp_path)
    assert models(tmp_path, *words).exit_code == 0


def test_an_unsigned_override_of_the_terms_that_the_ledger_has_from_before_frees_nothing(tmp_path: Path) -> None:
    rows = made(tmp_path, Dataset((row("b", pedigree=OPENAI),)))
    before = {
        "terms": OPENAI.terms, "terms_date": OPENAI.terms_date, "use": "distil", "student": "own/nano", "reason": "r", "by": "legal",
    }  # fmt: skip
    with contextlib.closing(open_database(tmp_path)) as db:
        keep_event(db, "training.override", "own/nano", before)
    settle(tmp_path)
    with pytest.raises(RowForbidden, match=r"The override by legal frees nothing, .* sign it again"):
        models(tmp_path, "promote", "nano@1", *word(tmp_path), "--dataset", str(rows))


def sealed(tmp_path: Path, questions: list[str] = QUESTIONS) -> None:
    """The questions are items of a workload, some of them set apart."""
    items = tmp_path / "items.jsonl"
    lines = [{"id": f"i{number}", "input": question} for number, question in enumerate(questions)]
    items.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    assert run("items", "import", str(items), "--workload", "claims", "--data", str(tmp_path)).exit_code == 0
    assert run("items", "split", "claims", "--data", str(tmp_path)).exit_code == 0


def test_an_item_that_was_sealed_since_stops_it(tmp_path: Path) -> None:
    rows = made(tmp_path, Dataset(tuple(row(f"Answer this. {question}") for question in QUESTIONS)))
    words = ("promote", "nano@1", *word(tmp_path), "--dataset", str(rows))
    sealed(tmp_path)
    with pytest.raises(Contaminated, match="gives away"):
        models(tmp_path, *words)


DRAWING = b"""
model = "own/NAME"
stage = "pretrain"
[shape]
layers = 1
width = 32
heads = 1
inner = 32
context = 256
[[mix]]
task = "arithmetic-chains"
[learning]
steps = 5
length = 128
"""


def drew(tmp_path: Path, name: str, start: str, texts: list[str]) -> RunFolder:
    """A finished run that drew these questions, and goes on from another one."""
    recipe = parse_recipe(DRAWING.replace(b"NAME", name.encode()))
    place = new_run(tmp_path, recipe, datetime(2026, 1, 1, tzinfo=UTC))
    (place.path / ANCESTRY).write_bytes(msgspec.json.encode(Ancestry(start=start)))
    content = b"".join(bytes.fromhex(digest_of(text))[:BYTES] for text in texts)
    (place.path / DRAWN).write_bytes(content)
    write_life(
        place.path / "lives.jsonl", Life(number=1, begun_at=1, how="done", drawn=hashlib.sha256(content).hexdigest())
    )
    return place


def test_what_tasks_drew_for_a_run_and_for_those_before_it_is_held_against_what_is_sealed_now(tmp_path: Path) -> None:
    first = drew(tmp_path, "first", "", QUESTIONS)
    second = drew(tmp_path, "second", first.path.name, ["3+3=?"])
    (tmp_path / "nano.gguf").write_bytes(GGUF + b"one")
    weights = hashlib.sha256(GGUF + b"one").hexdigest()
    lineage = replace(LINEAGE, weights=weights, run=second.path.name, start=first.path.name)
    assert kept_draws(tmp_path, lineage) == Draws((second.drawn() or b"", first.drawn() or b""), "checked")
    assert kept_draws(tmp_path, replace(lineage, run="gone")).known == "partly"
    assert kept_draws(tmp_path, replace(lineage, run="gone", start="")).known == "absent"
    assert kept_draws(tmp_path, replace(lineage, run="", start="")).known == "none"
    (tmp_path / "lineage.json").write_bytes(msgspec.json.encode(lineage))
    more = ("--lineage", str(tmp_path / "lineage.json"))
    assert models(tmp_path, "add", "nano", str(tmp_path / "nano.gguf"), *more).exit_code == 0
    sealed(tmp_path, [f" {question.upper()}" for question in QUESTIONS])
    with pytest.raises(Contaminated, match=r"was trained on problems that \d+ sealed items ask"):
        models(tmp_path, "promote", "nano@1", *word(tmp_path))
    (first.path / DRAWN).write_bytes(b"")
    with pytest.raises(ConfigError, match="does not hold what was drawn"):
        models(tmp_path, "promote", "nano@1", *word(tmp_path))
    shutil.rmtree(first.path)
    said = models(tmp_path, "promote", "nano@1", *word(tmp_path))
    assert "Some of what its tasks drew is not kept here, so it was not held against sealed items." in said.stdout


def test_rows_that_a_run_keeps_are_found_by_their_digest_and_held_against_what_is_sealed_now(tmp_path: Path) -> None:
    dataset = Dataset(tuple(row(f"Answer this. {question}") for question in QUESTIONS))
    made(tmp_path, dataset).unlink()
    recipe = parse_recipe(b'model = "own/t"\nstage = "sft"\nstart = "w"\ndata = "d"\n[learning]\nsteps = 5\n')
    other = new_run(tmp_path, recipe, datetime(2026, 1, 1, tzinfo=UTC), rows=Dataset((row("a"),)))
    words = ("promote", "nano@1", *word(tmp_path))
    assert kept_rows(tmp_path, replace(LINEAGE, dataset=dataset.digest)) == []
    place = new_run(tmp_path, recipe, datetime(2026, 1, 2, tzinfo=UTC), rows=dataset)
    assert kept_rows(tmp_path, replace(LINEAGE, dataset="", inherited=(dataset.digest,))) == [dataset]
    sealed(tmp_path)
    with pytest.raises(Contaminated, match="gives away"):
        models(tmp_path, *words)
    write_dataset(other.dataset() or dataset, place.rows)
    said = models(tmp_path, *words)
    assert "Its rows are not here, so they were not checked again" in said.stdout


def test_a_word_is_signed_by_who_answers_and_each_promotion_needs_its_own(tmp_path: Path) -> None:
    key, config = person(tmp_path), str(tmp_path / "freehold.toml")
    added(tmp_path, 1)
    words = ("promote", "nano@1", "--override", "urgent", "--sign", str(key), "--config", config)
    said = models(tmp_path, *words)
    assert (said.stdout, said.stderr) == ("own/nano@1 serves as own/nano, by ann's word.\n", "")
    assert models(tmp_path, "verify", "--config", config).exit_code == 0
    registry = Registry(tmp_path / "models")
    word, keys = registry.lines()[-1].evidence, people_in(Path(config)).values()
    with pytest.raises(NotSigned, match="What was signed is not what is written"):
        registry.promote(registry.find(added(tmp_path, 2)), word, keys)
