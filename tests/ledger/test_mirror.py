"""The copy of a log in an object store: it verifies by itself, at every moment, whatever dies or is out of reach."""

from itertools import count
from pathlib import Path

import pytest

from freehold.errors import ForkedHistory, RolledBack, StoreError
from freehold.ledger import mirror as module
from freehold.ledger.log import Log
from freehold.ledger.mirror import Mirror
from freehold.ledger.notes import ED25519, SignerKey
from freehold.ledger.object_store import ObjectStore
from freehold.ledger.verify import verify_log
from ledger.object_server import ObjectServer, Stores, away
from ledger.test_log import entries_of, files_of, grow, opened
from ledger.writer import LOG

PREFIXES = (f"mirror-{number}" for number in count())


@pytest.fixture
def store(stores: Stores) -> ObjectStore:
    return stores(next(PREFIXES))


def mirror(log: Log, store: ObjectStore, folder: Path) -> Mirror:
    return Mirror(log.read, store, folder / "mirrored")


def verified(store: ObjectStore) -> int:
    """The size of the log that the copy proves by itself."""
    return verify_log(lambda path: store.get(f"log/{path}"), [LOG.verifier]).opened.checkpoint.size


def names(store: ObjectStore) -> set[str]:
    return set(store.list("log"))


def test_the_copy_is_the_log_whatever_its_sizes_were(store: ObjectStore, tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    copy = mirror(log, store, tmp_path)
    assert copy.carry() == 0, "nothing is published yet"
    for size in (1, 200, 256, 300, 700):
        grow(log, size)
        copy.carry()
        assert verified(store) == size
    here = {name for name in files_of(tmp_path / "log") if not name.startswith("checkpoints/")}
    assert {"tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2", "checkpoint"} <= names(store) <= here
    assert not [name for name in names(store) if "/000.p/" in name and not name.startswith("tile/1/")]


def test_what_is_final_is_stored_once(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(tmp_path / "log")
    copy = mirror(log, store, tmp_path)
    grow(log, 600)
    copy.carry()
    stored: list[str] = []
    real = store.put

    def noted(name: str, data: bytes, **more: str) -> None:
        stored.append(name)
        real(name, data, **more)

    monkeypatch.setattr(store, "put", noted)
    assert copy.carry() == 0
    grow(log, 610)
    assert copy.carry() == 3
    assert stored == ["log/tile/entries/002.p/98", "log/tile/0/002.p/98", "log/checkpoint"]


@pytest.mark.parametrize("fails_at", range(1, 14))
def test_a_checkpoint_never_names_what_is_not_there_and_a_failure_is_made_good(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    monkeypatch.setattr(module, "STRETCH", 256)
    log = opened(tmp_path / "log")
    grow(log, 100)
    mirror(log, store, tmp_path).carry()
    grow(log, 600)
    real, left = store.put, fails_at

    def broken(name: str, data: bytes, **more: str) -> None:
        nonlocal left
        left -= 1
        if left < 1:
            raise ConnectionError("no route to the store")
        real(name, data, **more)

    with monkeypatch.context() as patched:
        patched.setattr(store, "put", broken)
        try:
            mirror(log, store, tmp_path).carry()
        except ConnectionError:
            assert verified(store) == 100
    mirror(log, store, tmp_path).carry()
    assert verified(store) == 600
    assert not [name for name in names(store) if "/000.p/" in name and not name.startswith("tile/1/")]


def test_a_store_that_is_away_is_an_error_and_another_store_begins_from_the_start(
    stores: Stores, tmp_path: Path
) -> None:
    log = opened(tmp_path / "log")
    grow(log, 300)
    with pytest.raises(ConnectionError):
        mirror(log, away(), tmp_path).carry()
    store, other = stores(next(PREFIXES)), stores(next(PREFIXES))
    mirror(log, store, tmp_path).carry()
    mirror(log, other, tmp_path).carry()
    assert verified(other) == verified(store) == 300


def test_the_copy_of_another_log_and_of_a_later_state_of_this_one_are_not_overwritten(
    store: ObjectStore, tmp_path: Path
) -> None:
    log = opened(tmp_path / "log")
    grow(log, 20)
    mirror(log, store, tmp_path).carry()
    before = store.get("log/checkpoint")
    other = Log(tmp_path / "other", "log.example/other", [SignerKey("log.example/other", ED25519, bytes(32))])
    grow(other, 30)
    with pytest.raises(StoreError, match=r"lies the copy of another log, 'log\.example/freehold'"):
        mirror(other, store, tmp_path / "other").carry()
    earlier = opened(tmp_path / "earlier")
    grow(earlier, 10)
    with pytest.raises(RolledBack, match="has 20 entries, and the log here 10"):
        mirror(earlier, store, tmp_path / "earlier").carry()
    assert store.get("log/checkpoint") == before
    assert verified(store) == 20


def test_a_log_that_was_put_back_and_has_outgrown_its_copy_does_not_overwrite_it(
    store: ObjectStore, tmp_path: Path
) -> None:
    log = opened(tmp_path / "log")
    grow(log, 300)
    mirror(log, store, tmp_path).carry()
    before = {name: store.get(f"log/{name}") for name in names(store)}
    back = opened(tmp_path / "back")
    grow(back, 280)
    back.publish(back.stage(entries_of(1_000, 1_400)).checkpoint)
    with pytest.raises(ForkedHistory, match="has 300 entries, and the log here does not begin with them"):
        mirror(back, store, tmp_path / "back").carry()
    assert {name: store.get(f"log/{name}") for name in names(store)} == before


def test_a_cosigned_checkpoint_replaces_the_one_of_the_same_size(store: ObjectStore, tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    copy = mirror(log, store, tmp_path)
    staged = log.stage(entries_of(0, 5))
    log.publish(staged.checkpoint)
    copy.carry()
    log.publish(f"{staged.checkpoint}{staged.checkpoint.splitlines()[-1]}\n")
    assert copy.carry() == 1
    assert store.get("log/checkpoint") == log.read("checkpoint")


def test_it_can_be_served_as_it_lies(server: ObjectServer, tmp_path: Path) -> None:
    store = server.store(next(PREFIXES))
    log = opened(tmp_path / "log")
    grow(log, 300)
    mirror(log, store, tmp_path).carry()
    prefix = store.url.rpartition("/")[2]
    assert server.headers(f"{prefix}/log/checkpoint")["cache-control"] == "no-cache"
    assert "immutable" in server.headers(f"{prefix}/log/tile/0/000")["cache-control"]
