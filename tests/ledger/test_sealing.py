"""Sealing: what is sealed comes back, and nothing that differs by a bit, or is another record's, does."""

import zlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import ContentsDamaged
from freehold.ledger.sealing import Blob, Field, Gap, RecordContents, blobs_in, seal, unseal

SUBJECT = "ab" * 32
CIPHER = AESGCM(bytes(32))
NONCE = bytes(12)
SALT = bytes(range(32))

records = st.builds(
    RecordContents,
    id=st.text(max_size=40),
    subject=st.just(SUBJECT),
    keep_until=st.integers(-(1 << 63), (1 << 63) - 1),
    fields=st.dictionaries(
        st.text(max_size=10),
        st.builds(
            Field, salt=st.binary(max_size=32), content=st.none() | st.binary(max_size=600) | st.text().map(str.encode)
        ),
        max_size=4,
    ),
)


def record(record_id: str = "r-1", content: bytes | None = b"The claim is approved.") -> RecordContents:
    return RecordContents(record_id, SUBJECT, 1_800_000_000, {"answer": Field(SALT, content)})


def with_checksum(body: bytes) -> bytes:
    return b"\xf7FC\x01" + len(body).to_bytes(4) + zlib.crc32(body).to_bytes(4) + body


@given(records, st.binary(min_size=12, max_size=12))
def test_what_is_sealed_comes_back(kept: RecordContents, nonce: bytes) -> None:
    assert unseal(seal(kept, CIPHER, nonce), kept.id, SUBJECT, CIPHER) == kept


def test_the_layout_is_the_one_that_the_first_page_says() -> None:
    blob = seal(record(content=None), CIPHER, NONCE)
    head = b"\x00\x03" + b"\xab" * 32 + (1_800_000_000).to_bytes(8) + NONCE + b"r-1"
    plain = b'\x00{"answer":{"salt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}'
    assert blob == with_checksum(head + CIPHER.encrypt(NONCE, plain, head))


def test_long_prose_is_kept_in_less_room_than_it_has() -> None:
    assert len(seal(record(content=b"The claim is approved. " * 50), CIPHER, NONCE)) < 300


def test_nothing_of_a_content_or_a_salt_stands_in_the_blob() -> None:
    blob = seal(record(), CIPHER, NONCE)
    assert b"approved" not in blob
    assert SALT not in blob


@pytest.mark.parametrize("kept", [record(), record(content=b"The claim is approved. " * 20)], ids=["plain", "deflated"])
def test_a_flipped_bit_anywhere_is_refused_by_name(kept: RecordContents) -> None:
    blob = seal(kept, CIPHER, NONCE)
    for bit in range(8 * len(blob)):
        changed = bytearray(blob)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ContentsDamaged, match="r-1"):
            unseal(bytes(changed), "r-1", SUBJECT, CIPHER)


def test_a_flipped_bit_with_a_mended_checksum_is_refused_as_well() -> None:
    body = seal(record(), CIPHER, NONCE)[12:]
    for bit in range(8 * len(body)):
        changed = bytearray(body)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ContentsDamaged, match="r-1"):
            unseal(with_checksum(bytes(changed)), "r-1", SUBJECT, CIPHER)


@pytest.mark.parametrize("length", [0, 1, 11, 12, 68, -1])
def test_a_shortened_or_lengthened_blob_is_refused(length: int) -> None:
    blob = seal(record(), CIPHER, NONCE)
    with pytest.raises(ContentsDamaged, match="r-1"):
        unseal(blob[:length], "r-1", SUBJECT, CIPHER)
    with pytest.raises(ContentsDamaged, match="r-1"):
        unseal(blob + b"\x00", "r-1", SUBJECT, CIPHER)


def test_the_blob_of_another_record_is_refused() -> None:
    with pytest.raises(ContentsDamaged, match="Where the contents of r-1 should stand, stand those of r-2"):
        unseal(seal(record("r-2"), CIPHER, NONCE), "r-1", SUBJECT, CIPHER)


def test_the_ciphertext_of_another_record_under_the_same_key_is_refused() -> None:
    first, second = (seal(record(name), CIPHER, NONCE)[12:] for name in ("r-1", "r-2"))
    with pytest.raises(ContentsDamaged, match="r-1 are not what was sealed"):
        unseal(with_checksum(first[:57] + second[57:]), "r-1", SUBJECT, CIPHER)


def test_an_id_put_over_the_blob_of_another_record_is_refused() -> None:
    body = seal(record("r-2"), CIPHER, NONCE)[12:].replace(b"r-2", b"r-1", 1)
    with pytest.raises(ContentsDamaged, match="r-1 are not what was sealed"):
        unseal(with_checksum(body), "r-1", SUBJECT, CIPHER)


def test_the_key_of_another_subject_opens_nothing() -> None:
    blob = seal(record(), CIPHER, NONCE)
    with pytest.raises(ContentsDamaged):
        unseal(blob, "r-1", SUBJECT, AESGCM(b"\x01" * 32))
    with pytest.raises(ContentsDamaged):
        unseal(blob, "r-1", "cd" * 32, CIPHER)


# --- segments ---


def test_blobs_are_found_one_after_another_with_what_their_heads_say() -> None:
    first, second = seal(record("r-1"), CIPHER, NONCE), seal(record("r-22", b""), CIPHER, NONCE)
    assert list(blobs_in(first + second)) == [
        Blob(0, len(first), "r-1", b"\xab" * 32, 1_800_000_000),
        Blob(len(first), len(second), "r-22", b"\xab" * 32, 1_800_000_000),
    ]


@given(st.lists(records, max_size=4), st.data())
def test_a_segment_cut_anywhere_gives_its_whole_blobs_and_one_gap(
    kept: list[RecordContents], data: st.DataObject
) -> None:
    sealed = [seal(one, CIPHER, NONCE) for one in kept]
    segment = b"".join(sealed)
    cut = data.draw(st.integers(0, len(segment)))
    found = list(blobs_in(segment[:cut]))
    whole = [piece for piece in found if isinstance(piece, Blob)]
    ends = [sum(map(len, sealed[: count + 1])) for count in range(len(sealed))]
    assert [piece.id for piece in whole] == [one.id for one, end in zip(kept, ends, strict=True) if end <= cut]
    assert sum(piece.length for piece in found) == cut
    assert all(isinstance(piece, Blob) for piece in found[:-1])


def test_damage_in_the_middle_hides_one_blob_only() -> None:
    blobs = [seal(record(f"r-{index}"), CIPHER, NONCE) for index in range(3)]
    size = len(blobs[0])
    for bit in range(8 * size):
        segment = bytearray(b"".join(blobs))
        segment[size + bit // 8] ^= 1 << bit % 8
        first, gap, last = blobs_in(bytes(segment))
        assert gap == Gap(size, size)
        assert isinstance(first, Blob)
        assert isinstance(last, Blob)
        assert (first.id, last.id) == ("r-0", "r-2")
