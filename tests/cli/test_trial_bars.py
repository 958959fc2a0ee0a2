"""What is quick has no bar."""

import pytest

from freehold.cli.trial_bars import Bars


def test_what_is_done_in_a_moment_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Bars()
    for done in range(1, 4):
        bars("Asking", done, 3)
    bars("Grading", 1, 1)
    bars.close()
    assert capsys.readouterr() == ("", "")
