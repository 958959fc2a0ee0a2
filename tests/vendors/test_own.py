"""The company's own models. What the engine is sent, and what it answered, stands in `own.json`."""

from freehold.vendors import traits_for
from freehold.vendors.own import VENDOR


def test_it_is_an_engine_on_this_machine_without_a_key() -> None:
    assert (VENDOR.transport, VENDOR.base_url, VENDOR.needs_key, VENDOR.private) == ("engine", None, False, True)


def test_smollm2_has_no_tools_and_others_may() -> None:
    assert "tools" in traits_for(VENDOR, "openai-chat", "smollm2-135m").no_abilities
    assert "tools" not in traits_for(VENDOR, "openai-chat", "qwen3-4b").no_abilities
