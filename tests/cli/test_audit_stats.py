"""`freehold audit stats`: what is in the ledger, counted from the entries themselves."""

import contextlib
import json
from pathlib import Path
from typing import Any

from cli.commands import run
from cli.ledgers import ORIGIN, answer, ledger, settle
from freehold.config.settings import Ledger, Storage
from freehold.gateway.erasures import erase
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.notes import COSIGNATURE_ED25519, SignerKey, parse_note, sign_note
from freehold.store.database import open_database
from freehold.store.events import keep_event
from store.samples import DAY, NOON


def stats(data: Path) -> dict[str, Any]:
    return json.loads(run("audit", "stats", "--data", str(data), "--json").stdout)


def filled(data: Path) -> Path:
    """Two answers on one day, a failed one on the next, and an erasure today."""
    ledger(data, 2)
    answer(data, 3, subject="patient-8", ended_at=NOON + DAY, status="failed", durability="process")
    settle(data)
    erase(data, "patient-8", "GDPR Art. 17(1)(b)")
    settle(data)
    return data


def test_entries_are_counted_by_kind_outcome_and_day(tmp_path: Path) -> None:
    told = stats(filled(tmp_path))
    assert (told["log"], told["entries"], told["kinds"]) == (ORIGIN, 4, {"answer": 3, "erasure": 1})
    assert told["outcomes"] == {"answered": 2, "failed": 1}
    assert told["durability"] == {"disk": 2, "process": 1}
    assert told["days"]["2026-11-24"] == {"answer": 2}
    assert sum(day.get("erasure", 0) for day in told["days"].values()) == 1
    assert told["first_at"] == 1_795_521_601_000
    assert told["subjects"] == {"known": 1, "erased": 1, "records_kept": 2}
    assert told["bytes"]["log"] > 1000
    assert told["bytes"]["contents"] > 1000


def test_the_checkpoint_says_who_signed_it_and_who_else(tmp_path: Path) -> None:
    (signer,) = LedgerFolder(ledger(tmp_path, 1)).signers()
    checkpoint = stats(tmp_path)["checkpoint"]
    assert checkpoint["keys"] == [f"{ORIGIN}+{signer.verifier.id.hex()}"]
    assert (checkpoint["cosigned_by"], checkpoint["kept_days"]) == ([], 1)
    assert 0 <= checkpoint["age_seconds"] < 600
    path = tmp_path / "ledger" / "log" / "checkpoint"
    witness = SignerKey("witness.example/w", COSIGNATURE_ED25519, bytes(32))
    path.write_text(sign_note(parse_note(path.read_text()).text, [signer, witness], 1))
    assert stats(tmp_path)["checkpoint"]["cosigned_by"] == [f"witness.example/w+{witness.verifier.id.hex()}"]


def test_what_was_set_aside_is_counted_and_told(tmp_path: Path) -> None:
    ledger(tmp_path, 1)
    assert stats(tmp_path)["set_aside"] == {"events": 0, "lines": 0}
    assert "Set aside" not in run("audit", "stats", "--data", str(tmp_path)).stdout
    with contextlib.closing(open_database(tmp_path)) as db:
        keep_event(db, "odd", "half", {"share": 0.5})
    (tmp_path / "journal" / "w09-1-1.log").write_bytes(b"no record\n")
    settle(tmp_path)
    assert stats(tmp_path)["set_aside"] == {"events": 1, "lines": 1}
    said = run("audit", "stats", "--data", str(tmp_path)).stdout
    assert "1 event that no entry could hold (unwritten_events), 1 line of journals" in said


def test_segments_that_wait_for_an_object_store_are_counted(tmp_path: Path) -> None:
    storage = Storage(url="s3://ledger/eu", endpoint="http://127.0.0.1:1", region="x")
    ledger(tmp_path, 1)
    assert stats(tmp_path)["storage"] is None
    settle(tmp_path, Ledger(origin=ORIGIN, storage=storage))
    assert stats(tmp_path)["storage"] == {"url": "s3://ledger/eu", "waiting": 1, "to_delete": 0}
    said = run("audit", "stats", "--data", str(tmp_path)).stdout
    assert "Contents move to s3://ledger/eu: 1 segment still to be moved, 0 to be deleted there." in said


def test_people_read_sentences_and_tables(tmp_path: Path) -> None:
    lines = run("audit", "stats", "--data", str(filled(tmp_path))).stdout.splitlines()
    assert lines[0].startswith("The log log.example/test: 4 entries, 2026-11-24 12:00 to ")
    assert lines[1].endswith("; no witness has cosigned it.")
    assert lines[3] == "Data subjects: 1 known, 1 erased. Salts or contents are kept of 2 records."
    rows = [" ".join(line.split()) for line in lines]
    assert "answered 2" in rows
    assert "day answer erasure" in rows
    assert "2026-11-24 2 0" in rows
