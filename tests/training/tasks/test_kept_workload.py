"""The task `workload` of recipes, made from the file that a run keeps."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.errors import ConfigError
from freehold.items import Given, Item, Label
from freehold.training.tasks import make
from freehold.training.tasks.kept_workload import Kept, KeptWorkload, read_kept, write_kept
from freehold.training.tasks.task import judge


def item(name: str, question: str, reference: Any) -> Item:
    return Item(
        id=name,
        workload="refunds",
        input={"messages": [{"role": "user", "content": question}]},
        given=Given(text="What was said."),
        reference=reference,
        model="echo/echo",
        metadata={"language": "en"},
        record="rec_1",
        subject="ann",
        labels=(Label(source="human", score=1.0, model="echo/echo", at=1),),
    )


KEPT = Kept(
    workload="refunds",
    grader={"kind": "exact"},
    train=(item("a", "Shoes, day 3?", "refund"), item("b", "Books, day 90?", "refused")),
    val=(item("c", "Coats, day 5?", "refund"),),
)


def written(folder: Path, kept: Kept = KEPT) -> dict[str, Any]:
    """The table of the task, its file written."""
    path = folder / "workload-1.json"
    path.write_bytes(write_kept(kept))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"task": "workload", "workload": "refunds", "items": str(path), "sha256": sha256}


def test_a_recipes_table_makes_it_from_the_file_with_its_splits_and_its_grader(tmp_path: Path) -> None:
    task = make(written(tmp_path))
    assert (task.name, task.called, task.captured) == ("workload", "refunds", True)
    assert [[one.data["item"] for one in task.listed(split) or ()] for split in ("train", "val", "test")] == [
        ["a", "b"],
        ["c"],
        [],
    ]
    problem = task.generate(1, 2)
    assert task.split(problem) == "val"
    assert task.turns(problem) == [("user", "Coats, day 5?")]
    assert task.grade(problem, "refund").score == 1.0
    assert judge(task, problem, "refused").worth(0.2) == 0.0


def test_nothing_stands_there_of_whose_an_item_is_and_what_was_answered(tmp_path: Path) -> None:
    kept = read_kept(Path(written(tmp_path)["items"]))
    (one,) = kept.val
    assert one == Item(
        id="c",
        workload="refunds",
        input={"messages": [{"role": "user", "content": "Coats, day 5?"}]},
        reference="refund",
        model="echo/echo",
        metadata={"language": "en"},
    )


def test_steps_are_checked_by_all_verifiers_that_are_here(tmp_path: Path) -> None:
    task = make(written(tmp_path))
    judgement = judge(task, task.generate(1, 0), "<think>\nDays: 2 + 2 = 5.\n</think>\nrefund")
    assert judgement.check.refuted
    assert not judgement.proven
    assert isinstance(task, KeptWorkload)
    assert task.verifiers() is task.verifiers()


def test_a_file_that_is_gone_changed_or_none_says_so(tmp_path: Path) -> None:
    table = written(tmp_path)
    Path(table["items"]).write_bytes(write_kept(msgspec.structs.replace(KEPT, train=())))
    with pytest.raises(ConfigError, match="does not hold the items that the run was begun with"):
        make(table)
    Path(table["items"]).write_bytes(b"{}")
    with pytest.raises(ConfigError, match="holds no items of a workload"):
        make({**table, "sha256": ""})
    Path(table["items"]).unlink()
    with pytest.raises(ConfigError, match=r"The items of the run cannot be read: .*No such file") as caught:
        make(table)
    assert "freehold train run" in caught.value.advice
    with pytest.raises(ConfigError, match="The items of refunds are not chosen yet"):
        make({"task": "workload", "workload": "refunds"})
