"""Which addresses a caller's URL may name."""

import ipaddress

import pytest

from freehold.errors import ForbiddenAddress
from freehold.outbound.address import check_url, is_elsewhere, is_public


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://127.1/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://2130706433/",
        "http://10.0.0.7:8000/v1",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://[fd00::1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[64:ff9b:1::a00:1]/",
        "http://[::127.0.0.1]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[fec0::1]/",
        "http://192.0.0.192/latest/meta-data/",
        "http://[::ffff:192.0.0.192]/",
        "http://168.63.129.16/machine/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://printer/",
        "http://db.internal/",
        "http://metadata.google.internal/",
        "http://224.0.0.1/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/a.png",
        "http://user:password@example.com/",
        "http:///a.png",
        "http://[::1/",
    ],
)
def test_what_is_not_public_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "http://93.184.216.34/",
        "https://[2606:2800:220:1::1]/x",
        "https://[64:ff9b::5db8:d822]/x",
        "https://[::ffff:93.184.216.34]/x",
        "https://a.b.co.uk:8443/",
    ],
)
def test_what_is_public_passes(url: str) -> None:
    check_url(url)


def test_an_address_hidden_in_6to4_is_seen() -> None:
    assert not is_public(ipaddress.ip_address("2002:0a00:0001::"))


@pytest.mark.parametrize(
    ("url", "elsewhere"),
    [
        ("https://api.openai.com/v1", False),
        ("https://eu.api.openai.com/v1", False),
        ("https://OPENAI.com./v1", False),
        ("http://10.0.0.7:8000/v1", True),
        ("https://gateway.corp.example.com/v1", True),
        ("https://api.openai.com.example.com/v1", True),
        ("https://notopenai.com/v1", True),
        ("", True),
    ],
)
def test_a_server_outside_the_vendors_own_domain_may_stand_in_ones_own_network(url: str, elsewhere: bool) -> None:
    assert is_elsewhere(url, ["https://api.openai.com/v1"]) is elsewhere


def test_a_home_of_two_labels_is_no_home_for_its_whole_top_level() -> None:
    assert is_elsewhere("https://inside.ai", ["https://z.ai/v1"])
    assert not is_elsewhere("https://api.z.ai", ["https://z.ai/v1"])
