"""`freehold audit search`: the newest entries that fit, as a table or as JSON with their own bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.commands import run
from cli.ledgers import answer, id_of, ledger, settle, trace
from freehold.cli.audit import open_ledger
from freehold.errors import NotFound


def search(data: Path, *words: str) -> dict[str, Any]:
    return json.loads(run("audit", "search", *words, "--data", str(data), "--json").stdout)


def test_the_newest_come_first_and_more_are_announced(tmp_path: Path) -> None:
    found = search(ledger(tmp_path, 5), "--limit", "2")
    assert [(one["place"], one["entry"]["id"]) for one in found["entries"]] == [(4, id_of(5)), (3, id_of(4))]
    assert found["more"] is True
    assert search(tmp_path)["more"] is False
    said = run("audit", "search", "--limit", "2", "--data", str(tmp_path))
    assert said.stderr == "These are the newest 2; --limit shows more.\n"


def test_json_holds_the_very_bytes_of_the_entry(tmp_path: Path) -> None:
    said = run("audit", "search", "--data", str(ledger(tmp_path, 1)), "--json").stdout
    assert open_ledger(tmp_path).leaf(0).decode() in said


def test_every_filter_reaches_the_search(tmp_path: Path) -> None:
    ledger(tmp_path, 2)
    answer(tmp_path, 3, subject="patient-8", workload="claims", status="failed", deployment="own/nano", key_id="key_2")
    settle(tmp_path)
    for words in (
        ("--workload", "claims"),
        ("--model", "own/*"),
        ("--subject", "patient-8"),
        ("--key-id", "key_2"),
        ("--outcome", "failed"),
        ("--since", "2026-11-24T12:00:03"),
    ):
        assert [one["entry"]["id"] for one in search(tmp_path, *words)["entries"]] == [id_of(3)], words
    assert search(tmp_path, "--until", "2026-11-24T12:00:01")["entries"] == []
    assert search(tmp_path, "--kind", "erasure")["entries"] == []
    with pytest.raises(NotFound):
        search(tmp_path, "--subject", "nobody")


def test_people_get_a_table_in_which_nothing_can_play_with_the_terminal(tmp_path: Path) -> None:
    ledger(tmp_path, 1, workload="[bold]\x1b[2Jx", cost_nano=1_500_000_000)
    lines = [" ".join(line.split()) for line in run("audit", "search", "--data", str(tmp_path)).stdout.splitlines()]
    assert lines == [
        "place at kind id outcome workload model key tokens usd",
        r"0 2026-11-24 12:00:01.000 answer rec_000001 answered [bold]\x1b[2Jx openai/gpt-5-mini key_1 10+3 1.5",
    ]


def test_a_trace_is_found_by_what_its_answer_says(tmp_path: Path) -> None:
    ledger(tmp_path, 1)
    answer(tmp_path, 2, subject="patient-8", workload="claims", status="failed", deployment="own/nano", key_id="key_2")
    trace(tmp_path, 1)
    trace(tmp_path, 2)
    settle(tmp_path)
    for words in (
        ("--workload", "claims"),
        ("--model", "own/*"),
        ("--subject", "patient-8"),
        ("--key-id", "key_2"),
        ("--outcome", "failed"),
    ):
        found = search(tmp_path, *words)["entries"]
        assert [(one["entry"]["kind"], one["entry"]["id"]) for one in found] == [
            ("trace", id_of(2)),
            ("answer", id_of(2)),
        ], words
    found = search(tmp_path, "--kind", "trace", "--workload", "triage")["entries"]
    assert [one["entry"]["id"] for one in found] == [id_of(1)]
