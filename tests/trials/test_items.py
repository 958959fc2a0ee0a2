"""Items, read and written: what goes in comes out, under the key of its subject, once for each input."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from freehold.errors import InvalidField, NotFound
from freehold.items import Given, Label
from freehold.ledger.sealing import Field, RecordContents
from freehold.store.database import transaction
from freehold.store.events import take_events
from freehold.store.items import LabelRow, find_item, keep_label, labels_since, list_items
from trials.shelves import KEEP_UNTIL, Shelf, item, shelf


@pytest.fixture
def open_shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf(tmp_path) as opened:
        yield opened


def test_what_goes_in_comes_out_with_its_subjects_pseudonym(open_shelf: Shelf) -> None:
    label = Label(source="human", score=0.5, model="m", at=9, by="ann", note="Half right.")
    whole = item(
        1, given=Given(text="4"), reference=["4"], metadata={"a": 1}, cost_nano=7, labels=(label,), subject="ann"
    )
    added = open_shelf.items.add([whole, item(2)], KEEP_UNTIL, "import:abc")
    assert (added.ids, added.repeated) == (("rec_1", "rec_2"), 0)
    stored = open_shelf.items.read("rec_1")
    pseudonym = open_shelf.subjects.pseudonym_of("ann")
    assert pseudonym is not None
    assert stored.item == item(
        1, given=Given(text="4"), reference=["4"], metadata={"a": 1}, cost_nano=7, labels=(label,), subject=pseudonym
    )
    assert (stored.row.keep_until, stored.row.cost_nano, stored.row.seen) == (KEEP_UNTIL, 7, 1)
    assert open_shelf.items.read("rec_2").row.subject == open_shelf.subjects.pseudonym_of("import:abc")
    assert [one.item.id for one in open_shelf.items.each(workload="triage")] == ["rec_1", "rec_2"]


def test_nothing_of_its_words_stands_anywhere_unsealed(tmp_path: Path) -> None:
    label = Label(source="human", score=0.5, model="m", at=9, note="A peculiar note")
    with shelf(tmp_path) as opened:
        opened.items.add([item(1, "A peculiar question", labels=(label,), subject="ann")], KEEP_UNTIL, "x")
        opened.items.label("rec_1", reference="A peculiar answer")
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"peculiar" not in everything


def test_the_same_input_is_counted_and_an_import_may_be_repeated(open_shelf: Shelf) -> None:
    items = [item(1), item(2), item(3, "Question 7919 about  104729 and 1299709")]
    assert open_shelf.items.add(items, KEEP_UNTIL, "s").repeated == 1
    again = open_shelf.items.add([item(1), item(2)], KEEP_UNTIL, "s")
    assert (again.ids, again.repeated) == ((), 2)
    assert [(one.row.id, one.row.seen) for one in open_shelf.items.each()] == [("rec_1", 2), ("rec_2", 1)]


def test_an_item_without_a_name_or_with_one_that_is_taken_gets_one_of_its_input(open_shelf: Shelf) -> None:
    open_shelf.items.add([item(1)], KEEP_UNTIL, "s")
    added = open_shelf.items.add([item(2, id=""), item(3, id="rec_1"), item(4, id="../../x y")], KEEP_UNTIL, "s")
    assert len(set(added.ids)) == 3
    assert all(one.startswith("imp_") and len(one) == 36 for one in added.ids)
    assert open_shelf.items.add([item(2, id="")], KEEP_UNTIL, "s").ids == ()


def test_the_same_input_is_an_item_of_each_workload(open_shelf: Shelf) -> None:
    mine = [item(1), item(2, id="")]
    assert len(open_shelf.items.add(mine, KEEP_UNTIL, "s").ids) == 2
    for workload in ("claims", "refunds"):
        theirs = [replace(one, workload=workload) for one in mine]
        added = open_shelf.items.add(theirs, KEEP_UNTIL, "s")
        assert (len(added.ids), added.repeated) == (2, 0)
        assert [one.item.workload for one in open_shelf.items.each(workload=workload)] == [workload, workload]
        assert open_shelf.items.add(theirs, KEEP_UNTIL, "s").ids == (), "the same again is the same"
    assert len({one.row.id for one in open_shelf.items.each()}) == 6


def test_what_is_erased_or_over_is_not_there(open_shelf: Shelf) -> None:
    open_shelf.items.add([item(1, subject="ann"), item(2, subject="bob")], KEEP_UNTIL, "s")
    open_shelf.items.add([item(3)], 1_000, "s")
    open_shelf.subjects.erase("ann", "a basis", 1, open_shelf.contents)
    assert [one.row.id for one in open_shelf.items.each()] == ["rec_2"]
    assert open_shelf.items.add([item(4)], KEEP_UNTIL, "ann").ids == ("rec_4",), "who comes back has a new key"
    with pytest.raises(NotFound):
        open_shelf.items.read("rec_1")
    with pytest.raises(NotFound):
        open_shelf.items.read("rec_9")


def test_items_are_found_by_time_split_and_label(open_shelf: Shelf) -> None:
    open_shelf.items.add([item(number) for number in range(1, 6)], KEEP_UNTIL, "s")
    open_shelf.items.label("rec_2", score=1.0)

    def ids(**wanted: object) -> list[str]:
        return [one.row.id for one in open_shelf.items.each(**wanted)]  # pyright: ignore[reportArgumentType]

    assert ids(since=1002, until=1004) == ["rec_2", "rec_3"]
    assert ids(labelled=True) == ["rec_2"]
    assert ids(workload="other") == []
    assert ids(split="", limit=2) == ["rec_1", "rec_2"]


# --- labels ---


def test_a_label_says_what_it_is_worth_or_what_is_right_and_the_ledger_hears_of_it(open_shelf: Shelf) -> None:
    open_shelf.items.add([item(1, reference="3")], KEEP_UNTIL, "s")
    open_shelf.items.label("rec_1", score=0.0, note="Wrong sum.", author="ann")
    open_shelf.items.label("rec_1", reference={"sum": 4}, author="ann")
    stored = open_shelf.items.read("rec_1")
    assert stored.item.reference == {"sum": 4}
    [label] = stored.item.labels
    assert (label.source, label.score, label.by, label.note, label.model) == (
        "human",
        0.0,
        "ann",
        "Wrong sum.",
        "echo/echo",
    )
    events: list[tuple[str, str, object, object]] = []
    take_events(
        open_shelf.db,
        lambda taken: events.extend(
            (one.kind, one.id, one.body.get("score_ppm"), one.body["reference"]) for one in taken
        ),
    )
    assert events == [("item.labelled", "rec_1", 0, False), ("item.labelled", "rec_1", None, True)]


@pytest.mark.parametrize("said", [{}, {"note": "Hm."}, {"score": 1.5}, {"score": -1.0}])
def test_a_label_that_says_nothing_or_too_much_is_refused(open_shelf: Shelf, said: dict[str, object]) -> None:
    open_shelf.items.add([item(1)], KEEP_UNTIL, "s")
    with pytest.raises(InvalidField):
        open_shelf.items.label("rec_1", **said)  # pyright: ignore[reportArgumentType]
    assert labels_since(open_shelf.db, 0, 10) == []


def test_end_users_propose_and_do_not_decide(open_shelf: Shelf) -> None:
    """Feedback comes through the ledger's writer; this is what that leaves, for an answer and for one to the same input."""
    open_shelf.items.add([item(1, reference="3")], KEEP_UNTIL, "s")
    open_shelf.items.add([item(2, "Question 7919 about 104729 and 1299709")], KEEP_UNTIL, "s")
    row = find_item(open_shelf.db, "rec_1")
    assert row is not None
    for number, record, said in ((1, "rec_1", "4"), (2, "rec_2", "four")):
        feedback = LabelRow(
            id=f"lab_{number}", record=record, source="feedback", at=number, subject=row.subject, score=0.0, sealed=True
        )
        with transaction(open_shelf.db):
            keep_label(open_shelf.db, feedback)
        words = {"corrected": Field(b"", said.encode()), "comment": Field(b"", b"No!")}
        open_shelf.contents.write_many([RecordContents(f"label:lab_{number}", row.subject, KEEP_UNTIL, words)])
    stored = open_shelf.items.read("rec_1")
    assert (stored.item.reference, stored.proposed) == ("3", ("four", "4"))
    assert [(label.source, label.note) for label in stored.item.labels] == [("feedback", "No!")], (
        "the other reply is not this one"
    )


