"""What the tests of the store share: a data folder and its database."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.store.database import open_database


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def db(data: Path) -> Iterator[sqlite3.Connection]:
    """The database of `data`, new."""
    connection = open_database(data)
    yield connection
    connection.close()
