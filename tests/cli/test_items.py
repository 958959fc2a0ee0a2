"""Items from end to end: captured by a real door, listed, labelled, dealt, carried to another folder, erased. And the options."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from cli.commands import run, run_beside
from freehold.cli.items import form_of, open_items, split_named
from freehold.errors import InvalidField, StoreError
from gateway.door_in_process import running
from gateway.test_capture import CAPTURED, CHAT, asking, rows
from gateway.test_traces_door import everything


async def said(*words: str, data: Path) -> Any:
    """What a command says as JSON, about a data folder."""
    done = await run_beside(*words, "--data", str(data), "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


async def test_the_whole_way_of_an_item(tmp_path: Path) -> None:
    data, other = tmp_path / "here", tmp_path / "there"
    data.mkdir()
    async with running(data, CAPTURED) as door:
        # captured: five questions, one of them twice, one person in two of them
        for text in ("One plain question", "Two, from ann@example.com", "Three", "Four", "Four"):
            subject = "patient-7" if text[0] == "T" else ""
            answer = await door.post(CHAT, asking(CHAT, text), x_freehold_workload="triage", x_freehold_subject=subject)
            assert answer.status == 200
        await rows(door, 5)
        # listed and shown
        listed = (await said("items", "list", "--workload", "triage", data=data))["items"]
        assert [one["seen"] for one in listed] == [2, 1, 1, 1]
        four, _, two, one = (row["id"] for row in listed)
        shown = await said("items", "show", two, data=data)
        assert shown["input"]["messages"][1]["content"] == shown["given"]["text"] == "Two, from [EMAIL_1]"
        # labelled, by a person and by an end user
        await said("items", "label", two, "--score", "0.5", "--note", "Hm.", "--by", "ann", data=data)
        feedback = {"id": one, "thumbs": "down", "corrected": "Uno"}
        assert (await door.post("/v1/feedback", feedback)).status == 202
        door.write_ledger()
        assert (await said("items", "show", one, data=data))["proposed"] == ["Uno"]
        await said("items", "label", one, "--accept", data=data)
        labelled = (await said("items", "list", "--labelled", data=data))["items"]
        assert {row["id"] for row in labelled} == {one, two}
        # dealt, twice the same
        dealt = await said("items", "split", "triage", data=data)
        assert sum(dealt["splits"].values()) == 4
        assert await said("items", "split", "triage", data=data) == dealt
        # carried to another folder
        file = tmp_path / "items.jsonl"
        assert (await said("items", "export", str(file), "--workload", "triage", data=data))["exported"] == 4
        carried = await said("items", "import", str(file), "--workload", "moved", data=other)
        assert (carried["form"], carried["imported"], carried["repeated"]) == ("freehold", 4, 0)
        there = await said("items", "show", one, data=other)
        assert (there["workload"], there["reference"], there["labels"][0]["source"]) == ("moved", "Uno", "feedback")
        assert there["input"] == (await said("items", "show", one, data=data))["input"]
        # erased, with what was said of it
        erased = await said("audit", "erase", "patient-7", "--basis", "GDPR Art. 17(1)(b)", "--yes", data=data)
        assert erased["records"] == 5, "two answers, two items, one label with words"
        left = (await said("items", "list", data=data))["items"]
        assert {row["id"] for row in left} == {one, four}
        assert (await said("items", "export", str(tmp_path / "left.jsonl"), data=data))["exported"] == 2
        door.write_ledger()
        assert (await said("audit", "verify", data=data))["ok"] is True
        found = (await said("audit", "search", "--kind", "item.labelled", data=data))["entries"]
        assert {entry["entry"]["id"] for entry in found} == {one, two}
        looked = (await said("audit", "search", "--kind", "contents.read", data=data))["entries"]
        told = {(entry["entry"]["id"], entry["entry"]["command"], entry["entry"]["of"]) for entry in looked}
        assert {(two, "items show", "item"), (one, "items show", "item"), (four, "items export", "item")} <= told
    assert b"ann@example.com" not in everything(data)


# --- the options that the commands share ---


def test_a_folder_without_a_store_is_said_and_made_only_to_import(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"), open_items(tmp_path / "none"):
        pass
    assert not (tmp_path / "none").exists()
    with open_items(tmp_path / "new", make=True) as opened:
        assert list(opened.items.each()) == []


def test_a_split_is_one_of_four_or_none() -> None:
    assert [split_named(one) for one in (None, "train", "none", "bridge")] == [None, "train", "", "bridge"]
    with pytest.raises(InvalidField, match="'dev'"):
        split_named("dev")


def test_a_form_is_said_by_a_files_name_or_by_the_option() -> None:
    assert [form_of(Path(name), None) for name in ("a.jsonl", "b.CSV", "c.d.parquet")] == ["jsonl", "csv", "parquet"]
    assert form_of(Path("a.txt"), "csv") == "csv"
    for path, named in ((Path("a.txt"), None), (Path("a.csv"), "xml")):
        with pytest.raises(InvalidField):
            form_of(path, named)


def test_help_names_every_command() -> None:
    out = run("items", "--help").stdout
    assert all(name in out for name in ("list", "show", "import", "export", "label", "split"))
    with contextlib.suppress(SystemExit):
        assert run("items", "list", "--help").exit_code == 0
