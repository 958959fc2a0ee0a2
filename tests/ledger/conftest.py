"""The one mark of these tests."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "registry: needs a package registry, and is skipped with a reason where none answers"
    )
