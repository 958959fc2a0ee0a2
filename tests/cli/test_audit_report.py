"""A verification as a report: what passed, what it proves, and for every kind of tampering its name and the step that found it."""

import base64
from collections.abc import Callable

import pytest

from freehold.cli.audit_report import OWN_KEYS, Report, check_log, check_receipt, lines_of, told
from freehold.ledger.notes import COSIGNATURE_ED25519, SignerKey
from freehold.ledger.policy import Policy, Trusted
from ledger.writer import LOG, ORIGIN, STRANGER, WITNESSES, Log, entries_of

W1 = WITNESSES[0].verifier
ASKS = Policy(witnesses={"w1": Trusted(W1)}, quorum="w1")
KEYS = [LOG.verifier]


@pytest.fixture
def log() -> Log:
    return Log(entries_of(600))


def codes(report: Report) -> tuple[str | None, int | None, int]:
    """Why it failed, in which step, and how many steps passed."""
    failure = report.failure
    return (failure.code, failure.step, len(report.steps)) if failure else (None, None, len(report.steps))


# --- one receipt ---


def test_a_receipt_that_holds_says_what_it_proves_and_what_not(log: Log) -> None:
    report = check_receipt(log.receipt(500).encode(), "r", KEYS, None)
    assert (report.ok, report.origin, report.size, report.index) == (True, ORIGIN, 600, 500)
    assert [step.number for step in report.steps] == [1, 2, 3, 4, 5]
    assert report.proven == [f"The entry stands at place 500 of the log {ORIGIN}, byte for byte as shown here."]
    assert report.unproven[0].startswith("A receipt proves its own entry")
    assert report.unproven[1].startswith(
        "No witness vouches for this checkpoint: whoever holds the log's key can still have"
    )
    assert OWN_KEYS not in report.unproven
    assert OWN_KEYS in check_receipt(log.receipt(500).encode(), "r", KEYS, None, own_keys=True).unproven


def test_a_witness_that_vouches_is_named_with_its_time() -> None:
    log = Log(entries_of(3), (LOG, *WITNESSES))
    report = check_receipt(log.receipt(1).encode(), "r", KEYS, ASKS)
    assert report.ok
    assert report.proven[1] == (
        "The witness witness.example/w1 saw the log with 3 entries and this root at 2026-09-21 14:13:20 UTC by its own "
        "clock, and vouches that it never saw another history of it."
    )
    assert all("No witness" not in sentence for sentence in report.unproven)


Change = Callable[[str], str]


