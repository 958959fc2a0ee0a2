"""What was said, opened: each field held against its commitment, and each reason why it cannot be."""

import contextlib
from pathlib import Path

from cli.ledgers import ANSWERED, ASKED, answer, id_of, ledger, settle
from freehold.cli.audit import OpenLedger, open_ledger
from freehold.cli.audit_contents import Opened, open_fields, shelf
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


def test_without_a_shelf_everything_is_gone(tmp_path: Path) -> None:
    at = open_ledger(ledger(tmp_path, 1))
    assert [one.state for one in open_fields(None, entry(at, 1))] == ["gone", "gone"]


def test_an_entry_without_commitments_has_no_fields(tmp_path: Path) -> None:
    assert opened(ledger(tmp_path, 1, commitments={})) == []
