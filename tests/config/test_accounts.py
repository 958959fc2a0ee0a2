"""Vendor tables, and what the environment adds to them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.config.reading import Reading, settled
from freehold.config.settings import Secret, VendorSettings

Parse = Callable[..., Reading]
Complaints = Callable[..., list[str]]


def warnings(reading: Reading) -> list[str]:
    return [warning.text() for warning in reading.warnings]


def test_a_built_in_vendor_takes_its_key_from_the_usual_variable(read_text: Parse) -> None:
    for text in ("", "[vendors.openai]\n", '[vendors.openai]\napi_key = { env = "OPENAI_API_KEY" }\n'):
        reading = read_text(text, OPENAI_API_KEY="k")

        assert settled(reading).vendors["openai"] == VendorSettings(
            name="openai", like="openai", api_key=Secret("k", "env OPENAI_API_KEY")
        )
        assert reading.sources["vendors", "openai", "api_key"] == "env OPENAI_API_KEY"
        assert warnings(reading) == []


def test_a_key_of_the_file_wins_over_the_usual_variable(read_text: Parse) -> None:
    reading = read_text('[vendors.openai]\napi_key = { env = "OTHER" }\n', OPENAI_API_KEY="usual", OTHER="other")

    assert settled(reading).vendors["openai"].api_key == Secret("other", "env OTHER")


def test_a_usual_variable_that_is_missing_is_a_warning_and_no_error(read_text: Parse) -> None:
    reading = read_text('[vendors.openai]\napi_key = { env = "OPENAI_API_KEY" }\n')

    assert settled(reading).vendors["openai"].api_key is None
    assert warnings(reading) == [
        'freehold.toml, line 1: The vendor "openai" has no key, so it cannot be asked. Set OPENAI_API_KEY.'
    ]


def test_another_vendors_usual_variable_must_be_set(complaints: Complaints) -> None:
    assert complaints('[vendors.openai]\napi_key = { env = "ANTHROPIC_API_KEY" }\n') == [
        "freehold.toml, line 2: [vendors.openai] api_key names the environment variable ANTHROPIC_API_KEY, which is not "
        "set. Set ANTHROPIC_API_KEY, or remove the setting."
    ]


def test_a_second_account_never_inherits_the_first_ones_key_or_address(read_text: Parse) -> None:
    reading = read_text(
        '[vendors.openai-eu]\nlike = "openai"\n', OPENAI_API_KEY="k", OPENAI_BASE_URL="http://10.0.0.1/v1"
    )

    assert settled(reading).vendors["openai-eu"] == VendorSettings(name="openai-eu", like="openai")
    assert warnings(reading) == [
        'freehold.toml, line 1: The vendor "openai-eu" has no key, so it cannot be asked. '
        "Give it one under [vendors.openai-eu]: api_key."
    ]


def test_a_usual_variable_with_two_lines_is_refused(complaints: Complaints) -> None:
    assert complaints("", OPENAI_API_KEY="k\nx-evil: 1") == [
        "[vendors.openai] api_key comes from env OPENAI_API_KEY, which is not one line of plain text."
    ]


def test_a_server_of_ones_own_says_what_it_speaks_and_where_it_is(read_text: Parse) -> None:
    text = '[vendors.rack-7]\nspeaks = "openai-chat"\nbase_url = "http://10.0.0.7:8000/v1/"\n'

    assert settled(read_text(text)).vendors == {
        "rack-7": VendorSettings(
            name="rack-7", like="openai-compatible", speaks="openai-chat", base_url="http://10.0.0.7:8000/v1"
        )
    }


def test_a_server_without_an_address_is_told_to_give_one(complaints: Complaints) -> None:
    said = 'needs the setting "base_url". Write base_url = "http://HOST:PORT/v1".'

    assert complaints('[vendors.rack-7]\nspeaks = "openai-chat"\n') == [
        f"freehold.toml, line 1: [vendors.rack-7] {said}"
    ]
    assert complaints("[vendors.openai-compatible]\n") == [f"freehold.toml, line 1: [vendors.openai-compatible] {said}"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            'like = "opnai"',
            'line 2: [vendors.x] like names "opnai", which is not a built-in vendor. Did you mean "openai"?',
        ),
        (
            'like = "zzz"',
            'line 2: [vendors.x] like names "zzz", which is not a built-in vendor. '
            "There are anthropic, deepseek, echo, openai, openai-compatible and own.",
        ),
        ("like = 7", "line 2: [vendors.x] like must be the name of a built-in vendor, not 7."),
        (
            'like = "anthropic"\napi_key = { env = "K" }\nspeaks = "openai-chat"',
            'line 4: [vendors.x] speaks is "openai-chat", which anthropic does not speak. It speaks anthropic-messages.',
        ),
        (
            'speaks = "openai-chat"\nbase_url = "10.0.0.7:8000"',
            'line 3: [vendors.x] base_url must be a URL such as "http://10.0.0.7:8000/v1", not "10.0.0.7:8000".',
        ),
        (
            'speaks = "openai-chat"\nbase_url = "http://u:secret@host"',
            'line 3: [vendors.x] base_url must not hold a user name, a query or a fragment, not "...@host".',
        ),
        (
            'speaks = "openai-chat"\nbase_url = { env = "NOT_SET" }',
            "line 3: [vendors.x] base_url names the environment variable NOT_SET, which is not set. "
            "Set NOT_SET, or remove the setting.",
        ),
        (
            'like = "echo"\nproxy = "socks5://u:secret@p:1"',
            'line 3: [vendors.x] proxy must be "http://HOST:PORT", or "" for none, not "...@p:1".',
        ),
        (
            'speaks = "gemini"\nbase_url = "http://a"',
            'line 2: [vendors.x] speaks must be "anthropic-messages", "openai-chat" or "openai-responses", not "gemini".',
        ),
    ],
)
def test_what_is_wrong_with_a_vendor_is_told(body: str, said: str, complaints: Complaints) -> None:
    assert complaints(f"[vendors.x]\n{body}\n", K="k") == [f"freehold.toml, {said}"]


def test_a_vendor_that_is_nothing_known_is_told_what_it_could_be(complaints: Complaints) -> None:
    assert complaints("[vendors.opnai]\n") == [
        "freehold.toml, line 1: [vendors.opnai] is not a built-in vendor, and does not say what it is. "
        'Did you mean "openai"? For a server of your own write speaks = "openai-chat" and base_url; for a second account '
        'at a built-in vendor write, for example, like = "openai".'
    ]


def test_an_address_may_come_from_the_environment(read_text: Parse) -> None:
    text = '[vendors.rack-7]\nspeaks = "openai-chat"\nbase_url = { env = "RACK" }\n'
    reading = read_text(text, RACK="http://10.0.0.7:8000/v1/")

    assert settled(reading).vendors["rack-7"].base_url == "http://10.0.0.7:8000/v1"
    assert reading.sources["vendors", "rack-7", "base_url"] == "env RACK"


def test_the_usual_address_variable_is_followed_but_not_to_the_door_itself(read_text: Parse) -> None:
    elsewhere = read_text("", OPENAI_API_KEY="k", OPENAI_BASE_URL="http://10.0.0.9/v1/")
    itself = read_text("", OPENAI_API_KEY="k", OPENAI_BASE_URL="http://localhost:8080/v1")

    assert settled(elsewhere).vendors["openai"].base_url == "http://10.0.0.9/v1"
    assert elsewhere.sources["vendors", "openai", "base_url"] == "env OPENAI_BASE_URL"
    assert settled(itself).vendors["openai"].base_url is None
    assert warnings(itself) == ["OPENAI_BASE_URL names this door itself and is not used."]


def test_a_usual_address_variable_that_is_no_url_is_refused(complaints: Complaints) -> None:
    assert complaints("", OPENAI_API_KEY="k", OPENAI_BASE_URL="10.0.0.9") == [
        '[vendors.openai] base_url comes from env OPENAI_BASE_URL, and must be a URL such as "http://10.0.0.7:8000/v1".'
    ]


def test_the_environments_proxy_applies_where_the_file_says_nothing(read_text: Parse) -> None:
    environ = {
        "OPENAI_API_KEY": "k",
        "ANTHROPIC_API_KEY": "k",
        "HTTPS_PROXY": "http://p:1",
        "NO_PROXY": "anthropic.com",
    }
    reading = read_text('[vendors.echo]\n[vendors.deepseek]\nproxy = ""\n', DEEPSEEK_API_KEY="k", **environ)
    proxies = {name: vendor.proxy for name, vendor in settled(reading).vendors.items()}

    assert proxies == {"openai": "http://p:1", "anthropic": None, "echo": None, "deepseek": None}
    assert reading.sources["vendors", "openai", "proxy"] == "env HTTPS_PROXY"


def test_a_proxy_that_is_not_plain_http_is_not_used_and_not_hidden(read_text: Parse) -> None:
    reading = read_text("", OPENAI_API_KEY="k", ALL_PROXY="socks5://p:1")

    assert settled(reading).vendors["openai"].proxy is None
    assert warnings(reading) == ["ALL_PROXY is not an http:// proxy and is not used for openai."]


def test_a_certificate_file_must_exist(complaints: Complaints, read_text: Parse, folder: Path) -> None:
    text = '[vendors.echo]\nca_file = "ca.pem"\n'
    assert complaints(text) == [
        f"freehold.toml, line 2: [vendors.echo] ca_file names the file {folder / 'ca.pem'}, which does not exist."
    ]

    (folder / "ca.pem").write_text("")
    assert settled(read_text(text)).vendors["echo"].ca_file == str(folder / "ca.pem")
