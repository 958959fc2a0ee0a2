"""Items into files: what is written is read again, as it was."""

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import StoreError
from freehold.items import Given, Item, Label, ToolUse
from freehold.store.items import ItemRow
from freehold.trials.exporting import COLUMNS, Form, export, line_of, row_of
from freehold.trials.importing import read_items
from freehold.trials.items import Stored

WHOLE = Item(
    id="rec_1",
    workload="triage",
    input={"messages": [{"role": "user", "content": 'A "quoted", long\nquestion é'}], "temperature": 0.5},
    at=1000,
    given=Given(text="[4]", tool_uses=(ToolUse(name="add", arguments="{}"),), finish="tool_calls"),
    reference=["4", "four"],
    model="echo/echo",
    metadata={"language": "de", "n": 3},
    conversation="ab" * 8,
    cost_nano=7,
    total_ms=1.5,
    first_token_ms=0.25,
    input_tokens=3,
    output_tokens=4,
    record="rec_1",
    subject="cd" * 32,
    labels=(Label(source="human", score=0.5, model="m", at=9, by="ann", note="Half, right"),),
)
BARE = Item(
    id="imp_2", workload="triage", input={"messages": [{"role": "user", "content": "Hi"}]}, at=5, reference="Yes."
)


def stored(item: Item, **row: Any) -> Stored:
    given = ItemRow(
        id=item.id, workload="triage", at=item.at, subject=item.subject, keep_until=9, content=b"", seen=2, **row
    )
    return Stored(item, given)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_what_is_written_is_read_again_as_it_was(tmp_path: Path, form: Form) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"items.{form}"
    assert export(path, form, iter([stored(WHOLE, cluster="rec_0", split="trial"), stored(BARE)])) == 2
    found = read_items(path, "triage")
    assert (found.items, found.problems) == ((WHOLE, BARE), ())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_has_the_cluster_and_the_split_and_how_often_it_came() -> None:
    line = json.loads(line_of(stored(WHOLE, cluster="rec_0", split="trial")))
    assert (line["cluster"], line["split"], line["seen"], line["id"]) == ("rec_0", "trial", 2, "rec_1")
    assert "split" not in json.loads(line_of(stored(BARE)))


def test_a_row_has_a_cell_for_every_column() -> None:
    row = row_of(stored(WHOLE, cluster="rec_0", split="trial"))
    assert list(row) == list(COLUMNS) or set(row) == set(COLUMNS)
    assert (row["reply"], row["reference"], row["metadata"]) == ("[4]", '["4","four"]', '{"language":"de","n":3}')
    assert row_of(stored(BARE))["reference"] == "Yes."


def test_the_first_line_of_a_table_names_its_columns(tmp_path: Path) -> None:
    export(tmp_path / "a.csv", "csv", [stored(BARE)])
    [header, row] = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert header == list(COLUMNS)
    assert row[0] == "imp_2"


def test_a_file_that_is_there_is_left_alone_and_half_a_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("mine")
    with pytest.raises(StoreError, match="is there already"):
        export(path, "jsonl", [])
    assert path.read_text() == "mine"

    def broken() -> "list[Stored]":
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        export(tmp_path / "b.jsonl", "jsonl", (one for _ in (1,) for one in broken()))
    assert not (tmp_path / "b.jsonl").exists()
    with pytest.raises(StoreError, match="cannot be written"):
        export(tmp_path / "none" / "c.jsonl", "jsonl", [])
