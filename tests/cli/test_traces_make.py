"""`freehold traces make` through a real door: who may teach, what is written, going on, and the hard limit."""

import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.commands import run_beside
from cli.trial_desk import Desk, desk
from freehold.catalog.terms import Terms
from freehold.cli.train_workload import training_items
from freehold.errors import (
    BudgetExhausted,
    ConfigError,
    FreeholdError,
    InvalidField,
    NotFound,
    RowForbidden,
    UnknownWorkload,
)
from freehold.store.callers import list_keys
from freehold.store.database import open_database
from freehold.training.dataset import admit, read_dataset
from freehold.training.provenance import Student, keep_override
from training.words import KEYS, OPS, override
from trials.skilled import is_right, write_questions

TERMS = b"""
[[contract]]
id = "order-form-7"
vendor = "skilled"
route = "api"
title = "Order form 7"
date = "2026-01-01"
sureness = "read"
source = "our files"
permits = { distil = "yes", train-competing = "yes" }
"""


async def make(here: Desk, *words: str, count: int = 30, workload: str = "sums") -> dict[str, object]:
    """The command on a file of so many sums, with the terms of the test's vendor unless `--terms` is among `words`."""
    items = write_questions(here.data / f"items-{count}.jsonl", count)
    terms = here.data / "terms.toml"
    terms.write_bytes(TERMS)
    given = () if "--items" in words else ("--items", str(items))
    said = await run_beside(
        "traces", "make", workload, "--teacher", "skilled/right-80", "--out", str(here.data / "rows.jsonl"), *given,
        "--terms", str(terms), "--config", str(here.config), "--data", str(here.data), "--json", *words,
    )  # fmt: skip
    assert said.exit_code == 0, said.stdout + said.stderr
    return msgspec.json.decode(said.stdout)


