"""`freehold items list`: the newest first, the right ones, and nothing that is sealed."""

from pathlib import Path

import pytest

from cli.shelved import command, fill, told
from freehold.errors import InvalidField


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return fill(tmp_path, 5)


def test_people_get_a_table_and_are_told_when_there_is_more(data: Path) -> None:
    done = command("list", "--limit", "2", data=data)
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["id", "at", "workload", "model", "split", "cluster", "seen", "tokens", "usd"]
    assert [line.split()[0] for line in lines] == ["rec_5", "rec_4"]
    assert lines[0].split() == [
        "rec_5",
        "1970-01-01",
        "00:05:00.000",
        "triage",
        "echo/echo",
        "-",
        "-",
        "1",
        "0+0",
        "0.0075",
    ]
    assert done.stderr == "These are the newest 2; --limit shows more.\n"


def test_machines_get_rows_without_digests(data: Path) -> None:
    found = told("list", data=data)
    assert (len(found["items"]), found["more"]) == (5, False)
    assert set(found["items"][0]) == {
        *("id", "workload", "at", "subject", "keep_until", "model", "conversation", "seen", "cost_nano", "total_ms"),
        *("first_token_ms", "input_tokens", "output_tokens", "cluster", "split"),
    }


def test_items_are_chosen_by_time_split_and_label(data: Path) -> None:
    def ids(*words: str) -> list[str]:
        return [row["id"] for row in told("list", *words, data=data)["items"]]

    assert ids("--since", "1970-01-01T00:02", "--until", "1970-01-01T00:04") == ["rec_3", "rec_2"]
    told("label", "rec_2", "--score", "1", data=data)
    assert (ids("--labelled"), len(ids("--unlabelled"))) == (["rec_2"], 4)
    told("split", "triage", data=data)
    assert ids("--split", "none") == []
    assert sum(len(ids("--split", name)) for name in ("train", "trial", "holdout", "bridge")) == 5
    assert ids("--workload", "other") == []
    with pytest.raises(InvalidField):
        command("list", "--since", "yesterday", data=data)


def test_a_summary_counts_by_workload_and_split(data: Path) -> None:
    told("label", "rec_2", "--score", "1", data=data)
    expected = {"workload": "triage", "split": "", "items": 5, "requests": 5, "labelled": 1}
    assert told("list", "--summary", data=data) == [expected]
    assert command("list", "--summary", data=data).stdout.splitlines()[0].split() == list(expected)
