"""Receipts: one spelling, and nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import MalformedReceipt
from freehold.ledger.proof import Receipt, parse_receipt, write_receipt

NOTE = "example.com/log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/log AAAAAAAA\n"
TEXT = (
    "c2sp.org/tlog-proof@v1\n"
    "extra aGVsbG8=\n"
    "index 2\n"
    "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n"
    "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n"
    "\n" + NOTE
)
HASHES = (
    bytes.fromhex("8122b25e861952067a8ddb9662b9033804629ce30626f7978e032405371d3e54"),
    bytes.fromhex("07de650daf11f37952f27d1e1bea346ee4f144a4136058bfff553c6a771c5e60"),
)


def test_a_receipt_is_written_as_specified() -> None:
    assert write_receipt(Receipt(2, HASHES, NOTE, b"hello")) == TEXT
    assert write_receipt(Receipt(0, (), NOTE)) == "c2sp.org/tlog-proof@v1\nindex 0\n\n" + NOTE


def test_a_receipt_is_read_as_written() -> None:
    assert parse_receipt(TEXT) == parse_receipt(TEXT.encode()) == Receipt(2, HASHES, NOTE, b"hello")
    assert parse_receipt(TEXT.replace("extra aGVsbG8=\n", "")).extra is None
    assert parse_receipt(TEXT.replace("extra aGVsbG8=\n", "extra \n")).extra == b""


def test_the_checkpoint_is_kept_verbatim_even_with_empty_lines_in_it() -> None:
    assert parse_receipt(TEXT + "\n\nmore\n").checkpoint == NOTE + "\n\nmore\n"


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(max_size=100),
)
def test_every_receipt_reads_back_the_same(index: int, proof: list[bytes], extra: bytes | None) -> None:
    receipt = Receipt(index, tuple(proof), NOTE, extra)
    assert parse_receipt(write_receipt(receipt)) == receipt


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("@v1", "@v2"),
        " " + TEXT,
        "\n" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("index 2", "index 02"),
        TEXT.replace("index 2", "index -2"),
        TEXT.replace("index 2", "index"),
        TEXT.replace("index 2", "index  2"),
        TEXT.replace("index 2", "Index 2"),
        TEXT.replace("index 2\n", ""),
        TEXT.replace("index 2", "index 9223372036854775808"),
        TEXT.replace("extra aGVsbG8=\nindex 2\n", "index 2\nextra aGVsbG8=\n"),
        TEXT.replace("extra aGVsbG8=", "extra aGVsbG8"),
        TEXT.replace("extra aGVsbG8=", "extra aGVsbG9="),
        TEXT.replace("extra aGVsbG8=", "extra"),
        TEXT.replace("extra aGVsbG8=\n", "extra aGVsbG8=\nextra aGVsbG8=\n"),
        TEXT.replace("PlQ=", "PlR="),
        TEXT.replace("gSKy", ""),
        TEXT.replace("index 2\n", "index 2\n" + "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n" * 62),
        TEXT.partition("\n\n")[0],
        TEXT.partition("\n\n")[0] + "\n\n",
        TEXT.encode() + b"\xff",
    ],
)
def test_what_is_not_exactly_a_receipt_is_refused(text: str | bytes) -> None:
    with pytest.raises(MalformedReceipt):
        parse_receipt(text)


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(-1, (), NOTE),
        Receipt(2**63, (), NOTE),
        Receipt(0, (b"short",), NOTE),
        Receipt(0, HASHES * 32, NOTE),
        Receipt(0, (), "x"),
    ],
)
def test_a_receipt_that_could_not_be_read_back_is_not_written(receipt: Receipt) -> None:
    with pytest.raises(MalformedReceipt):
        write_receipt(receipt)
