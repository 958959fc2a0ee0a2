"""The items of a trial: read from a file or the store, and refused where something was learned from them."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.trial_desk import desk
from freehold.cli.trial_items import choose, clusters_of, read_file
from freehold.cli.trial_opening import Shelf, shelf
from freehold.errors import TrialError
from freehold.gateway.erasures import erase
from freehold.trials.items import Items
from freehold.trials.plan import TrialFolder
from trials.pipeline import item
from trials.skilled import questions


def test_a_line_is_an_item_or_named_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(
        '{"input": "What is 1 + 1?", "reference": "2"}\n\n{"id": "b", "input": {"messages": [{"role": "user"}]}}\n'
    )
    items, sha256 = read_file(path, "sums")
    assert [one.workload for one in items] == ["sums", "sums"]
    assert items[0].input == {"messages": [{"role": "user", "content": "What is 1 + 1?"}]}
    assert len(items[0].id) == 16
    assert items[1].id == "b"
    assert len(sha256) == 64
    for wrong in ("[]", "{", '{"input": 3}', '{"input": {}}', '{"id": 1, "input": "x"}'):
        path.write_text(f'{{"input": "good"}}\n{wrong}\n')
        with pytest.raises(TrialError, match="line 2"):
            read_file(path, "sums")
    with pytest.raises(TrialError, match="cannot be read"):
        read_file(tmp_path / "gone", "sums")


def test_conversations_and_near_duplicates_are_one_cluster() -> None:
    text = "The quarterly report of the northern branch says that the sales of garden furniture have doubled since the spring."
    asked = [
        item(1, input={"messages": [{"role": "user", "content": text}]}),
        item(2, input={"messages": [{"role": "user", "content": f"{text} Again."}]}),
        item(
            3, conversation="c", input={"messages": [{"role": "user", "content": "Who won the chess game yesterday?"}]}
        ),
        item(
            4, conversation="c", input={"messages": [{"role": "user", "content": "And what was the last move of it?"}]}
        ),
        item(5, input={"messages": [{"role": "user", "content": "Translate the following menu into French, please."}]}),
    ]
    found = clusters_of(asked)
    assert found["item_001"] == found["item_002"]
    assert found["item_003"] == found["item_004"]
    assert len(set(found.values())) == 3


def stored(opened: Shelf, count: int) -> Items:
    """So many sums in the store, each of a person of its own, dealt into splits."""
    items = Items(opened.db, opened.contents, opened.subjects, opened.secret)
    made = [
        item(
            number,
            id=f"rec_{number:04}",
            subject=f"person-{number}",
            input={
                "messages": [
                    {"role": "user", "content": f"{_word(number)} {_word(7 * number + 3)}: What is {number} + 1?"}
                ]
            },
            reference=str(number + 1),
        )
        for number in range(count)
    ]
    items.add(made, int(time.time()) + 1000, "import:test")
    items.deal("sums", {"train": 0.5, "trial": 0.5})
    return items


def _word(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number * 7919 + 13))


async def test_of_the_store_only_the_trial_split_is_tried_and_an_erased_item_is_missing(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        with shelf(tmp_path) as opened:
            items = stored(opened, 80)
            trial_ids = {one.row.id for one in items.each(workload="sums", split="trial")}
            trained = [one.item for one in items.each(workload="sums", split="train")]
            assert 10 < len(trial_ids) < 70
            assert {one.id for one in choose(None, "sums", opened).items} == trial_ids
        words = ("sums", "--candidate", "skilled/right-74", "--config", str(here.config), "--json")
        said = await here.trial("plan", *words)
        planned = TrialFolder(tmp_path, msgspec.json.decode(said.stdout)["trial"]).read_plan()[0]
        assert {one.id for one in planned.items} == trial_ids
        assert planned.source == "store"
        gone = sorted(trial_ids)[0]
        assert erase(tmp_path, f"person-{int(gone.removeprefix('rec_'))}", "GDPR Art. 17") is not None
        ended = msgspec.json.decode((await here.trial("run", planned.id, "--json")).stdout)
        assert ended["asked"] == 2 * (len(trial_ids) - 1)
        rows = msgspec.json.decode(TrialFolder(tmp_path, planned.id).results.read_bytes())["rows"]
        assert [row["missing"] for row in rows if row["item"] == gone] == ["erased"]
        file = tmp_path / "trained.jsonl"
        file.write_bytes(msgspec.json.encode({"id": "x", "input": trained[0].input}) + b"\n")
        with pytest.raises(TrialError, match="stands in the training split"):
            await here.trial("plan", *words, "--items", str(file))


TEXT = (
    "The quarterly report of the northern branch says that the sales of garden furniture have doubled since the spring."
)
CHAT = [{"role": "user", "content": "Where is my parcel?"}, {"role": "assistant", "content": "On its way."},
        {"role": "user", "content": "And when will it be here?"}]  # fmt: skip


@pytest.mark.parametrize(
    ("learned", "asked", "sentence"),
    [
        ({"messages": [{"role": "user", "content": TEXT}]}, {"input": f"{TEXT} Again."}, "nearly the same"),
        ({"messages": CHAT}, {"input": {"messages": CHAT[:1]}}, "a turn of the same conversation"),
        ({"messages": CHAT[:1]}, {"input": {"messages": CHAT}}, "a turn of the same conversation"),
        ({"messages": CHAT}, {"input": "Who won the chess game?", "conversation": "c1"}, "of its conversation"),
        ({"messages": CHAT}, {"input": "Who won the chess game?", "conversation": "c2"}, ""),
    ],
)
def test_what_belongs_together_with_what_was_learned_from_is_refused(
    tmp_path: Path, learned: dict[str, Any], asked: dict[str, Any], sentence: str
) -> None:
    file = tmp_path / "items.jsonl"
    file.write_bytes(msgspec.json.encode({"id": "x", **asked}) + b"\n")
    with shelf(tmp_path) as opened:
        store = Items(opened.db, opened.contents, opened.subjects, opened.secret)
        store.add([item(1, id="rec_1", conversation="c1", input=learned)], int(time.time()) + 1000, "import:test")
        store.deal("sums", {"train": 1.0})
        if not sentence:
            assert [one.id for one in choose(str(file), "sums", opened).items] == ["x"]
            return
        with pytest.raises(TrialError, match=sentence):
            choose(str(file), "sums", opened)


async def test_a_number_of_items_is_drawn_from_the_split(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        with shelf(tmp_path) as opened:
            stored(opened, 60)
        words = ("sums", "--candidate", "skilled/right-74", "--config", str(here.config), "--json", "--items", "5")
        assert msgspec.json.decode((await here.trial("plan", *words)).stdout)["items"] == 5


def test_questions_of_the_tests_are_no_near_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in questions(200)))
    items, _ = read_file(path, "sums")
    assert len(set(clusters_of(items).values())) == 200
