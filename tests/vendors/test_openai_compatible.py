"""A server of one's own choosing. What it is sent stands in `openai_compatible.json`."""

from freehold.vendors.openai_compatible import VENDOR


def test_it_has_no_address_until_the_configuration_gives_one() -> None:
    assert VENDOR.base_url is None
    assert VENDOR.private


def test_it_may_have_a_key_and_does_not_need_one() -> None:
    assert not VENDOR.needs_key
    assert VENDOR.auth == {"authorization": "Bearer {key}"}


def test_chat_is_what_it_speaks_first() -> None:
    assert VENDOR.speaks[0].dialect == "openai-chat"
