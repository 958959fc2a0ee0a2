"""Items out of files: every kind of file, what cannot be read by its line, and everything redacted as it comes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.errors import InvalidField, NotFound
from freehold.redaction.redactor import Redactor
from freehold.trials.forms import Columns
from freehold.trials.importing import Imported, read_items

ROWS = [{"question": "What is 2 + 2?", "answer": "4"}, {"question": "And 3 + 3?", "answer": "6"}]


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def questions(found: Imported) -> list[str]:
    return [item.input["messages"][-1]["content"] for item in found.items]


def test_a_form_that_there_is_not_is_refused_and_not_read_as_a_plain_table(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="There is no form 'openai-chats'") as refused:
        read_items(written(tmp_path / "a.json", json.dumps(ROWS)), "sums", form="openai-chats")
    assert "openai-chat, " in refused.value.advice


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        ("a.json", json.dumps(ROWS)),
        ("b.json", "\ufeff" + json.dumps(ROWS)),
        ("c.json", json.dumps({"object": "list", "data": ROWS})),
        ("a.csv", "question,answer\r\nWhat is 2 + 2?,4\r\nAnd 3 + 3?,6\r\n"),
    ],
)
def test_every_kind_of_file_gives_its_items(tmp_path: Path, name: str, text: str) -> None:
    found = read_items(written(tmp_path / name, text), "sums", at=5)
    assert questions(found) == ["What is 2 + 2?", "And 3 + 3?"]
    assert [item.reference for item in found.items] == ["4", "6"]
    assert ([item.at for item in found.items], found.form, found.problems) == ([5, 5], "plain", ())
    assert found.subject.startswith("import:")
    assert len(found.subject) == len("import:") + 16


def test_the_subject_is_the_files_own(tmp_path: Path) -> None:
    one, same = written(tmp_path / "a.jsonl", json.dumps(ROWS[0])), written(tmp_path / "b.jsonl", json.dumps(ROWS[0]))
    other = written(tmp_path / "c.jsonl", json.dumps(ROWS[1]))
    assert read_items(one, "w").subject == read_items(same, "w").subject != read_items(other, "w").subject


def test_a_line_that_is_no_item_is_told_by_its_place_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [json.dumps(ROWS[0]), "{", "[1]", '{"answer": "4"}', json.dumps(ROWS[1])]
    found = read_items(written(tmp_path / "a.jsonl", "\n".join(lines)), "sums")
    assert questions(found) == ["What is 2 + 2?", "And 3 + 3?"]
    assert [problem.place for problem in found.problems] == [2, 3, 4]
    assert found.problems[2].reason == "It asks nothing."


def test_a_line_may_hold_the_line_separators_of_unicode(tmp_path: Path) -> None:
    text = "a\u2028b\u0085c\x1cd"
    found = read_items(written(tmp_path / "a.jsonl", json.dumps({"question": text}, ensure_ascii=False)), "w")
    assert questions(found) == [text]
    found = read_items(written(tmp_path / "a.csv", f'question\n"{text}\nsecond"\n'), "w")
    assert questions(found) == [f"{text}\nsecond"]


def test_a_row_with_too_many_or_too_few_cells_is_told(tmp_path: Path) -> None:
    found = read_items(written(tmp_path / "a.csv", "question,answer\na,b,c\nd\ne,f\n"), "w")
    assert (questions(found), [problem.place for problem in found.problems]) == (["e"], [1, 2])


def test_the_form_of_the_first_object_holds_for_all_or_the_one_that_is_named(tmp_path: Path) -> None:
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    path = written(tmp_path / "a.jsonl", f"{json.dumps(chat)}\n{json.dumps(ROWS[0])}\n")
    found = read_items(path, "w")
    assert (found.form, questions(found), [problem.place for problem in found.problems]) == ("openai-chat", ["a"], [2])
    assert questions(read_items(path, "w", form="plain", columns=Columns(question="question"))) == ["What is 2 + 2?"]


def test_everything_is_redacted_as_it_comes(tmp_path: Path) -> None:
    row = {
        "question": "I am ann@example.com",
        "answer": "bob@example.com",
        "reply": "Hi ann@example.com",
        "team": "bob@example.com",
    }
    path = written(tmp_path / "a.jsonl", json.dumps(row))
    [item] = read_items(path, "w", redactor=Redactor()).items
    assert item.input["messages"] == [{"role": "user", "content": "I am [EMAIL_1]"}]
    assert (item.given.text if item.given else "", item.reference) == ("Hi [EMAIL_1]", "[EMAIL_2]")
    assert item.metadata == {"team": "[EMAIL_2]"}


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", b"[{]"), ("a.jsonl", b"\xff\xfe"), ("a.parquet", b"PAR1nonsense")]
)
def test_a_file_that_cannot_be_read_at_all_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    with pytest.raises(InvalidField):
        read_items(written(tmp_path / name, content), "w")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_items(tmp_path / "none.jsonl", "w")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "input",
    "output",
    "messages",
    "choices",
    "sample",
    "ideal",
    "expectedOutput",
    "question",
    "usage",
    "id",
    "workload",
)


@settings(max_examples=40)
@given(fields=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5))
def test_no_object_whatever_is_in_it_breaks_an_import(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    found = read_items(written(path, json.dumps(fields)), "w", redactor=Redactor())
    assert len(found.items) + len(found.problems) == 1


@pytest.mark.parametrize("depth", [900, 5_000])
def test_what_is_too_deep_is_told_by_its_place(tmp_path: Path, depth: int) -> None:
    deep = f'{{"question": "A?", "meta": {"[" * depth}{"]" * depth}}}'
    found = read_items(written(tmp_path / "deep.jsonl", deep + '\n{"question": "B?"}\n'), "w", redactor=Redactor())
    assert [(one.place, one.reason) for one in found.problems] == [
        (1, "Its lists and objects are too deep in each other.")
    ]
    assert questions(found) == ["B?"]


def test_a_list_without_an_end_and_a_cell_beyond_all_measure_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="begins as a JSON list"):
        read_items(written(tmp_path / "deep.json", "[" * 50_000 + "]" * 50_000), "w")
    with pytest.raises(InvalidField, match="cannot be read behind line 1"):
        read_items(written(tmp_path / "wide.csv", 'question\n"' + "x" * (1 << 25) + '"\n'), "w")


def test_metadata_is_redacted_whatever_its_name_is(tmp_path: Path) -> None:
    row = {"question": "A?", "metadata": {"role": "bob@example.com", "password": 12345678}}
    [item] = read_items(written(tmp_path / "a.jsonl", json.dumps(row)), "w", redactor=Redactor()).items
    assert "bob@example.com" not in json.dumps(item.metadata)
    assert "12345678" not in json.dumps(item.metadata)
