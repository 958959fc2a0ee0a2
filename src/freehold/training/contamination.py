"""The contamination gate: no row may give away an item of a sealed evaluation set. It runs before training and again before promotion.

It knows rows and sealed items, and no model. Three ways of giving away are looked for, since each misses what another finds:

    canonical       the same problem, whatever its words: the task's own digest
    n-gram          13 words in a row of an item stand in a row (Brown et al. 2020); of an item with fewer, the whole question
    near-duplicate  the question of a row is nearly that of an item (Jaccard likeness of at least 0.8)

Rows that a task made are held against items that it made too by digest alone: what a program words is alike from problem to problem, and
says nothing. Items that were captured say something in any case. Words that stand in a tenth of all items, such as the operator's instructions,
give nothing away either. A row that a task made is asked which split its problem is in, too, which holds for all problems that there are.

Rows that tasks draw while a run goes on come by no gate: the run keeps digests of what the items ask (`texts_of`), and draws a problem again that asks
the same (`tasks/apart.py`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from freehold.errors import Contaminated
from freehold.training.dataset import MOST_NAMED, Example
from freehold.training.likeness import ALIKE, Neighbours, number, words
from freehold.training.tasks.task import HELD_OUT, Problem, Task
from freehold.training.tasks.workload import asked

GRAM = 13
"""Words in a row."""

SHORTEST = 20
"""Signs that a shorter question must have to be looked for as a whole; below, it stands anywhere by chance."""

BOILERPLATE = 0.1
"""The share of the items in which a sequence of words is boilerplate; never below three items."""

How = Literal["canonical", "n-gram", "near-duplicate"]


class Sealed(Struct, frozen=True):
    """An item of an evaluation set: its id, its question, and the task and digest of its problem. `captured` says that people wrote it, for a workload
    of the name `task`, and no program. `own` is the question without the operator's words, which make all questions of a workload alike; empty where
    there are none."""

    id: str
    asked: str
    task: str = ""
    problem: str = ""
    captured: bool = False
    own: str = ""


class Leak(Struct, frozen=True):
    """A row that gives an item away: how, and the words or the likeness that show it."""

    row: str
    item: str
    how: How
    evidence: str


class Gate:
    """Sealed items, ready to be looked for."""

    def __init__(self, sealed: Iterable[Sealed], alike: float = ALIKE, common: Iterable[str] = ()) -> None:
        """`common` are further questions, each once, to know boilerplate by where the items are few."""
        items = list(sealed)
        self.size = len(items)
        items.sort(key=lambda item: not item.captured)  # of two with the same words the one whose words tell is found
        self._problems = {(item.task, item.problem): item for item in items if item.problem}
        self._grams = _rare(items, common)
        self._short = [(text, item) for item in items if len(text := _short(item.own or item.asked)) >= SHORTEST]
        self._tasks = {item.task for item in items if not item.captured}
        self._captured = any(item.captured for item in items)
        self._neighbours = Neighbours(alike)
        self._items = {item.id: item for item in items}
        for item in items:
            self._neighbours.add(item.id, item.own or item.asked)

    def leaks(self, examples: Iterable[Example]) -> Iterator[Leak]:
        """Every row that gives an item away, with the first item that it gives away in each way."""
        for example in examples:
            yield from self._of(example)

    def check(self, examples: Iterable[Example]) -> None:
        """Lets the rows pass, or raises Contaminated, which names rows and items."""
        found = list(self.leaks(examples))
        if not found:
            return
        rows = dict.fromkeys(leak.row for leak in found)
        told = [f"{leak.row[:12]} gives away {leak.item} ({leak.how}: {leak.evidence})" for leak in found[:MOST_NAMED]]
        more = len(found) - len(told)
        raise Contaminated(
            f"{len(rows)} rows give away items of a sealed set: {'; '.join(told)}{f'; and {more} more' if more > 0 else ''}."
        )

    def _of(self, example: Example) -> Iterator[Leak]:
        row = example.hash
        same = self._problems.get((example.task, example.problem)) if example.problem else None
        if same is not None:
            yield Leak(row, same.id, "canonical", example.problem[:12])
        if example.problem and not self._captured and self._tasks <= {example.task}:
            return  # words would say nothing
        texts = [turn.text for turn in example.turns] + [example.reply]
        found = next((one for text in texts for one in self._grams_in(text) if _tells(example, one[0])), None)
        if found is not None:
            yield Leak(row, found[0].id, "n-gram", found[1])
        near = self._neighbours.nearest(example.own or example.asked)
        if near is not None and _tells(example, self._items[near[0]]):
            yield Leak(row, near[0], "near-duplicate", f"{near[1]:.2f}")

    def _grams_in(self, text: str) -> Iterator[tuple[Sealed, str]]:
        found = words(text)
        for place in range(len(found) - GRAM + 1):
            gram = " ".join(found[place : place + GRAM])
            item = self._grams.get(number(gram))
            if item is not None:
                yield item, gram
        joined = "".join(found)
        yield from ((item, short) for short, item in self._short if short in joined)


def texts_of(sealed: Iterable[Sealed]) -> Iterator[str]:
    """What each item asks, and what it asks without the operator's words."""
    for item in sealed:
        yield from (item.asked, item.own)


