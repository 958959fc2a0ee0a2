"""`freehold audit show`: an entry with its place, its proof, its links and, when asked for, what was said."""

import contextlib
import json
import os
import pwd
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from cli.commands import run
from cli.ledger_reading import entries
from cli.ledgers import ANSWERED, ASKED, answer, id_of, ledger, settle
from freehold.errors import NotFound, StoreError
from freehold.gateway.erasures import erase
from freehold.ledger.log import Log
from freehold.store.callers import create_key, revoke_key
from freehold.store.database import open_database


def show(data: Path, *words: str) -> list[dict[str, Any]]:
    return json.loads(run("audit", "show", *words, "--data", str(data), "--json").stdout)


def test_an_answer_is_shown_with_its_place_and_a_receipt_that_holds(tmp_path: Path) -> None:
    (shown,) = show(ledger(tmp_path, 3), id_of(2))
    assert (shown["place"], shown["kind"], shown["entry"]["id"]) == (1, "answer", id_of(2))
    assert shown["receipt"] == {"state": "proven", "log": "log.example/test", "size": 3}
    assert "contents" not in shown
    assert show(tmp_path, "1") == [shown]


def test_everything_about_one_id_and_what_it_names_is_linked(tmp_path: Path) -> None:
    with contextlib.closing(open_database(tmp_path)) as db:
        key, _ = create_key(db, name="team")
        settle(tmp_path)
        ledger(tmp_path, 1, key_id=key.id)
        revoke_key(db, key.id)
    settle(tmp_path)
    assert [(one["place"], one["kind"]) for one in show(tmp_path, key.id)] == [(0, "key.created"), (2, "key.revoked")]
    (shown,) = show(tmp_path, id_of(1))
    assert [(one["place"], one["kind"], one["link"]) for one in shown["links"]] == [
        (0, "key.created", "the caller's key"),
        (2, "key.revoked", "the caller's key"),
    ]


def test_contents_are_opened_until_their_subject_is_erased(tmp_path: Path) -> None:
    (shown,) = show(ledger(tmp_path, 1), id_of(1), "--contents")
    assert [(one["state"], one["text"]) for one in shown["contents"]] == [
        ("opens", ASKED.decode()),
        ("opens", ANSWERED.decode()),
    ]
    erase(tmp_path, "patient-7", "GDPR Art. 17(1)(b)")
    settle(tmp_path)
    shown, _ = show(tmp_path, id_of(1), "--contents")
    assert [(one["state"], "text" in one) for one in shown["contents"]] == [("erased", False)] * 2
    assert [(one["kind"], one["link"]) for one in shown["links"]] == [
        ("contents.read", "the same id"),
        ("erasure", "the data subject"),
    ]
    assert shown["receipt"]["state"] == "proven"


def test_that_somebody_looked_at_contents_has_an_entry_before_they_are_shown(tmp_path: Path) -> None:
    ledger(tmp_path, 2)
    began = int(time.time() * 1000)
    show(tmp_path, id_of(1), "--contents")
    show(tmp_path, id_of(2))
    settle(tmp_path)
    read = [entry for entry in entries(tmp_path) if entry.kind == "contents.read"]
    assert [(entry.id, entry.body) for entry in read] == [
        (id_of(1), {"by": pwd.getpwuid(os.getuid()).pw_name, "command": "audit show", "of": "answer"})
    ]
    assert began <= read[0].at <= began + 600_000
    assert show(tmp_path, id_of(1), "--contents")[1]["kind"] == "contents.read"


def test_where_that_cannot_be_noted_nothing_is_shown(tmp_path: Path) -> None:
    ledger(tmp_path, 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "freehold.db")) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'disk full'); END")
    with pytest.raises(StoreError, match="disk full"):
        show(tmp_path, id_of(1), "--contents")


def test_contents_that_are_no_text_are_base64(tmp_path: Path) -> None:
    ledger(tmp_path, 1, answered=b"\xff\x00")
    (shown,) = show(tmp_path, id_of(1), "--contents")
    assert shown["contents"][1]["base64"] == "/wA="
    said = run("audit", "show", id_of(1), "--contents", "--data", str(tmp_path)).stdout
    assert "(2 bytes that are no text; --json shows them)" in said


def test_people_read_it_and_nothing_in_it_plays_with_their_terminal(tmp_path: Path) -> None:
    ledger(tmp_path, 1, asked=b"\x1b[2J gone?", model="\x1b[31mred")
    said = run("audit", "show", id_of(1), "--contents", "--data", str(tmp_path)).stdout
    lines = said.splitlines()
    assert lines[:4] == [
        "answer rec_000001",
        "  at       2026-11-24 12:00:01.000 UTC",
        "  place    0 of 1 in log.example/test",
        "  receipt  holds: the checkpoint in force leads to it (checked with the folder's own keys)",
    ]
    assert "  attempts.0.status            529" in lines
    assert r"  asked                        \x1b[31mred" in lines
    assert r"    \x1b[2J gone?" in lines
    assert "\x1b" not in said


def test_a_changed_entry_is_shown_with_what_is_wrong(tmp_path: Path) -> None:
    ledger(tmp_path, 2)
    bundle = tmp_path / "ledger" / "log" / "tile" / "entries" / "000.p" / "2"
    bundle.write_bytes(bundle.read_bytes().replace(b'"cost":7', b'"cost":8', 1))
    (shown,) = show(tmp_path, id_of(1))
    assert (shown["receipt"]["state"], shown["receipt"]["code"]) == ("refused", "not-included")
    assert "DOES NOT HOLD, not-included" in run("audit", "show", id_of(1), "--data", str(tmp_path)).stdout


def test_what_is_committed_and_not_published_is_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger(tmp_path, 1)
    answer(tmp_path, 2)

    def publishes_nothing(_log: Log, _checkpoint: str) -> None:
        pass

    with monkeypatch.context() as patched:
        patched.setattr(Log, "publish", publishes_nothing)
        settle(tmp_path)
    (shown,) = show(tmp_path, id_of(2))
    assert shown["receipt"] == {"state": "pending"}
    assert "pending: the next checkpoint signs it" in run("audit", "show", id_of(2), "--data", str(tmp_path)).stdout


@pytest.mark.parametrize("about", ["\u00b2", "\u0663", "\udcff"])
def test_what_is_no_id_is_nowhere(tmp_path: Path, about: str) -> None:
    ledger(tmp_path, 1)
    with pytest.raises(NotFound, match="The ledger has no entry about"):
        run("audit", "show", about, "--data", str(tmp_path))


def test_what_is_only_journaled_says_so_and_what_is_nowhere_too(tmp_path: Path) -> None:
    ledger(tmp_path, 1)
    answer(tmp_path, 2)
    with pytest.raises(NotFound, match="is in a worker's journal, and not in the ledger yet"):
        show(tmp_path, id_of(2))
    with pytest.raises(NotFound, match="The ledger has no entry about 'rec_none'"):
        show(tmp_path, "rec_none")
