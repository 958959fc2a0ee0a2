"""The servers of objects that these tests share."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from freehold.ledger.object_store import ObjectStore
from ledger.azure_server import CACHE, AzureServer, NoAzurite, azure_server
from ledger.object_server import BUCKET, Kind, ObjectServer, Stores, StoresOf, object_server


@pytest.fixture(scope="session")
def server() -> Generator[ObjectServer]:
    """One for all; each test takes a prefix of its own."""
    with object_server() as running:
        yield running


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Generator[AzureServer]:
    """Azurite, where it can be installed: once for all processes that run these tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    try:
        with azure_server(Path(os.environ.get(CACHE, shared / "azurite"))) as running:
            yield running
    except NoAzurite as error:
        if CACHE in os.environ:
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def stores_of(request: pytest.FixtureRequest, server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> StoresOf:
    """Stores of each kind. Google's server is asked in its XML API, of which the S3 server has this part."""

    def of(kind: Kind) -> Stores:
        if kind == "az":
            azurite: AzureServer = request.getfixturevalue("azure")
            return azurite.store
        if kind == "gs":
            monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "a token of this test alone")
            return lambda prefix: ObjectStore(f"gs://{BUCKET}/gs-{prefix}", endpoint=server.endpoint)
        return server.store

    return of


@pytest.fixture(params=["s3", "gs", pytest.param("az", marks=pytest.mark.registry)])
def stores(request: pytest.FixtureRequest, stores_of: StoresOf) -> Stores:
    """Those of every kind in turn."""
    return stores_of(request.param)
