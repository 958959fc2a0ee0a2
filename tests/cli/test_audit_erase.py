"""`freehold audit erase`: asked for twice, done once, logged, and the receipts still hold."""

import json
from pathlib import Path

import pytest

from cli.commands import run
from cli.ledgers import KEEP_UNTIL, answer, id_of, ledger, settle
from cli.test_audit_copies import asks, rows
from cli.train_runs import RECIPE
from freehold.cli.items import open_items
from freehold.errors import InvalidField, NotFound
from freehold.training.recipe import parse_recipe
from freehold.training.runs import new_run

BASIS = "GDPR Art. 17(1)(b)"


def states(data: Path, number: int) -> list[str]:
    said = run("audit", "show", id_of(number), "--contents", "--data", str(data), "--json").stdout
    return [one["state"] for one in json.loads(said)[0]["contents"]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two answers about patient-7 and one about patient-8."""
    ledger(tmp_path, 2)
    answer(tmp_path, 3, subject="patient-8")
    settle(tmp_path)
    return tmp_path


def erase(data: Path, *words: str, heard: str | None = None) -> tuple[int, str, str]:
    return run("audit", "erase", *words, "--data", str(data), heard=heard)


def test_an_erasure_destroys_what_is_kept_and_has_its_entry(data: Path) -> None:
    code, out, err = erase(data, "patient-7", "--basis", BASIS, "--yes")
    assert (code, err) == (0, "")
    assert out.startswith("Erased: 2 records of ")
    assert (states(data, 1), states(data, 2), states(data, 3)) == (["erased"] * 2, ["erased"] * 2, ["opens"] * 2)
    settle(data)
    found = json.loads(run("audit", "search", "--kind", "erasure", "--data", str(data), "--json").stdout)["entries"]
    assert [(one["entry"]["records"], one["entry"]["basis"]) for one in found] == [(2, BASIS)]
    assert found[0]["entry"]["id"] in out
    assert json.loads(run("audit", "verify", "--data", str(data), "--json").stdout)["ok"] is True


def test_it_asks_first_and_no_means_no(data: Path) -> None:
    code, out, err = erase(data, "patient-7", "--basis", BASIS, heard="n\n")
    assert (code, "Erased" in out) == (1, False)
    assert err.startswith("2 records kept of patient-7, under the pseudonym ")
    assert states(data, 1) == ["opens", "opens"]
    assert erase(data, "patient-7", "--basis", BASIS, heard="")[0] == 1, "nobody there to answer"
    assert states(data, 1) == ["opens", "opens"]
    assert erase(data, "patient-7", "--basis", BASIS, heard="y\n")[0] == 0
    assert states(data, 1) == ["erased", "erased"]


def test_machines_get_what_was_erased(data: Path) -> None:
    said = json.loads(erase(data, "patient-8", "--basis", BASIS, "--yes", "--json")[1])
    assert (said["records"], said["basis"], len(said["pseudonym"])) == (1, BASIS, 64)


def test_who_stands_in_a_journal_alone_is_asked_about_and_erased(data: Path) -> None:
    answer(data, 4, subject="patient-9")
    code, _, err = erase(data, "patient-9", "--basis", BASIS, heard="n\n")
    assert code == 1
    assert err.startswith(
        "0 records kept of patient-9, under the pseudonym (none yet); 1 record on the way to the ledger."
    )
    assert erase(data, "patient-9", "--basis", BASIS, "--yes")[0] == 0
    settle(data)
    assert states(data, 4) == ["gone", "gone"]


def test_who_is_unknown_or_already_erased_is_told(data: Path) -> None:
    for _ in range(2):
        with pytest.raises(NotFound, match="Nothing is known of a data subject 'nobody'"):
            erase(data, "nobody", "--basis", BASIS, "--yes")
    erase(data, "patient-7", "--basis", BASIS, "--yes")
    with pytest.raises(NotFound):
        erase(data, "patient-7", "--basis", BASIS, "--yes")


def test_no_erasure_without_a_basis(data: Path) -> None:
    assert erase(data, "patient-7", "--yes")[0] == 2
    with pytest.raises(InvalidField, match="An erasure needs its legal basis"):
        erase(data, "patient-7", "--basis", " ", "--yes")
    assert states(data, 1) == ["opens", "opens"]


def test_rows_of_training_runs_that_stay_are_named_before_and_after(data: Path) -> None:
    with open_items(data) as opened:
        opened.items.add([asks("Is claim 7 covered?")], KEEP_UNTIL, "patient-7")
    kept = new_run(data, parse_recipe(RECIPE.encode()), rows=rows("Is claim 7 covered?"))
    said = f"Not erased: 1 row made from their items in runs/{kept.path.name} (rows.jsonl, workload-*.json), and what that run's model learned.\n"
    assert said in erase(data, "patient-7", "--basis", BASIS, heard="n\n")[2]
    told = json.loads(erase(data, "patient-7", "--basis", BASIS, "--yes", "--json")[1])
    assert told["runs"] == {kept.path.name: 1}
    assert kept.rows.exists()