# --- splits ---


def test_items_are_dealt_once_and_what_comes_later_joins(open_shelf: Shelf) -> None:
    open_shelf.items.add([item(number) for number in range(40)], KEEP_UNTIL, "s")
    first = open_shelf.items.deal("triage")
    assert (sum(first.values()), set(first) <= {"train", "trial", "holdout"}) == (40, True)
    before = {row.id: (row.cluster, row.split) for row in list_items(open_shelf.db)}
    words = [f"word{number}" for number in range(40)]
    open_shelf.items.add([item(100, " ".join(words))], KEEP_UNTIL, "s")
    open_shelf.items.add([item(101, " ".join([*words[:39], "other"]))], KEEP_UNTIL, "s")
    steps: list[tuple[int, int]] = []
    second = open_shelf.items.deal("triage", progress=lambda done, total: steps.append((done, total)))
    rows = {row.id: row for row in list_items(open_shelf.db)}
    assert {name: (rows[name].cluster, rows[name].split) for name in before} == before
    assert (rows["rec_100"].cluster, rows["rec_101"].cluster) == ("rec_100", "rec_100")
    assert rows["rec_100"].split == rows["rec_101"].split
    assert (sum(second.values()), steps) == (42, [(1, 2), (2, 2)])
    assert open_shelf.items.deal("triage") == second
    assert open_shelf.items.deal("other") == {}


def test_an_item_between_two_splits_takes_part_in_neither(open_shelf: Shelf) -> None:
    random.seed(1)
    items = [item(number, conversation=f"talk{number}") for number in range(40)]
    open_shelf.items.add(items, KEEP_UNTIL, "s")
    open_shelf.items.deal("triage")
    rows = {row.id: row for row in list_items(open_shelf.db)}
    train = next(row for row in rows.values() if row.split == "train")
    trial = next(row for row in rows.values() if row.split == "trial")
    words = open_shelf.items.read(train.id).item.input["messages"][0]["content"]
    open_shelf.items.add([item(100, f"{words}!?", id="between", conversation=trial.conversation)], KEEP_UNTIL, "s")
    assert open_shelf.items.deal("triage")["bridge"] == 1
    after = {row.id: row.split for row in list_items(open_shelf.db)}
    assert (after.pop("between"), after) == ("bridge", {row.id: row.split for row in rows.values()})