async def test_right_answers_are_kept_with_a_pedigree_that_a_trainer_admits(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        told = await make(here, "--samples", "2")
    right = [f"{n + 7 * n % 1000}" for n in range(30) if is_right("right-80", f"What is {n} + {7 * n % 1000}?")]
    rows = read_dataset(tmp_path / "rows.jsonl")
    assert [example.reply for example in rows.examples] == right
    assert told["traces"] == len(right)
    assert told["outcomes"] == {"kept": len(right), "wrong": 2 * (30 - len(right))}
    assert told["digest"] == rows.digest
    assert {example.pedigree.producer for example in rows.examples} == {"skilled/right-80"}
    assert {example.pedigree.terms for example in rows.examples} == {"order-form-7"}
    assert admit(rows, Student(name="own/sums"), "distil", Terms.load(TERMS)) == ()
    assert (tmp_path / "rows.jsonl").stat().st_mode & 0o777 == 0o600


async def test_a_teacher_of_unknown_terms_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        none = tmp_path / "none.toml"
        none.write_text("")
        with pytest.raises(RowForbidden, match="skilled/right-80 may not teach own/sums"):
            await make(here, "--terms", str(none))
        assert here.vendor.asked.total() == 0


async def test_an_override_counts_once_the_ledger_has_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        none = tmp_path / "none.toml"
        none.write_text("")
        with contextlib.closing(open_database(tmp_path)) as db:
            keep_override(db, override(use="distil", student="own/sums"), KEYS)
        here.config.write_text(here.config.read_text() + f'[people.ops]\nkey = "{OPS.verifier}"\n')
        with pytest.raises(RowForbidden):
            await make(here, "--terms", str(none), count=5)
        here.door.write_ledger()
        told = await make(here, "--terms", str(none), count=5)
        assert told["outcomes"] != {}


async def test_the_same_command_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await make(here, "--samples", "1")
        first = here.vendor.asked.total()
        again = await make(here, "--samples", "1")
        assert here.vendor.asked.total() == first == 30
        assert again["traces"] == len(read_dataset(tmp_path / "rows.jsonl").examples)
        with contextlib.closing(open_database(tmp_path)) as db:
            made = [key for key in list_keys(db) if key.name.startswith("traces of sums by skilled/right-80 (")]
        assert len(made) == 2
        assert all(key.revoked_at is not None and key.models == ("skilled/right-80",) for key in made)


async def test_an_item_whose_reference_was_corrected_is_asked_anew(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await make(here, "--samples", "1", count=5)
        file = tmp_path / "items-5.jsonl"
        items: list[dict[str, Any]] = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
        items[1]["reference"] = "7"
        file = tmp_path / "corrected.jsonl"
        file.write_bytes(b"".join(msgspec.json.encode(item) + b"\n" for item in items))
        told = await make(here, "--samples", "1", "--items", str(file))
        assert here.vendor.asked.total() == 6
        assert items[1]["id"] in msgspec.convert(told["without"], list[str])


async def test_a_hard_limit_ends_the_run_and_what_was_answered_is_kept(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        with pytest.raises(BudgetExhausted):
            await make(here, "--most-usd", "0.0003", "--max-tokens", "16", "--concurrency", "1", "--samples", "1")
        asked = here.vendor.asked.total()
        assert 0 < asked < 30
        await make(here, "--max-tokens", "16", "--samples", "1")
        assert here.vendor.asked.total() == 30


@pytest.mark.parametrize("given", [("--key", "sk-of-mine"), ("--url", "http://127.0.0.1:9")])
async def test_a_limit_that_would_bind_nobody_is_refused(given: tuple[str, str]) -> None:
    words = ("traces", "make", "sums", "--teacher", "skilled/right-80", "--out", "rows.jsonl", "--most-usd", "1")
    with pytest.raises(InvalidField, match="with --key or --url it makes none"):
        await run_beside(*words, *given)


async def test_items_of_the_store_are_those_of_the_training_split(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        items = write_questions(tmp_path / "items.jsonl", 60)
        imported = await run_beside("items", "import", str(items), "--workload", "sums", "--data", str(tmp_path))
        assert imported.exit_code == 0, imported.stderr
        dealt = await run_beside("items", "split", "sums", "--data", str(tmp_path), "--json")
        assert dealt.exit_code == 0, dealt.stderr
        listed = await run_beside(
            "items", "list", "--workload", "sums", "--split", "train", "--data", str(tmp_path), "--json"
        )
        assert listed.exit_code == 0, listed.stderr
        terms = tmp_path / "terms.toml"
        terms.write_bytes(TERMS)
        said = await run_beside(
            "traces", "make", "sums", "--teacher", "skilled/right-80", "--out", str(tmp_path / "rows.jsonl"),
            "--terms", str(terms), "--config", str(here.config), "--data", str(tmp_path), "--samples", "1",
        )  # fmt: skip
        assert said.exit_code == 0, said.stderr
        train: list[Any] = msgspec.json.decode(listed.stdout)["items"]
        kept = training_items(tmp_path, "sums")
        assert 0 < here.vendor.asked.total() == len(kept.learned) < 60
        assert len(kept.learned) + len(kept.looked_at) == len(train)
        assert "traces in" in said.stdout


@pytest.mark.parametrize(
    ("workload", "words", "kind"),
    [("sum", (), UnknownWorkload), ("bare", (), ConfigError)],
)
async def test_what_is_missing_is_an_error_that_says_so(
    tmp_path: Path, workload: str, words: tuple[str, ...], kind: type[FreeholdError]
) -> None:
    async with desk(tmp_path) as here:
        with pytest.raises(kind):
            await make(here, *words, workload=workload)


async def test_without_items_it_says_where_they_come_from(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        terms = tmp_path / "terms.toml"
        terms.write_bytes(TERMS)
        with pytest.raises(NotFound) as caught:
            await run_beside(
                "traces", "make", "sums", "--teacher", "skilled/right-80", "--out", str(tmp_path / "rows.jsonl"),
                "--terms", str(terms), "--config", str(here.config), "--data", str(tmp_path),
            )  # fmt: skip
        assert "items split" in caught.value.advice


async def test_a_grader_that_lets_everything_pass_stops_it_before_anything_is_asked(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        text = here.config.read_text().replace('{ kind = "exact" }', '{ kind = "regex", pattern = "(?s).*" }')
        here.config.write_text(text)
        with pytest.raises(ConfigError, match="The grader of sums does not tell right from wrong") as caught:
            await make(here)
        assert "'the the the' scores 1" in caught.value.sentence
        assert here.vendor.asked.total() == 0
