"""Verification: what is genuine passes, and every way of tampering is refused by its own name."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import (
    AmbiguousKey,
    BadSignature,
    EntriesSwapped,
    EntryChanged,
    ForkedHistory,
    LedgerError,
    MalformedCheckpoint,
    MalformedNote,
    MalformedReceipt,
    MalformedTile,
    NotIncluded,
    RolledBack,
    RootMismatch,
    TailRemoved,
    TileChanged,
    TileMissing,
    TooFewWitnesses,
    UnknownSigner,
    WrongOrigin,
)
from freehold.ledger import verify
from freehold.ledger.checkpoints import Checkpoint, parse_checkpoint
from freehold.ledger.merkle import Frontier, leaf_hash
from freehold.ledger.notes import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    SignerKey,
    parse_note,
    sign_note,
)
from freehold.ledger.policy import Group, Policy, Trusted
from freehold.ledger.proof import parse_receipt, write_receipt
from freehold.ledger.verify import (
    EXTENSION,
    NO_OLDER,
    NO_WITNESS,
    ONE_ENTRY,
    Cosigner,
    LogProof,
    verify_log,
    verify_receipt,
)
from ledger.rfc6962 import EIGHT_LEAVES, EIGHT_ROOTS
from ledger.writer import LOG, ORIGIN, STRANGER, TIME, WITNESSES, Log, entries_of

KEYS = (LOG.verifier,)
NAMED = {f"w{number}": Trusted(key.verifier) for number, key in enumerate(WITNESSES, start=1)}
TWO_OF_THREE = Policy(witnesses=NAMED, groups={"g": Group(2, tuple(NAMED))}, quorum="g")
WITNESSED = (LOG, *WITNESSES)
ENTRIES = entries_of(1000)


def check(log: Log, *, older: Sequence[str] = (), policy: Policy | None = None) -> LogProof:
    return verify_log(log.read, KEYS, policy, older=older)


# --- a receipt ---


def test_a_receipt_of_the_published_tree_proves_its_entry() -> None:
    log = Log(EIGHT_LEAVES)
    proof = verify_receipt(log.receipt(7), KEYS)
    assert proof.index == 7
    assert proof.entry == bytes.fromhex("606162636465666768696a6b6c6d6e6f")
    assert proof.opened.checkpoint == Checkpoint(ORIGIN, 8, EIGHT_ROOTS[8])
    assert proof.opened.signers == (ORIGIN,)


def test_without_a_witness_a_receipt_says_what_it_leaves_unproven() -> None:
    proof = verify_receipt(Log(EIGHT_LEAVES).receipt(0), KEYS)
    assert proof.unproven == (ONE_ENTRY, NO_WITNESS)
    assert "another history" in NO_WITNESS


def test_with_witnesses_a_receipt_says_who_vouches_and_since_when() -> None:
    proof = verify_receipt(Log(EIGHT_LEAVES, WITNESSED).receipt(0), KEYS, TWO_OF_THREE)
    assert proof.opened.witnesses == tuple(Cosigner(witness.name, TIME) for witness in WITNESSES)
    assert proof.unproven == (ONE_ENTRY,)


def test_a_receipt_is_checked_for_the_entry_that_is_expected_whatever_it_carries() -> None:
    log = Log(EIGHT_LEAVES)
    bare = log.receipt(3, carried=False)
    assert verify_receipt(bare, KEYS, entry=EIGHT_LEAVES[3]).entry == EIGHT_LEAVES[3]
    with pytest.raises(NotIncluded):
        verify_receipt(log.receipt(3), KEYS, entry=EIGHT_LEAVES[4])
    with pytest.raises(MalformedReceipt, match="carries no entry"):
        verify_receipt(bare, KEYS)


def test_a_receipt_with_another_entry_in_it_is_refused() -> None:
    genuine = parse_receipt(Log(ENTRIES).receipt(10))
    for extra in (b"", b"{}", ENTRIES[11]):
        with pytest.raises(NotIncluded):
            verify_receipt(write_receipt(type(genuine)(genuine.index, genuine.proof, genuine.checkpoint, extra)), KEYS)


RECEIPT = Log(entries_of(20), WITNESSED[:3]).receipt(13).encode()
BOTH_WITNESSES = Policy(
    witnesses={"w1": NAMED["w1"], "w2": NAMED["w2"]}, groups={"g": Group(2, ("w1", "w2"))}, quorum="g"
)


@given(st.integers(0, len(RECEIPT) * 8 - 1))
def test_no_bit_of_a_receipt_can_change(bit: int) -> None:
    assert verify_receipt(RECEIPT, KEYS, BOTH_WITNESSES).index == 13
    changed = bytearray(RECEIPT)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(LedgerError):
        verify_receipt(bytes(changed), KEYS, BOTH_WITNESSES)


@given(st.binary(max_size=200))
def test_no_bytes_make_a_check_of_receipts_fail_otherwise_than_by_name(data: bytes) -> None:
    for text in (data, RECEIPT[:100] + data, RECEIPT[:-1] + data + b"."):
        with pytest.raises(LedgerError):
            verify_receipt(text, KEYS)


# --- whose checkpoint it is ---


def test_a_checkpoint_of_an_unknown_key_is_refused() -> None:
    log = Log(EIGHT_LEAVES, [SignerKey(ORIGIN, LOG.algorithm, bytes(32))])
    with pytest.raises(UnknownSigner):
        verify_receipt(log.receipt(0), KEYS)
    with pytest.raises(UnknownSigner):
        check(log)


def test_witnesses_alone_do_not_make_a_checkpoint_the_logs() -> None:
    with pytest.raises(UnknownSigner, match="no trusted key of the log did"):
        verify_receipt(Log(EIGHT_LEAVES, WITNESSES).receipt(0), KEYS, TWO_OF_THREE)


def test_a_checkpoint_with_a_bad_signature_is_refused() -> None:
    log = Log(EIGHT_LEAVES)
    log.files["checkpoint"] = log.files["checkpoint"].replace(b"\n8\n", b"\n7\n")
    with pytest.raises(BadSignature):
        check(log)


def test_a_bad_cosignature_of_a_known_witness_refuses_the_checkpoint() -> None:
    note = Log(EIGHT_LEAVES, WITNESSED).checkpoint
    other = parse_note(Log(ENTRIES, WITNESSED).checkpoint)
    forged = "\n".join([*note.split("\n")[:-2], other.unverified[3].line])
    with pytest.raises(BadSignature, match=r"witness\.example/w3"):
        verify_receipt(Log(EIGHT_LEAVES).receipt(0, forged), KEYS, TWO_OF_THREE)


def test_a_checkpoint_of_another_log_is_refused_though_the_key_is_trusted() -> None:
    log = Log(EIGHT_LEAVES, [LOG], origin="log.example/elsewhere")
    with pytest.raises(WrongOrigin, match="elsewhere"):
        verify_receipt(log.receipt(0), KEYS)
    both = (LOG.verifier, STRANGER.verifier)
    with pytest.raises(WrongOrigin):
        verify_receipt(Log(EIGHT_LEAVES, [STRANGER]).receipt(0), both)
    assert verify_receipt(log.receipt(0), KEYS, origin="log.example/elsewhere").index == 0
    with pytest.raises(WrongOrigin):
        verify_receipt(Log(EIGHT_LEAVES).receipt(0), KEYS, origin="log.example/elsewhere")


def test_a_log_whose_key_is_being_replaced_is_known_by_either() -> None:
    new = SignerKey(ORIGIN, COSIGNATURE_ML_DSA_44, bytes(range(9, 41)))
    receipt = Log(EIGHT_LEAVES, [LOG, new]).receipt(2)
    for keys in (KEYS, (new.verifier,), (LOG.verifier, new.verifier)):
        assert verify_receipt(receipt, keys).opened.signers == (ORIGIN,) * len(keys)


def test_one_key_given_twice_is_ambiguous() -> None:
    with pytest.raises(AmbiguousKey):
        verify_receipt(Log(EIGHT_LEAVES).receipt(0), KEYS * 2)


def test_extension_lines_that_no_signature_covers_are_told() -> None:
    new = SignerKey(ORIGIN, COSIGNATURE_ML_DSA_44, bytes(range(9, 41)))
    head = parse_checkpoint(parse_note(Log(EIGHT_LEAVES).checkpoint).text)
    note = sign_note(Checkpoint(head.origin, head.size, head.root, ("v 2",)).text, [new], TIME)
    receipt = Log(EIGHT_LEAVES).receipt(2, note)
    assert EXTENSION in verify_receipt(receipt, (new.verifier,)).unproven


# --- witnesses ---


def test_too_few_witnesses_are_refused() -> None:
    for signers in ((LOG,), (LOG, WITNESSES[0]), (LOG, WITNESSES[0], STRANGER)):
        with pytest.raises(TooFewWitnesses, match="2 of w1, w2, w3"):
            verify_receipt(Log(EIGHT_LEAVES, signers).receipt(0), KEYS, TWO_OF_THREE)
    assert verify_receipt(Log(EIGHT_LEAVES, (LOG, *WITNESSES[1:])).receipt(0), KEYS, TWO_OF_THREE).index == 0
    with pytest.raises(TooFewWitnesses):
        check(Log(EIGHT_LEAVES), policy=TWO_OF_THREE)


def test_a_cosignature_of_another_checkpoint_does_not_count() -> None:
    line = WITNESSES[0].sign(parse_note(Log(ENTRIES).checkpoint).text, TIME).line
    moved = Log(EIGHT_LEAVES).checkpoint + line
    with pytest.raises(BadSignature):
        verify_receipt(Log(EIGHT_LEAVES).receipt(0, moved), KEYS, TWO_OF_THREE)


def test_the_log_does_not_vouch_for_itself() -> None:
    own = SignerKey("witness.example/own", COSIGNATURE_ED25519, LOG.seed)
    policy = Policy(witnesses={"own": Trusted(own.verifier)}, quorum="own")
    with pytest.raises(TooFewWitnesses, match="none of its witnesses"):
        verify_receipt(Log(EIGHT_LEAVES, [LOG, own]).receipt(0), KEYS, policy)


# --- a whole log that is as signed ---


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 1000])
def test_a_log_that_nobody_touched_is_proved(size: int) -> None:
    proof = check(Log(ENTRIES[:size]))
    assert proof.opened.checkpoint.size == size
    assert proof.unproven == (NO_OLDER, NO_WITNESS)


def test_a_log_with_witnesses_and_older_checkpoints_leaves_nothing_unproven() -> None:
    older = [Log(ENTRIES[:size]).checkpoint for size in (0, 1, 256, 700, 1000)]
    proof = check(Log(ENTRIES, WITNESSED), older=older, policy=TWO_OF_THREE)
    assert (proof.older, proof.unproven) == (5, ())


def test_a_log_of_three_levels_of_tiles_is_proved() -> None:
    log = Log([b"%d" % number for number in range(70_000)])
    assert {path for path in log.files if path.startswith("tile/2")} == {"tile/2/000.p/1"}
    assert check(log).opened.checkpoint.size == 70_000


def test_progress_is_told_after_each_bundle() -> None:
    told: list[tuple[int, int]] = []
    verify_log(Log(ENTRIES).read, KEYS, progress=lambda done, total: told.append((done, total)))
    assert told == [(256, 1000), (512, 1000), (768, 1000), (1000, 1000)]


def test_every_file_is_read_and_the_memory_for_them_does_not_grow() -> None:
    asked: list[str] = []
    log = Log([b"%d" % number for number in range(20_000)])

    def read(path: str) -> bytes:
        asked.append(path)
        return log.read(path)

    verify_log(read, KEYS)
    assert set(asked) == set(log.files)
    assert len(asked) <= len(log.files) + 3, "each file once, but for the newest ones"


# --- a whole log that was tampered with: each way has its name ---


def change(path: str, at: int) -> Callable[[Log], None]:
    def tamper(log: Log) -> None:
        data = bytearray(log.files[path])
        data[at] ^= 1
        log.files[path] = bytes(data)

    return tamper


def remove(*paths: str) -> Callable[[Log], None]:
    def tamper(log: Log) -> None:
        for path in paths:
            del log.files[path]

    return tamper


def cut(path: str, count: int) -> Callable[[Log], None]:
    def tamper(log: Log) -> None:
        log.files[path] = log.files[path][:-count]

    return tamper


def swap(first: int, second: int) -> Callable[[Log], None]:
    def tamper(log: Log) -> None:
        entries = list(log.entries)
        entries[first], entries[second] = entries[second], entries[first]
        log.files |= {path: data for path, data in Log(entries).files.items() if "entries" in path}

    return tamper


def rewrite(*levels: str) -> Callable[[Log], None]:
    """Another entry 300, and files made to fit it up to a level, under the checkpoint that was signed."""

    def tamper(log: Log) -> None:
        entries = [*log.entries[:300], b"another", *log.entries[301:]]
        prefixes = tuple(f"tile/{level}/" for level in levels)
        log.files |= {path: data for path, data in Log(entries).files.items() if path.startswith(prefixes)}

    return tamper


LAST = "tile/entries/003.p/232"


@pytest.mark.parametrize(
    ("tamper", "error", "said"),
    [
        (
            change("tile/entries/001", 30),
            EntryChanged,
            r"^Entry \d+, in tile/entries/001, is not the one that was signed",
        ),
        (change(LAST, 30), EntryChanged, rf"^Entry 768, in {LAST}, is not"),
        (rewrite("entries"), EntryChanged, r"^Entry 300, in tile/entries/001, is not the one that was signed\.$"),
        (rewrite("entries", "0"), EntryChanged, "^An entry from 256 to 511 was changed, and its tile was made to fit"),
        (rewrite("entries", "0", "1"), RootMismatch, "history was rewritten after it was signed"),
        (change("tile/0/001", 32 * 44), TileChanged, "^tile/0/001: its hash 44 is not that of the entries"),
        (change("tile/0/003.p/232", 0), TileChanged, r"^tile/0/003\.p/232: its hash 0 is not"),
        (change("tile/1/000.p/3", 64), TileChanged, r"^tile/1/000\.p/3: its hash 2 is not"),
        (swap(5, 6), EntriesSwapped, "^2 entries stand in each other's place, among them 5, 6"),
        (swap(5, 999), EntriesSwapped, "among them 5, 999"),
        (remove(LAST), TailRemoved, "signs 1000 entries, and entry 999, the last, is not there"),
        (remove(LAST, "tile/0/003.p/232"), TailRemoved, "entry 999"),
        (remove(LAST, "tile/entries/002"), TailRemoved, "entry 999"),
        (cut(LAST, 47), TailRemoved, "holds only 231 entries"),
        (cut(LAST, 10), MalformedTile, "ends within its entry 231"),
        (remove("tile/entries/001"), TileMissing, "no file tile/entries/001"),
        (remove("tile/0/001"), TileMissing, "no file tile/0/001"),
        (remove("tile/1/000.p/3"), TileMissing, r"no file tile/1/000\.p/3"),
        (cut("tile/0/001", 32), TileMissing, "holds only 255 hashes"),
        (cut("tile/0/001", 1), MalformedTile, "8,191 bytes"),
        (remove("checkpoint"), TileMissing, "no checkpoint"),
        (change("checkpoint", 0), BadSignature, "does not fit"),
        (change("checkpoint", -2), MalformedNote, "not a signature line"),
    ],
    ids=lambda value: str(getattr(value, "code", "")),
)
def test_tampering_is_detected_and_named(tamper: Callable[[Log], None], error: type[LedgerError], said: str) -> None:
    log = Log(ENTRIES)
    check(log)
    tamper(log)
    with pytest.raises(error, match=said) as caught:
        check(log)
    assert type(caught.value) is error
    assert caught.value.advice


def test_a_tile_in_the_middle_of_the_second_level_that_was_changed_is_named() -> None:
    log = Log([b"%d" % number for number in range(66_000)])
    change("tile/1/000", 32 * 7)(log)
    with pytest.raises(TileChanged, match=r"^tile/1/000: its hash 7"):
        check(log)


@given(st.data())
def test_no_bit_of_any_file_can_change(data: st.DataObject) -> None:
    log = Log(ENTRIES[:600])
    path = data.draw(st.sampled_from(sorted(log.files)))
    change(path, data.draw(st.integers(0, len(log.files[path]) - 1)))(log)
    with pytest.raises(LedgerError):
        check(log)


# --- checkpoints against older ones ---


def test_a_rolled_back_log_is_refused_though_it_is_whole() -> None:
    log, later = Log(ENTRIES[:500]), Log(ENTRIES).checkpoint
    check(log)
    with pytest.raises(RolledBack, match="signed 1000 entries before, and now shows 500"):
        check(log, older=[later])


def test_an_older_checkpoint_put_in_the_place_of_the_newest_is_refused_though_it_is_genuine() -> None:
    log = Log(ENTRIES)
    log.files |= Log(ENTRIES[:500]).files
    assert check(log).opened.checkpoint.size == 500
    with pytest.raises(RolledBack, match="signed 1000 entries before, and now shows 500"):
        check(log, older=[Log(ENTRIES).checkpoint])


def test_a_forked_history_is_refused_though_it_is_whole() -> None:
    forked = Log([*ENTRIES[:300], b"another", *ENTRIES[301:]])
    check(forked)
    with pytest.raises(ForkedHistory, match="signed 700 entries before, and they are not the first 700 of the 1000"):
        check(forked, older=[Log(ENTRIES[:300]).checkpoint, Log(ENTRIES[:700]).checkpoint])
    with pytest.raises(ForkedHistory, match="two different histories of 1000 entries"):
        check(forked, older=[Log(ENTRIES).checkpoint])
    check(forked, older=[Log(ENTRIES[:300]).checkpoint])


def test_an_older_checkpoint_that_is_not_the_logs_accuses_nobody() -> None:
    log = Log(ENTRIES[:500])
    for signers, origin, error in (
        ([STRANGER], ORIGIN, UnknownSigner),
        ([SignerKey(ORIGIN, LOG.algorithm, bytes(32))], ORIGIN, UnknownSigner),
        ([LOG], "log.example/elsewhere", WrongOrigin),
    ):
        with pytest.raises(error):
            check(log, older=[Log(ENTRIES, signers, origin).checkpoint])
    with pytest.raises(BadSignature):
        check(log, older=[Log(ENTRIES[:400]).checkpoint.replace("\n400\n", "\n401\n")])
    with pytest.raises(MalformedNote):
        check(log, older=["not a checkpoint"])


def test_a_log_whose_origin_is_not_its_keys_name_is_held_to_its_older_checkpoints_too() -> None:
    log, older = (Log(ENTRIES[:size], [LOG], "log.example/elsewhere") for size in (500, 300))
    proof = verify_log(log.read, KEYS, older=[older.checkpoint], origin="log.example/elsewhere")
    assert proof.older == 1
    with pytest.raises(WrongOrigin):
        verify_log(log.read, KEYS, older=[Log(ENTRIES[:300]).checkpoint], origin="log.example/elsewhere")


def test_when_too_much_was_changed_to_remember_it_is_not_taken_for_a_swap(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(ENTRIES)
    swap(5, 6)(log)
    with pytest.raises(EntriesSwapped):
        check(log)
    change(LAST, 30)(log)
    monkeypatch.setattr(verify, "MAX_FINDINGS", 2)
    with pytest.raises(EntryChanged, match=r"^Entry 5,"):
        check(log)


def test_an_empty_log_has_the_empty_root() -> None:
    log = Log([])
    log.files["checkpoint"] = sign_note(Checkpoint(ORIGIN, 0, bytes(32)).text, [LOG]).encode()
    with pytest.raises(RootMismatch):
        check(log)


def test_a_checkpoint_that_is_none_is_refused_though_it_is_signed() -> None:
    log = Log(ENTRIES[:3])
    log.files["checkpoint"] = sign_note("one\ntwo\nthree\n", [LOG]).encode()
    with pytest.raises(MalformedCheckpoint):
        check(log)


def test_a_signed_root_that_fits_neither_entries_nor_tiles_is_named() -> None:
    log = Log(ENTRIES[:3])
    frontier = Frontier()
    for entry in ENTRIES[3:6]:
        frontier.append(leaf_hash(entry))
    log.files["checkpoint"] = sign_note(Checkpoint(ORIGIN, 3, frontier.root()).text, [LOG]).encode()
    with pytest.raises(RootMismatch):
        check(log)
