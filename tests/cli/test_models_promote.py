"""`freehold models promote`: a passed trial, or somebody's word; terms and contamination once more."""

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from cli.commands import run
from cli.ledgers import settle
from cli.model_shelf import added, models
from freehold.errors import Contaminated, InvalidField, PromotionRefused, RegistryError, RowForbidden
from freehold.training.dataset import Dataset, write_dataset
from freehold.training.lineage import sources_of
from training.rows import OPENAI, row
from training.versions import LINEAGE


def made(tmp_path: Path, dataset: Dataset) -> Path:
    """A version that was trained on these rows; gives the file of rows."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "nano.gguf").write_bytes(b"GGUF one")
    weights = hashlib.sha256(b"GGUF one").hexdigest()
    lineage = replace(LINEAGE, weights=weights, dataset=dataset.digest, sources=sources_of(dataset))
    (folder / "lineage.json").write_bytes(msgspec.json.encode(lineage))
    assert models(tmp_path, "add", "nano", str(folder)).exit_code == 0
    write_dataset(dataset, tmp_path / "rows.jsonl")
    return tmp_path / "rows.jsonl"


def test_without_a_trial_it_is_refused_and_the_advice_says_what_to_do(tmp_path: Path) -> None:
    added(tmp_path, 1)
    with pytest.raises(PromotionRefused, match="No trial of own/nano with the weights") as caught:
        models(tmp_path, "promote", "nano@1")
    assert "--override REASON --by NAME" in caught.value.advice
    assert not json.loads(models(tmp_path, "show", "nano", "--json").stdout)["promoted"]


def test_somebody_can_answer_for_it(tmp_path: Path) -> None:
    added(tmp_path, 1)
    said = models(tmp_path, "promote", "nano@1", "--override", "the vendor is down", "--by", "ops")
    assert said.stdout == "own/nano@1 serves as own/nano, by ops's word.\n"
    line = json.loads(models(tmp_path, "show", "nano", "--json").stdout)["history"][-1]
    assert (line["deed"], line["evidence"]["override"], line["evidence"]["by"]) == (
        "promoted",
        "the vendor is down",
        "ops",
    )
    with pytest.raises(RegistryError, match="serves already"):
        models(tmp_path, "promote", "nano@1", "--override", "again", "--by", "ops")


def test_a_word_without_a_name_is_refused(tmp_path: Path) -> None:
    added(tmp_path, 1)
    with pytest.raises(InvalidField, match="somebody who answers for it"):
        models(tmp_path, "promote", "nano@1", "--override", "urgent")


def test_rows_are_checked_again_where_they_are_here(tmp_path: Path) -> None:
    rows = made(tmp_path, Dataset((row("a"), row("b"))))
    words = ("promote", "nano@1", "--override", "r", "--by", "ops", "--json")
    assert json.loads(models(tmp_path, *words, "--dataset", str(rows)).stdout)["evidence"]["rows"] == "checked"


def test_rows_whose_terms_forbid_it_are_refused_with_and_without_the_file(tmp_path: Path) -> None:
    rows = made(tmp_path, Dataset((row("a"), row("b", pedigree=OPENAI))))
    words = ("promote", "nano@1", "--override", "r", "--by", "ops")
    for more in ((), ("--dataset", str(rows))):
        with pytest.raises(RowForbidden, match="openai/gpt-5-mini"):
            models(tmp_path, *words, *more)


def test_an_override_of_the_terms_that_no_ledger_holds_frees_nothing(tmp_path: Path) -> None:
    rows = made(tmp_path, Dataset((row("b", pedigree=OPENAI),)))
    said = run(
        "terms", "override", "openai-services-agreement", "--date", "2026-01-01", "--use", "distil",
        "--student", "own/nano", "--reason", "r", "--by", "b", "--data", str(tmp_path),
    )  # fmt: skip
    assert said.exit_code == 0
    words = ("promote", "nano@1", "--override", "r", "--by", "ops", "--dataset", str(rows))
    with pytest.raises(RowForbidden):
        models(tmp_path, *words)
    settle(tmp_path)
    assert models(tmp_path, *words).exit_code == 0


def test_an_item_that_was_sealed_since_stops_it(tmp_path: Path) -> None:
    questions = [" ".join(f"word{number}x{place}" for place in range(20)) for number in range(40)]
    rows = made(tmp_path, Dataset(tuple(row(f"Answer this. {question}") for question in questions)))
    items = tmp_path / "items.jsonl"
    lines = [{"id": f"i{number}", "input": question} for number, question in enumerate(questions)]
    items.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    assert run("items", "import", str(items), "--workload", "claims", "--data", str(tmp_path)).exit_code == 0
    words = ("promote", "nano@1", "--override", "r", "--by", "ops", "--dataset", str(rows))
    assert run("items", "split", "claims", "--data", str(tmp_path)).exit_code == 0
    with pytest.raises(Contaminated, match="gives away"):
        models(tmp_path, *words)
