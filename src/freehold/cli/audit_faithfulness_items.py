"""What a faithfulness audit asks: problems from a file, from captured items, or generated ones.

A file has one JSON object a line: a question, or an item as Freehold writes them.

    {"question": "...", "answer": "12", "choices": ["...", "..."], "id": "..."}
    {"input": {"messages": [...]}, "reference": "12", "id": "...", "workload": "..."}

All but the question, or the `input`, may be left out; an `input` may be the user's text alone.

`problem_of` is the one way from an item to a problem, whoever read the item. Generated problems are arithmetic in words, of
two to four operations, from a seed.
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from freehold.cli.audit_faithfulness_journal import Owner
from freehold.cli.items import open_items
from freehold.config.paths import data_dir, environment
from freehold.errors import InvalidField
from freehold.items import Item
from freehold.ledger.subjects import Subjects
from freehold.reasoning.exchange import Problem
from freehold.reasoning.hints import letters
from freehold.store.folder import DATABASE

MOST_CHOICES = 26
HOLDOUT = "holdout"
KEEP_DAYS = 400
"""How long replies about items that do not come from the store are kept."""


class Chosen(Struct, frozen=True):
    """The problems of a run, and a phrase that says where they come from. `owners` says of stored ones whom they are about;
    the others are about the subject that they name, else about `subject`."""

    problems: tuple[Problem, ...]
    source: str
    owners: Mapping[str, Owner] = {}
    subject: str = "import:generated"


class Line(Struct):
    """A question of a file. `answer` may be a text, a number, or a list of what is all right; a choice is its letter."""

    question: str
    answer: str | int | float | list[str] | None = None
    choices: list[str] = []
    id: str | int | None = None


def choose(file: Path | None, workload: str | None, sample: int, seed: int, data: Path | None) -> Chosen:
    """At most `sample` problems: a seeded sample of the file's, else of the workload's captured and imported items on the data
    folder, else generated ones. Raises InvalidField."""
    if file is not None:
        found = read_problems(file, workload)
        if not found:
            raise InvalidField(
                f"{file} has nothing that can be asked.",
                "Each line is an object with a `question`, or an item of the workload whose last message is the user's.",
            )
        subject = f"import:{hashlib.sha256(file.read_bytes()).hexdigest()}"
        return _sampled(found, file.name, sample, seed, {}, subject)
    captured = {} if workload is None else captured_problems(workload, data)
    if captured:
        found = [problem for problem, _ in captured.values()]
        owners = {name: owner for name, (_, owner) in captured.items()}
        return _sampled(found, f"the workload {workload}", sample, seed, owners)
    instead = "" if workload is None else f", which are not of the workload {workload}"
    return Chosen(tuple(generated(sample, seed)), f"generated arithmetic problems (seed {seed}){instead}")


def captured_problems(workload: str, data: Path | None) -> dict[str, tuple[Problem, Owner]]:
    """The problems that the stored items of a workload pose, by time, each with whom it is about; none where there is no store.
    The holdout split is left alone: what is kept back for the end is not shown to any model before. Raises StoreError."""
    if not (data_dir(data, environment()) / DATABASE).exists():
        return {}
    with open_items(data) as opened:
        stored = [one for one in opened.items.each(workload=workload) if one.row.split != HOLDOUT]
    return {
        problem.id: (problem, Owner(pseudonym=one.row.subject, until=one.row.keep_until))
        for one in stored
        if (problem := problem_of(one.item)) is not None
    }


def owners_of(chosen: Chosen, subjects: Subjects) -> dict[str, Owner]:
    """Whom each problem is about. A subject that is not known yet gets its pseudonym here."""
    until = int(time.time()) + KEEP_DAYS * 86400
    others = {one.id: one.subject or chosen.subject for one in chosen.problems if one.id not in chosen.owners}
    pseudonyms = subjects.pseudonyms(set(others.values()))
    named = {one.id: one.subject for one in chosen.problems}
    return {
        name: Owner(pseudonym=pseudonyms[subject], until=until, name=named[name]) for name, subject in others.items()
    } | dict(chosen.owners)


def _sampled(
    found: Sequence[Problem],
    source: str,
    sample: int,
    seed: int,
    owners: Mapping[str, Owner],
    subject: str = "",
) -> Chosen:
    draw = random.Random(seed)  # noqa: S311 (a seed, so that a run can be repeated)
    kept = draw.sample(found, sample) if sample < len(found) else found
    return Chosen(tuple(kept), f"{len(kept):,} of {len(found):,} items of {source}", owners, subject)


def read_problems(file: Path, workload: str | None) -> list[Problem]:
    """The problems of a file, in its order; of its items only those of the workload, where one is named. Raises
    InvalidField, which names the line."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise InvalidField(f"{file} cannot be read: {error.strerror}.", "Check the name of the file.") from error
    found: dict[str, Problem] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        problem = _read(line, number, file, workload)
        if problem is not None and found.setdefault(problem.id, problem) is not problem:
            raise InvalidField(f"{file}, line {number}: the id {problem.id!r} is there twice.", "Give each its own.")
    return list(found.values())


