"""What a witness decides: each status as specified, and no cosignature on a history that does not continue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import BadSignature, MalformedNote, UnknownSigner
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.merkle import EMPTY_ROOT
from freehold.ledger.notes import ED25519, Signature, SignerKey, open_note, parse_note, sign_note
from freehold.ledger.verify import open_checkpoint
from freehold.ledger.witness import (
    MAX_BODY,
    Answer,
    Vouched,
    WitnessedLog,
    add_checkpoint,
    parse_request,
    take_cosignatures,
    write_request,
)
from ledger.writer import LOG, ORIGIN, STRANGER, TIME, WITNESSES, Log, entries_of

# The example of tlog-witness.
EXAMPLE = (
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— example.com/behind-the-sofa "
    "opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"
)

ENTRIES = entries_of(300)
TEN, HUNDRED, WHOLE = Log(ENTRIES[:10]), Log(ENTRIES[:100]), Log(ENTRIES)
SIGNERS = (WITNESSES[0], WITNESSES[2])


def head(log: Log) -> Vouched:
    checkpoint = open_checkpoint(log.checkpoint, [LOG.verifier]).checkpoint
    return Vouched(checkpoint.size, checkpoint.root)


def ask(body: bytes, latest: Vouched | None = None) -> Answer:
    logs = {ORIGIN: WitnessedLog((LOG.verifier,), latest or Vouched())}
    return add_checkpoint(body, logs.get, SIGNERS, TIME)


def request(log: Log, old: int) -> bytes:
    return write_request(old, log.consistency(old), log.checkpoint)


def signed(checkpoint: Checkpoint, signer: SignerKey = LOG) -> str:
    return sign_note(checkpoint.text, [signer])


# --- reading and writing a request ---


def test_the_published_request_is_read_and_written() -> None:
    parsed = parse_request(EXAMPLE.encode())
    assert (parsed.old, len(parsed.proof), parsed.checkpoint.size) == (20852014, 4, 20852163)
    assert parsed.proof[3][:4] == bytes.fromhex("ffa59584")
    assert write_request(parsed.old, parsed.proof, parsed.note) == EXAMPLE.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"\n" + EXAMPLE.encode(),
        EXAMPLE.encode() + b"\xff",
        EXAMPLE.encode() + b"\n",
        EXAMPLE.replace("old 20852014", "old 020852014").encode(),
        EXAMPLE.replace("old 20852014", "old -1").encode(),
        EXAMPLE.replace("old 20852014", "size 20852014").encode(),
        EXAMPLE.replace("old 20852014", "old  20852014").encode(),
        EXAMPLE.replace("old 20852014", "old 20852014 ").encode(),
        EXAMPLE.replace("old 20852014", "old 9223372036854775808").encode(),
        EXAMPLE.replace("old 20852014\n", "").encode(),
        EXAMPLE.replace("kaw=", "kax=").encode(),
        EXAMPLE.replace("PlRN", "").encode(),
        EXAMPLE.replace("\n", "\r\n").encode(),
        EXAMPLE.replace("=\n\nexample", "=\nexample").encode(),
        EXAMPLE.replace("20852163\n", "020852163\n").encode(),
        EXAMPLE.replace("PlRN", "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n" * 60 + "PlRN").encode(),
        EXAMPLE.partition("\n\n")[0].encode(),
        EXAMPLE.rpartition("\n\n")[0].encode() + b"\n\n",
        b"old 0\n\n" + b"x" * MAX_BODY,
    ],
)
def test_what_is_not_exactly_a_request_is_answered_400(body: bytes) -> None:
    answer = ask(body)
    assert (answer.status, answer.state) == (400, None)


def test_sixty_three_hashes_are_read_and_no_more() -> None:
    line = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    assert len(parse_request(EXAMPLE.replace(line, line * 60).encode()).proof) == 63
    with pytest.raises(MalformedNote, match="at most 63"):
        parse_request(EXAMPLE.replace(line, line * 61).encode())


def test_a_request_of_256_kib_is_read_and_no_longer_one() -> None:
    line = Signature("x", bytes(4), bytes(2980)).line
    body = request(TEN, 0) + (line * 65).encode()
    assert len(body) < MAX_BODY == 262_144
    assert ask(body).status == 200
    assert ask(body + line.encode()).status == 400


# --- 200 ---


def test_a_log_that_is_new_to_the_witness_is_vouched_for_without_a_proof() -> None:
    answer = ask(request(TEN, 0))
    assert (answer.status, answer.origin) == (200, ORIGIN)
    assert (answer.replaces, answer.state) == (Vouched(0, EMPTY_ROOT), head(TEN))


def test_a_checkpoint_that_continues_the_last_is_vouched_for_by_each_key() -> None:
    answer = ask(request(WHOLE, 100), head(HUNDRED))
    assert (answer.status, answer.replaces, answer.state) == (200, head(HUNDRED), head(WHOLE))
    note = parse_note(WHOLE.checkpoint).text + "\n" + answer.body.decode()
    opened = open_note(note, [signer.verifier for signer in SIGNERS])
    assert [(verified.key.name, verified.time) for verified in opened.verified] == [
        ("witness.example/w1", TIME),
        ("witness.example/w3", TIME),
    ]


def test_the_same_checkpoint_is_vouched_for_again() -> None:
    answer = ask(request(HUNDRED, 100), head(HUNDRED))
    assert (answer.status, answer.state) == (200, head(HUNDRED))


def test_an_empty_log_is_vouched_for() -> None:
    assert ask(request(Log([]), 0)).state == Vouched(0, EMPTY_ROOT)


def test_extension_lines_and_signatures_of_strangers_do_not_matter() -> None:
    latest = head(TEN)
    note = sign_note(Checkpoint(ORIGIN, latest.size, latest.root, ("more",)).text, [STRANGER, LOG])
    assert ask(write_request(0, [], note)).status == 200


# --- refusals ---


def test_an_unknown_origin_is_answered_404() -> None:
    answer = ask(EXAMPLE.encode())
    assert (answer.status, answer.origin, answer.state) == (404, "example.com/behind-the-sofa", None)


@pytest.mark.parametrize("signer", [STRANGER, SignerKey(ORIGIN, ED25519, bytes(32))])
def test_a_checkpoint_that_no_trusted_key_signed_is_answered_403(signer: SignerKey) -> None:
    answer = ask(request(Log(ENTRIES[:10], [signer]), 0))
    assert (answer.status, answer.state) == (403, None)


def test_a_wrong_signature_of_a_trusted_key_is_answered_403() -> None:
    answer = ask(request(TEN, 0).replace(b"\n10\n", b"\n11\n"))
    assert (answer.status, answer.state) == (403, None)


def test_an_old_size_beyond_the_checkpoint_is_answered_400() -> None:
    answer = ask(write_request(11, [], TEN.checkpoint), Vouched(11, bytes(32)))
    assert (answer.status, answer.state) == (400, None)


@pytest.mark.parametrize("old", [0, 10, 99])
def test_another_old_size_than_the_last_is_answered_409_with_the_last(old: int) -> None:
    answer = ask(request(WHOLE, old), head(HUNDRED))
    assert (answer.status, answer.body, answer.content_type) == (409, b"100\n", "text/x.tlog.size")
    assert answer.state is None


def test_a_log_that_goes_back_is_answered_409() -> None:
    assert ask(request(TEN, 0), head(HUNDRED)).status == 409
    assert ask(request(TEN, 10), head(HUNDRED)).body == b"100\n"


def test_an_empty_log_with_another_root_is_answered_422() -> None:
    assert ask(write_request(0, [], signed(Checkpoint(ORIGIN, 0, bytes(32))))).status == 422


def test_a_proof_from_the_empty_tree_is_answered_422() -> None:
    assert ask(write_request(0, [bytes(32)], TEN.checkpoint)).status == 422


def test_another_root_of_the_same_size_is_answered_422() -> None:
    forked = Log([b"another", *ENTRIES[1:100]])
    assert ask(request(forked, 100), head(HUNDRED)).status == 422


def test_a_history_that_does_not_continue_the_last_is_answered_422() -> None:
    forked = Log([b"another", *ENTRIES[1:]])
    answer = ask(request(forked, 100), head(HUNDRED))
    assert (answer.status, answer.state) == (422, None)


@given(st.integers(0, 5), st.integers(0, 255))
def test_a_proof_with_a_bit_changed_is_answered_422(place: int, bit: int) -> None:
    proof = WHOLE.consistency(100)
    at = place % len(proof)
    proof[at] = (int.from_bytes(proof[at], "big") ^ 1 << bit).to_bytes(32, "big")
    assert ask(write_request(100, proof, WHOLE.checkpoint), head(HUNDRED)).status == 422


def test_an_origin_too_long_for_a_post_quantum_cosignature_is_answered_400() -> None:
    origin = "x" * 256
    key = SignerKey(origin, ED25519, bytes(32))
    body = write_request(0, [], signed(Checkpoint(origin, 0, EMPTY_ROOT), key))
    logs = {origin: WitnessedLog((key.verifier,))}
    assert add_checkpoint(body, logs.get, WITNESSES[:1], TIME).status == 200
    assert add_checkpoint(body, logs.get, WITNESSES, TIME).status == 400


def test_of_two_requests_at_once_the_later_answer_is_void_because_it_replaces_another_state() -> None:
    first, second = ask(request(HUNDRED, 10), head(TEN)), ask(request(WHOLE, 10), head(TEN))
    assert first.replaces == second.replaces == head(TEN)
    assert second.state != first.replaces, "who stores by compare-and-swap takes only one of them"


@pytest.mark.parametrize(("signers", "time"), [((), TIME), ((LOG,), TIME), (SIGNERS, 0), (SIGNERS, 2**63)])
def test_a_witness_without_its_own_keys_or_a_time_is_a_fault_of_ours(signers: tuple[SignerKey, ...], time: int) -> None:
    with pytest.raises(ValueError, match="a witness states a time"):
        add_checkpoint(request(TEN, 0), {ORIGIN: WitnessedLog((LOG.verifier,))}.get, signers, time)


@given(st.binary(max_size=200))
def test_no_bytes_are_answered_with_anything_but_a_status(data: bytes) -> None:
    for body in (data, b"old 0\n\n" + data, request(TEN, 0)[:-1] + data):
        assert ask(body).status in {200, 400, 403, 404, 409, 422}


# --- what the log does with the answer ---


def test_a_log_takes_the_cosignatures_of_the_witnesses_it_knows_into_its_checkpoint() -> None:
    answer = ask(request(TEN, 0))
    note = take_cosignatures(TEN.checkpoint, answer.body, [WITNESSES[0].verifier])
    names = [signature.name for signature in parse_note(note).unverified]
    assert names == [ORIGIN, "witness.example/w1"]
    again = take_cosignatures(note, answer.body, [witness.verifier for witness in WITNESSES])
    assert [signature.name for signature in parse_note(again).unverified] == [
        ORIGIN,
        "witness.example/w1",
        "witness.example/w3",
    ]


def test_a_log_takes_nothing_else_from_a_witness() -> None:
    answer = ask(request(HUNDRED, 0))
    with pytest.raises(BadSignature):
        take_cosignatures(TEN.checkpoint, answer.body, [WITNESSES[0].verifier])
    with pytest.raises(UnknownSigner):
        take_cosignatures(HUNDRED.checkpoint, answer.body, [WITNESSES[1].verifier])
    for garbled in (b"", b"<html>\n", b"\xff", answer.body[:-1], answer.body + b"\n"):
        with pytest.raises(MalformedNote):
            take_cosignatures(HUNDRED.checkpoint, garbled, [WITNESSES[0].verifier])
