"""The proof of a journey: every decision that the ledger holds, and verifiers that refuse what does not hold."""

import contextlib
from pathlib import Path

import pytest

from cli.commands import run
from cli.ledgers import ledger, settle
from cli.test_journey_stages import road
from freehold.cli.journey_extras import Strangers
from freehold.cli.journey_proof import decisions_of, verified_by
from freehold.errors import JourneyError
from freehold.store.database import open_database
from freehold.store.events import keep_event


def programs(folder: Path, *, scales: int = 0, bundle: int = 0) -> Strangers:
    """Two programs in the strangers' places, which end as they are told to, so that it shows what is made of it."""
    (folder / "bin").mkdir(parents=True)
    said = {
        "python": (scales, "3 receipts hold"),
        "proofbundle": (bundle, "[FAIL] merkle-inclusion" if bundle else "[PASS]"),
        "tlog-tiles": (0, ""),
    }
    for name, (code, words) in said.items():
        path = folder / "bin" / name
        path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\necho "{words}"\nexit {code}\n')
        path.chmod(0o755)
    return Strangers(folder, {"FREEHOLD_STRANGERS": str(folder), "PATH": "/usr/bin:/bin"})


@pytest.fixture
def export(tmp_path: Path) -> Path:
    ledger(tmp_path / "data", 3)
    assert run("audit", "export", str(tmp_path / "out"), "--data", str(tmp_path / "data")).exit_code == 0
    return tmp_path / "out"


def test_decisions_are_neither_answers_nor_looks_nor_keys(tmp_path: Path) -> None:
    ledger(tmp_path, 3)
    with contextlib.closing(open_database(tmp_path)) as db:
        keep_event(db, "canary.promoted", "can_1", {"workload": "w", "reason": "every step is passed"})
        keep_event(db, "key.created", "key_1", {"by": "ann"})
        keep_event(db, "contents.read", "rec_000001", {"by": "ann", "command": "audit show"})
    settle(tmp_path)
    (found,) = decisions_of(tmp_path)
    assert (found["place"], found["kind"], found["id"], found["body"]["reason"]) == (
        3,
        "canary.promoted",
        "can_1",
        "every step is passed",
    )


def test_others_are_asked_about_every_receipt_and_about_each_decision(tmp_path: Path, export: Path) -> None:
    found = verified_by(road(tmp_path / "j"), programs(tmp_path / "s"), export, [0, 1])
    assert (found["checked"], found["said"]) == ([0, 1], "3 receipts hold")
    assert found["receipts"] == len(list((export / "receipts").iterdir()))
    asked = (tmp_path / "s" / "asked").read_text().splitlines()
    assert asked[0].startswith("check_with_tlog_scales.py log.example/test+")
    assert [line.split()[0] for line in asked[1:]] == ["verify-proof", "verify-proof"]
    assert "/receipts/00000001-" in asked[2]


@pytest.mark.parametrize(
    ("scales", "bundle", "said"),
    [(1, 0, "tlog-scales refuses the export"), (0, 1, "proofbundle refuses the receipt of entry 1")],
)
def test_a_refusal_by_either_fails_the_stage(tmp_path: Path, export: Path, scales: int, bundle: int, said: str) -> None:
    with pytest.raises(JourneyError, match=said):
        verified_by(road(tmp_path / "j"), programs(tmp_path / "s", scales=scales, bundle=bundle), export, [1])
