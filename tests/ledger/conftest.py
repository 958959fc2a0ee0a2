"""The one mark of these tests, and the S3 server that they share."""

from collections.abc import Generator

import pytest

from ledger.object_server import ObjectServer, object_server


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "registry: needs a package registry, and is skipped with a reason where none answers"
    )


@pytest.fixture(scope="session")
def server() -> Generator[ObjectServer]:
    """One for all; each test takes a prefix of its own."""
    with object_server() as running:
        yield running
