"""References to secrets: followed, refused when they are the secret itself, and never repeated."""

from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.config.reading import Reading
from freehold.config.secrets import fits_a_header
from freehold.config.settings import Secret

Parse = Callable[..., Reading]
Complaints = Callable[..., list[str]]

VENDOR = '[vendors.eu]\nlike = "openai"\napi_key = {}\n'
HOW = 'Write { env = "NAME" } for an environment variable, or { file = "PATH" }.'


def test_a_key_comes_from_the_environment(read_text: Parse) -> None:
    reading = read_text(VENDOR.format('{ env = "EU_KEY" }'), EU_KEY="  sk-1\n")

    assert reading.settings is not None
    assert reading.settings.vendors["eu"].api_key == Secret("sk-1", "env EU_KEY")
    assert reading.sources["vendors", "eu", "api_key"] == "env EU_KEY"


def test_a_key_comes_from_a_file_beside_the_configuration(read_text: Parse, folder: Path) -> None:
    (folder / "keys").mkdir()
    (folder / "keys" / "eu").write_text("sk-2\n")
    reading = read_text(VENDOR.format('{ file = "keys/eu" }'))

    assert reading.settings is not None
    assert reading.settings.vendors["eu"].api_key == Secret("sk-2", "file keys/eu")


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ('"sk-proj-abcdef"', HOW),
        ('"$OPENAI_API_KEY"', 'Write { env = "OPENAI_API_KEY" }.'),
        ('"${OPENAI_API_KEY}"', 'Write { env = "OPENAI_API_KEY" }.'),
        ('"os.environ/OPENAI_API_KEY"', 'Write { env = "OPENAI_API_KEY" }.'),
        ('"env:OPENAI_API_KEY"', 'Write { env = "OPENAI_API_KEY" }.'),
    ],
)
def test_a_key_in_the_file_is_refused_and_not_repeated(written: str, advice: str, complaints: Complaints) -> None:
    said = complaints(VENDOR.format(written))

    assert said == [
        "freehold.toml, line 3: [vendors.eu] api_key holds the value itself, and secrets do not belong in the file. "
        + advice
    ]
    assert "sk-proj" not in said[0]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("7", f"must be a reference to a secret. {HOW}"),
        ("{}", f"must be a reference to a secret. {HOW}"),
        ('{ env = "A", file = "b" }', f"must be a reference to a secret. {HOW}"),
        ('{ value = "sk-1" }', f"must name an environment variable or a file. {HOW}"),
        ('{ env = "sk-proj-abcdef" }', f"must name an environment variable or a file. {HOW}"),
        ("{ env = 7 }", f"must name an environment variable or a file. {HOW}"),
        ('{ file = "" }', f"must name an environment variable or a file. {HOW}"),
        (
            '{ env = "NOT_SET" }',
            "names the environment variable NOT_SET, which is not set. Set NOT_SET, or remove the setting.",
        ),
        (
            '{ env = "EMPTY" }',
            "names the environment variable EMPTY, which is not set. Set EMPTY, or remove the setting.",
        ),
        ('{ env = "TWO_LINES" }', "was read from env TWO_LINES, which is not one line of printable ASCII."),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_so(written: str, said: str, complaints: Complaints) -> None:
    found = complaints(VENDOR.format(written), EMPTY=" ", TWO_LINES="sk-1\nx-evil: 1")

    assert found == [f"freehold.toml, line 3: [vendors.eu] api_key {said}"]


def test_a_file_that_holds_no_key_is_told_so(complaints: Complaints, folder: Path) -> None:
    (folder / "empty").write_text("\n")
    (folder / "picture").write_bytes(b"\xff\xfe\x00")

    for name, why in (
        ("missing", "which cannot be read (No such file or directory)."),
        (".", "which cannot be read (Is a directory)."),
        ("empty", "which is empty."),
        ("picture", "which is not text."),
    ):
        [said] = complaints(VENDOR.format(f'{{ file = "{name}" }}'))
        assert said.endswith(f"{folder / name}, {why}")


def test_headers_may_be_plain_or_references(read_text: Parse) -> None:
    text = 'like = "openai"\nheaders = { "x-team" = "a b", authorization = { env = "AUTH" } }\n'
    reading = read_text(f'[vendors.eu]\napi_key = {{ env = "AUTH" }}\n{text}', AUTH="Bearer x")

    assert reading.settings is not None
    assert reading.settings.vendors["eu"].headers == {"x-team": "a b", "authorization": "Bearer x"}
    assert reading.sources["vendors", "eu", "headers", "authorization"] == "env AUTH"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ('"bad name" = "x"', '."bad name" is not a name that HTTP permits. Remove it.'),
        ('"x:y" = "x"', '."x:y" is not a name that HTTP permits. Remove it.'),
        ('Content-Length = "1"', ".Content-Length is set by Freehold itself. Remove it."),
        ('x-a = "one\\r\\nx-evil: 1"', ".x-a must be printable ASCII on one line."),
        ('x-a = "é"', ".x-a must be printable ASCII on one line."),
        ('X-Api-Key = "k"', f".X-Api-Key holds the value itself, and secrets do not belong in the file. {HOW}"),
        (
            'x-a = { env = "NOT_SET" }',
            ".x-a names the environment variable NOT_SET, which is not set. Set NOT_SET, or remove the setting.",
        ),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(header: str, said: str, complaints: Complaints) -> None:
    text = f"[vendors.openai]\nheaders = {{ {header} }}\n"

    assert complaints(text) == [f"freehold.toml, line 2: [vendors.openai] headers{said}"]


def test_headers_that_are_no_table_are_told_so(complaints: Complaints) -> None:
    assert complaints('[vendors.openai]\nheaders = "x"\n') == [
        "freehold.toml, line 2: [vendors.openai] headers must be a table of names and values. "
        'Write headers = { "x-team" = "support" }.'
    ]


def test_what_goes_into_a_header_is_one_line_of_ascii() -> None:
    assert fits_a_header("sk-1")
    assert not fits_a_header("a\nb")
    assert not fits_a_header("é")
    assert not fits_a_header("a" * 16_385)
