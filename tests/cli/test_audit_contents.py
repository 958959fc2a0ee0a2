"""What was said, opened: each field held against its commitment, and each reason why it cannot be."""

import contextlib
from pathlib import Path

import pytest

from cli.ledgers import ANSWERED, ASKED, ORIGIN, answer, id_of, ledger, settle
from freehold.cli.audit import OpenLedger, open_ledger
from freehold.cli.audit_contents import Opened, open_fields, shelf, storage_of
from freehold.config.settings import Ledger, Storage
from freehold.gateway.erasures import erase
from freehold.ledger.contents import Contents
from freehold.ledger.entry import Entry, read_entry
from freehold.ledger.subjects import Subjects


def entry(opened: OpenLedger, number: int) -> Entry:
    (place,) = opened.places(id_of(number))
    return read_entry(opened.leaf(place.place))


def opened(data: Path, number: int = 1) -> list[Opened]:
    at = open_ledger(data)
    with shelf(at) as kept:
        return open_fields(kept, entry(at, number))


def test_kept_contents_open_their_commitments(tmp_path: Path) -> None:
    request, response = opened(ledger(tmp_path, 1))
    assert [(one.field, one.state, one.content) for one in (request, response)] == [
        ("request", "opens", ASKED),
        ("response", "opens", ANSWERED),
    ]
    assert request.sentence == "The request opens its commitment: these are the bytes that were committed to."


def test_where_only_salts_are_kept_there_is_nothing_to_show(tmp_path: Path) -> None:
    found = opened(ledger(tmp_path, 1, keep=False))
    assert [(one.state, one.content, len(one.salt or b"")) for one in found] == [("not-kept", None, 32)] * 2


def test_what_was_erased_says_so_and_others_still_open(tmp_path: Path) -> None:
    ledger(tmp_path, 1)
    answer(tmp_path, 2, subject="patient-8")
    settle(tmp_path)
    erase(tmp_path, "patient-7", "GDPR Art. 17(1)(b)")
    assert [(one.state, one.content, one.salt) for one in opened(tmp_path)] == [("erased", None, None)] * 2
    assert [one.state for one in opened(tmp_path, 2)] == ["opens", "opens"]


def test_what_ran_out_is_gone_and_not_erased(tmp_path: Path) -> None:
    at = open_ledger(ledger(tmp_path, 1))
    with (
        contextlib.closing(Subjects(at.folder.subjects, at.folder.master_key)) as subjects,
        contextlib.closing(Contents(at.folder.contents, subjects)) as contents,
    ):
        assert contents.expire(4_000_000_001).records == 1
    assert [one.state for one in opened(tmp_path)] == ["gone", "gone"]


def test_contents_that_are_not_those_of_the_time_do_not_open(tmp_path: Path) -> None:
    ledger(tmp_path, 1, commitments={"request": "00" * 32, "response": "nonsense"})
    assert [one.state for one in opened(tmp_path)] == ["does-not-open", "does-not-open"]


def test_a_changed_byte_in_the_segment_is_damage(tmp_path: Path) -> None:
    at = open_ledger(ledger(tmp_path, 1))
    (segment,) = (path for path in (at.folder.contents / "segments").rglob("*") if path.is_file())
    data = bytearray(segment.read_bytes())
    data[-1] ^= 1
    segment.chmod(0o600)
    segment.write_bytes(data)
    assert [one.state for one in opened(tmp_path)] == ["damaged", "damaged"]


# --- in an object store ---

ELSEWHERE = "http://127.0.0.1:1"


def test_the_key_of_the_object_store_comes_from_the_configuration_of_this_folder_if_it_is_of_this_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = Storage(url="s3://ledger/eu", endpoint=ELSEWHERE, region="x")
    here = open_ledger(ledger(tmp_path / "here", 1))
    assert storage_of(here) is None
    settle(tmp_path / "here", Ledger(origin=ORIGIN, storage=noted))
    monkeypatch.chdir(tmp_path)
    assert storage_of(here) == noted, "without a configuration the cloud's own ways find the key"
    (tmp_path / "name").write_text("AKIA")
    table = f'endpoint = "{ELSEWHERE}", access_key = {{ file = "name" }}, secret_key = {{ file = "name" }}'
    for url, key in (("s3://ledger/eu/", "AKIA"), ("s3://ledger/us", None)):
        (tmp_path / "freehold.toml").write_text(f'[ledger]\nstorage = {{ url = "{url}", {table} }}\n[vendors.echo]\n')
        found = storage_of(here)
        assert found is not None
        assert (found.secret_key.value if found.secret_key else None) == key


def test_contents_that_wait_to_be_moved_open_without_the_store(tmp_path: Path) -> None:
    ledger(tmp_path, 1)
    storage = Storage(url="s3://ledger/eu", endpoint=ELSEWHERE, region="x")
    answer(tmp_path, 2)
    settle(tmp_path, Ledger(origin=ORIGIN, storage=storage))
    assert (
        [one.state for one in opened(tmp_path, 1)] == [one.state for one in opened(tmp_path, 2)] == ["opens", "opens"]
    )


def test_without_a_shelf_everything_is_gone(tmp_path: Path) -> None:
    at = open_ledger(ledger(tmp_path, 1))
    assert [one.state for one in open_fields(None, entry(at, 1))] == ["gone", "gone"]


def test_an_entry_without_commitments_has_no_fields(tmp_path: Path) -> None:
    assert opened(ledger(tmp_path, 1, commitments={})) == []
