"""Rows of training runs that were made from a subject's items are found by what they ask."""

from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from cli.ledgers import KEEP_UNTIL
from cli.train_runs import RECIPE
from freehold.cli.audit_copies import runs_with
from freehold.cli.items import open_items
from freehold.items import Item
from freehold.training.dataset import Dataset, Example, Turn, clean
from freehold.training.provenance import Pedigree
from freehold.training.recipe import parse_recipe
from freehold.training.runs import new_run
from freehold.training.tasks.kept_workload import Kept, write_kept
from freehold.training.tasks.workload import WorkloadTask

OWN = Pedigree(producer="customer/claims", route="customer", terms="customer-data", terms_date="2026-01-01")


def rows(*asked: str) -> Dataset:
    return Dataset(tuple(Example(turns=(Turn("user", text),), reply="b", pedigree=OWN) for text in asked))


def asks(text: str) -> Item:
    return Item(id="", workload="claims", input={"messages": [{"role": "user", "content": text}]})


def test_rows_and_items_that_ask_what_an_item_of_the_subject_asks_are_counted_by_run(tmp_path: Path) -> None:
    with open_items(tmp_path, make=True) as opened:
        opened.items.add([asks("Is claim 7 covered?"), asks("And claim 8?")], KEEP_UNTIL, "patient-7")
        opened.items.add([asks("Is claim 9 covered?")], KEEP_UNTIL, "patient-8")
        names = dict(opened.db.execute("SELECT subject, count(*) FROM items GROUP BY subject").fetchall())
    (ours,) = [name for name, count in names.items() if count == 2]
    (other,) = [name for name, count in names.items() if count == 1]
    recipe = parse_recipe(RECIPE.encode())
    first = new_run(
        tmp_path, recipe, datetime(2026, 1, 1, tzinfo=UTC), rows=rows("is  CLAIM 7 covered?", "Is claim 9 covered?")
    )
    new_run(tmp_path, recipe, datetime(2026, 1, 2, tzinfo=UTC), rows=rows("Is it Monday?"))
    new_run(tmp_path, recipe, datetime(2026, 1, 3, tzinfo=UTC))
    kept = Kept(workload="claims", grader={"kind": "exact"}, train=(asks("And claim 8?"),), val=(asks("Is it late?"),))
    second = new_run(tmp_path, recipe, datetime(2026, 1, 4, tzinfo=UTC), private={"workload-1.json": write_kept(kept)})
    assert runs_with(tmp_path, ours) == {first.path.name: 1, second.path.name: 1}
    assert runs_with(tmp_path, other) == {first.path.name: 1}
    assert runs_with(tmp_path, "0" * 64) == {}


def test_a_row_that_was_redacted_since_is_found_by_the_item_that_it_was_made_from(tmp_path: Path) -> None:
    item = replace(asks("Call me: +41 79 123 45 67"), id="i1")
    with open_items(tmp_path, make=True) as opened:
        opened.items.add([item], KEEP_UNTIL, "patient-7")
        ((name,),) = opened.db.execute("SELECT subject FROM items").fetchall()
    task = WorkloadTask([item], {"kind": "exact"})
    made = replace(
        rows("Call me: +41 79 123 45 67").examples[0], task="claims", problem=task.digest(task.problem(item))
    )
    cleaned = clean(Dataset((made,))).dataset
    assert cleaned.examples[0].asked == "Call me: [PHONE_1]"
    place = new_run(tmp_path, parse_recipe(RECIPE.encode()), datetime(2026, 1, 1, tzinfo=UTC), rows=cleaned)
    assert runs_with(tmp_path, name) == {place.path.name: 1}
    assert runs_with(tmp_path, "0" * 64) == {}
