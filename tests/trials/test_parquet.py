"""Parquet: rows come back as they went in, over more than one batch, and its absence is said."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import InvalidField, NotConfigured
from freehold.trials import parquet
from freehold.trials.parquet import read_rows, write_rows


def test_rows_come_back_as_they_went_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(parquet, "AT_ONCE", 3)
    rows = [{"a": f"é{number}", "b": number, "c": None if number % 2 else number / 4} for number in range(8)]
    path = tmp_path / "a.parquet"
    assert write_rows(path, {"a": "text", "b": "int", "c": "float"}, iter(rows)) == 8
    assert list(read_rows(path)) == rows
    assert write_rows(tmp_path / "none.parquet", {"a": "text"}, []) == 0
    assert list(read_rows(tmp_path / "none.parquet")) == []


def test_what_is_no_parquet_is_said(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"no")
    with pytest.raises(InvalidField):
        list(read_rows(tmp_path / "a.parquet"))


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def missing(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError("No module named 'pyarrow'")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(NotConfigured, match="pyarrow"):
        list(read_rows(tmp_path / "a.parquet"))
