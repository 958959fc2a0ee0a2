"""The ledger of a data folder, opened to read: one checkpoint, entries by place, receipts that hold, and nothing written."""

import hashlib
from pathlib import Path

import pytest
from rich.console import Console

from cli.ledgers import ORIGIN, answer, id_of, ledger, settle
from freehold.cli.audit import Counting, OpenLedger, counted, dollars, open_ledger, plain, print_table, sized, when
from freehold.errors import StoreError
from freehold.ledger.entry import read_entry
from freehold.ledger.verify import verify_receipt


def test_entries_are_read_by_place_in_either_direction(tmp_path: Path) -> None:
    opened = open_ledger(ledger(tmp_path, 300))
    assert (opened.size, opened.head.origin) == (300, ORIGIN)
    forward = [read_entry(leaf).id for _, leaf in opened.leaves(range(300))]
    assert forward == [id_of(number) for number in range(1, 301)]
    assert [read_entry(leaf).id for _, leaf in opened.leaves(range(299, -1, -1))] == forward[::-1]
    assert [place.place for place in opened.places(id_of(257))] == [256]
    with pytest.raises(ValueError, match="has no entry 300"):
        opened.leaf(300)


def test_receipts_hold_and_carry_their_entry(tmp_path: Path) -> None:
    opened = open_ledger(ledger(tmp_path, 20))
    for place in (0, 7, 19):
        proof = verify_receipt(opened.receipt(place), opened.verifiers())
        assert (proof.index, read_entry(proof.entry).id) == (place, id_of(place + 1))


def test_it_stands_on_one_checkpoint_while_the_log_grows(tmp_path: Path) -> None:
    opened = open_ledger(ledger(tmp_path, 3))
    before = opened.receipt(2)
    for number in range(4, 300):
        answer(tmp_path, number)
    settle(tmp_path)
    assert (opened.size, opened.receipt(2)) == (3, before)
    assert open_ledger(tmp_path).size == 299


def test_reading_writes_nothing_into_the_log(tmp_path: Path) -> None:
    def state() -> dict[str, str]:
        files = (path for path in (tmp_path / "ledger").rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    ledger(tmp_path, 3)
    before = state()
    opened = open_ledger(tmp_path)
    opened.receipt(1)
    opened.verifiers()
    assert state() == before


def test_where_there_is_no_ledger_it_is_told_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no ledger in the data folder"):
        OpenLedger(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger" / "log" / "checkpoint").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        open_ledger(tmp_path)


def test_a_time_beyond_all_calendars_is_said_all_the_same() -> None:
    # As a witness that counts milliseconds, or lies, states it.
    assert when(1_790_000_000_000 * 1000) == "1,790,000,000,000 s after 1970"
    assert when((2**63 - 1) * 1000) == "9,223,372,036,854,775,807 s after 1970"


def test_a_log_without_its_store_is_told(tmp_path: Path) -> None:
    opened = open_ledger(ledger(tmp_path, 1))
    for path in tmp_path.glob("freehold.db*"):
        path.unlink()
    with pytest.raises(StoreError, match="There is no store"):
        opened.store()


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (when(1_795_521_600_007), "2026-11-24 12:00:00.007"),
        (dollars(0), "0"),
        (dollars(1_500_000_000), "1.5"),
        (dollars(7), "0.000000007"),
        (dollars(-2_000_000_000), "-2"),
        (sized(980), "980 B"),
        (sized(14_200_000), "14.2 MB"),
        (counted(1, "entry"), "1 entry"),
        (counted(1_204, "entry"), "1,204 entries"),
        (counted(0, "request"), "0 requests"),
        (plain("a\x1b[2Jb\nc é"), "a\\x1b[2Jb\\nc é"),
    ],
)
def test_what_people_read(shown: str, said: str) -> None:
    assert shown == said


def test_a_bar_appears_only_for_what_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Counting("Verifying")
    bar(1, 2)
    bar.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("width", "shown", "left"),
    [
        (60, ["name                big words  note", "a-name-that-breaks      12345  said"], ""),
        (32, ["                      big", "name                words  note", "a-name-that-breaks  12345  said"], ""),
        (27, ["                      big", "name                words", "a-name-that-breaks  12345"], "note"),
        (16, ["             big", "name       words", "a-name-th  12345", "at-breaks"], "note"),
    ],
)
def test_a_narrow_terminal_gets_a_table_without_its_spare_columns_and_nothing_broken_that_need_not_be(
    width: int, shown: list[str], left: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(Console):
        def __init__(self) -> None:
            super().__init__(width=width, force_terminal=True, color_system=None)

    monkeypatch.setattr("freehold.cli.audit.Console", Terminal)
    print_table(("name", "big words", "note"), [("a-name-that-breaks", 12345, "said")], ("big words",), ("note",))
    said = capsys.readouterr()
    assert [line.rstrip() for line in said.out.splitlines()] == shown
    assert said.err == (
        f"Left out for want of width: {left}. A wider terminal shows it, and so does --json.\n" if left else ""
    )
