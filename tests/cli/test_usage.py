"""`freehold usage`: the records added up, for people, for spreadsheets and for machines."""

import contextlib
import csv
import io
import json
import time
from pathlib import Path

import pytest

from cli.commands import run
from freehold.errors import ConfigError, InvalidField
from freehold.store.database import open_database
from freehold.store.drain import Drain
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from freehold.store.records import Record, Status, new_id

OCTOBER = 1_793_145_600.0  # 2026-10-28T00:00:00Z
HALLOWEEN = 1_793_491_199.0  # 2026-10-31T23:59:59Z
DAY = 86_400


def record(at: float, *, status: Status = "answered", nano: int = 0, **more: str | int) -> Record:
    fields: dict[str, str | int] = {"workload": "triage", "deployment": "echo/echo", "key_id": "key_1"} | more
    return Record(
        id=new_id(at),
        started_at=at,
        ended_at=at,
        dialect="openai-chat",
        operation="generate",
        status=status,
        http_status=200,
        cost_nano=nano,
        **fields,  # pyright: ignore[reportArgumentType]
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with five requests on three days of October 2026."""
    journal = Journal(tmp_path / JOURNAL, 0)
    for kept in (
        record(OCTOBER, nano=1_500_000, input_tokens=10, output_tokens=5, cache_read_tokens=4),
        record(OCTOBER + 60, nano=500_000, input_tokens=1, output_tokens=1, estimated=True),
        record(OCTOBER + DAY, status="failed", deployment="openai/gpt-5-mini", workload="claims"),
        record(OCTOBER + DAY, status="refused", deployment="", workload="claims"),
        record(HALLOWEEN, nano=2_000_000_000, input_tokens=1_000_000, workload="[bold]claims"),
    ):
        journal.append(kept)
    journal.close()
    with contextlib.closing(open_database(tmp_path)) as db:
        assert Drain(db, tmp_path / JOURNAL).drain_once() == 5
    return tmp_path


def rows(data: Path, *words: str) -> list[dict[str, object]]:
    return json.loads(run("usage", *words, "--since", "2026-10-01", "--data", str(data), "--json").stdout)


def test_by_itself_it_adds_up_by_day_workload_and_deployment(data: Path) -> None:
    found = rows(data)
    assert [(row["day"], row["workload"], row["deployment"], row["requests"]) for row in found] == [
        ("2026-10-28", "triage", "echo/echo", 2),
        ("2026-10-29", "claims", "", 1),
        ("2026-10-29", "claims", "openai/gpt-5-mini", 1),
        ("2026-10-31", "[bold]claims", "echo/echo", 1),
    ]
    assert found[0] == {
        "day": "2026-10-28",
        "workload": "triage",
        "deployment": "echo/echo",
        "requests": 2,
        "failed": 0,
        "refused": 0,
        "input_tokens": 11,
        "output_tokens": 6,
        "cache_read_tokens": 4,
        "estimated": 1,
        "usd": 0.002,
    }


def test_the_groups_can_be_chosen(data: Path) -> None:
    found = rows(data, "--by", "vendor")
    assert {row["vendor"]: (row["requests"], row["failed"], row["refused"]) for row in found} == {
        "": (1, 0, 1),
        "echo": (3, 0, 0),
        "openai": (1, 1, 0),
    }
    assert [(row["key"], row["usd"]) for row in rows(data, "--by", "key")] == [("key_1", 2.002)]


def test_the_last_day_is_the_one_before_until(data: Path) -> None:
    words = ("usage", "--by", "day", "--data", str(data), "--json", "--since", "2026-10-29", "--until", "2026-10-31")
    assert [row["day"] for row in json.loads(run(*words).stdout)] == ["2026-10-29"]


def test_by_itself_it_begins_with_this_month(data: Path) -> None:
    journal = Journal(data / JOURNAL, 1)
    now = time.time()
    journal.append(record(now, workload="today"))
    journal.close()
    with contextlib.closing(open_database(data)) as db:
        Drain(db, data / JOURNAL).drain_once()
    found = json.loads(run("usage", "--by", "workload", "--data", str(data), "--json").stdout)
    assert "today" in {row["workload"] for row in found}


def test_spreadsheets_get_one_line_a_group_below_the_names(data: Path) -> None:
    words = ("usage", "--csv", "--by", "workload", "--since", "2026-10-01", "--data", str(data))
    found = list(csv.DictReader(io.StringIO(run(*words).stdout)))
    assert [(row["workload"], row["requests"], row["usd"]) for row in found] == [
        ("[bold]claims", "1", "2.0"),
        ("claims", "2", "0.0"),
        ("triage", "2", "0.002"),
    ]


def test_spreadsheets_get_small_sums_exactly_and_without_an_exponent(tmp_path: Path) -> None:
    journal = Journal(tmp_path / JOURNAL, 0)
    journal.append(record(OCTOBER, nano=1_500))
    journal.close()
    with contextlib.closing(open_database(tmp_path)) as db:
        Drain(db, tmp_path / JOURNAL).drain_once()
    words = ("usage", "--csv", "--by", "workload", "--since", "2026-10-01", "--data", str(tmp_path))
    assert run(*words).stdout.splitlines()[1] == "triage,1,0,0,0,0,0,0,0.0000015"


@pytest.mark.parametrize(
    "words", [("usage",), ("usage", "--invoice"), ("keys", "list"), ("report",), ("canary", "status")]
)
def test_a_misspelt_data_folder_is_told_and_not_made(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="There is no data folder"):
        run(*words, "--data", str(tmp_path / "dta"))
    assert list(tmp_path.iterdir()) == []


def test_people_get_a_table_in_which_nothing_is_cut(data: Path) -> None:
    said = run("usage", "--since", "2026-10-01", "--data", str(data)).stdout
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == (
        "day workload deployment requests failed refused input tokens output tokens cache read tokens estimated usd"
    )
    assert lines[1] == "2026-10-28 triage echo/echo 2 0 0 11 6 4 1 0.002000"
    assert lines[4] == "2026-10-31 [bold]claims echo/echo 1 0 0 1000000 0 0 0 2.000000"


def test_where_nothing_was_used_there_is_nothing(tmp_path: Path) -> None:
    assert run("usage", "--json", "--data", str(tmp_path)).stdout == "[]\n"


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "", "28.10.2026"])
def test_what_is_no_day_is_told(day: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match=r"is not a day\.") as caught:
        run("usage", "--since", day, "--data", str(tmp_path))
    assert caught.value.advice == "Write it as 2026-11-01."


def test_a_group_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match=r"Usage cannot be grouped by 'colour'\.") as caught:
        run("usage", "--by", "colour", "--data", str(tmp_path))
    assert "deployment" in caught.value.advice


def test_a_day_with_an_offset_begins_where_that_says(data: Path) -> None:
    """00:00 at UTC+02:00 is 22:00 UTC of the day before."""
    words = ("usage", "--by", "day", "--data", str(data), "--json", "--until", "2026-11-01T01:00+02:00")
    assert [row["day"] for row in json.loads(run(*words, "--since", "2026-10-30").stdout)] == []
    words = (*words[:-1], "2026-10-31T23:00-01:00")
    assert [row["day"] for row in json.loads(run(*words, "--since", "2026-10-30").stdout)] == ["2026-10-31"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--month", "2026-10"), "--month says nothing here. Add --invoice, or leave it out."),
        (("--project", "shop"), "--project says nothing here. Add --invoice or --left, or leave it out."),
        (("--check",), "--check says nothing here. Add --invoice, or leave it out."),
        (
            ("--invoice", "--since", "2026-10-01"),
            "--since says nothing here. Leave it out, or leave out --invoice.",
        ),
        (("--left", "--month", "2026-10"), "--month says nothing here. Add --invoice, or leave it out."),
        (("--left", "--check"), "--check says nothing here. Add --invoice, or leave it out."),
        (("--config", "x"), "--config says nothing here. Add --left, or leave it out."),
        (("--left", "--invoice"), "--invoice and --left are two things. Ask for one of them."),
    ],
)
def test_an_option_that_would_be_passed_over_is_told(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidField) as caught:
        run("usage", *words, "--data", str(tmp_path))
    assert caught.value.message == said
