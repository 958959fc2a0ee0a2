"""What a vendor is: data that cannot change, with as little said as possible."""

from typing import Any

import pytest

from freehold.dialects.dialect import Traits
from freehold.vendors.vendor import ModelTraits, Speaks, Vendor

LEAST = Vendor(name="made", title="Made", base_url=None, speaks=(Speaks(dialect="openai-chat"),))


def test_a_vendor_that_says_little_is_on_the_network_and_needs_a_key() -> None:
    assert (LEAST.transport, LEAST.needs_key, LEAST.private) == ("http", True, False)
    assert (LEAST.embeddings, LEAST.count_tokens, LEAST.respond, LEAST.names) == (None, None, None, ())
    assert (LEAST.auth, LEAST.headers, LEAST.models) == ({}, {}, ())


def test_a_vendor_departs_from_no_dialect_until_it_says_so() -> None:
    (speaks,) = LEAST.speaks
    assert (speaks.path, speaks.base_url, speaks.traits) == (None, None, Traits())


@pytest.mark.parametrize(
    ("thing", "field"),
    [
        (LEAST, "base_url"),
        (LEAST.speaks[0], "traits"),
        (ModelTraits(pattern="*", dialect="openai-chat", traits=Traits()), "pattern"),
        (Traits(), "refuses"),
    ],
)
def test_nobody_changes_it_on_the_way(thing: Any, field: str) -> None:
    with pytest.raises(AttributeError):
        setattr(thing, field, None)


def test_two_vendors_share_no_headers_by_accident() -> None:
    other = Vendor(name="other", title="Other", base_url=None, speaks=LEAST.speaks)
    other.headers["x-made"] = "1"
    assert LEAST.headers == {}
