"""What the environment alone switches on."""

from collections.abc import Mapping

import pytest

from freehold.config.discovery import (
    Found,
    KnownVendor,
    discover,
    embedded,
    find,
    is_loopback,
    proxy_for,
    usable,
)
from freehold.config.settings import Engine, Secret, VendorSettings


def test_a_vendor_is_on_when_its_usual_variable_is_set(known: Mapping[str, KnownVendor]) -> None:
    found = discover(known, {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "", "DEEPSEEK_API_KEY": " "})

    assert found == {
        "anthropic": VendorSettings(name="anthropic", like="anthropic", api_key=Secret("k", "env ANTHROPIC_API_KEY"))
    }


def test_a_vendor_without_keys_is_on_when_its_address_is_known(known: Mapping[str, KnownVendor]) -> None:
    found = discover(known, {"OPENAI_COMPATIBLE_BASE_URL": "http://10.0.0.7:8000/v1/"})

    assert found == {
        "openai-compatible": VendorSettings(
            name="openai-compatible", like="openai-compatible", base_url="http://10.0.0.7:8000/v1"
        )
    }


def test_an_address_alone_switches_no_vendor_on_that_needs_a_key(known: Mapping[str, KnownVendor]) -> None:
    assert discover(known, {"OPENAI_BASE_URL": "http://10.0.0.7:8000/v1"}) == {}


def test_nothing_is_on_in_an_empty_environment(known: Mapping[str, KnownVendor]) -> None:
    assert discover(known, {}) == {}


def test_the_first_variable_that_is_set_counts() -> None:
    assert find(("A", "B"), {"B": "2"}) == Found("2", "env B")
    assert find(("A", "B"), {"A": " 1\n", "B": "2"}) == Found("1", "env A")
    assert find(("A", "B"), {}) is None


def test_the_embedded_model_is_named_after_its_weights() -> None:
    assert embedded() == Engine(name="smollm2-135m", weights="smollm2-135m")


def test_a_vendor_is_usable_with_a_key_without_needing_one_or_at_an_address_of_its_own(
    known: Mapping[str, KnownVendor],
) -> None:
    bare = VendorSettings(name="openai", like="openai")

    assert not usable(bare, known)
    assert usable(VendorSettings(name="openai", like="openai", api_key=Secret("k", "env K")), known)
    assert usable(VendorSettings(name="openai", like="openai", base_url="http://127.0.0.1:9100/v1"), known)
    assert usable(VendorSettings(name="echo", like="echo"), known)


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://api.openai.com/v1", {"HTTPS_PROXY": "http://p:1"}, Found("http://p:1", "env HTTPS_PROXY")),
        ("https://api.openai.com/v1", {"https_proxy": "p:1"}, Found("http://p:1", "env https_proxy")),
        ("https://api.openai.com/v1", {"ALL_PROXY": "http://p:1"}, Found("http://p:1", "env ALL_PROXY")),
        ("https://api.openai.com/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://10.0.0.7:8000/v1", {"HTTP_PROXY": "http://p:1"}, Found("http://p:1", "env HTTP_PROXY")),
        ("http://10.0.0.7:8000/v1", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://api.openai.com/v1", {}, None),
    ],
)
def test_a_proxy_goes_by_the_scheme(url: str, environ: dict[str, str], expected: Found | None) -> None:
    assert proxy_for(url, environ) == expected


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://api.openai.com", "*", True),
        ("https://api.openai.com", "openai.com", True),
        ("https://api.openai.com", ".openai.com", True),
        ("https://api.openai.com", "*.openai.com", True),
        ("https://api.openai.com", "API.OpenAI.com", True),
        ("https://api.openai.com", "example.com, openai.com:443", True),
        ("https://api.openai.com", "openai.com:8443", False),
        ("https://api.openai.com", "penai.com", False),
        ("https://api.openai.com", " , ", False),
        ("https://10.1.2.3:8443", "10.0.0.0/8", True),
        ("https://10.1.2.3:8443", "10.1.2.3:8443", True),
        ("https://11.1.2.3", "10.0.0.0/8", False),
        ("https://[fd00::1]:8443", "fd00::/8", True),
        ("https://[fd00::1]:8443", "[fd00::1]:8443", True),
        ("https://127.0.0.1:8443", "", True),
        ("https://localhost", "", True),
    ],
)
def test_no_proxy_excepts_hosts_domains_networks_and_this_machine(url: str, no_proxy: str, direct: bool) -> None:
    environ = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": no_proxy}

    assert (proxy_for(url, environ) is None) is direct


def test_this_machine_is_known_by_its_names() -> None:
    assert is_loopback("localhost")
    assert is_loopback("a.localhost")
    assert is_loopback("127.8.8.8")
    assert is_loopback("::1")
    assert not is_loopback("10.0.0.1")
    assert not is_loopback("localhost.example.com")
