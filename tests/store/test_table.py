"""The mapped table: found and made slots, damage, fullness, adoption, and a lock that dies with its holder."""

import contextlib
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import StoreError
from freehold.store.table import BUDGET, KIND, RATE, SINCE, SLOT_WORDS, Table
from store.processes import first_line, hold_lock, start
from store.samples import SLOTS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counters.bin"


@pytest.fixture
def table(path: Path) -> Iterator[Table]:
    with contextlib.closing(Table.make(path, SLOTS)) as made:
        yield made


def opened(path: Path) -> Table:
    table = Table.open(path)
    assert table is not None
    return table


# --- slots ---


def test_a_scope_has_one_slot_however_often_and_by_whom_it_is_asked_for(path: Path, table: Table) -> None:
    first = table.slot("key:a:day")
    second = table.slot("key:b:rate")
    assert abs(second - first) == SLOT_WORDS
    assert table.slot("key:a:day") == first
    with contextlib.closing(opened(path)) as other:
        assert other.slot("key:b:rate") == second
        assert other.slot("key:a:day") == first


def test_a_new_slot_is_empty_and_knows_its_kind_and_a_budgets_name(table: Table) -> None:
    budget, rate = table.slot("project:größe:month"), table.slot("project:größe:rate")
    assert (table.words[budget + KIND], table.words[rate + KIND]) == (BUDGET, RATE) == (1, 2)
    assert list(table.words[budget + SINCE : budget + 70]) == [0] * 67
    assert list(table.words[rate + SINCE : rate + SLOT_WORDS]) == [0] * 125
    assert table.name(budget) == "project:größe:month"
    assert list(table.budgets()) == [budget]


def test_scopes_whose_kept_names_are_equal_still_count_apart(table: Table) -> None:
    start = "workload:" + "x" * 455
    first, second = table.slot(f"{start}a:day"), table.slot(f"{start}b:day")
    assert first != second
    assert table.name(first) == table.name(second) == start


@pytest.mark.parametrize("scope", ["", "key:a", "key:a:year", "key:a:day:"])
def test_what_is_no_scope_takes_no_slot(table: Table, scope: str) -> None:
    with pytest.raises(ValueError, match="not the scope"):
        table.slot(scope)
    assert list(table.bodies()) == []


def test_a_full_table_refuses_new_scopes_with_advice_and_keeps_the_old_ones(tmp_path: Path) -> None:
    with contextlib.closing(Table.make(tmp_path / "counters.bin", 2)) as table:
        slots = [table.slot("key:a:day"), table.slot("key:b:day")]
        with pytest.raises(StoreError, match=r"The 2 slots") as caught:
            table.slot("key:c:day")
        assert "Restart Freehold" in caught.value.advice
        assert [table.slot("key:a:day"), table.slot("key:b:day")] == slots


@given(names=st.lists(st.text(max_size=30), unique=True, max_size=SLOTS))
def test_every_scope_is_found_again_and_no_two_share_a_slot(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.mktemp("table") / "counters.bin"
    with contextlib.closing(Table.make(path, SLOTS)) as table:
        slots = {name: table.slot(f"key:{name}:day") for name in names}
        assert len(set(slots.values())) == len(names)
        assert {name: table.slot(f"key:{name}:day") for name in reversed(names)} == slots


# --- the file ---


def test_the_file_is_private_and_has_its_whole_size_from_the_start(path: Path, table: Table) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == 8 * (64 + 3 * 2 * SLOTS + 128 * SLOTS)
    table.slot("key:a:day")
    assert path.stat().st_size == 8 * (64 + 3 * 2 * SLOTS + 128 * SLOTS)


def test_a_table_is_never_made_over_another(path: Path, table: Table) -> None:
    table.slot("key:a:day")
    with pytest.raises(FileExistsError):
        Table.make(path, SLOTS)
    assert len(list(table.bodies())) == 1


def test_no_room_on_the_disk_is_an_error_with_advice_and_leaves_no_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    with pytest.raises(StoreError, match="No space left on device") as caught:
        Table.make(path, SLOTS)
    assert caught.value.advice == "Free some space on that disk."
    assert not path.exists()


def test_a_missing_file_is_no_table(path: Path) -> None:
    assert Table.open(path) is None


@pytest.mark.parametrize(
    ("at", "content"),
    [
        (0, b"\0"),  # another magic
        (0, bytes(24)),  # a header of zeros, as a power cut leaves it
        (8, b"\x02"),  # another version
        (16, b"\x3f"),  # another number of slots than the size says
        (16, b"\xff" * 8),  # a negative number of slots
    ],
)
def test_a_damaged_header_is_no_table(path: Path, at: int, content: bytes) -> None:
    Table.make(path, SLOTS).close()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)
    assert Table.open(path) is None


