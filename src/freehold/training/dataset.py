"""A dataset: examples to learn from, each with its pedigree and its hash, as lines of JSON; and what is done before anything learns.

    make or read -> clean (quality, length, redaction, duplicates) -> admit (pedigree) -> contamination.py -> a trainer

`freehold train run` does so with the dataset that a recipe names (its table `[clean]`), and a run keeps what is left. It knows rows, and no model. It exists so that what a model was made from can be told row by row: the hash of a row covers its text and where
it comes from, the digest of a dataset covers all hashes, and the digest stands in the run and in the model's card.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from freehold.catalog.terms import Terms
from freehold.errors import MalformedDataset, RowForbidden
from freehold.redaction.redactor import Redactor
from freehold.redaction.rules import RULES
from freehold.training.likeness import Neighbours, words
from freehold.training.provenance import Decision, Override, Pedigree, Student, Use, may_use, use_of
from freehold.training.tasks.task import END, THINK, read_reply

MOST_NAMED = 5
"""Rows that an error names; it counts the others."""

BASE = "base"
"""What stands for the hash of a row in decisions on the weights that a student starts from."""

LONGEST = 200_000
"""Characters of an example, all turns together, unless a cleaning says otherwise."""

_COPIES = "the same as another"

PART = 4
"""Signs of a word from which on a reply that has it rests on it; below, a word stands there by chance."""

LOOP = 20
"""A sequence of words that comes this often in a row is a loop, not a thought."""

_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]*_\d+\]")

_encode = msgspec.json.Encoder(order="deterministic").encode


class Turn(Struct, frozen=True):
    """One message before the reply."""

    role: str
    text: str


class Example(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row: what was asked, and the reply to learn, with its steps between markers where it has any (`tasks/task.py`). `task` and
    `problem` (the task's own digest) where a task made it or it is an item of a workload; `level` how hard it is."""

    turns: tuple[Turn, ...]
    reply: str
    pedigree: Pedigree
    task: str = ""
    problem: str = ""
    level: int = 0

    @property
    def hash(self) -> str:
        """SHA-256 of the whole row, pedigree included, in hexadecimal."""
        return hashlib.sha256(_encode(self)).hexdigest()

    @property
    def asked(self) -> str:
        """The turns as one text."""
        return "\n".join(turn.text for turn in self.turns)

    @property
    def own(self) -> str:
        """The turns as one text, without the words of the operator, which all rows of a workload share, and of models."""
        return "\n".join(turn.text for turn in self.turns if turn.role not in ("system", "developer", "assistant"))


class Dataset(Struct, frozen=True):
    """Examples in order, and the pedigrees of what they were made from that are no examples themselves, by hash."""

    examples: tuple[Example, ...]
    ancestors: dict[str, Pedigree] = {}

    @property
    def digest(self) -> str:
        """SHA-256 of the hashes of all rows in order, and of all ancestors by name, in hexadecimal."""
        rows = [example.hash for example in self.examples]
        return hashlib.sha256(_encode([rows, sorted(self.ancestors.items())])).hexdigest()

    @property
    def pedigrees(self) -> dict[str, Pedigree]:
        """Every pedigree, by hash."""
        return {**self.ancestors, **{example.hash: example.pedigree for example in self.examples}}


