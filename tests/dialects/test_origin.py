"""The seal on reasoning artefacts: made by whom, and the payload untouched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects.origin import PREFIX, seal, tag, unseal

SECRET = b"a secret of this door"
WHO = ("anthropic", "https://api.anthropic.com/v1", "claude-haiku-4-5", "key-1")


def test_a_tag_is_sixteen_digits_of_a_keyed_digest() -> None:
    # printf 'anthropic\0https://api.anthropic.com/v1\0claude-haiku-4-5\0key-1' | openssl dgst -sha256 -hmac 'a secret of this door'
    assert tag(SECRET, *WHO) == "7a4b00151c97763e"


@pytest.mark.parametrize("at", range(4))
def test_another_vendor_endpoint_model_or_key_is_another_origin(at: int) -> None:
    other: list[str] = list(WHO)
    other[at] += "x"
    assert tag(SECRET, *other) != tag(SECRET, *WHO)


def test_without_the_doors_secret_no_tag_can_be_made() -> None:
    assert tag(b"another door", *WHO) != tag(SECRET, *WHO)


def test_what_belongs_to_one_field_does_not_slip_into_the_next() -> None:
    assert tag(SECRET, "a", "bc", "d", "e") != tag(SECRET, "ab", "c", "d", "e")


def test_a_seal_is_a_prefix_a_tag_and_the_payload() -> None:
    assert seal("SIG+/==", "00112233aabbccdd") == "fh1.00112233aabbccdd.SIG+/=="


@given(st.text(max_size=30), st.text("0123456789abcdef", min_size=16, max_size=16))
def test_a_payload_comes_back_as_its_maker_made_it(payload: str, origin: str) -> None:
    assert unseal(seal(payload, origin)) == (origin, payload)


@given(st.text(max_size=30).filter(lambda text: not text.startswith(PREFIX)))
def test_what_wears_no_seal_has_no_known_origin_and_stays(payload: str) -> None:
    assert unseal(payload) == (None, payload)


@pytest.mark.parametrize(
    "text",
    ["fh1.", "fh1.00112233aabbccdd", "fh1.0011.SIG", "fh1.00112233aabbccdd0.SIG", "FH1.00112233aabbccdd.SIG", ""],
)
def test_half_a_seal_is_none(text: str) -> None:
    assert unseal(text) == (None, text)
