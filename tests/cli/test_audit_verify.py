"""`freehold audit verify`: receipts by keys alone, whole logs in a folder, at an address or with their data folder."""

import asyncio
import contextlib
import http.server
import json
import shutil
import threading
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cli.commands import Said, run
from cli.ledgers import ORIGIN, answer, ledger, settle
from freehold.cli.audit import open_ledger
from freehold.errors import FetchError, InvalidField, MalformedKey, MalformedPolicy, StoreError
from freehold.gateway.ledger_folder import LedgerFolder
from ledger.writer import LOG, STRANGER, WITNESSES, Log, entries_of


def verify(*words: str | Path) -> Said:
    return run("audit", "verify", *map(str, words))


def told(*words: str | Path) -> dict[str, Any]:
    said = verify(*words, "--json")
    report = json.loads(said.stdout)
    assert said.exit_code == (0 if report["ok"] else 1)
    return report


# --- a receipt ---


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    """A receipt of the second entry of a real ledger, which is gone by now."""
    opened = open_ledger(ledger(tmp_path / "data", 3))
    (tmp_path / "key").write_text(f"# the log's\n{opened.verifiers()[0]}\n")
    path = tmp_path / "r.tlog-proof"
    path.write_text(opened.receipt(1))
    shutil.rmtree(tmp_path / "data")
    return path


def test_a_receipt_needs_nothing_but_the_key(receipt: Path) -> None:
    key = receipt.with_name("key").read_text().splitlines()[1]
    said = verify(receipt, "--key", key)
    assert (said.exit_code, said.stderr) == (0, "")
    assert "The entry stands at place 1 of the log log.example/test" in said.stdout
    assert "No witness vouches for this checkpoint" in said.stdout
    by_file = told(receipt, "--key", receipt.with_name("key"))
    assert (by_file["ok"], by_file["index"], by_file["entry"]["id"]) == (True, 1, "rec_000002")


def test_a_receipt_without_a_key_proves_nothing(receipt: Path) -> None:
    with pytest.raises(InvalidField, match=r"There is no key to verify with\."):
        verify(receipt)


def test_a_changed_receipt_is_exit_code_1_with_the_reason(receipt: Path) -> None:
    receipt.write_text(receipt.read_text().replace("index 1", "index 2"))
    said = verify(receipt, "--key", receipt.with_name("key"))
    assert said.exit_code == 1
    assert "FAILED in step 5, not-included: " in said.stdout
    assert "Proven" not in said.stdout


def test_a_receipt_by_the_folders_own_key_says_that_this_proves_less(tmp_path: Path) -> None:
    data = ledger(tmp_path / "data", 2)
    path = tmp_path / "r"
    path.write_text(open_ledger(data).receipt(0))
    assert told(path, "--data", data)["unproven"][-1].startswith("The keys were read from the data folder itself.")


def test_a_policy_names_keys_witnesses_and_quorum(tmp_path: Path) -> None:
    path, policy = tmp_path / "r", tmp_path / "policy"
    path.write_text(Log(entries_of(9), (LOG, WITNESSES[0])).receipt(5))
    policy.write_text(f"log {LOG.verifier}\nwitness w1 {WITNESSES[0].verifier}\nquorum w1\n")
    assert [witness["name"] for witness in told(path, "--policy", policy)["witnesses"]] == ["witness.example/w1"]
    policy.write_text(f"log {LOG.verifier}\nwitness w2 {WITNESSES[1].verifier}\nquorum w2\n")
    assert told(path, "--policy", policy)["failure"]["code"] == "too-few-witnesses"
    policy.write_text("quorum\n")
    with pytest.raises(MalformedPolicy, match="Line 1"):
        verify(path, "--policy", policy)


def test_what_is_no_key_is_told(receipt: Path) -> None:
    lines = receipt.with_name("bytes")
    lines.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidField, match="is not text, and keys are"):
        verify(receipt, "--key", lines)
    with pytest.raises(MalformedKey):
        verify(receipt, "--key", "a" * 300)


def test_a_key_that_is_given_twice_is_one_key(receipt: Path) -> None:
    lines, policy = receipt.with_name("key"), receipt.with_name("policy")
    key = lines.read_text().splitlines()[1]
    policy.write_text(f"log {key}\nquorum none\n")
    assert told(receipt, "--key", key, "--key", lines)["ok"] is True
    assert told(receipt, "--key", key, "--policy", policy)["ok"] is True


def test_a_policy_whose_names_are_no_text_is_read_and_said(tmp_path: Path) -> None:
    path, policy = tmp_path / "r", tmp_path / "policy"
    path.write_text(Log(entries_of(9), (LOG, WITNESSES[0])).receipt(5))
    for witness, ok, said in ((0, True, "quorum w\\udcff"), (1, False, "The policy asks for w\\udcff")):
        policy.write_bytes(
            b"log %s\nwitness w\xff %s\nquorum w\xff\n"
            % (str(LOG.verifier).encode(), str(WITNESSES[witness].verifier).encode())
        )
        assert told(path, "--policy", policy)["ok"] is ok
        assert said in verify(path, "--policy", policy).stdout


