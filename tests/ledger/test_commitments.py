"""Commitments: the formula against another implementation of SHA-256, and that nothing opens but what was committed to."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import InternalError, OpeningRefused
from freehold.ledger.commitments import Disclosure, Running, commit, commit_fields, verify, verify_disclosure

SALT = bytes(range(32))
# printf '\000<the salt>The claim is approved.' | sha256sum (GNU coreutils)
APPROVED = bytes.fromhex("e3b509e303d8c700bf529e163af29740f4fe95ee01cb22d3f8c352767480b42e")
# printf '\000<the salt>' | sha256sum
EMPTY = bytes.fromhex("699cacdb4c39d8e0bb1223352765a7f7acdc51dec6694f7b54c3d0a47f0cc409")

salts = st.binary(min_size=32, max_size=32)


def drawn_in_order(count: int) -> bytes:
    return bytes(index % 256 for index in range(count))


# --- the formula ---


def test_a_commitment_is_what_sha256sum_gives_for_prefix_salt_and_content() -> None:
    assert commit(SALT, b"The claim is approved.") == APPROVED


def test_an_empty_content_has_a_commitment_too() -> None:
    assert commit(SALT, b"") == EMPTY


@given(salts, st.binary())
def test_a_commitment_is_the_rfc_6962_leaf_hash_of_salt_and_content(salt: bytes, content: bytes) -> None:
    assert commit(salt, content) == hashlib.sha256(b"\x00" + salt + content).digest()


# --- a content that comes in pieces ---


def test_pieces_commit_to_what_they_are_joined() -> None:
    running = Running(SALT)
    for piece in (b"The claim", b"", b" is ", b"approved."):
        running.update(piece)
    assert running.commitment() == APPROVED
    assert running.salt == SALT


def test_nothing_said_is_the_commitment_to_an_empty_content() -> None:
    assert Running(SALT).commitment() == EMPTY


def test_the_commitment_so_far_can_be_taken_and_more_can_follow() -> None:
    running = Running(SALT)
    assert running.commitment() == EMPTY
    running.update(b"The claim is approved.")
    assert running.commitment() == running.commitment() == APPROVED
    running.update(b" ")
    assert running.commitment() != APPROVED


@given(salts, st.lists(st.binary(max_size=40)))
def test_wherever_a_content_is_cut_it_opens_whole(salt: bytes, pieces: list[bytes]) -> None:
    running = Running(salt)
    for piece in pieces:
        running.update(piece)
    verify(running.commitment(), salt, b"".join(pieces))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_pieces_need_a_salt_of_32_bytes_too(length: int) -> None:
    with pytest.raises(OpeningRefused, match=f"A salt has 32 bytes; this one has {length}"):
        Running(bytes(length))


# --- committing to fields ---


def test_each_field_gets_the_next_32_bytes_that_were_drawn_at_once() -> None:
    asked: list[int] = []

    def draw(count: int) -> bytes:
        asked.append(count)
        return drawn_in_order(count)

    committed = commit_fields({"answer": b"The claim is approved.", "prompt": b"?"}, draw)
    assert asked == [64]
    assert committed.salts == {"answer": bytes(range(32)), "prompt": bytes(range(32, 64))}
    assert committed.commitments["answer"] == APPROVED


def test_no_field_is_no_commitment() -> None:
    committed = commit_fields({})
    assert (committed.commitments, committed.salts) == ({}, {})


def test_equal_contents_do_not_show_as_equal() -> None:
    committed = [commit_fields({"prompt": b"HIV positive", "answer": b"HIV positive"}) for _ in range(50)]
    assert len({value for one in committed for value in one.commitments.values()}) == 100
    assert len({value for one in committed for value in one.salts.values()}) == 100


def test_too_few_random_bytes_are_refused() -> None:
    with pytest.raises(InternalError, match="63 random bytes were drawn where 64 were asked for"):
        commit_fields({"prompt": b"a", "answer": b"b"}, lambda count: drawn_in_order(count - 1))


# --- opening ---


@given(st.dictionaries(st.text(max_size=8), st.binary(max_size=200), max_size=5))
def test_what_was_committed_to_opens(contents: dict[str, bytes]) -> None:
    committed = commit_fields(contents)
    for field, content in contents.items():
        verify(committed.commitments[field], committed.salts[field], content)


@given(salts, st.binary(min_size=1, max_size=100), st.data())
def test_a_flipped_bit_anywhere_does_not_open(salt: bytes, content: bytes, data: st.DataObject) -> None:
    parts = [commit(salt, content), salt, content]
    which = data.draw(st.integers(0, 2))
    bit = data.draw(st.integers(0, 8 * len(parts[which]) - 1))
    changed = bytearray(parts[which])
    changed[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(changed)
    with pytest.raises(OpeningRefused):
        verify(*parts)


@pytest.mark.parametrize("border", [0, 16, 31, 33, 40])
def test_the_border_between_salt_and_content_cannot_be_moved(border: int) -> None:
    joined = SALT + b"The claim is approved."
    with pytest.raises(OpeningRefused, match=f"A salt has 32 bytes; this one has {border}"):
        verify(APPROVED, joined[:border], joined[border:])


def test_a_shortened_commitment_opens_nothing() -> None:
    with pytest.raises(OpeningRefused):
        verify(APPROVED[:31], SALT, b"The claim is approved.")


# --- disclosing one field ---


def test_a_disclosure_proves_its_field_and_says_nothing_of_the_others() -> None:
    committed = commit_fields({"prompt": b"Is it approved?", "answer": b"Yes."})
    disclosure = Disclosure("r-1", "answer", committed.salts["answer"], b"Yes.")
    verify_disclosure(disclosure, "r-1", committed.commitments)
    assert b"Is it approved?" not in msgspec.json.encode(disclosure)
    assert committed.salts["prompt"] not in msgspec.msgpack.encode(disclosure)


def test_a_disclosure_survives_json() -> None:
    disclosure = Disclosure("r-1", "answer", SALT, b"\xff\x00")
    written = msgspec.json.encode(disclosure)
    assert written == (
        b'{"record":"r-1","field":"answer","salt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","content":"/wA="}'
    )
    assert msgspec.json.decode(written, type=Disclosure) == disclosure


def test_the_content_of_one_field_is_not_taken_for_another_field() -> None:
    committed = commit_fields({"prompt": b"No.", "answer": b"Yes."})
    with pytest.raises(OpeningRefused, match="do not open"):
        verify_disclosure(Disclosure("r-1", "answer", committed.salts["prompt"], b"No."), "r-1", committed.commitments)


def test_a_field_that_the_entry_does_not_list_is_refused() -> None:
    with pytest.raises(OpeningRefused, match="no commitment to a field system"):
        verify_disclosure(Disclosure("r-1", "system", SALT, b""), "r-1", {"answer": EMPTY})


def test_a_disclosure_of_another_record_is_refused() -> None:
    with pytest.raises(OpeningRefused, match="of the record r-2, not of r-1"):
        verify_disclosure(Disclosure("r-2", "answer", SALT, b""), "r-1", {"answer": EMPTY})
