"""The libraries of the extra."""

import pytest

from freehold.errors import NotConfigured
from freehold.trials.extras import library


def test_a_library_that_is_there_is_given() -> None:
    assert library("json").loads("1") == 1


def test_one_that_is_not_says_what_to_install() -> None:
    with pytest.raises(NotConfigured) as caught:
        library("no_such_library")
    assert "pip install freehold[trials]" in caught.value.advice
