"""Signed notes: published keys, texts and signatures; what is mangled is refused, and why is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import (
    AmbiguousKey,
    BadSignature,
    FreeholdError,
    KeyIdMismatch,
    MalformedCheckpoint,
    MalformedKey,
    MalformedNote,
    UnknownAlgorithm,
    UnknownSigner,
)
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.notes import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    ED25519,
    Signature,
    SignerKey,
    VerifierKey,
    add_signatures,
    generate_signer_key,
    open_note,
    parse_note,
    parse_signature_lines,
    parse_signer_key,
    parse_verifier_key,
    sign_note,
)

# The example of signed-note.
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

# The keys, the text and the signatures of the tests of golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
BOTH = TEXT + "\n" + PETER_LINE + ENOCH_LINE

CHECKPOINT = Checkpoint("log.example/one", 3, bytes(range(32)))
WITNESS = SignerKey("witness.example/w", COSIGNATURE_ED25519, bytes(range(32)))
LATTICE = SignerKey("witness.example/l", COSIGNATURE_ML_DSA_44, bytes(range(32)))


# --- published notes ---


def test_the_published_example_opens() -> None:
    note = open_note(FOO_NOTE, [parse_verifier_key(FOO)])
    assert note.text == "This is an example message.\n"
    assert [str(verified.key) for verified in note.verified] == [FOO]
    assert note.verified[0].time is None


def test_a_note_of_go_opens_with_one_known_key_and_keeps_the_other_signature_aside() -> None:
    note = open_note(BOTH.encode(), [parse_verifier_key(PETER)])
    assert note.text == TEXT
    assert [verified.signature.line for verified in note.verified] == [PETER_LINE]
    assert [signature.line for signature in note.unverified] == [ENOCH_LINE]


def test_a_note_of_go_opens_with_both_keys_in_the_order_of_its_lines() -> None:
    note = open_note(BOTH, [parse_verifier_key(ENOCH), parse_verifier_key(PETER)])
    assert [verified.key.name for verified in note.verified] == ["PeterNeumann", "EnochRoot"]
    assert note.unverified == ()


def test_signing_gives_the_signature_that_go_gives() -> None:
    assert sign_note(TEXT, [parse_signer_key(PETER_PRIVATE)]) == TEXT + "\n" + PETER_LINE


def test_a_note_that_nobody_known_signed_is_not_opened_and_can_still_be_read() -> None:
    with pytest.raises(UnknownSigner, match=r"PeterNeumann\+c74f20a3, EnochRoot\+af0cfe78"):
        open_note(BOTH, [])
    note = parse_note(BOTH)
    assert note.verified == ()
    assert [signature.name for signature in note.unverified] == ["PeterNeumann", "EnochRoot"]


def test_two_keys_with_one_name_and_id_are_ambiguous_only_where_they_signed() -> None:
    keys = [parse_verifier_key(ENOCH), parse_verifier_key(PETER), parse_verifier_key(ENOCH)]
    with pytest.raises(AmbiguousKey, match=r"EnochRoot\+af0cfe78"):
        open_note(TEXT + "\n" + ENOCH_LINE, keys)
    assert open_note(TEXT + "\n" + PETER_LINE, keys).text == TEXT


def test_a_wrong_signature_of_a_known_key_refuses_the_note_even_beside_a_good_one() -> None:
    swapped = ENOCH_LINE.replace("rwz+eBzmZa0S", "rwz+eBzmZa0T")
    assert open_note(TEXT + "\n" + PETER_LINE + swapped, [parse_verifier_key(PETER)]).text == TEXT
    with pytest.raises(BadSignature, match=r"EnochRoot\+af0cfe78"):
        open_note(TEXT + "\n" + PETER_LINE + swapped, [parse_verifier_key(PETER), parse_verifier_key(ENOCH)])
    with pytest.raises(BadSignature, match=r"PeterNeumann\+c74f20a3"):
        open_note(TEXT + "\n" + PETER_LINE[:60] + "ABCD" + PETER_LINE[60:], [parse_verifier_key(PETER)])


def test_a_signature_counts_once_however_often_it_stands_there() -> None:
    longer = ENOCH_LINE[:60] + "ABCD" + ENOCH_LINE[60:]
    note = open_note(TEXT + "\n" + PETER_LINE * 2 + ENOCH_LINE * 2 + longer, [parse_verifier_key(PETER)])
    assert len(note.verified) == 1
    assert [signature.line for signature in note.unverified] == [ENOCH_LINE, longer]


def test_a_hundred_signatures_are_read_and_no_more() -> None:
    keys = [parse_verifier_key(PETER)]
    assert open_note(TEXT + "\n" + PETER_LINE * 100, keys).text == TEXT
    with pytest.raises(MalformedNote, match="101 signatures"):
        open_note(TEXT + "\n" + PETER_LINE * 101, keys)


def test_a_signature_under_a_known_id_and_another_name_is_unknown() -> None:
    with pytest.raises(UnknownSigner):
        open_note(TEXT + "\n" + PETER_LINE.replace("PeterNeumann", "CarmenSandiego"), [parse_verifier_key(PETER)])
    with pytest.raises(UnknownSigner):
        open_note(TEXT + "\n" + PETER_LINE.replace("x08g", "xxxx"), [parse_verifier_key(PETER)])


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + PETER_LINE[:-1],
        "\x01" + TEXT + "\n" + PETER_LINE,
        TEXT.replace("\n", "\r\n") + "\n" + PETER_LINE,
        b"\xff" + TEXT.encode() + b"\n" + PETER_LINE.encode(),
        "\udcff" + TEXT + "\n" + PETER_LINE,
        TEXT + "\n" + PETER_LINE.replace("PeterNeumann", "Bad Name"),
        TEXT + "\n" + PETER_LINE.replace("PeterNeumann", "Bad\u00a0Name"),
        TEXT + "\n" + PETER_LINE.replace("PeterNeumann", "Peter+Neumann"),
        TEXT + "\n" + PETER_LINE.replace("PeterNeumann ", ""),
        TEXT + "\n" + PETER_LINE.replace("— ", "- "),
        TEXT + "\n" + PETER_LINE.replace("— ", "—"),
        TEXT + "\n" + PETER_LINE.replace("nAM=", "nAN="),
        TEXT + "\n" + PETER_LINE.replace("nAM=", "nAM"),
        TEXT + "\n— PeterNeumann x08gow==\n",
        TEXT + "\n" + PETER_LINE + "Unexpected line.\n",
        TEXT + "\n" + PETER_LINE + " \n",
    ],
)
def test_what_is_not_exactly_a_note_is_refused(note: str | bytes) -> None:
    with pytest.raises(MalformedNote):
        open_note(note, [parse_verifier_key(PETER)])


def test_the_text_of_a_note_may_have_empty_lines() -> None:
    text = "one\n\n\ntwo\n"
    signed = sign_note(text, [parse_signer_key(PETER_PRIVATE)])
    assert open_note(signed, [parse_verifier_key(PETER)]).text == text


@pytest.mark.parametrize("text", ["", "abc", "a\tb\n", "a\r\n", "a\udc80\n"])
def test_what_cannot_be_a_notes_text_is_not_signed(text: str) -> None:
    with pytest.raises(MalformedNote):
        sign_note(text, [parse_signer_key(PETER_PRIVATE)])


def test_a_note_without_signatures_is_not_made() -> None:
    with pytest.raises(MalformedNote):
        sign_note(TEXT, [])


# --- published keys ---


def test_the_published_keys_are_read_and_written() -> None:
    for vkey in (FOO, PETER, ENOCH):
        assert str(parse_verifier_key(vkey)) == vkey
    signer = parse_signer_key(PETER_PRIVATE)
    assert signer.encoded() == PETER_PRIVATE
    assert str(signer.verifier) == PETER


def test_no_part_of_a_key_is_a_key() -> None:
    for key, read in ((PETER, parse_verifier_key), (PETER_PRIVATE, parse_signer_key)):
        for start in range(len(key)):
            for end in range(start + 1, len(key) + 1):
                if (start, end) != (0, len(key)):
                    with pytest.raises((MalformedKey, KeyIdMismatch, UnknownAlgorithm)):
                        read(key[start:end])


def test_no_key_with_a_character_raised_by_one_is_a_key() -> None:
    for key, read in ((PETER, parse_verifier_key), (PETER_PRIVATE, parse_signer_key)):
        for at in range(len(key)):
            with pytest.raises((MalformedKey, KeyIdMismatch, UnknownAlgorithm)):
                read(key[:at] + chr(ord(key[at]) + 1) + key[at + 1 :])


# The first two are the bad keys of Go's tests.
@pytest.mark.parametrize(
    ("vkey", "error"),
    [
        ("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==", MalformedKey),
        ("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", UnknownAlgorithm),
        (PETER.replace("c74f20a3", "c74f20a4"), KeyIdMismatch),
        (PETER.replace("c74f20a3", "C74F20A3"), MalformedKey),
        (PETER.replace("c74f20a3", "0c74f20a3"), MalformedKey),
        (PETER.replace("PeterNeumann", "PeterNeuman"), KeyIdMismatch),
        (PETER.replace("PeterNeumann", "Peter Neumann"), MalformedKey),
        (PETER.replace("PeterNeumann", "Peter\u2003Neumann"), MalformedKey),
        (PETER.replace("PeterNeumann", ""), MalformedKey),
        (PETER.replace("+ARpc", "+Apc"), MalformedKey),
        (PETER + "\n", MalformedKey),
        (PETER + "=", MalformedKey),
        (PETER.rpartition("+")[0] + "+", MalformedKey),
        (PETER.rpartition("+")[0] + "+AQ==", MalformedKey),
    ],
)
def test_a_bad_key_is_refused_and_the_fault_is_named(vkey: str, error: type[FreeholdError]) -> None:
    with pytest.raises(error):
        parse_verifier_key(vkey)


def test_a_refused_signer_key_does_not_appear_in_the_error() -> None:
    for bad in (PETER_PRIVATE[:-4], PETER_PRIVATE + "=", PETER_PRIVATE.replace("c74f20a3", "c74f20a4")):
        with pytest.raises((MalformedKey, KeyIdMismatch)) as caught:
            parse_signer_key(bad)
        assert "AYEKFALVFGyNhPJEMzD1" not in caught.value.message


def test_a_signer_key_never_shows_its_seed() -> None:
    key = parse_signer_key(PETER_PRIVATE)
    assert repr(key) == "SignerKey('PeterNeumann', 0x01)"
    assert key.__rich_repr__() == [("name", "PeterNeumann"), ("algorithm", 1)]


@pytest.mark.parametrize("algorithm", [ED25519, COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44])
def test_a_new_key_signs_what_its_public_half_checks(algorithm: int) -> None:
    key = generate_signer_key("EnochRoot", algorithm)
    assert parse_signer_key(key.encoded()) == key
    assert parse_verifier_key(str(key.verifier)) == key.verifier
    assert generate_signer_key("EnochRoot", algorithm) != key
    signature = key.sign(CHECKPOINT.text, 7)
    assert key.verifier.check(CHECKPOINT.text, signature.payload) == (None if algorithm == ED25519 else 7)
    other = Checkpoint(CHECKPOINT.origin, 4, CHECKPOINT.root)
    for text, payload in (
        (CHECKPOINT.text, bytes((signature.payload[0] ^ 1,)) + signature.payload[1:]),
        (CHECKPOINT.text, signature.payload[:-1] + bytes((signature.payload[-1] ^ 1,))),
        (CHECKPOINT.text, signature.payload[:-1]),
        (CHECKPOINT.text, signature.payload + b"\0"),
        (other.text, signature.payload),
    ):
        with pytest.raises(BadSignature):
            key.verifier.check(text, payload)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u3000b", "a\udc80"])
def test_a_name_that_no_key_can_have_gets_none(name: str) -> None:
    with pytest.raises(MalformedKey):
        generate_signer_key(name)


def test_a_signature_type_that_is_not_known_gets_no_key() -> None:
    with pytest.raises(UnknownAlgorithm, match="0x02"):
        generate_signer_key("a", 2)


def test_one_public_key_has_another_id_for_each_type_and_name() -> None:
    public = WITNESS.verifier.public
    keys = [VerifierKey(name, kind, public) for name in ("a", "b") for kind in (ED25519, COSIGNATURE_ED25519)]
    assert len({key.id for key in keys}) == 4


# --- cosignatures ---


def test_a_cosignature_signs_the_time_and_the_text_as_specified() -> None:
    signature = WITNESS.sign(CHECKPOINT.text, 1679315147)
    plain = SignerKey(WITNESS.name, ED25519, WITNESS.seed)
    message = "cosignature/v1\ntime 1679315147\nlog.example/one\n3\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert signature.payload == bytes.fromhex("00000000641850cb") + plain.sign(message).payload


def test_a_cosignature_is_not_a_signature_by_the_same_key() -> None:
    plain = SignerKey(WITNESS.name, ED25519, WITNESS.seed)
    note = sign_note(CHECKPOINT.text, [plain])
    with pytest.raises(UnknownSigner):
        open_note(note, [WITNESS.verifier])
    with pytest.raises(BadSignature):
        WITNESS.verifier.check(CHECKPOINT.text, bytes(8) + plain.sign(CHECKPOINT.text).payload)


def test_a_post_quantum_cosignature_covers_the_values_and_the_name_and_not_the_extension_lines() -> None:
    payload = LATTICE.sign(CHECKPOINT.text, 5).payload
    assert len(payload) == 8 + 2420
    extended = Checkpoint(CHECKPOINT.origin, CHECKPOINT.size, CHECKPOINT.root, ("more",))
    assert LATTICE.verifier.check(extended.text, payload) == 5
    renamed = VerifierKey("witness.example/m", COSIGNATURE_ML_DSA_44, LATTICE.verifier.public)
    moved = Checkpoint("log.example/two", CHECKPOINT.size, CHECKPOINT.root)
    for key, text in ((renamed, CHECKPOINT.text), (LATTICE.verifier, moved.text)):
        with pytest.raises(BadSignature):
            key.check(text, payload)


def test_a_post_quantum_cosignature_is_of_a_checkpoint_with_short_names_only() -> None:
    with pytest.raises(MalformedCheckpoint):
        LATTICE.sign("no checkpoint\n")
    with pytest.raises(MalformedCheckpoint, match="255 bytes"):
        LATTICE.sign(Checkpoint("é" * 128, 3, CHECKPOINT.root).text)
    LATTICE.sign(Checkpoint("x" * 255, 3, CHECKPOINT.root).text)


def test_a_time_has_63_bits() -> None:
    last = WITNESS.sign(CHECKPOINT.text, 2**63 - 1)
    assert WITNESS.verifier.check(CHECKPOINT.text, last.payload) == 2**63 - 1
    for time in (-1, 2**63):
        with pytest.raises(ValueError, match="no time"):
            WITNESS.sign(CHECKPOINT.text, time)
    message = f"cosignature/v1\ntime {2**63}\n{CHECKPOINT.text}"
    beyond = SignerKey(WITNESS.name, ED25519, WITNESS.seed).sign(message)
    with pytest.raises(BadSignature):
        WITNESS.verifier.check(CHECKPOINT.text, (2**63).to_bytes(8, "big") + beyond.payload)


# --- merging signatures ---


def test_a_signature_is_added_after_the_others_and_replaces_one_by_the_same_key() -> None:
    first, second = WITNESS.sign(CHECKPOINT.text, 1), WITNESS.sign(CHECKPOINT.text, 2)
    note = sign_note(CHECKPOINT.text, [LATTICE], 9)
    lattice = parse_note(note).unverified[0]
    assert parse_note(add_signatures(note, [first])).unverified == (lattice, first)
    assert parse_note(add_signatures(add_signatures(note, [first]), [second])).unverified == (lattice, second)


def test_signature_lines_alone_are_read() -> None:
    assert [signature.line for signature in parse_signature_lines(PETER_LINE + ENOCH_LINE)] == [PETER_LINE, ENOCH_LINE]
    for bad in ("", "\n", PETER_LINE[:-1], PETER_LINE + "\n", PETER_LINE + "x\n"):
        with pytest.raises(MalformedNote):
            parse_signature_lines(bad)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_of_notes_fail_otherwise_than_by_saying_so(data: bytes) -> None:
    for note in (data, TEXT.encode() + b"\n" + data, BOTH.encode()[:-1] + data):
        try:
            parsed = parse_note(note)
        except MalformedNote:
            continue
        assert all(isinstance(signature, Signature) for signature in parsed.unverified)
        assert parsed.text.endswith("\n")


@given(st.integers(0, len(BOTH.encode()) * 8 - 1))
def test_no_bit_of_a_note_can_change(bit: int) -> None:
    data = bytearray(BOTH.encode())
    data[bit // 8] ^= 1 << bit % 8
    keys = [parse_verifier_key(PETER), parse_verifier_key(ENOCH)]
    try:
        note = open_note(bytes(data), keys)
    except (MalformedNote, BadSignature, UnknownSigner):
        return
    # A name or id that changed makes the signature a stranger's, which is ignored: it no longer counts.
    assert note.text == TEXT
    assert len(note.verified) == 1