class Cleaning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to leave out and to replace: replies of fewer than `shortest` characters, and rows of more than `longest`; rows that are there already, unless
    `copies` are wanted, as where a row shall weigh more; `redact` names rules of `redaction/`. `near` is the likeness from which on two questions are one, the
    operator's words aside, and 0 for exact copies only: what is alike to a reader may have another answer for one number in it, and only who knows the
    rows knows."""

    shortest: Annotated[int, Meta(ge=1)] = 1
    longest: Annotated[int, Meta(ge=1)] = LONGEST
    copies: bool = False
    near: Annotated[float, Meta(ge=0, le=1)] = 0.0
    redact: tuple[str, ...] = tuple(RULES)


class Dropped(Struct, frozen=True):
    """A row that is left out, by its hash, and why."""

    row: str
    why: str


class Cleaned(Struct, frozen=True):
    """The dataset that is left, what was left out of it, and the rows in which people were replaced, as they were before."""

    dataset: Dataset
    dropped: tuple[Dropped, ...] = ()
    replaced: tuple[Example, ...] = ()

    def said(self) -> str:
        """What was done, for a person; empty where nothing was."""
        told = Counter(_COPIES if " same as " in one.why else one.why for one in self.dropped)
        parts = [f"{count:,} left out: {why}" for why, count in told.most_common()]
        parts += [f"in {len(self.replaced):,} what identifies people is replaced"] if self.replaced else []
        rows = len(self.dataset.examples) + len(self.dropped)
        return f"Of {rows:,} rows {'; '.join(parts)}." if parts else ""


class _Row(Struct, frozen=True, tag="row", tag_field="kind"):
    hash: str
    example: Example


class _Ancestor(Struct, frozen=True, tag="ancestor", tag_field="kind"):
    hash: str
    pedigree: Pedigree


_decode = msgspec.json.Decoder(_Row | _Ancestor).decode


def write_dataset(dataset: Dataset, path: Path) -> None:
    """Writes the dataset, a line a row, ancestors first, for its owner alone: rows hold what people wrote. What was there before is replaced only when all is
    written."""
    part = path.with_suffix(f"{path.suffix}.part")
    part.unlink(missing_ok=True)  # what a death left, with whichever mode it has
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        for name, pedigree in sorted(dataset.ancestors.items()):
            file.write(_encode(_Ancestor(name, pedigree)) + b"\n")
        for example in dataset.examples:
            file.write(_encode(_Row(example.hash, example)) + b"\n")
    part.replace(path)


def read_dataset(path: Path) -> Dataset:
    """The dataset of a file. Raises MalformedDataset, with the line, for what is no row and for a row that does not have its hash, and for a file that cannot be
    read."""
    examples: list[Example] = []
    ancestors: dict[str, Pedigree] = {}
    try:
        file = path.open("rb")
    except OSError as error:
        raise MalformedDataset(
            f"The rows of {path} cannot be read: {error.strerror}.",
            "`freehold traces make WORKLOAD --out FILE` makes them; `data` of the recipe says where they lie.",
        ) from None
    with file:
        for place, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = _decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise MalformedDataset(f"Line {place} of {path.name} is not a row: {error}.") from None
            if isinstance(row, _Ancestor):
                ancestors[row.hash] = row.pedigree
            elif row.example.hash != row.hash:
                raise MalformedDataset(
                    f"Line {place} of {path.name} was changed: it does not have the hash that it names."
                )
            else:
                examples.append(row.example)
    return Dataset(tuple(examples), ancestors)


def clean(dataset: Dataset, cleaning: Cleaning = Cleaning(), programs: Container[str] = ()) -> Cleaned:  # noqa: B008 - frozen
    """The dataset without what is too short, too long, broken or there already, and with what identifies people replaced.

    Of copies the first stays. A redacted row has the row that it was made from as its parent, and is left out where its reply does not hold any more: see
    `_unsound`. Rows of the producers `programs` speak of nobody and are alike by nature: their long numbers stay, and likeness is not asked about."""
    redactor = Redactor(cleaning.redact) if cleaning.redact else None
    ancestors = dict(dataset.ancestors)
    kept: list[Example] = []
    dropped: list[Dropped] = []
    replaced: list[Example] = []
    seen: dict[str, str] = {}
    neighbours = Neighbours(cleaning.near) if cleaning.near else None
    for example in dataset.examples:
        drawn = example.pedigree.producer in programs and not example.pedigree.parents
        near = None if drawn else neighbours
        why = _broken(example, cleaning)
        clear = example if why or drawn or redactor is None else _redacted(example, redactor)
        why = why or _unsound(example, clear) or _copy(clear, {} if cleaning.copies else seen, near)
        if why is not None:
            dropped.append(Dropped(example.hash, why))
            continue
        if clear is not example:
            replaced.append(example)
            ancestors[example.hash] = example.pedigree
        kept.append(clear)
        seen[_key(clear)] = clear.hash
        if near is not None:
            near.add(clear.hash, clear.own or clear.asked)
    return Cleaned(Dataset(tuple(kept), ancestors), tuple(dropped), tuple(replaced))


def decide(
    dataset: Dataset, student: Student, use: Use | None, terms: Terms, overrides: Sequence[Override] = ()
) -> Iterator[Decision]:
    """The decision on each example, in their order. Without a use, each is asked for what training does with it: see `use_of`."""
    pedigrees = dataset.pedigrees
    for example in dataset.examples:
        wanted = use or use_of(example.pedigree.producer)
        yield may_use(example.hash, pedigrees, student, wanted, terms, overrides)


def admit(
    dataset: Dataset,
    student: Student,
    use: Use | None,
    terms: Terms,
    overrides: Sequence[Override] = (),
    base: Pedigree | None = None,
) -> tuple[Override, ...]:
    """Lets the dataset pass whole, or raises RowForbidden, which names rows, producers and clauses. Gives the overrides that it rests on.

    Without a use, each row is asked for what training does with it, which is what a trainer does.
    `base` is the pedigree of the weights that the student starts from; one that starts from weights does not pass without.
    A trainer calls this itself, with the rows that it is about to read."""
    decisions = [*_of_base(student, base, terms, overrides), *decide(dataset, student, use, terms, overrides)]
    refused = [decision for decision in decisions if not decision.allowed]
    if refused:
        told = " ".join(_each_once(decision.reason for decision in refused))
        rows = len(dataset.examples)
        of_rows = sum(decision.row != BASE for decision in refused)
        raise RowForbidden(
            f"{of_rows} of {rows} rows may not {use or 'train'} {student.name}{_and_base(refused)}. {told}"
        )
    return tuple(dict.fromkeys(one for decision in decisions for one in decision.overridden))


def _of_base(
    student: Student, base: Pedigree | None, terms: Terms, overrides: Sequence[Override]
) -> Iterator[Decision]:
    """Whether the weights that the student starts from may be changed; nothing for one that starts from nothing."""
    if not student.base and base is None:
        return
    if base is None or base.producer != student.base:
        named = student.base or (base.producer if base is not None else "")
        reason = f"The weights {named} come without a pedigree that is theirs."
        yield Decision(allowed=False, reason=reason, row=BASE)
    else:
        yield may_use(BASE, {BASE: base}, student, "derive", terms, overrides)


def _and_base(refused: Sequence[Decision]) -> str:
    return ", nor may its base be changed" if any(decision.row == BASE for decision in refused) else ""


def _each_once(reasons: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(reasons))
    left = len(found) - MOST_NAMED
    return found[:MOST_NAMED] + ([f"And {left} more."] if left > 0 else [])


def _broken(example: Example, cleaning: Cleaning) -> str | None:
    """Why an example is not worth learning, None when it is."""
    length = len(example.asked) + len(example.reply)
    if not example.reply.strip() or not example.asked.strip():
        return "it has no question or no reply"
    if not cleaning.shortest <= len(example.reply) or length > cleaning.longest:
        return "it is too short or too long"
    if example.reply.count(THINK) > example.reply.count(END):  # the first may stand in the prompt
        return "its thinking does not end"
    if "�" in example.reply or "\0" in example.reply:
        return "its reply is damaged"
    return "its reply runs in a loop" if _loops(words(example.reply)) else None


def _loops(found: list[str]) -> bool:
    """Whether a sequence of 1 to 8 words comes `LOOP` times in a row. Signs and numbers alone are no loop: rules of tables, rows of zeros."""
    for width in range(1, 9):
        run = 0
        for place in range(width, len(found)):
            run = run + 1 if found[place] == found[place - width] else 0
            if run >= width * (LOOP - 1) and any(map(str.isalpha, "".join(found[place - width : place]))):
                return True
    return False


def _copy(example: Example, seen: Mapping[str, str], neighbours: Neighbours | None) -> str | None:
    same = seen.get(_key(example))
    if same is not None:
        return f"it is the same as {same[:12]}"
    near = neighbours.nearest(example.own or example.asked) if neighbours is not None else None
    return None if near is None else f"it is nearly the same as {near[0][:12]}"


def _key(example: Example) -> str:
    """What makes two examples one: question and reply, white space and case apart."""
    texts = ["\0".join(part.casefold().split()) for part in (example.asked, example.reply)]
    return hashlib.sha256("\1".join(texts).encode(errors="replace")).hexdigest()


def _redacted(example: Example, redactor: Redactor) -> Example:
    redaction = redactor.begin()
    turns = tuple(Turn(turn.role, redaction.text(turn.text)) for turn in example.turns)
    reply = redaction.text(example.reply)
    if (turns, reply) == (example.turns, example.reply):
        return example
    return replace(
        example,
        turns=turns,
        reply=reply,
        pedigree=replace(example.pedigree, parents=(*example.pedigree.parents, example.hash)),
    )


def _unsound(example: Example, clear: Example) -> str | None:
    """Why a row that was redacted is none to learn from, None where its reply holds as before: names were exchanged for others, in question and reply alike.

    Of a graded row the answer must be the one that was graded. A reply may say nothing that cannot be known from the question as it is now: no
    placeholder that does not stand there, and no part of what was replaced there, such as the surname in an address."""
    if clear is example:
        return None
    before, after = read_reply(example.reply).answer, read_reply(clear.reply).answer
    if before != after and (example.problem or not any(map(str.isalnum, _PLACEHOLDER.sub("", after)))):
        return "its answer tells who somebody is"
    given = Counter(_PLACEHOLDER.findall(f"{example.asked}\n{example.reply}"))
    made = Counter(_PLACEHOLDER.findall(f"{clear.asked}\n{clear.reply}")) - given
    if given.keys() & made.keys():
        return "it holds placeholders already, and others would be called the same"
    if not set(_PLACEHOLDER.findall(clear.reply)) <= set(_PLACEHOLDER.findall(clear.asked)):
        return "its reply tells who somebody is, and its question does not"
    gone = set(words(example.asked)) - set(words(clear.asked))
    if any(len(word) >= PART for word in gone.intersection(words(clear.reply))):
        return "its reply rests on what was replaced in its question"
    return None