@pytest.mark.parametrize("size", [0, 7, 24, 8 * 64, 8 * (64 + 3 * 2 * SLOTS + 128 * SLOTS) - 1])
def test_a_file_that_was_cut_off_is_no_table(path: Path, size: int) -> None:
    Table.make(path, SLOTS).close()
    with path.open("r+b") as file:
        file.truncate(size)
    assert Table.open(path) is None


# --- adoption ---


def test_an_adopted_slot_stands_under_its_scope_with_all_that_it_held(tmp_path: Path, table: Table) -> None:
    slot = table.slot("key:a:day")
    table.words[slot + SINCE] = 1000
    table.words[slot + 4] = 55
    table.words[slot + 69] = -3
    [body] = table.bodies()
    with contextlib.closing(Table.make(tmp_path / "next.bin", SLOTS)) as following:
        following.slot("key:other:day")
        following.adopt(body)
        adopted = following.slot("key:a:day")
        assert [following.words[adopted + word] for word in (SINCE, 4, 69)] == [1000, 55, -3]
        assert following.name(adopted) == "key:a:day"


@pytest.mark.parametrize(
    ("there", "adopted", "stays"),
    [
        ((100, 7), (200, 1), (200, 1)),
        ((200, 1), (100, 7), (200, 1)),
        ((100, 7), (100, 9), (100, 9)),
        ((100, 9), (100, 7), (100, 9)),
    ],
)
def test_of_two_slots_of_one_scope_the_later_one_stays_and_then_the_larger(
    tmp_path: Path, table: Table, there: tuple[int, int], adopted: tuple[int, int], stays: tuple[int, int]
) -> None:
    """A death between a slot and its index entry, and a torn index, can leave a scope with two."""
    slot = table.slot("key:a:day")
    table.words[slot + SINCE], table.words[slot + 4] = adopted
    [body] = table.bodies()
    with contextlib.closing(Table.make(tmp_path / "next.bin", SLOTS)) as following:
        slot = following.slot("key:a:day")
        following.words[slot + SINCE], following.words[slot + 4] = there
        following.adopt(body)
        assert (following.words[slot + SINCE], following.words[slot + 4]) == stays
        assert len(list(following.bodies())) == 1


def test_slots_are_read_even_when_index_and_counts_are_torn(path: Path, table: Table) -> None:
    table.slot("key:a:day")
    table.slot("key:b:rate")
    bodies = list(table.bodies())
    with path.open("r+b") as file:
        file.seek(24)  # the number of used slots, the generation, and the whole index
        file.write(b"\xff" * 8 * (61 + 3 * 2 * SLOTS))
    assert list(table.bodies()) == bodies


def test_a_full_table_adopts_nothing_more(tmp_path: Path, table: Table) -> None:
    table.slot("key:a:day")
    [body] = table.bodies()
    with contextlib.closing(Table.make(tmp_path / "next.bin", 1)) as following:
        following.slot("key:other:day")
        with pytest.raises(StoreError):
            following.adopt(body)


# --- the lock ---


def test_the_lock_of_a_killed_process_is_free_at_once(path: Path, table: Table) -> None:
    with start(hold_lock, path) as holder:
        assert first_line(holder) == "locked"
        entered = threading.Event()
        thread = threading.Thread(target=lambda: _enter(table, entered))
        thread.start()
        assert not entered.wait(0.1), "another process holds it"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert entered.wait(10)
        thread.join()
    assert table.words[10] == 1, "what the dead one had stored is there"


def test_threads_that_share_a_table_take_turns(table: Table) -> None:
    slot = table.slot("key:a:day")

    def add() -> None:
        for _ in range(2000):
            with table:
                table.words[slot + 4] += 1

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert table.words[slot + 4] == 6000


def test_a_table_that_is_opened_twice_in_one_process_is_still_locked_once(path: Path, table: Table) -> None:
    """The supervisor sweeps in threads, each with a table of its own, when two workers die at once."""
    with contextlib.closing(opened(path)) as other:
        entered = threading.Event()
        with table:
            thread = threading.Thread(target=lambda: _enter(other, entered))
            thread.start()
            assert not entered.wait(0.1)
        assert entered.wait(10)
        thread.join()


def test_closing_one_table_does_not_let_go_of_the_lock_of_another(path: Path, table: Table) -> None:
    other, third = opened(path), opened(path)
    entered = threading.Event()
    with table:
        other.close()
        thread = threading.Thread(target=lambda: _enter(third, entered))
        thread.start()
        assert not entered.wait(0.1)
    assert entered.wait(10)
    thread.join()
    third.close()


def test_the_lock_is_let_go_of_when_its_block_fails(path: Path, table: Table) -> None:
    with pytest.raises(ZeroDivisionError), table:
        _ = 1 // 0
    with table, contextlib.closing(opened(path)):
        pass


def _enter(table: Table, entered: threading.Event) -> None:
    with table:
        entered.set()
