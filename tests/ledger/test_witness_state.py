"""What a witness remembers: on the disk before it is said, and set only in the place of what the decision was made on."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from freehold.errors import StoreError
from freehold.ledger.witness import Vouched
from freehold.ledger.witness_state import WitnessState

LOG = "log.example/one"
NOTHING = Vouched()
TEN = Vouched(10, sha256(b"ten").digest())
TWELVE = Vouched(12, sha256(b"twelve").digest())
OTHER = Vouched(12, sha256(b"another twelve").digest())


@pytest.fixture
def state(tmp_path: Path) -> Iterator[WitnessState]:
    with contextlib.closing(WitnessState(tmp_path)) as opened:
        yield opened


def test_a_log_never_seen_has_nothing(state: WitnessState) -> None:
    assert state.latest(LOG) == NOTHING


def test_each_log_has_its_own_tree_and_a_new_process_finds_it(tmp_path: Path, state: WitnessState) -> None:
    assert state.replace(LOG, NOTHING, TEN, 1)
    assert state.replace("log.example/two", NOTHING, TWELVE, 2)
    assert state.replace(LOG, TEN, TWELVE, 3)
    with contextlib.closing(WitnessState(tmp_path)) as again:
        assert (again.latest(LOG), again.latest("log.example/two")) == (TWELVE, TWELVE)
        assert again.latest("log.example/three") == NOTHING


@pytest.mark.parametrize("before", [NOTHING, TWELVE, Vouched(10, TWELVE.root)])
def test_nothing_is_set_where_another_tree_stands(state: WitnessState, before: Vouched) -> None:
    assert state.replace(LOG, NOTHING, TEN, 1)
    assert not state.replace(LOG, before, OTHER, 2)
    assert state.latest(LOG) == TEN


def test_a_tree_of_no_entries_is_a_state_like_any_other(state: WitnessState) -> None:
    assert state.replace(LOG, NOTHING, NOTHING, 1)
    assert state.replace(LOG, NOTHING, TEN, 2)
    assert state.latest(LOG) == TEN


def test_of_many_at_once_exactly_one_wins(tmp_path: Path) -> None:
    won: list[int] = []
    start = threading.Barrier(8)

    def try_once(number: int) -> None:
        with contextlib.closing(WitnessState(tmp_path)) as own:
            start.wait(10)
            if own.replace(LOG, NOTHING, Vouched(number, TEN.root), 1):
                won.append(number)

    threads = [threading.Thread(target=try_once, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    (winner,) = won
    with contextlib.closing(WitnessState(tmp_path)) as after:
        assert after.latest(LOG).size == winner


def test_it_is_private_and_every_commit_is_flushed(tmp_path: Path, state: WitnessState) -> None:
    state.replace(LOG, NOTHING, TEN, 1)
    assert (tmp_path / "witness.db").stat().st_mode & 0o777 == 0o600
    synchronous = state._db.execute("PRAGMA synchronous").fetchone()  # pyright: ignore[reportPrivateUsage]
    assert synchronous == (2,), "FULL"


def test_what_cannot_be_written_is_an_error_and_not_a_vouch(tmp_path: Path, state: WitnessState) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "witness.db", isolation_level=None)) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON vouched BEGIN SELECT RAISE(FAIL, 'disk full'); END")
    with pytest.raises(StoreError, match="disk full"):
        state.replace(LOG, NOTHING, TEN, 1)
    assert state.latest(LOG) == NOTHING
