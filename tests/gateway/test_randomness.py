"""Random bytes are given out once, whatever is asked for, and come from the system."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.randomness import PAGE_BYTES, Randomness


@given(st.lists(st.integers(1, 3 * PAGE_BYTES), min_size=1, max_size=30))
def test_as_many_bytes_as_asked_for_and_never_the_same_again(counts: list[int]) -> None:
    randomness = Randomness()
    drawn = [randomness.draw(count) for count in counts]
    assert [len(one) for one in drawn] == counts
    long = [one for one in drawn if len(one) >= 16]
    assert len(set(long)) == len(long)


def test_what_the_system_gives_is_given_on_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = iter((bytes(range(256)) * 16, b"\xff" * PAGE_BYTES))

    def next_page(count: int) -> bytes:
        return next(pages)[:count]

    monkeypatch.setattr(os, "urandom", next_page)
    randomness = Randomness()
    assert randomness.draw(3) == b"\x00\x01\x02"
    assert randomness.draw(2) == b"\x03\x04"
    assert randomness.draw(PAGE_BYTES - 4) == b"\xff" * (PAGE_BYTES - 4)
