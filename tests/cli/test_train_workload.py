"""The items of a workload that a run learns from or looks at, chosen when `freehold train run` begins it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.commands import Said, run
from cli.shelved import told
from freehold.catalog.terms import Terms
from freehold.cli.items import open_items
from freehold.cli.train_workload import Asked, training_items, with_items
from freehold.errors import ConfigError, Contaminated, NotFound, StoreError, UnknownWorkload
from freehold.items import Item
from freehold.store.items import list_items
from freehold.training import cluster, executor
from freehold.training.dataset import Dataset, Example, Turn, write_dataset
from freehold.training.recipe import Recipe, parse_recipe, tasks_of
from freehold.training.runs import RunFolder, find_run
from freehold.training.tasks.kept_workload import Kept, read_kept
from freehold.training.tasks.workload import WorkloadTask
from freehold.training.traces import of_customer
from trials.shelves import KEEP_UNTIL

CONFIG = """
[vendors.echo]
[workloads.refunds]
route = ["echo/echo"]
graders = [{ kind = "exact" }]
[workloads.bare]
route = ["echo/echo"]
[workloads.lax]
route = ["echo/echo"]
graders = [{ kind = "regex", pattern = "(?s).*" }]
"""

GRPO = """
model = "own/refunds"
stage = "grpo"
start = "weights"
base = "qwen/qwen3-0.6b"
[[mix]]
task = "workload"
options = { workload = "refunds" }
[reward]
[learning]
steps = 5
"""

SFT = GRPO.replace('"grpo"', '"sft"\ndata = "rows.jsonl"').replace("[reward]\n", "")
OPERATOR = " ".join(f"Rule {number}: decide kindly, and name the rule that you decide by." for number in range(20))


def refund(number: int, workload: str = "refunds", **more: Any) -> Item:
    asked = f"Item {number * 7919} bought on {number * 104729}, returned {number * 1299709} later: what is decided?"
    messages = [{"role": "system", "content": OPERATOR}, {"role": "user", "content": asked}]
    fields: dict[str, Any] = {"reference": "refund" if number % 2 else "refused", **more}
    return Item(id=f"rec_{number}", workload=workload, input={"messages": messages}, **fields)


def filled(data: Path, *more: Item, count: int = 90) -> Path:
    """A data folder with so many items of the workload, dealt, and a configuration."""
    with open_items(data, make=True) as opened:
        opened.items.add([*(refund(number) for number in range(1, count + 1)), *more], KEEP_UNTIL, "ann")
        for workload in {"refunds", *(one.workload for one in more)}:  # dealt the same way every time
            opened.db.execute("INSERT INTO item_salts VALUES (?, ?) ON CONFLICT DO NOTHING", (workload, b"s" * 16))
    for workload in {"refunds", *(one.workload for one in more)}:
        told("split", workload, data=data)
    (data / "freehold.toml").write_text(CONFIG)
    return data


def asked(rows: Dataset | None = None) -> Asked:
    return Asked(rows=rows, terms=Terms.load(), overrides=(), on="2026-11-01")


def chosen(data: Path, text: str = GRPO, rows: Dataset | None = None) -> tuple[Recipe, Kept, str]:
    """The recipe, the only file, and what is said."""
    found = with_items(parse_recipe(text.encode()), data, data / "freehold.toml", asked(rows))
    ((name, content),) = found.files.items()
    (data / name).write_bytes(content)
    return found.recipe, read_kept(data / name), " ".join(found.said)


def ids(items: Any) -> set[str]:
    return {one.id for one in items}


def in_split(data: Path, split: str) -> set[str]:
    with open_items(data) as opened:
        return {row.id for row in list_items(opened.db, workload="refunds", split=split)}


def rows_of(items: Any, *, data: Path | None = None) -> Dataset:
    """Traces of items, as `freehold traces make` writes them."""
    task = WorkloadTask(list(items), {"kind": "exact"})
    examples = tuple(
        Example(
            turns=tuple(Turn(role, text) for role, text in task.turns(task.problem(one))),
            reply="refund",
            pedigree=of_customer("refunds"),
            task="refunds",
            problem=task.digest(task.problem(one)),
        )
        for one in task.items
    )
    if data is not None:
        write_dataset(Dataset(examples), data / "rows.jsonl")
    return Dataset(examples)


class Idle:
    """In the place of a child that trains: it has ended already."""

    def __init__(self) -> None:
        self.began: list[RunFolder] = []

    def start(self, folder: RunFolder) -> "Idle":
        self.began.append(folder)
        return self

    def running(self) -> bool:
        return False

    def wait(self) -> int:
        return 0


def idle(*_: object) -> Idle:
    return Idle()


@pytest.fixture(name="begin")
def _begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Said]:
    """`freehold train run` on a recipe, up to where the child would begin."""
    monkeypatch.setattr(executor, "require_libraries", lambda: None)
    monkeypatch.setattr(cluster, "executor_of", idle)

    def begin(text: str) -> Said:
        (tmp_path / "r.toml").write_text(text)
        words = ("--config", str(tmp_path / "freehold.toml"), "--data", str(tmp_path), "--detach")
        return run("train", "run", str(tmp_path / "r.toml"), *words)

    return begin


def test_a_run_keeps_the_items_of_the_training_split_and_none_that_is_sealed(
    begin: Callable[[str], Said], tmp_path: Path
) -> None:
    filled(tmp_path)
    said = begin(GRPO)
    place = find_run(tmp_path, None)
    file = place.path / "workload-1.json"
    assert file.stat().st_mode & 0o777 == 0o600
    kept = read_kept(file)
    assert ids(kept.train) | ids(kept.val) == in_split(tmp_path, "train")
    assert ids(kept.train) & ids(kept.val) == set()
    assert in_split(tmp_path, "trial")
    assert in_split(tmp_path, "holdout")
    assert f"refunds: {len(kept.val)} items to look at, {len(kept.train)} to learn from." in said.stderr
    assert place.run().sealed == len(in_split(tmp_path, "trial") | in_split(tmp_path, "holdout"))
    ((task, _, levels),) = tasks_of(place.recipe())
    assert (task.called, levels, len(task.listed("val") or ())) == ("refunds", (1,), len(kept.val))
    assert b"Item" not in (place.path / "recipe.json").read_bytes()


def test_a_run_that_learns_from_a_dataset_keeps_only_what_it_looks_at(
    begin: Callable[[str], Said], tmp_path: Path
) -> None:
    filled(tmp_path)
    stock = training_items(tmp_path, "refunds")
    rows_of(stock.learned, data=tmp_path)
    said = begin(SFT.replace("rows.jsonl", str(tmp_path / "rows.jsonl")))
    kept = read_kept(find_run(tmp_path, None).path / "workload-1.json")
    assert (kept.train, ids(kept.val)) == ((), ids(stock.looked_at))
    assert f"refunds: {len(kept.val)} items to look at.\n" in said.stderr


def test_the_same_clusters_are_looked_at_whenever_a_run_begins(tmp_path: Path) -> None:
    before = training_items(filled(tmp_path), "refunds")
    again = training_items(filled(tmp_path, count=200), "refunds")
    assert ids(before.looked_at) <= ids(again.looked_at)
    assert ids(before.learned) <= ids(again.learned)
    assert 0 < len(again.looked_at) < len(again.learned) / 3


def test_items_that_cannot_be_asked_or_graded_are_left_out_and_counted(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    bad = [
        refund(501, reference=None),
        msgspec.structs.replace(
            refund(502), input={"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}
        ),
        msgspec.structs.replace(refund(503), input={**refund(503).input, "tools": [{"type": "function"}]}),
        msgspec.structs.replace(
            refund(504),
            input={"messages": [*refund(504).input["messages"], {"role": "assistant", "tool_calls": [call]}]},
        ),
    ]
    data = filled(tmp_path, count=60)
    with open_items(data) as opened:
        opened.items.add(bad, KEEP_UNTIL, "ann")
        opened.items.deal("refunds", {"train": 1.0})
    _, kept, said = chosen(data)
    assert ids(kept.train) | ids(kept.val) == in_split(data, "train") - ids(bad)
    assert "1 left out since the grader cannot grade them" in said
    assert "2 left out since they call tools, and replies are text" in said
    assert "1 left out since it holds more than text" in said


def test_conversations_with_words_of_a_model_whose_terms_forbid_it_teach_nothing(tmp_path: Path) -> None:
    def talk(number: int, model: str) -> Item:
        messages = [*refund(number).input["messages"], {"role": "assistant", "content": "Let me see."}]
        messages.append({"role": "user", "content": f"And for {number * 31337}?"})
        return msgspec.structs.replace(refund(number), input={"messages": messages}, model=model)

    data = filled(tmp_path, count=60)
    forbidden = [talk(number, "openai/gpt-5-mini") for number in range(601, 621)]
    allowed = [talk(number, "deepseek/deepseek-chat") for number in range(701, 721)]
    with open_items(data) as opened:
        opened.items.add([*forbidden, *allowed], KEEP_UNTIL, "ann")
        opened.items.deal("refunds", {"train": 1.0})
    _, kept, said = chosen(data)
    assert ids(kept.train) & ids(forbidden) == set()
    assert ids(kept.train) & ids(allowed)
    assert "holds words of a model" in said


def test_items_that_give_a_sealed_one_away_teach_nothing(tmp_path: Path) -> None:
    quoted = " ".join(f"clause{number}" for number in range(30))
    data = filled(tmp_path, count=60)
    with open_items(data) as opened:
        other = Item(id="claim", workload="claims", input={"messages": [_user(f"{quoted} is it so?")]})
        opened.items.add([other], KEEP_UNTIL, "ann")
        opened.items.deal("claims", {"holdout": 1.0})
        longer = {number: " ".join(f"other{number}x{place}" for place in range(60)) for number in (902, 903, 904)}
        quoting = [
            msgspec.structs.replace(refund(number), input={"messages": [_user(f"{words} {quoted}")]})
            for number, words in longer.items()
        ]
        # One of them once more, in the same words: only the form of the answer that was wanted is another.
        again = {**quoting[0].input, "response_format": {"type": "json_object"}}
        quoting.append(msgspec.structs.replace(quoting[0], id="again", input=again))
        opened.items.add(quoting, KEEP_UNTIL, "ann")
        opened.items.deal("refunds", {"train": 1.0})
    assert ids(training_items(data, "refunds").learned) >= {quoting[0].id, "again"}
    _, kept, said = chosen(data)
    assert ids(kept.train) & ids(quoting) == set()
    assert "left out since they give a sealed item away" in said


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def test_rows_that_answer_what_is_looked_at_stop_a_run_and_it_says_what_to_do(tmp_path: Path) -> None:
    stock = training_items(filled(tmp_path), "refunds")
    rows = rows_of((*stock.learned, stock.looked_at[0]))
    with pytest.raises(Contaminated, match=f"set apart to be looked at, such as {stock.looked_at[0].id}") as caught:
        chosen(tmp_path, SFT, rows)
    assert "freehold traces make" in caught.value.advice


def test_what_rows_quote_is_not_looked_at(tmp_path: Path) -> None:
    stock = training_items(filled(tmp_path), "refunds")
    first = stock.looked_at[0]
    question = first.input["messages"][1]["content"]
    further = " ".join(f"word{number}" for number in range(90))
    quoting = msgspec.structs.replace(first, id="other", input={"messages": [_user(f"{question} {further}")]})
    _, kept, said = chosen(tmp_path, SFT, rows_of((*stock.learned, quoting)))
    assert ids(kept.val) == ids(stock.looked_at[1:])
    assert "1 left out since rows give them away" in said


def test_items_that_came_later_and_tie_both_sides_together_are_not_looked_at(tmp_path: Path) -> None:
    data = filled(tmp_path)
    stock = training_items(data, "refunds")
    with open_items(data) as opened:
        opened.db.execute("UPDATE items SET conversation = 'one' WHERE id = ?", (stock.looked_at[0].id,))
        opened.db.execute("UPDATE items SET conversation = 'one' WHERE id = ?", (stock.learned[0].id,))
    _, kept, said = chosen(data)
    assert ids(kept.val) == ids(stock.looked_at[1:])
    assert "1 left out since they are like one to learn from" in said


@pytest.mark.parametrize(
    ("workload", "kind", "said"),
    [
        ("refund", UnknownWorkload, "There is no workload refund"),
        ("bare", ConfigError, "The workload bare has no grader"),
        ("lax", ConfigError, "The grader of lax does not tell right from wrong"),
    ],
)
def test_a_workload_that_cannot_reward_says_why(
    tmp_path: Path, workload: str, kind: type[Exception], said: str
) -> None:
    data = filled(tmp_path, *(refund(number, "lax") for number in range(2000, 2060)), count=1)
    with pytest.raises(kind, match=said):
        chosen(data, GRPO.replace('"refunds" }', f'"{workload}" }}'))


def test_references_that_nobody_gave_are_an_error_where_it_rewards_and_a_warning_where_it_looks(tmp_path: Path) -> None:
    data = filled(tmp_path, *(refund(number, "lax", reference=None) for number in range(2000, 2060)), count=1)
    (data / "freehold.toml").write_text(CONFIG.replace("(?s).*", "^(refund|refused)$"))
    looking = SFT.replace('"refunds" }', '"lax" }')
    with pytest.raises(ConfigError, match="no item has a reference"):
        chosen(data, GRPO.replace('"refunds" }', '"lax" }'))
    _, kept, said = chosen(data, looking, rows_of([refund(1)]))
    assert kept.val
    assert "lax: no item has a reference, so nothing shows that the grader tells right from wrong." in said


def test_without_items_to_look_at_and_without_a_store_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(CONFIG)
    with pytest.raises(StoreError, match="There is no store"):
        chosen(tmp_path)
    with open_items(tmp_path, make=True) as opened:
        opened.items.add([refund(1)], KEEP_UNTIL, "ann")
    with pytest.raises(NotFound, match="No items of refunds are in the training split"):
        chosen(tmp_path)
    with open_items(tmp_path) as opened:
        opened.items.deal("refunds", {"train": 1.0})
    with pytest.raises(
        NotFound, match=r"The items of refunds do not suffice\. refunds: [01] items to look at, [01] to"
    ):
        chosen(tmp_path)


def test_a_recipe_without_a_workload_is_as_it_was(tmp_path: Path) -> None:
    made = parse_recipe(GRPO.replace('"workload"', '"recall"').replace("options", "#").encode())
    assert with_items(made, tmp_path, None, asked()).recipe is made
