"""Objects by name in real servers: whole, in parts, gone; and what is said when they cannot be asked."""

import builtins
import importlib
from typing import Any

import pytest

from freehold.errors import NotConfigured, StoreError
from freehold.ledger.object_store import ObjectStore
from ledger.azure_server import AzureServer
from ledger.object_server import KEYS, ObjectServer, Stores, away


def test_what_is_put_is_given_back_whole_and_in_any_part(stores: Stores) -> None:
    store = stores("parts")
    store.put("folder/a", b"0123456789")
    store.put("folder/empty", b"")
    assert store.get("folder/a") == b"0123456789"
    assert [store.get("folder/a", 4), store.get("folder/a", 4, 3), store.get("folder/a", 8, 9)] == [
        b"456789",
        b"456",
        b"89",
    ]
    assert [store.get("folder/a", 20), store.get("folder/a", 20, 5), store.get("folder/a", 3, 0)] == [b"", b"", b""]
    assert [store.get("folder/empty"), store.get("folder/empty", 1)] == [b"", b""]


def test_a_second_put_replaces_the_first(stores: Stores) -> None:
    store = stores("twice")
    store.put("a", b"first")
    store.put("a", b"second")
    assert store.get("a") == b"second"


def test_what_is_larger_than_a_part_of_an_upload_is_stored_in_one_request(server: ObjectServer) -> None:
    store = server.store("large")
    store.put("a", b"x" * (11 << 20))
    assert store.get("a", (11 << 20) - 3) == b"xxx"
    assert '"' in server.headers("large/a")["etag"]
    assert "-" not in server.headers("large/a")["etag"], "an upload in parts has their number in its tag"


def test_names_are_those_of_one_folder_under_one_prefix(stores: Stores) -> None:
    store, other = stores("names"), stores("names-other")
    for name in ("folder/a", "folder/b", "folder/deep/c", "folder2/d"):
        store.put(name, b"x")
    other.put("folder/z", b"x")
    assert sorted(store.list("folder")) == ["a", "b", "deep/c"]
    assert list(store.list("nothing")) == []


def test_what_is_deleted_is_gone_and_deleting_it_again_is_no_error(stores: Stores) -> None:
    store = stores("gone")
    store.put("a", b"x")
    store.delete("a")
    store.delete("a")
    with pytest.raises(FileNotFoundError):
        store.get("a")
    with pytest.raises(FileNotFoundError):
        store.get("a", 1, 2)


def test_a_web_server_is_told_what_it_is_and_how_long_it_may_be_kept(server: ObjectServer) -> None:
    server.store("said").put("a", b"x", kind="text/plain", kept="no-cache")
    said = server.headers("said/a")
    assert (said["content-type"], said["cache-control"]) == ("text/plain", "no-cache")


def test_a_store_that_does_not_answer_is_a_connection_error_that_names_it() -> None:
    store = away("pre")
    for ask in (lambda: store.put("a", b"x"), lambda: store.get("a"), lambda: store.delete("a")):
        with pytest.raises(ConnectionError, match=r"^s3://ledger/pre: a cannot be"):
            ask()
    with pytest.raises(ConnectionError, match="folder cannot be listed"):
        list(store.list("folder"))


def test_a_bucket_that_is_missing_is_not_an_object_that_is_missing(server: ObjectServer) -> None:
    store = ObjectStore("s3://other/x", endpoint=server.endpoint, region="x", **KEYS)
    with pytest.raises(ConnectionError, match="NoSuchBucket"):
        store.put("a", b"x")
    with pytest.raises(ConnectionError):
        store.get("a")
    with pytest.raises(ConnectionError, match="NoSuchBucket"):
        list(store.list("folder"))


@pytest.mark.registry
def test_a_container_that_is_missing_is_told_in_the_servers_own_words(azure: AzureServer) -> None:
    store = azure.store("x", "other")
    with pytest.raises(ConnectionError, match=r"ContainerNotFound, The specified container does not exist\.$"):
        store.put("a", b"x")
    with pytest.raises(ConnectionError):
        store.get("a")


def test_settings_that_do_not_fit_together_are_told_without_the_secret() -> None:
    with pytest.raises(StoreError, match="The object store az://there cannot be used") as told:
        ObjectStore("az://there", access_key="account", secret_key="not base64, and secret")
    assert "and secret" not in told.value.message


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without(name: str, *more: Any) -> Any:
        if name.startswith("obstore"):
            raise builtins.ImportError("No module named 'obstore'")
        return real(name, *more)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(NotConfigured) as told:
        ObjectStore("s3://ledger/x")
    assert told.value.advice == "Install it: `pip install freehold[object-storage]`."