CHANGES: list[tuple[Change, tuple[str, int, int]]] = [
    (lambda text: text.replace("c2sp.org", "c3sp.org"), ("malformed-receipt", 1, 0)),
    (lambda text: text.replace("\n600\n", "\n601\n"), ("bad-signature", 2, 1)),
    (lambda text: text.replace("index 500", "index 501"), ("not-included", 5, 4)),
    (
        lambda text: text.replace(
            base64.b64encode(b'{"n":500}' * 3).decode(), base64.b64encode(b'{"n":501}' * 3).decode()
        ),
        ("not-included", 5, 4),
    ),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_a_changed_receipt_is_refused_in_the_step_that_finds_it(
    log: Log, change: Change, reason: tuple[str, int, int]
) -> None:
    text = log.receipt(500)
    assert change(text) != text
    assert codes(check_receipt(change(text).encode(), "r", KEYS, None)) == reason


def test_another_key_and_a_missing_witness_are_refused(log: Log) -> None:
    text = log.receipt(500).encode()
    assert codes(check_receipt(text, "r", [STRANGER.verifier], None)) == ("unknown-signer", 2, 1)
    assert codes(check_receipt(text, "r", KEYS, ASKS)) == ("too-few-witnesses", 3, 2)


# --- a whole log ---


def test_a_whole_log_takes_seven_steps(log: Log) -> None:
    older = Log(entries_of(10)).checkpoint.encode()
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    report = check_log(log.read, "here", KEYS, None, older=[("x", older)], progress=progress)
    assert codes(report) == (None, None, 7)
    assert report.proven == [
        f"The log {ORIGIN} has all its 600 entries, in order, as its key signed them.",
        "The log continues 1 older checkpoint that it signed.",
    ]
    assert seen[-1] == (600, 600)


def drop(log: Log, *paths: str) -> None:
    for path in paths:
        del log.files[path]


def flip(log: Log, path: str, at: int) -> None:
    data = bytearray(log.files[path])
    data[at] ^= 1
    log.files[path] = bytes(data)


def swap(log: Log) -> None:
    """Entries 1 and 8, of one length, in each other's place."""
    one, other = log.entries[1], log.entries[8]
    assert len(one) == len(other)
    bundle = log.files["tile/entries/000"]
    log.files["tile/entries/000"] = (
        bundle.replace(one, b"?" * len(one)).replace(other, one).replace(b"?" * len(one), other)
    )


TAMPERINGS: list[tuple[Callable[[Log], None], tuple[str, int, int]]] = [
    (lambda log: drop(log, "checkpoint"), ("tile-missing", 1, 0)),
    (lambda log: flip(log, "checkpoint", len(ORIGIN) + 1), ("bad-signature", 1, 0)),
    (lambda log: drop(log, "tile/entries/002.p/88"), ("tail-removed", 3, 2)),
    (lambda log: drop(log, "tile/entries/000"), ("tile-missing", 5, 4)),
    (lambda log: drop(log, "tile/entries/001"), ("tile-missing", 5, 4)),
    (lambda log: drop(log, "tile/1/000.p/2"), ("tile-missing", 4, 3)),
    (lambda log: flip(log, "tile/0/000", 40), ("tile-changed", 6, 5)),
    (lambda log: flip(log, "tile/entries/001", 200), ("entry-changed", 6, 5)),
    (swap, ("entries-swapped", 6, 5)),
]


@pytest.mark.parametrize(("tamper", "reason"), TAMPERINGS)
def test_each_kind_of_tampering_has_its_name_and_step(
    log: Log, tamper: Callable[[Log], None], reason: tuple[str, int, int]
) -> None:
    tamper(log)
    assert codes(check_log(log.read, "here", KEYS, None)) == reason


def test_rolled_back_and_forked_logs_are_found_by_what_was_kept(log: Log) -> None:
    longer, forked = Log(entries_of(700)), Log([b"x", *entries_of(400)[1:]])
    same_size = Log([b"x", *entries_of(600)[1:]])
    foreign = Log(entries_of(5), (STRANGER,))
    for kept, reason in (
        (longer, ("rolled-back", 2, 1)),
        (same_size, ("forked-history", 2, 1)),
        (forked, ("forked-history", 7, 6)),
        (foreign, ("unknown-signer", 2, 1)),
    ):
        older = [("kept", kept.checkpoint.encode())]
        assert codes(check_log(log.read, "here", KEYS, None, older=older)) == reason


def test_a_retired_key_may_have_signed_before_and_not_now(log: Log) -> None:
    new = SignerKey(ORIGIN, 1, bytes(range(9, 41)))
    rotated = Log(entries_of(600), (new,))
    older = [("kept", Log(entries_of(10)).checkpoint.encode())]
    assert check_log(rotated.read, "", [new.verifier], None, older=older, older_keys=KEYS).ok
    assert codes(check_log(log.read, "", [new.verifier], None, older_keys=KEYS)) == ("unknown-signer", 1, 0)


def test_a_log_is_no_witness_of_itself() -> None:
    own = SignerKey("witness.example/own", COSIGNATURE_ED25519, LOG.seed)
    log = Log(entries_of(3), (LOG, own))
    policy = Policy(witnesses={"own": Trusted(own.verifier)}, quorum="own")
    assert codes(check_log(log.read, "", KEYS, policy)) == ("too-few-witnesses", 1, 0)


# --- how it is said ---


def test_people_read_the_steps_then_the_reason(log: Log) -> None:
    flip(log, "tile/entries/001", 200)
    lines = lines_of(check_log(log.read, "here", KEYS, None))
    assert lines[0] == "The log here"
    assert lines[2:7] == [
        " 1  a known key signed the checkpoint  ok",
        " 2  older checkpoints are of this log  none given",
        " 3  the newest entries are there       600 entries",
        " 4  the tiles lead to a root           computed",
        " 5  every entry against its tile       600 entries hashed",
    ]
    assert lines[-2].startswith("FAILED in step 6, entry-changed: Entry ")
    assert lines[-1] == "Restore the bundle from a copy or a mirror."


def test_machines_read_the_same(log: Log) -> None:
    drop(log, "tile/entries/001")
    said = told(check_log(log.read, "here", KEYS, None))
    assert (said["ok"], said["size"], said["failure"].code) == (False, 600, "tile-missing")
