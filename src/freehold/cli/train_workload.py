"""The items of a workload that a run learns from or looks at, chosen from the store when the run begins.

It is here since the store, the configuration and training meet nowhere else. The process that trains knows no store: it is given the items in a file of the run's
folder (`training/tasks/kept_workload.py`). The steps; the numbers stand in the code:

1. the workload's first grader, from the configuration
2. its items of the training split; one in ten of their clusters is set apart in it: nothing learns from these, and the run looks at them
3. left out is what cannot be asked as text, and what the grader cannot grade
4. of items to learn from, what holds words of a model whose terms forbid it, and what gives a sealed item away
5. of items to look at, what belongs together with one to learn from, and what rows of the dataset give away
6. the grader must tell right from wrong before it rewards, or says when to end
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.catalog.terms import Terms
from freehold.cli.items import open_items
from freehold.cli.models_evidence import sealed_items
from freehold.cli.settings import read_settings
from freehold.config.paths import config_file
from freehold.errors import ConfigError, Contaminated, NotFound, UnknownWorkload
from freehold.items import Item
from freehold.store.items import split_salt
from freehold.training.ancestry import student_of
from freehold.training.contamination import Gate, sealed_of
from freehold.training.dataset import Dataset, Example, Turn
from freehold.training.provenance import Override
from freehold.training.recipe import REWARDED, Portion, Recipe
from freehold.training.tasks.kept_workload import Kept, write_kept
from freehold.training.tasks.task import WORKLOAD
from freehold.training.tasks.workload import WorkloadTask, require_telling, turns, unaskable
from freehold.training.traces import behind_item, forbidden_by, of_customer
from freehold.trials.clusters import Dealt, Fresh, deal, is_looked_at
from freehold.trials.items import Stored

TRAIN = "train"


class Chosen(Struct, frozen=True):
    """The recipe with its items named, their files by name, how many sealed items they were held against, and sentences for a person."""

    recipe: Recipe
    files: dict[str, bytes] = {}
    sealed: int = 0
    said: tuple[str, ...] = ()


class Stock(Struct, frozen=True):
    """The items of a workload's training split: to learn from, and to look at. `tied` are those of the latter that belong together with one of the
    former."""

    learned: tuple[Item, ...]
    looked_at: tuple[Item, ...]
    tied: frozenset[str]


class Asked(Struct, frozen=True, kw_only=True):
    """What a run is asked about: the rows of its dataset, and the terms and words of people that hold for it on a day (ISO 8601)."""

    rows: Dataset | None
    terms: Terms
    overrides: Sequence[Override]
    on: str


def with_items(recipe: Recipe, data: Path, config: Path | None, asked: Asked) -> Chosen:
    """The recipe with the items of each workload of its mix chosen; one without any is as it was. Raises ConfigError, UnknownWorkload, NotFound where the
    items do not suffice, Contaminated where rows answer items that are set apart."""
    if not any(portion.task == WORKLOAD for portion in recipe.mix):
        return Chosen(recipe)
    workloads = read_settings(config_file(config, Path()), data).workloads
    mix: list[Portion] = []
    chosen = Chosen(recipe)
    for portion in recipe.mix:
        if portion.task != WORKLOAD:
            mix.append(portion)
            continue
        name = portion.called
        if name not in workloads:
            raise UnknownWorkload(f"There is no workload {name}.", f"There are {', '.join(workloads)}.")
        # 1
        kept, sealed, said = _kept(recipe, name, grader_of(workloads[name].graders, name), data, asked)
        content, file = write_kept(kept), f"{WORKLOAD}-{len(chosen.files) + 1}.json"
        named = {WORKLOAD: name, "items": file, "sha256": hashlib.sha256(content).hexdigest()}
        mix.append(replace(portion, options=named))
        files = {**chosen.files, file: content}
        chosen = Chosen(recipe, files, max(chosen.sealed, sealed), (*chosen.said, *said))
    return replace(chosen, recipe=replace(recipe, mix=tuple(mix)))


def grader_of(tables: Sequence[Mapping[str, Any]], workload: str) -> dict[str, Any]:
    """The table of a workload's first grader. Raises ConfigError where it has none."""
    if not tables:
        raise ConfigError(
            f"The workload {workload} has no grader, so nothing would tell a good answer from a bad one.",
            'Write graders = [{ kind = "exact" }], or another of docs/reference/graders.md, under its table.',
        )
    return dict(tables[0])


def training_items(data: Path, workload: str) -> Stock:
    """The items of a workload that something may be learned from, those among them set apart that whoever trains looks at. Raises NotFound where there are
    none."""
    with open_items(data) as opened:
        stored = list(opened.items.each(workload=workload, split=TRAIN))
        salt = split_salt(opened.db, workload)
    if not stored:
        raise NotFound(
            f"No items of {workload} are in the training split.", "Deal what is captured with `freehold items split`."
        )
    apart = [one for one in stored if is_looked_at(one.row.cluster or one.row.id, salt)]
    ids = {one.row.id for one in apart}
    learned = [one for one in stored if one.row.id not in ids]
    return Stock(tuple(map(_item, learned)), tuple(map(_item, apart)), _tied(apart, learned, salt))


