"""The overrides of terms that stand in the ledger of a data folder."""

from pathlib import Path

from freehold.cli.overrides import overrides_in


def test_without_a_ledger_there_are_no_overrides(tmp_path: Path) -> None:
    assert overrides_in(tmp_path) == ()