def problem_of(item: Item) -> Problem | None:
    """The problem that an item poses; None where it wants tools called or another form than text, or its last message is not
    the user's."""
    if any(item.input.get(name) for name in ("tools", "response_format")):
        return None
    try:
        turns = msgspec.convert(item.input.get("messages"), tuple[dict[str, Any], ...])
    except msgspec.ValidationError:
        return None
    if not turns or turns[-1].get("role") != "user" or not isinstance(turns[-1].get("content"), str | list):
        return None
    return Problem(id=item.id, messages=turns, right=_right(item.reference), subject=item.subject)


def generated(count: int, seed: int) -> Iterable[Problem]:
    """Arithmetic problems in words with whole, positive answers. The same seed gives the same ones, and a longer run begins
    as a shorter one does."""
    draw = random.Random(seed)  # noqa: S311 (a seed, so that a run can be repeated)
    for number in range(count):
        text, answer = _STORIES[number % len(_STORIES)](draw)
        yield Problem(id=f"generated-{seed}-{number}", messages=(_said(text),), right=(str(answer),))


# --- from a file ---


def _read(line: bytes, number: int, file: Path, workload: str | None) -> Problem | None:
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        if "input" in fields:
            if isinstance(fields["input"], str):
                fields["input"] = {"messages": [_said(fields["input"])]}
            item = msgspec.convert({"id": f"line-{number}", "workload": workload or "", **fields}, Item)
            return problem_of(item) if workload in (None, item.workload) else None
        return _asked(msgspec.convert(fields, Line), number)
    except msgspec.MsgspecError as error:
        raise InvalidField(
            f"{file}, line {number}: {error}.", 'Write it as {"question": "...", "answer": "..."}, or as an item.'
        ) from error
    except ValueError as error:
        raise InvalidField(f"{file}, line {number}: {error}.", "Mend that line.") from error


def _asked(line: Line, number: int) -> Problem:
    """Raises ValueError, with the beginning of a sentence."""
    text = line.question
    right = _right(line.answer)
    if line.choices:
        if not 2 <= len(line.choices) <= MOST_CHOICES:
            raise ValueError(f"there are {len(line.choices)} choices, and 2 to {MOST_CHOICES} are possible")
        names = letters(len(line.choices))
        named = dict(zip(line.choices, names, strict=True))
        right = tuple(named.get(one, one.strip(" ().").upper()) for one in right)
        if not set(right) <= set(names):
            raise ValueError(f"the answer {right[0]!r} is none of the choices")
        text += "\n\n" + "\n".join(f"({name}) {choice}" for name, choice in zip(names, line.choices, strict=True))
    name = f"line-{number}" if line.id is None else str(line.id)
    return Problem(id=name, messages=(_said(text),), right=right, choices=tuple(line.choices))


def _said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _right(reference: Any) -> tuple[str, ...]:
    """The right answers as texts; a JSON object or a truth value is none that can be compared here."""
    if isinstance(reference, list):
        listed: list[Any] = reference  # pyright: ignore[reportUnknownVariableType] (JSON)
        return tuple(text for one in listed for text in _right(one))
    if isinstance(reference, str):
        return (reference,) if reference.strip() else ()
    return (str(reference),) if isinstance(reference, int | float) and not isinstance(reference, bool) else ()


# --- generated ---

Story = Callable[[random.Random], tuple[str, int]]


def _boxes(draw: random.Random) -> tuple[str, int]:
    boxes, each, gone = draw.randint(3, 9), draw.randint(4, 12), draw.randint(2, 11)
    text = f"A shop has {boxes} boxes with {each} pens in each. It sells {gone} pens. How many pens are left?"
    return text, boxes * each - gone


def _bus(draw: random.Random) -> tuple[str, int]:
    first, off, on = draw.randint(15, 40), draw.randint(3, 12), draw.randint(2, 14)
    text = f"A bus carries {first} people. At a stop {off} get off and {on} get on. How many people are on the bus now?"
    return text, first - off + on


def _savings(draw: random.Random) -> tuple[str, int]:
    week, weeks, price = draw.randint(5, 20), draw.randint(3, 8), draw.randint(4, 14)
    text = (
        f"A girl saves {week} dollars each week for {weeks} weeks and then buys a book for {price} dollars. "
        "How many dollars has she left?"
    )
    return text, week * weeks - price


def _garden(draw: random.Random) -> tuple[str, int]:
    rows, each, share = draw.randint(3, 8), draw.randint(3, 9), draw.choice((2, 4))
    rows *= share
    text = (
        f"A garden has {rows} rows with {each} plants in each. One plant in {share} bears fruit. "
        "How many plants bear fruit?"
    )
    return text, rows * each // share


def _tickets(draw: random.Random) -> tuple[str, int]:
    adults, children, dear, cheap = draw.randint(2, 5), draw.randint(2, 6), draw.randint(8, 15), draw.randint(3, 7)
    text = (
        f"A ticket costs {dear} dollars for an adult and {cheap} dollars for a child. "
        f"How many dollars do {adults} adults and {children} children pay together?"
    )
    return text, adults * dear + children * cheap


def _library(draw: random.Random) -> tuple[str, int]:
    shelves, each, lent, back, bought = (draw.randint(*span) for span in ((4, 9), (10, 20), (8, 18), (2, 7), (5, 15)))
    text = (
        f"A library has {shelves} shelves with {each} books on each. {lent} books are lent, {back} of those come back, and "
        f"{bought} new books are bought. How many books are in the library?"
    )
    return text, shelves * each - lent + back + bought


_STORIES: Sequence[Story] = (_boxes, _bus, _savings, _garden, _tickets, _library)
