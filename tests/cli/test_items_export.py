"""`freehold items export`: the chosen items, in the form that the file's name says."""

import csv
import io
import json
from pathlib import Path

import pytest

from cli.shelved import command, fill, told
from freehold.errors import InvalidField, StoreError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return fill(tmp_path / "data")


def test_lines_are_items_with_pseudonyms(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "a.jsonl"
    assert command("export", str(file), data=data).stdout == f"Exported 3 items to {file}.\n"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["id"], line["given"]["text"]) for line in lines] == [(f"rec_{n}", f"Answer {n}") for n in (1, 2, 3)]
    assert "ann" not in {line["subject"] for line in lines}


def test_a_table_has_a_row_for_each(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "a.csv"
    assert told("export", str(file), "--since", "1970-01-01T00:02", data=data) == {
        "exported": 2,
        "file": str(file),
        "form": "csv",
    }
    assert [row["reply"] for row in csv.DictReader(io.StringIO(file.read_text()))] == ["Answer 2", "Answer 3"]


def test_only_what_is_asked_for_goes_out(tmp_path: Path, data: Path) -> None:
    told("label", "rec_2", "--score", "1", data=data)
    assert told("export", str(tmp_path / "a.jsonl"), "--labelled", data=data)["exported"] == 1
    assert told("export", str(tmp_path / "b.jsonl"), "--split", "none", data=data)["exported"] == 3
    assert told("export", str(tmp_path / "c.jsonl"), "--workload", "other", data=data)["exported"] == 0


def test_a_file_without_a_form_and_one_that_is_there_are_refused(tmp_path: Path, data: Path) -> None:
    with pytest.raises(InvalidField, match="says nothing of its form"):
        command("export", str(tmp_path / "a"), data=data)
    (tmp_path / "a.jsonl").write_text("mine")
    with pytest.raises(StoreError, match="there already"):
        command("export", str(tmp_path / "a.jsonl"), data=data)