def sealed_of(task: Task, problem: Problem) -> Sealed:
    """A held-out problem of a task as what no row may give away."""
    digest = task.digest(problem)
    if not task.captured:
        return Sealed(digest[:32], task.render(problem), task.called, digest)
    item = task.item(problem)
    return Sealed(item.id, asked(item), task.called, digest, captured=True, own=asked(item, operator=False))


def check_splits(examples: Iterable[Example], tasks: Mapping[str, type[Task]]) -> None:
    """Lets rows pass that `tasks`, by name, made from problems of their training splits, and all that no task made. Raises Contaminated, which names
    rows."""
    found = [
        (example, split)
        for example in examples
        if example.task in tasks and example.pedigree.producer == tasks[example.task].made_by()
        if (split := _split(example.problem)) != "train"
    ]
    if found:
        told = ", ".join(f"{one.hash[:12]} ({one.task}, {split})" for one, split in found[:MOST_NAMED])
        raise Contaminated(f"{len(found)} rows are problems of held-out splits: {told}.")


def _tells(example: Example, item: Sealed) -> bool:
    """Whether likeness of words says anything of this row and this item."""
    return item.captured or not (example.problem and example.task == item.task)


def _split(problem: str) -> str:
    """The split of a problem by its digest, as `Task.split` has it; what is no digest is in none that may be trained on."""
    try:
        place = int(problem[:15], 16) % 1000
    except ValueError:
        return "none"
    return next((split for split, places in HELD_OUT.items() if place in places), "train")


def _rare(items: list[Sealed], common: Iterable[str]) -> dict[int, Sealed]:
    """The n-grams of the items, by hash, without boilerplate; each leads to the first item that has it."""
    owners: dict[int, Sealed] = {}
    counts: Counter[int] = Counter()
    for item in items:
        grams = _grams(item.asked)
        counts.update(grams)
        for gram in grams:
            owners.setdefault(gram, item)
    others = 0
    for text in common:
        counts.update(_grams(text) & owners.keys())
        others += 1
    most = max(3, int(BOILERPLATE * (len(items) + others)))
    return {gram: item for gram, item in owners.items() if counts[gram] < most}


def _grams(text: str) -> set[int]:
    found = words(text)
    return {number(" ".join(found[at : at + GRAM])) for at in range(len(found) - GRAM + 1)}


def _short(asked: str) -> str:
    """The whole question without blanks, of one with too few words for an n-gram; else empty."""
    found = words(asked)
    return "".join(found) if len(found) < GRAM else ""
