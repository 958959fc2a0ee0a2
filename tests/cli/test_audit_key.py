"""`freehold audit key`: a rotation with an overlap, each step of it an entry of the ledger."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cli.commands import run
from cli.ledgers import ON, ORIGIN, answer, id_of, ledger, settle
from freehold.errors import NotFound, StoreError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.ledger.notes import parse_note, parse_verifier_key
from freehold.ledger.subjects import Subjects


def key(data: Path, *words: str) -> Any:
    return json.loads(run("audit", "key", *words, "--data", str(data), "--json").stdout)


def states(data: Path) -> dict[str, str]:
    return {row["id"]: row["state"] for row in key(data, "list")}


def signers(data: Path) -> set[str]:
    note = (data / "ledger" / "log" / "checkpoint").read_bytes()
    return {signature.key_id.hex() for signature in parse_note(note).unverified}


def test_a_rotation_has_an_overlap_and_is_in_the_ledger(tmp_path: Path) -> None:
    (old,) = key(ledger(tmp_path, 1), "list")
    said = run("audit", "key", "add", "--data", str(tmp_path))
    new = parse_verifier_key(said.stdout.strip()).id.hex()
    assert said.stderr == "It signs from the next start on: restart `freehold up`.\n"
    assert states(tmp_path) == {old["id"]: "signs", new: "not yet"}
    with pytest.raises(StoreError, match="No other key has signed a checkpoint yet, so there was no overlap"):
        key(tmp_path, "retire", old["id"])
    settle(tmp_path)
    assert states(tmp_path) == {old["id"]: "signs", new: "signs"}
    assert signers(tmp_path) == {old["id"], new}
    assert key(tmp_path, "retire", old["id"])["state"] == "retired"
    assert states(tmp_path) == {new: "signs", old["id"]: "retired"}
    answer(tmp_path, 2)
    settle(tmp_path)
    assert signers(tmp_path) == {new}
    found = json.loads(run("audit", "search", "--kind", "ledger-key.*", "--data", str(tmp_path), "--json").stdout)
    assert [(one["entry"]["kind"], one["entry"]["id"]) for one in found["entries"]] == [
        ("ledger-key.retired", old["id"]),
        ("ledger-key.added", new),
    ]
    assert found["entries"][0]["entry"]["key"] == old["key"]


def test_a_key_can_be_of_the_kind_that_quantum_computers_do_not_break(tmp_path: Path) -> None:
    made = key(ledger(tmp_path, 1), "add", "--algorithm", "ml-dsa-44")
    assert parse_verifier_key(made["key"]).algorithm == 0x06
    answer(tmp_path, 2)
    settle(tmp_path)
    for one in LedgerFolder(tmp_path).verifiers():
        said = run("audit", "verify", "--data", str(tmp_path), "--key", str(one), "--json")
        assert json.loads(said.stdout)["ok"] is True


def test_the_last_key_and_an_unknown_one_stay_without_an_entry(tmp_path: Path) -> None:
    (only,) = key(ledger(tmp_path, 1), "list")
    with pytest.raises(StoreError, match="is the only key that signs"):
        key(tmp_path, "retire", only["id"])
    with pytest.raises(NotFound):
        key(tmp_path, "retire", "00000000")
    settle(tmp_path)
    assert json.loads(run("audit", "search", "--kind", "ledger-key.*", "--data", str(tmp_path), "--json").stdout) == {
        "entries": [],
        "more": False,
    }


def test_people_get_whole_key_lines(tmp_path: Path) -> None:
    ledger(tmp_path, 1)
    (only,) = LedgerFolder(tmp_path).verifiers()
    lines = run("audit", "key", "list", "--data", str(tmp_path)).stdout.splitlines()
    assert lines[1].split() == [only.id.hex(), "signs", str(only)]
    assert str(only).startswith(f"{ORIGIN}+")


def test_without_a_ledger_there_is_nothing_to_list_or_add_to(tmp_path: Path) -> None:
    assert key(tmp_path, "list") == []
    with pytest.raises(StoreError, match="There is no ledger"):
        key(tmp_path, "add")


def test_the_master_key_is_renewed_while_the_writer_runs_and_an_earlier_copy_opens_no_more(tmp_path: Path) -> None:
    data = ledger(tmp_path / "data", 2)
    copy = tmp_path / "copy"
    shutil.copytree(data / "ledger" / "subjects", copy)
    with contextlib.closing(LedgerWriter(data, ON)) as writer:
        assert key(data, "rotate-master") == {"subjects": 1}
        answer(data, 3)
        answer(data, 4, subject="patient-8")
        writer.round()
    said = run("audit", "key", "rotate-master", "--data", str(data))
    assert said.stdout == "The master key is a new one; the keys of 2 data subjects are wrapped under it alone.\n"
    settle(data)
    for number in (1, 3, 4):
        shown = json.loads(run("audit", "show", id_of(number), "--contents", "--data", str(data), "--json").stdout)
        assert [one["state"] for one in shown[0]["contents"]] == ["opens", "opens"]
    found = json.loads(run("audit", "search", "--kind", "master-key.*", "--data", str(data), "--json").stdout)
    assert [one["entry"]["subjects"] for one in found["entries"]] == [2, 1]
    with pytest.raises(StoreError, match="does not hold the key that wrapped the master key"):
        Subjects(copy, LedgerFolder(data).master_key)


def test_where_no_subject_has_a_key_there_is_none_to_renew(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No data subject has a key"):
        key(tmp_path, "rotate-master")
