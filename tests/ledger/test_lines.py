"""Numbers and base64 with one spelling each."""

import pytest

from freehold.ledger.lines import decimal, from_base64, hash_from_base64, to_base64


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("7", 7), ("20852163", 20852163), ("9223372036854775807", 2**63 - 1)]
)
def test_a_decimal_is_read(text: str, number: int) -> None:
    assert decimal(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "-1", "+1", " 1", "1 ", "1_000", "1e3", "0x1", "²", "١", "9223372036854775808", "1" * 5000, "1\n"],
)
def test_what_is_no_decimal_or_has_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal number"):
        decimal(text)


# RFC 4648, section 10.
@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg=="), (b"foobar", "Zm9vYmFy")],
)
def test_base64_is_written_and_read(data: bytes, text: str) -> None:
    assert to_base64(data) == text
    assert from_base64(text) == data


@pytest.mark.parametrize("text", ["Zg", "Zg=", "Zh==", "Zm9=", "Zm9v=", "Zm 8=", "Zm8=\n", "Zm8_", "Zm8=Zm8=", "Zé=="])
def test_base64_with_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        from_base64(text)


def test_a_hash_has_32_bytes() -> None:
    assert hash_from_base64("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")[:2] == b"\x0a\xc5"
    with pytest.raises(ValueError, match="has 3 bytes"):
        hash_from_base64("Zm9v")
