"""The libraries of the extra."""

import subprocess
import sys

import pytest

from freehold.errors import NotConfigured
from freehold.reasoning.extras import library, require


def test_a_library_that_is_there_is_given() -> None:
    assert library("json").loads("1") == 1


def test_one_that_is_not_says_what_to_install() -> None:
    with pytest.raises(NotConfigured) as caught:
        library("no_such_library")
    assert "pip install freehold[reasoning]" in caught.value.advice


def test_what_is_only_required_is_not_imported() -> None:
    code = "import sys; from freehold.reasoning.extras import require; require('this'); sys.exit('this' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_one_that_is_required_and_missing_says_what_to_install() -> None:
    with pytest.raises(NotConfigured, match="no_such_library") as caught:
        require("no_such_library", extra="plots")
    assert "pip install freehold[plots]" in caught.value.advice
