"""`freehold usage --invoice`: the same bytes for the same month, exact, rounded once, held against the ledger."""

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from cli.commands import run
from cli.ledgers import answer, settle
from freehold.cli.usage_invoice import as_csv, invoice
from freehold.errors import StoreError
from freehold.store.database import open_database
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from store.test_invoices import CHEAP, DAY, DEAR, DECEMBER, NOVEMBER, kept, record


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three November requests of two projects, at two prices."""
    kept(
        tmp_path,
        record(NOVEMBER + 1, input_tokens=10, output_tokens=5, cost_nano=1_234_567_891),
        record(NOVEMBER + 20 * DAY, input_tokens=1, cost_nano=432_109, price=DEAR),
        record(NOVEMBER + 20 * DAY, project="other", cost_nano=9),
    )
    return tmp_path


def test_the_total_is_exact_and_rounded_once(data: Path) -> None:
    found = invoice(data, "2026-11", None, check=False, now=DECEMBER)
    assert (found["total_nano"], found["total"], found["requests"]) == (1_235_000_009, "1.24", 3)
    assert sum(line["cost_nano"] for line in found["lines"]) == 1_235_000_009
    assert found["provisional"] is False
    assert invoice(data, "2026-11", None, check=False, now=DECEMBER - 1)["provisional"] is True


@pytest.mark.parametrize(
    ("nano", "total"), [(5_000_000, "0.00"), (5_000_001, "0.01"), (15_000_000, "0.02"), (0, "0.00")]
)
def test_half_a_cent_goes_to_the_even_one(nano: int, total: str, tmp_path: Path) -> None:
    kept(tmp_path, record(NOVEMBER, cost_nano=nano))
    assert invoice(tmp_path, "2026-11", None, check=False)["total"] == total


def test_the_same_month_gives_the_same_bytes_and_another_total_another_number(data: Path) -> None:
    words = ("usage", "--invoice", "--month", "2026-11", "--json", "--data", str(data))
    first = run(*words).stdout
    assert run(*words).stdout == first
    number = json.loads(first)["number"]
    assert number.startswith("2026-11-")
    assert json.loads(run(*words, "--project", "shop").stdout)["number"] != number
    kept(data, record(NOVEMBER + 21 * DAY, cost_nano=1))
    assert json.loads(run(*words).stdout)["number"] != number


def test_a_month_whose_last_requests_are_not_stored_yet_is_provisional(data: Path) -> None:
    """The door was killed at the month's end, and was not started since."""
    journal = Journal(data / JOURNAL, 0)
    journal.append(record(DECEMBER - 1, cost_nano=7))
    journal.close()
    early = invoice(data, "2026-11", None, check=False, now=DECEMBER + DAY)
    assert (early["total_nano"], early["provisional"]) == (1_235_000_009, True)
    assert invoice(data, "2026-11", "other", check=False, now=DECEMBER + DAY)["provisional"] is False
    kept(data)
    final = invoice(data, "2026-11", None, check=False, now=DECEMBER + DAY)
    assert (final["total_nano"], final["provisional"]) == (1_235_000_016, False)


def test_spreadsheets_get_the_lines_and_the_total(data: Path) -> None:
    found = invoice(data, "2026-11", "shop", check=False)
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert [(row["project"], row["model"], row["usd"]) for row in rows] == [
        ("shop", "own/nano", "1.234567891"),
        ("shop", "own/nano", "0.000432109"),
        ("total", "", "1.24"),
    ]
    assert rows[0]["rates"] == "input=100000000 output=400000000"
    assert run(
        "usage", "--invoice", "--month", "2026-11", "--project", "shop", "--csv", "--data", str(data)
    ).stdout == as_csv(invoice(data, "2026-11", "shop", check=False))


def test_no_spreadsheet_takes_a_name_for_a_formula(tmp_path: Path) -> None:
    kept(tmp_path, record(NOVEMBER, project='=HYPERLINK("http://192.0.2.1")', cost_nano=1))
    (line, _) = csv.DictReader(io.StringIO(as_csv(invoice(tmp_path, "2026-11", None, check=False))))
    assert line["project"] == '\'=HYPERLINK("http://192.0.2.1")'
    words = ("usage", "--csv", "--by", "project", "--since", "2026-11-01", "--until", "2026-12-01")
    (row,) = csv.DictReader(io.StringIO(run(*words, "--data", str(tmp_path)).stdout))
    assert (row["project"], row["requests"]) == ('\'=HYPERLINK("http://192.0.2.1")', "1")


def test_people_get_a_table_with_prices_and_the_rule_of_rounding(data: Path) -> None:
    said = run("usage", "--invoice", "--month", "2026-11", "--project", "shop", "--data", str(data)).stdout
    assert "input $0.1, output $0.4" in said
    assert "Total: $1.24 (1,235,000,000 nano-dollars). Lines are exact to a nano-dollar" in said


def test_the_entries_of_the_ledger_give_the_same_lines_or_the_invoice_is_refused(tmp_path: Path) -> None:
    for number, (project, price, cost) in enumerate(
        [("shop", CHEAP, 700), ("shop", DEAR, 11), ("", CHEAP, 2), ("shop", None, 0)], start=1
    ):
        fields: dict[str, Any] = {
            "project": project,
            "price": price,
            "cost_nano": cost,
            "deployment": "own/nano",
            "key_id": "key_1",
        }
        answer(tmp_path, number, ended_at=NOVEMBER + number * DAY, input_tokens=number, **fields)
    answer(tmp_path, 5, ended_at=NOVEMBER + 5, project="shop", key_id="shadow", cost_nano=5, deployment="own/nano")
    settle(tmp_path)
    found = invoice(tmp_path, "2026-11", None, check=True)
    assert (found["total_nano"], len(found["lines"])) == (713, 4)
    assert invoice(tmp_path, "2026-11", "shop", check=True)["total_nano"] == 711
    with contextlib.closing(open_database(tmp_path)) as db:
        db.execute("UPDATE records SET cost_nano = cost_nano - 1 WHERE cost_nano = 700")
        db.execute("UPDATE usage_hours SET cost_nano = cost_nano - 1 WHERE cost_nano = 700")
    assert invoice(tmp_path, "2026-11", None, check=False)["total_nano"] == 712
    with pytest.raises(
        StoreError, match=r"own/nano of shop differ\. The records say 712 nano-dollars, and the entries 713\."
    ):
        invoice(tmp_path, "2026-11", None, check=True)


def test_the_ledger_gives_the_last_instant_of_a_month_the_day_that_the_records_give_it(tmp_path: Path) -> None:
    answer(tmp_path, 1, ended_at=DECEMBER - 0.0003, cost_nano=7, deployment="own/nano", key_id="key_1")
    settle(tmp_path)
    (line,) = invoice(tmp_path, "2026-11", None, check=True)["lines"]
    assert (line["first_day"], line["last_day"], line["cost_nano"]) == ("2026-11-30", "2026-11-30", 7)
