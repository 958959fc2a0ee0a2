"""Who is calling: keys from memory, read again when they have changed, and kept when the store is in trouble."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.errors import AdminOnly, ExpiredKey, FreeholdError, MissingKey, RevokedKey, UnknownKey
from freehold.gateway.callers import Callers, Keys, require_admin
from freehold.gateway.exchange import Shown
from freehold.store.callers import Key, digest
from freehold.store.counters import Counters
from freehold.store.folder import COUNTERS

ADA = Key(
    id="key_ada", name="ada", organisation="default", project="default", role="member", prefix="a", created_at=0.0
)
EVE = replace(ADA, id="key_eve", name="eve", role="admin")


class Store:
    """The keys as the store has them, by secret. `reads` counts; `broken` makes reading fail."""

    def __init__(self, **keys: Key) -> None:
        self.keys: dict[str, Key] = dict(keys)
        self.reads = 0
        self.broken = False
        self.during: Callable[[], object] | None = None

    def load(self) -> Keys:
        self.reads += 1
        if self.broken:
            raise OSError("the disk is on fire")
        found = {digest(secret): key for secret, key in self.keys.items()}
        if self.during is not None:
            self.during()
        return found


@pytest.fixture
def counters(tmp_path: Path) -> Iterator[Counters]:
    Counters.create(tmp_path / COUNTERS, 0.0)
    opened = Counters.open(tmp_path / COUNTERS, None)
    yield opened
    opened.close()


@pytest.fixture
def store() -> Store:
    return Store(**{"fh_ada": ADA, "fh_eve": EVE})


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer fh_ada"},
        {"authorization": "bearer   fh_ada "},
        {"x-api-key": "fh_ada"},
        {"x-api-key": " fh_ada "},
        {"authorization": "Bearer fh_ada", "x-api-key": "fh_eve"},
        {"authorization": "Basic YWRhOmVoZQ==", "x-api-key": "fh_ada"},
        {"authorization": "Bearer", "x-api-key": "fh_ada"},
    ],
)
def test_a_key_is_known_by_either_header(counters: Counters, store: Store, headers: dict[str, str]) -> None:
    assert Callers(store.load, counters).know(headers, 1.0, Shown()) is ADA


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, MissingKey),
        ({"authorization": ""}, MissingKey),
        ({"authorization": "Bearer "}, MissingKey),
        ({"authorization": "Basic YWRhOmVoZQ=="}, MissingKey),
        ({"authorization": "fh_ada"}, MissingKey),
        ({"x-api-key": "  "}, MissingKey),
        ({"authorization": "Bearer fh_ADA"}, UnknownKey),
        ({"authorization": "Bearer fh_ada, Bearer fh_eve"}, UnknownKey),
        ({"authorization": "Bearer fh_ada fh_ada"}, UnknownKey),
        ({"x-api-key": "ü\udcff"}, UnknownKey),
    ],
)
def test_other_headers_are_nobodys(
    counters: Counters, store: Store, headers: Mapping[str, str], error: type[FreeholdError]
) -> None:
    with pytest.raises(error) as told:
        Callers(store.load, counters).know(headers, 1.0, Shown())
    assert "fh_" not in told.value.message


@given(secret=st.text())
def test_no_other_secret_is_known(secret: str) -> None:
    store = Store(fh_ada=ADA)
    if secret.strip() == "fh_ada":
        return
    with pytest.raises((MissingKey, UnknownKey)):
        Callers(store.load, _Still()).know({"x-api-key": secret}, 1.0, Shown())  # pyright: ignore[reportArgumentType]


class _Still:
    """Counters whose keys never change."""

    def generation(self) -> int:
        return 0


def test_a_key_is_good_up_to_its_end(counters: Counters, store: Store) -> None:
    store.keys["fh_ada"] = replace(ADA, expires_at=100.0)
    store.keys["fh_eve"] = replace(EVE, revoked_at=100.0)
    callers = Callers(store.load, counters)
    assert callers.know({"x-api-key": "fh_ada"}, 99.9, Shown()).name == "ada"
    assert callers.know({"x-api-key": "fh_eve"}, 99.9, Shown()).name == "eve"
    with pytest.raises(ExpiredKey):
        callers.know({"x-api-key": "fh_ada"}, 100.0, Shown())
    with pytest.raises(RevokedKey):
        callers.know({"x-api-key": "fh_eve"}, 100.0, Shown())


async def test_a_connection_is_known_by_what_it_shows_now(counters: Counters, store: Store) -> None:
    callers, shown = Callers(store.load, counters), Shown()
    assert callers.know({"x-api-key": "fh_ada"}, 1.0, shown).name == "ada"
    assert callers.know({"x-api-key": "fh_ada"}, 1.0, shown).name == "ada"
    assert callers.know({"authorization": "Bearer fh_eve"}, 1.0, shown).name == "eve"
    with pytest.raises(UnknownKey):
        callers.know({"x-api-key": "fh_nobody"}, 1.0, shown)
    assert callers.know({"x-api-key": "fh_ada"}, 1.0, shown).name == "ada"
    del store.keys["fh_ada"]
    counters.bump()
    await callers.reload()
    with pytest.raises(UnknownKey):
        callers.know({"x-api-key": "fh_ada"}, 1.0, shown)


async def test_a_new_key_is_known_once_the_keys_are_read_again(counters: Counters, store: Store) -> None:
    callers = Callers(store.load, counters)
    store.keys["fh_new"] = replace(ADA, id="key_new", name="new")
    del store.keys["fh_ada"]
    assert not callers.stale
    counters.bump()
    assert callers.stale
    await callers.reload()
    assert not callers.stale
    assert callers.know({"x-api-key": "fh_new"}, 1.0, Shown()).name == "new"
    with pytest.raises(UnknownKey):
        callers.know({"x-api-key": "fh_ada"}, 1.0, Shown())


async def test_keys_that_are_fresh_are_not_read_again(counters: Counters, store: Store) -> None:
    callers = Callers(store.load, counters)
    await callers.reload()
    assert store.reads == 1


async def test_requests_at_the_same_time_read_the_keys_once(counters: Counters, store: Store) -> None:
    callers = Callers(store.load, counters)
    counters.bump()
    await asyncio.gather(*(callers.reload() for _ in range(20)))
    assert store.reads == 2


async def test_a_key_made_while_the_keys_are_read_makes_them_stale_again(counters: Counters, store: Store) -> None:
    callers = Callers(store.load, counters)
    counters.bump()
    store.during = counters.bump
    await callers.reload()
    assert callers.stale
    store.during = None
    await callers.reload()
    assert not callers.stale


async def test_a_store_in_trouble_turns_no_caller_away(counters: Counters, store: Store) -> None:
    callers = Callers(store.load, counters)
    counters.bump()
    store.broken = True
    await callers.reload()
    assert callers.know({"x-api-key": "fh_ada"}, 1.0, Shown()) is ADA


async def test_a_store_in_trouble_is_not_asked_again_by_every_request(counters: Counters, store: Store) -> None:
    callers = Callers(store.load, counters)
    counters.bump()
    store.broken = True
    await asyncio.gather(*(callers.reload() for _ in range(20)))
    await callers.reload()
    assert store.reads == 2


async def test_a_store_that_has_mended_is_read_after_a_pause(
    counters: Counters, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.gateway.callers.PAUSE_SECONDS", 0.0)
    callers = Callers(store.load, counters)
    counters.bump()
    store.broken = True
    await callers.reload()
    store.broken = False
    store.keys["fh_new"] = replace(ADA, name="new")
    await callers.reload()
    assert callers.know({"x-api-key": "fh_new"}, 1.0, Shown()).name == "new"


def test_a_store_that_cannot_be_read_at_the_start_stops_the_start(counters: Counters, store: Store) -> None:
    store.broken = True
    with pytest.raises(OSError, match="on fire"):
        Callers(store.load, counters)


def test_only_admins_are_admins() -> None:
    require_admin(EVE)
    with pytest.raises(AdminOnly):
        require_admin(ADA)
