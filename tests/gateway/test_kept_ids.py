"""The ids of what a vendor keeps: who may send one back, and where it leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.kept_ids import PREFIX, Keeper

ACME, OTHER = "acme\x00support", "acme\x00sales"
HERE = Keeper(b"s" * 32, "0123456789abcdef")
THERE = Keeper(b"s" * 32, "fedcba9876543210")


def test_an_id_keeps_the_vendors_own_and_gets_the_same_seal_each_time() -> None:
    sealed = HERE.seal(ACME, "resp_68ab")
    assert sealed.startswith("resp_fh1.0123456789abcdef.")
    assert sealed.endswith(".resp_68ab")
    assert len(sealed) == len("resp_fh1.0123456789abcdef..resp_68ab") + 32
    assert HERE.seal(ACME, "resp_68ab") == sealed


@given(st.text())
def test_what_was_sealed_is_opened_by_its_owner_at_its_account_and_by_nobody_else(native: str) -> None:
    sealed = HERE.seal(ACME, native)
    assert HERE.open(ACME, sealed) == native
    assert HERE.open(OTHER, sealed) is None
    assert THERE.open(ACME, sealed) is None
    assert THERE.knows(ACME, sealed)
    assert not THERE.knows(OTHER, sealed)
    assert Keeper(b"t" * 32, HERE.account).open(ACME, sealed) is None


@given(st.integers(0, 80), st.sampled_from("0aZ.é"))
def test_an_id_that_was_changed_opens_nothing(place: int, letter: str) -> None:
    sealed = HERE.seal(ACME, "resp_68ab")
    changed = sealed[:place] + letter + sealed[place + 1 :]
    assert (HERE.open(ACME, changed) is None) == (changed != sealed)


@pytest.mark.parametrize(
    "text", ["", "resp_68ab", PREFIX, f"{PREFIX}.", f"{PREFIX}..", "resp_fh1.0123456789abcdef.00.x"]
)
def test_what_this_door_never_gave_opens_nothing(text: str) -> None:
    assert HERE.open(ACME, text) is None
    assert not HERE.knows(ACME, text)
