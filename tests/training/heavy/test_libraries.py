import pytest

from freehold.errors import NotConfigured
from freehold.training.heavy.libraries import library, torch


def test_a_library_is_loaded_by_name() -> None:
    assert library("torch") is torch


def test_a_library_that_is_not_there_is_an_error_that_names_the_extra() -> None:
    with pytest.raises(NotConfigured, match="no_such_library") as caught:
        library("no_such_library")
    assert "freehold[training]" in caught.value.advice