# --- a data folder ---


def test_a_data_folder_is_checked_with_its_books(tmp_path: Path) -> None:
    report = told("--data", ledger(tmp_path, 3))
    assert [step["number"] for step in report["steps"]] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert report["unproven"][-1].startswith("The keys were read from the data folder itself.")
    key = str(open_ledger(tmp_path).verifiers()[0])
    given = told("--data", tmp_path, "--key", key)
    assert given["ok"]
    assert all("data folder itself" not in sentence for sentence in given["unproven"])
    assert told("--data", tmp_path, "--key", str(STRANGER.verifier))["failure"]["code"] == "unknown-signer"


def test_kept_checkpoints_of_a_data_folder_hold_it_to_its_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.cli.audit_books.SETTLE_SECONDS", 0.0)
    log = tmp_path / "ledger" / "log"
    early = (log / "checkpoint").read_bytes() if ledger(tmp_path, 2) else b""
    answer(tmp_path, 3)
    settle(tmp_path)
    (log / "checkpoints" / "2026-11-26").write_bytes((log / "checkpoint").read_bytes())
    (log / "checkpoint").write_bytes(early)
    assert told("--data", tmp_path)["failure"]["code"] == "rolled-back"


def test_a_bill_that_was_changed_is_exit_code_1(tmp_path: Path) -> None:
    data = ledger(tmp_path, 3)
    with contextlib.closing(open_ledger(data).store()) as db:
        db.execute("UPDATE usage_hours SET cost_nano = 1")
    said = verify("--data", data)
    assert said.exit_code == 1
    assert "FAILED in step 9, usage-differs: `freehold usage` counts 1 nano-dollars" in said.stdout


def test_after_a_rotation_the_past_still_verifies(tmp_path: Path) -> None:
    folder = LedgerFolder(ledger(tmp_path, 2))
    (old,) = folder.verifiers()
    folder.add_signer()
    answer(tmp_path, 3)
    settle(tmp_path)
    folder.retire_signer(old.id.hex())
    answer(tmp_path, 4)
    settle(tmp_path)
    report = told("--data", tmp_path)
    assert report["ok"], report["failure"]
    assert "The log continues 1 older checkpoint that it signed." in report["proven"]
    assert told("--data", tmp_path, "--key", str(old))["failure"]["code"] == "unknown-signer"


def test_a_folder_without_a_ledger_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no ledger"):
        verify("--data", tmp_path)


# --- a log of somebody else ---


def test_a_copied_log_is_checked_with_the_given_key(tmp_path: Path) -> None:
    Log(entries_of(700)).save(tmp_path / "log")
    report = told("--log", tmp_path / "log", "--key", str(LOG.verifier))
    assert (report["ok"], report["size"], len(report["steps"])) == (True, 700, 7)
    older = tmp_path / "older"
    older.write_text(Log(entries_of(800)).checkpoint)
    words = ("--log", tmp_path / "log", "--key", str(LOG.verifier), "--older", older)
    assert told(*words)["failure"]["code"] == "rolled-back"
    with pytest.raises(InvalidField, match="There is no key to verify with"):
        verify("--log", tmp_path / "log")
    with pytest.raises(InvalidField, match="name two logs"):
        verify("--log", tmp_path / "log", "--data", tmp_path)
    with pytest.raises(InvalidField, match=r"older2 cannot be read: No such file"):
        verify(*words[:-1], tmp_path / "older2")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the standard library)
        pass


@contextlib.contextmanager
def served(folder: Path) -> Generator[str]:
    """The address of a plain web server on loopback that serves a folder."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_log_that_any_web_server_serves_is_checked_over_the_network(tmp_path: Path) -> None:
    log = Log(entries_of(700))
    log.save(tmp_path / "log")
    with served(tmp_path) as url:
        words = ("--log", f"{url}/log", "--key", str(LOG.verifier))
        assert told(*words)["size"] == 700
        (tmp_path / "log" / "tile" / "entries" / "001").unlink()
        assert told(*words)["failure"]["code"] == "tile-missing"
        assert told("--log", f"{url}/none", "--key", str(LOG.verifier))["failure"]["code"] == "tile-missing"


async def test_a_log_whose_entries_are_closed_asks_for_a_key() -> None:
    from cli.commands import canned, whole

    log = Log(entries_of(3))
    async with canned(whole(200, log.checkpoint.encode()), whole(403, b"")) as (url, _):
        with pytest.raises(FetchError, match="is not open to everybody"):
            await asyncio.to_thread(verify, "--log", url, "--key", str(LOG.verifier))


def test_the_origin_of_a_ledger_is_the_name_of_its_key(tmp_path: Path) -> None:
    assert told("--data", ledger(tmp_path, 1))["origin"] == ORIGIN
