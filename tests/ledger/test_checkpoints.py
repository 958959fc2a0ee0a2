"""Checkpoints: the published example, and one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import MalformedCheckpoint
from freehold.ledger.checkpoints import Checkpoint, parse_checkpoint

# The example of tlog-checkpoint.
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
ROOT = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")


def test_the_published_example_is_read_and_written() -> None:
    checkpoint = parse_checkpoint(EXAMPLE)
    assert checkpoint == Checkpoint("example.com/behind-the-sofa", 20852163, ROOT)
    assert checkpoint.text == EXAMPLE


def test_extension_lines_are_kept() -> None:
    assert parse_checkpoint(EXAMPLE + "one\ntwo three\n").extension == ("one", "two three")
    assert Checkpoint("a", 0, ROOT, ("x",)).text.endswith("=\nx\n")


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_every_checkpoint_reads_back_the_same(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    assert parse_checkpoint(checkpoint.text) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "origin\n1\n",
        EXAMPLE[:-1],
        EXAMPLE + "\n",
        EXAMPLE + "extension",
        EXAMPLE + "one\n\ntwo\n",
        "\n" + EXAMPLE,
        EXAMPLE.replace("example.com/behind-the-sofa", ""),
        EXAMPLE.replace("20852163", "020852163"),
        EXAMPLE.replace("20852163", "-1"),
        EXAMPLE.replace("20852163", " 20852163"),
        EXAMPLE.replace("20852163", "9223372036854775808"),
        EXAMPLE.replace("20852163", "0x10"),
        EXAMPLE.replace("2I=", "2J="),
        EXAMPLE.replace("2I=", "2I"),
        EXAMPLE.replace("CsUY", ""),
        EXAMPLE.replace("\n", "\r\n"),
        EXAMPLE.replace("sofa", "so\tfa"),
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedCheckpoint):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    ("origin", "size", "root", "extension"),
    [
        ("", 1, ROOT, ()),
        ("a\nb", 1, ROOT, ()),
        ("a", -1, ROOT, ()),
        ("a", 2**63, ROOT, ()),
        ("a", 1, b"", ()),
        ("a", 1, ROOT, ("",)),
    ],
)
def test_a_checkpoint_that_could_not_be_read_back_cannot_be_made(
    origin: str, size: int, root: bytes, extension: tuple[str, ...]
) -> None:
    with pytest.raises(MalformedCheckpoint):
        Checkpoint(origin, size, root, extension)
