"""Base URLs and proxies: which are sound."""

import pytest

from freehold.config.address import is_proxy, without_credentials, wrong_address


@pytest.mark.parametrize("url", ["http://10.0.0.7:8000/v1", "https://api.openai.com", "http://[::1]:80/", " http://a "])
def test_a_sound_address_is_taken(url: str) -> None:
    assert wrong_address(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://host", "must be a URL"),
        ("10.0.0.7:8000", "must be a URL"),
        ("http://", "must be a URL"),
        ("http://host:port", "must be a URL"),
        ("http://host:99999", "must be a URL"),
        ("http://[::1", "must be a URL"),
        ("http://a b/", "must be a URL"),
        ("http://host/\r\nx: 1", "must be a URL"),
        ("http://höst/", "must be a URL"),
        (8000, "must be a URL"),
        ("http://user:pass@host/", "must not hold a user name"),
        ("http://host/?api-version=1", "must not hold a user name, a query"),
        ("http://host/#x", "must not hold a user name, a query or a fragment"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_why(url: object, why: str) -> None:
    problem = wrong_address(url)

    assert problem is not None
    assert problem.startswith(why)


@pytest.mark.parametrize(
    ("url", "sound"),
    [
        ("http://proxy:3128", True),
        ("http://user:pass@proxy:3128/", True),
        ("https://proxy:3128", False),
        ("socks5://proxy:1080", False),
        ("proxy:3128", False),
        ("http://proxy:99999", False),
        ("http://proxy:0", False),
        ("http://proxy/path", False),
    ],
)
def test_a_proxy_is_plain_http(url: str, sound: bool) -> None:
    assert is_proxy(url) is sound


def test_a_login_is_never_repeated() -> None:
    assert without_credentials("socks5://user:pass@proxy:1") == '"...@proxy:1"'
    assert without_credentials("socks5://proxy:1") == '"socks5://proxy:1"'
    assert without_credentials(["user:pass@proxy"]) == "a list"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("http://10.0.0.7/v1?api-key=sk-7", '"http://10.0.0.7/v1?..."'),
        ("http://10.0.0.7/v1#sk-7", '"http://10.0.0.7/v1#..."'),
        ("http://user:sk-7@host/v1?key=sk-7&a=b#c", '"...@host/v1?..."'),
        ("http://user:sk?7#a@host/v1", '"..."'),
        ("http://host/v1?", '"http://host/v1?"'),
    ],
)
def test_a_query_and_a_fragment_are_never_repeated(written: str, shown: str) -> None:
    assert without_credentials(written) == shown