def _kept(
    recipe: Recipe, name: str, grader: dict[str, Any], data: Path, asked: Asked
) -> tuple[Kept, int, tuple[str, ...]]:
    """The items of one workload, how many sealed items they were held against, and what there is to say of them."""
    rewards = recipe.stage in REWARDED
    # 2
    stock = training_items(data, name)
    task = WorkloadTask((*stock.learned, *stock.looked_at), grader)
    # 3
    out = {item.id: why for item in task.items if (why := _unfit(task, item))}
    # 4
    learned = [item for item in stock.learned if item.id not in out] if rewards else []
    forbidden = {item.id: why for item in learned if (why := _forbidden(recipe, item, asked))}
    learned = [item for item in learned if item.id not in forbidden]
    gate, leaking = _leaking(task, learned, data) if rewards else (0, dict[str, str]())
    learned = [item for item in learned if item.id not in leaking]
    # 5
    looked_at = [item for item in stock.looked_at if item.id not in out]
    tied = dict.fromkeys((item.id for item in looked_at if item.id in stock.tied), "they are like one to learn from")
    looked_at = [item for item in looked_at if item.id not in tied]
    given = _given_away(task, looked_at, recipe, asked.rows) if asked.rows is not None else {}
    looked_at = [item for item in looked_at if item.id not in given]
    if not rewards:
        out = {item.id: why for item in stock.looked_at if (why := out.get(item.id))}
    why = _counted({**out, **forbidden, **leaking, **tied, **given}.values())
    said = f"{name}: {len(looked_at):,} items to look at{f', {len(learned):,} to learn from' if rewards else ''}{why}."
    if not looked_at or (rewards and not learned):
        raise NotFound(
            f"The items of {name} do not suffice. {said}",
            "One cluster in ten of the training split is looked at: capture or import more, and deal them with `freehold items split`.",
        )
    kept = Kept(workload=name, grader=grader, train=tuple(learned), val=tuple(looked_at))
    # 6
    warning = require_telling(WorkloadTask((*learned, *looked_at), grader), rewards=rewards)
    return kept, gate, (said, *([warning] if warning else []))


def _item(stored: Stored) -> Item:
    return replace(stored.item, id=stored.row.id, subject="")


def _tied(apart: Sequence[Stored], learned: Sequence[Stored], salt: bytes) -> frozenset[str]:
    """Of items that are set apart those that belong together with one that is learned from, as items that came later can tie them."""
    known = (
        Dealt(one.row.id, one.row.signature, one.row.conversation, one.row.cluster, TRAIN)
        for one in learned
        if one.row.signature is not None
    )
    fresh = [
        Fresh(one.row.id, one.row.signature, one.row.conversation) for one in apart if one.row.signature is not None
    ]
    return frozenset(one.id for one in deal(fresh, known, salt, {"apart": 1.0}) if one.split != "apart")


def _unfit(task: WorkloadTask, item: Item) -> str | None:
    """Why an item is neither learned from nor looked at, None when it may be."""
    messages: list[dict[str, Any]] = item.input.get("messages") or []
    if item.input.get("tools") or any(one.get("role") == "tool" or one.get("tool_calls") for one in messages):
        return "they call tools, and replies are text"
    problem = task.problem(item)
    try:
        probe = task.solve(problem).answer
    except LookupError:
        probe = "0"
    return unaskable(item) or (None if task.grade(problem, probe).score is not None else "the grader cannot grade them")


def _forbidden(recipe: Recipe, item: Item, asked: Asked) -> str | None:
    return forbidden_by(behind_item(item, asked.on, asked.terms), student_of(recipe), asked.terms, asked.overrides)


def _leaking(task: WorkloadTask, items: Sequence[Item], data: Path) -> tuple[int, dict[str, str]]:
    """How many sealed items there are, and which items give one away."""
    rows = [_example(task, item) for item in items]
    gate = Gate(sealed_items(data), common={one.asked for one in rows})
    gone = {leak.row for leak in gate.leaks(rows)}
    return gate.size, {
        item.id: "they give a sealed item away" for item, row in zip(items, rows, strict=True) if row.hash in gone
    }


def _example(task: WorkloadTask, item: Item) -> Example:
    said = tuple(Turn(role, text) for role, text in turns(item))
    problem = task.digest(task.problem(item))
    return Example(turns=said, reply="", pedigree=of_customer(task.called), task=task.called, problem=problem)


def _given_away(task: WorkloadTask, items: Sequence[Item], recipe: Recipe, rows: Dataset) -> dict[str, str]:
    """The items that rows give away, such as a longer quotation in both. Raises Contaminated for rows that answer one."""
    gone: dict[str, str] = {}
    for found in _leaks(task, items, rows):
        answered = [leak for leak, how in found if how == "canonical"]
        if answered:
            raise Contaminated(
                f"Rows of {recipe.data} answer items of {task.called} that are set apart to be looked at, such as {answered[0]}.",
                "Make them anew by the same `freehold traces make`: it leaves these items out, and asks nothing twice.",
            )
        gone |= dict.fromkeys((leak for leak, _ in found), "rows give them away")
    return gone


def _leaks(task: WorkloadTask, items: Sequence[Item], rows: Dataset) -> Iterator[list[tuple[str, str]]]:
    """(item, how) of what rows give away, in rounds: of each row a gate names the first item alone."""
    left, common = list(items), {one.asked for one in rows.examples}
    while left:
        gate = Gate((sealed_of(task, task.problem(item)) for item in left), common=common)
        found = [(leak.item, leak.how) for leak in gate.leaks(rows.examples)]
        if not found:
            return
        yield found
        named = {item for item, _ in found}
        left = [item for item in left if item.id not in named]


def _counted(reasons: Iterable[str]) -> str:
    told = [f"{count:,} left out since {why}" for why, count in Counter(reasons).most_common()]
    return f"; {', '.join(told)}" if told else ""
