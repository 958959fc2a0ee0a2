"""`freehold items import`: redacted unless somebody says otherwise, all or nothing, and again without harm."""

import json
from pathlib import Path

import pytest

from cli.shelved import command, told
from freehold.errors import InvalidField

ROWS = [
    {"frage": "Is ann@example.com right?", "loesung": "Yes", "wer": "ann", "language": "de"},
    {"frage": "And 192.0.2.1?", "loesung": "No", "wer": "", "language": "en"},
]
OPTIONS = ("--workload", "triage", "--question", "frage", "--reference", "loesung", "--subject", "wer")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def questions(data: Path) -> list[str]:
    ids = [row["id"] for row in told("list", data=data)["items"]]
    return sorted(told("show", one, data=data)["input"]["messages"][0]["content"] for one in ids)


def test_items_come_in_redacted_under_their_subjects_with_the_rest_as_metadata(tmp_path: Path, file: Path) -> None:
    done = command("import", str(file), *OPTIONS, data=tmp_path / "data")
    assert done.stdout.startswith("Imported 2 items of the form plain into triage.\n")
    assert questions(tmp_path / "data") == ["And [IP_1]?", "Is [EMAIL_1] right?"]
    rows = told("list", data=tmp_path / "data")["items"]
    assert len({row["subject"] for row in rows}) == 2
    found = [told("show", row["id"], data=tmp_path / "data") for row in rows]
    assert sorted((one["reference"], one["metadata"]["language"]) for one in found) == [("No", "en"), ("Yes", "de")]


def test_the_same_file_again_stores_nothing_twice(tmp_path: Path, file: Path) -> None:
    first = told("import", str(file), *OPTIONS, data=tmp_path)
    again = told("import", str(file), *OPTIONS, data=tmp_path)
    assert (first["imported"], again["imported"], again["repeated"]) == (2, 0, 2)
    assert first["subject"].startswith("import:")


def test_redaction_is_by_some_rules_or_none_only_when_asked(tmp_path: Path, file: Path) -> None:
    told("import", str(file), *OPTIONS, "--redact", "ip", data=tmp_path / "a")
    assert questions(tmp_path / "a") == ["And [IP_1]?", "Is ann@example.com right?"]
    told("import", str(file), *OPTIONS, "--no-redact", data=tmp_path / "b")
    assert questions(tmp_path / "b") == ["And 192.0.2.1?", "Is ann@example.com right?"]
    with pytest.raises(InvalidField, match="the opposite"):
        command("import", str(file), *OPTIONS, "--no-redact", "--redact", "ip", data=tmp_path / "c")


def test_a_file_with_bad_lines_is_imported_only_when_asked_and_each_is_told(tmp_path: Path, file: Path) -> None:
    file.write_text(file.read_text() + "{\n" + '{"loesung": "x"}\n' * 12)
    with pytest.raises(InvalidField, match="cannot be read, and none was imported"):
        command("import", str(file), *OPTIONS, data=tmp_path / "data")
    assert not (tmp_path / "data").exists()
    done = command("import", str(file), *OPTIONS, "--skip-bad", data=tmp_path / "data")
    assert done.stdout.startswith("Imported 2 items")
    assert done.stderr.splitlines()[0].startswith(f"{file}, item 3: It is no JSON object")
    assert done.stderr.splitlines()[-1] == "... and 3 more"


def test_a_file_without_items_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text("")
    with pytest.raises(InvalidField, match="holds no items"):
        command("import", str(path), "--workload", "triage", "--skip-bad", data=tmp_path)


def test_a_table_whose_columns_mean_nothing_is_refused_with_the_options_that_name_them(tmp_path: Path) -> None:
    path = tmp_path / "golden.csv"
    path.write_text("Frage,Antwort\nWas?,Das\n")
    with pytest.raises(InvalidField, match="holds no items") as refused:
        command("import", str(path), "--workload", "triage", data=tmp_path)
    assert refused.value.advice.startswith("Name the columns of a table with --question, --reference and --reply")
