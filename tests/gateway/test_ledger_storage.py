"""Where contents lie is noted once, without keys, and nobody opens them in another place."""

import contextlib
import json
from pathlib import Path

import pytest

from freehold.config.settings import Secret, Storage
from freehold.errors import StoreError
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_storage import note_storage, noted_storage, open_contents, open_object_store
from freehold.ledger.subjects import Subjects

KEY = Secret("AKIA-name", "env NAME")
SECRET = Secret("very-secret", "env SECRET")
HERE = Storage(url="s3://ledger/eu", endpoint="http://127.0.0.1:9", region="x", access_key=KEY, secret_key=SECRET)


@pytest.fixture
def folder(tmp_path: Path) -> LedgerFolder:
    return LedgerFolder(tmp_path)


def test_where_nothing_is_noted_contents_lie_in_the_folder(folder: LedgerFolder) -> None:
    note_storage(folder, None)
    assert noted_storage(folder) is None
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(open_contents(folder, subjects)),
    ):
        assert not (folder.contents / "doomed").exists()


def test_what_is_noted_has_no_key_in_it_and_can_be_found_without_the_configuration(folder: LedgerFolder) -> None:
    note_storage(folder, HERE)
    text = (folder.path / "storage").read_text()
    note = json.loads(text)
    assert len(bytes.fromhex(note.pop("owner"))) == 8
    assert note == {"url": "s3://ledger/eu", "endpoint": "http://127.0.0.1:9", "region": "x"}
    assert noted_storage(folder) == Storage(url="s3://ledger/eu", endpoint="http://127.0.0.1:9", region="x")
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(open_contents(folder, subjects)),
    ):
        assert (folder.contents / "doomed").exists()


@pytest.mark.parametrize(
    ("configured", "named"), [(None, "names none"), (Storage(url="s3://ledger/us"), "names s3://ledger/us")]
)
def test_another_place_is_refused_once_there_is_one(
    folder: LedgerFolder, configured: Storage | None, named: str
) -> None:
    note_storage(folder, HERE)
    with pytest.raises(StoreError, match=f"Contents of this ledger lie in s3://ledger/eu, and .* {named}"):
        note_storage(folder, configured)


def test_another_way_to_the_same_place_is_noted(folder: LedgerFolder) -> None:
    note_storage(folder, HERE)
    owner = json.loads((folder.path / "storage").read_text())["owner"]
    note_storage(folder, Storage(url="s3://ledger/eu/", region="y"))
    assert json.loads((folder.path / "storage").read_text())["owner"] == owner
    assert noted_storage(folder) == Storage(url="s3://ledger/eu/", region="y")


def test_a_note_that_is_none_is_told(folder: LedgerFolder) -> None:
    folder.path.mkdir()
    (folder.path / "storage").write_text("s3://ledger/eu")
    with pytest.raises(StoreError, match="storage cannot be read"):
        noted_storage(folder)


def test_the_store_that_is_opened_is_the_one_that_is_configured() -> None:
    assert open_object_store(HERE).url == "s3://ledger/eu"
    assert open_object_store(Storage(url="gs://ledger/eu/")).url == "gs://ledger/eu"
    assert open_object_store(Storage(url="az://ledger", access_key=KEY, secret_key=Secret("a2V5", "file x"))).url
