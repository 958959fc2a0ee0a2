"""`storage` of the ledger: an address alone or a table, keys as references, and what is wrong told where it stands."""

import pytest

from config.conftest import Complaints, Parse
from freehold.config.origins import origins
from freehold.config.settings import Secret, Storage


def read(read_text: Parse, written: str, **environ: str) -> Storage | None:
    reading = read_text(f"[ledger]\nstorage = {written}\n", **environ)
    assert reading.settings is not None, reading.problems
    return reading.settings.ledger.storage


def test_an_address_is_enough(read_text: Parse) -> None:
    for url in ("s3://acme-ledger/eu", "s3://acme.ledger", "gs://acme/a/b", "az://container/prefix"):
        assert read(read_text, f'"{url}"') == Storage(url=url)
    without = read_text("[ledger]\n").settings
    assert without is not None
    assert without.ledger.storage is None


def test_a_server_other_than_the_clouds_own_is_named_for_each_kind(read_text: Parse) -> None:
    for url, endpoint in (
        ("gs://acme", "https://storage-acme.p.googleapis.com"),
        ("az://acme", "https://acme.blob.core.usgovcloudapi.net"),
        ("az://acme", "http://127.0.0.1:10000/devstoreaccount1"),
    ):
        written = f'{{ url = "{url}", endpoint = "{endpoint}" }}'
        assert read(read_text, written) == Storage(url=url, endpoint=endpoint)


def test_a_table_brings_the_way_in_and_shows_no_key(read_text: Parse) -> None:
    text = (
        '{ url = "s3://acme/eu", endpoint = "http://127.0.0.1:9000", region = "eu-central-1", '
        'access_key = { env = "NAME" }, secret_key = { env = "WORD" } }'
    )
    assert read(read_text, text, NAME="AKIA", WORD="very-secret") == Storage(
        url="s3://acme/eu",
        endpoint="http://127.0.0.1:9000",
        region="eu-central-1",
        access_key=Secret("AKIA", "env NAME"),
        secret_key=Secret("very-secret", "env WORD"),
    )
    shown = {one.path: one.value for one in origins(read_text(f"[ledger]\nstorage = {text}\n", NAME="AKIA", WORD="w"))}
    assert shown["ledger", "storage", "secret_key"] == "(hidden)"
    assert shown["ledger", "storage", "url"] == "s3://acme/eu"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            '"acme/eu"',
            'storage is not the address of a bucket. Write storage = "s3://BUCKET/PREFIX"; gs:// and az:// are',
        ),
        ('"s3://acme//eu"', "storage is not the address of a bucket."),
        ('"file:///tmp"', "storage is not the address of a bucket."),
        ("7", "storage must be a table, not 7."),
        ('{ region = "x" }', 'storage needs the setting "url". Write url = "s3://acme-ledger/eu".'),
        ('{ url = "nfs://a" }', "storage.url is not the address of a bucket."),
        (
            '{ url = "s3://a", endpoint = "host:9000" }',
            'storage.endpoint is not an address. Write endpoint = "https://HOST',
        ),
        ('{ url = "s3://a", access_key = { env = "NAME" } }', "storage has access_key without secret_key."),
        ('{ url = "s3://a", secret_key = "word" }', "storage.secret_key holds the value itself"),
        (
            '{ url = "s3://a", access_key = { env = "NONE" }, secret_key = { env = "NAME" } }',
            "which is not set. Set NONE",
        ),
        ('{ url = "s3://a", endpoint = "https://host/account" }', "storage.endpoint is not an address."),
        ('{ url = "az://a", endpoint = "https://host/account/more" }', "storage.endpoint is not an address."),
        ('{ url = "gs://a", region = "x" }', "storage has settings that gs:// does not take."),
    ],
)
def test_what_cannot_be_used_is_told(complaints: Complaints, written: str, said: str) -> None:
    (complaint,) = complaints(f"[ledger]\nstorage = {written}\n", NAME="AKIA")
    assert complaint.startswith("freehold.toml, line 2: [ledger] storage")
    assert said in complaint
    assert "word" not in complaint
