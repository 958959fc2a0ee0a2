"""What a run is made from: its rows, the tasks of its mix, and the weights that it starts from or is taught by, as far back as files tell.

It knows recipes, folders and terms, and nothing that computes. It exists because a student inherits: a run that starts from another one stands on
that one's rows too, and so does a pupil on what its teacher read. Unknown is no: weights of which nothing here tells what they were made from
start no run and teach none.

The rules; the numbers stand in the code:

1 each row of the dataset may be used for what training does with it
2 weights that others made may be changed
3 all that weights of our own were made from may be used for this student as well
4 all that a teacher was made from may be distilled
5 of all weights something tells what they were made from: their run, a lineage beside them, or the recipe; what was changed since is told of by neither
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.catalog.terms import Terms
from freehold.catalog.weights import digest
from freehold.errors import ConfigError, RowForbidden
from freehold.training import tasks
from freehold.training.dataset import Dataset, admit
from freehold.training.lineage import LINEAGE, Lineage, Source, lineage_beside, sources_of
from freehold.training.provenance import Override, Pedigree, Student, Use, may_use, pedigree_of_answer, use_of
from freehold.training.recipe import REWARDED, Portion, Recipe, folder_of
from freehold.training.runs import ANCESTRY, RunFolder
from freehold.training.tasks.kept_workload import read_kept
from freehold.training.tasks.task import WORKLOAD
from freehold.training.traces import behind_item, of_customer

WEIGHTS = "model"
"""The folder of weights inside that of a run."""

TENSORS = ".safetensors"


class Ancestry(Struct, frozen=True, kw_only=True):
    """What a run is made from. `base` are the weights that others made, `vendor/model`, empty for from nothing; `start` the run of ours that it goes on
    from; `dataset` the digest of its own rows, empty where tasks draw them; `inherited` the digests of the rows behind its weights and its teacher;
    `overrides` those that it rests on."""

    base: str = ""
    start: str = ""
    dataset: str = ""
    inherited: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    overrides: tuple[Override, ...] = ()


def admit_recipe(
    recipe: Recipe, terms: Terms, on: str, *, rows: Dataset | None = None, overrides: Sequence[Override] = ()
) -> Ancestry:
    """Lets a run begin, on a day (ISO 8601), and gives what it is made from; `rows` are those of its dataset. Raises RowForbidden, which names rows,
    weights and clauses."""
    start = _behind(recipe.start, recipe.base, terms, on)
    teacher = _taught(recipe, terms, on)
    found = trace(recipe, terms, on, rows, start, teacher)
    student = replace(student_of(recipe), base=found.base)
    # 1, 2
    base = pedigree_of_base(found.base, terms, on)
    rested = list(admit(rows or Dataset(()), student, None, terms, overrides, base))
    # 3
    if start is not None:
        rested += admit_sources(start.sources, student, terms, overrides)
    rested += admit_sources(_of_mix(recipe, terms, on), student, terms, overrides)
    # 4
    if teacher is not None:
        rested += admit_sources(teacher.sources, student, terms, overrides, "distil")
        rested += admit_base(teacher.base, student, "distil", terms, on, overrides)
    return replace(found, overrides=tuple(dict.fromkeys((*found.overrides, *rested))))


def trace(
    recipe: Recipe,
    terms: Terms,
    on: str,
    rows: Dataset | None,
    start: Ancestry | None,
    teacher: Ancestry | None,
) -> Ancestry:
    """What a run is made from, whether it may be or not."""
    sources = [*_of_mix(recipe, terms, on), *(sources_of(rows) if rows is not None else ())]
    inherited: list[str] = []
    overrides: list[Override] = []
    for one in (start, teacher):
        if one is not None:
            sources += one.sources
            overrides += one.overrides
            inherited += [*one.inherited, *([one.dataset] if one.dataset else [])]
    if teacher is not None:
        sources += _sayings(teacher, terms, on)
    return Ancestry(
        base=start.base if start is not None else "",
        start=start.start if start is not None else "",
        dataset=rows.digest if rows is not None else "",
        inherited=tuple(dict.fromkeys(inherited)),
        sources=merged(sources),
        overrides=tuple(dict.fromkeys(overrides)),
    )


def student_of(recipe: Recipe) -> Student:
    """The model of a recipe as the terms ask about it."""
    return Student(name=recipe.model, offered=recipe.offered, base=recipe.base, declares=frozenset(recipe.declares))


def pedigree_of_base(base: str, terms: Terms, on: str) -> Pedigree | None:
    """The pedigree of weights that others made, `vendor/model`, as it was on a day; None for no base."""
    return pedigree_of_answer(base, on, terms, route="weights") if base else None


def admit_sources(
    sources: Iterable[Source],
    student: Student,
    terms: Terms,
    overrides: Sequence[Override] = (),
    use: Use | None = None,
) -> tuple[Override, ...]:
    """Each counted source by itself, for a use, or for what training does with its rows. What an own model wrote has all sources that are none among
    its ancestors, since a lineage does not say which. Raises RowForbidden; gives the overrides that it rests on."""
    pedigrees = pedigrees_of(sources, terms)
    rested: list[Override] = []
    for name, pedigree in pedigrees.items():
        decision = may_use(name, pedigrees, student, use or use_of(pedigree.producer), terms, overrides)
        if not decision.allowed:
            why = decision.reason.partition(": ")[2] or decision.reason
            raise RowForbidden(f"Rows by {pedigree.producer} may not train {student.name}: {why}")
        rested += decision.overridden
    return tuple(rested)


def pedigrees_of(sources: Iterable[Source], terms: Terms) -> dict[str, Pedigree]:
    """Counted sources as pedigrees, by a name; what an own model wrote has all that are none among its parents."""
    found = {_key(source): _pedigree(source) for source in sources}
    others = tuple(name for name, one in found.items() if not _needs_parents(one, terms))
    return {name: replace(one, parents=others) if _needs_parents(one, terms) else one for name, one in found.items()}


def behind_teacher(lineage: Lineage, terms: Terms, on: str) -> dict[str, Pedigree]:
    """The pedigrees of all that a model of ours was made from, by a name: what its answers have as parents. Empty where its lineage tells nothing."""
    base = pedigree_of_base(lineage.base, terms, on)
    return {**pedigrees_of(lineage.sources, terms), **({lineage.base: base} if base is not None else {})}


def admit_base(
    base: str, student: Student, use: Use, terms: Terms, on: str, overrides: Sequence[Override] = ()
) -> tuple[Override, ...]:
    """What weights of others say, as a teacher or as what a teacher started from. Raises RowForbidden."""
    pedigree = pedigree_of_base(base, terms, on)
    if pedigree is None:
        return ()
    decision = may_use(base, {base: pedigree}, student, use, terms, overrides)
    if not decision.allowed:
        raise RowForbidden(f"{base} may not teach {student.name}: {decision.reason.partition(': ')[2]}")
    return decision.overridden


def started_from(folder: RunFolder) -> str:
    """The run of ours that a run goes on from, empty for none, as its trainer kept it."""
    kept = folder.path / ANCESTRY
    return msgspec.json.decode(kept.read_bytes(), type=Ancestry).start if kept.is_file() else ""


def require_unchanged(folder: RunFolder) -> None:
    """Lets a run be gone on from, and exported, where its weights, and what says what they were made from, are what it ended with. Raises ConfigError."""
    last = next(reversed(folder.lives), None)
    if last is None or last.how != "done":
        return
    ended = {folder.path / ANCESTRY: last.ancestry} if last.ancestry else {}
    if last.weights:
        ended |= dict.fromkeys(folder.weights.glob(f"*{TENSORS}"), "")
        ended |= {folder.weights / name: sha256 for name, sha256 in last.weights.items()}
    for path, sha256 in sorted(ended.items()):
        if not path.is_file() or digest(path) != sha256:
            raise ConfigError(
                f"{path} is not what the run {folder.path.name} ended with.",
                "Bring it back from a copy, or make another run.",
            )


def merged(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Each source once, its rows added up, in order."""
    counts: dict[Source, int] = {}
    for source in sources:
        about = replace(source, rows=0)
        counts[about] = counts.get(about, 0) + source.rows
    return tuple(sorted(replace(about, rows=rows) for about, rows in counts.items()))


def _taught(recipe: Recipe, terms: Terms, on: str) -> Ancestry | None:
    return None if recipe.teacher is None else _behind(recipe.teacher.run, recipe.teacher.base, terms, on)


def _behind(folder: str, made_by: str, terms: Terms, on: str, seen: frozenset[Path] = frozenset()) -> Ancestry | None:
    """What the weights of a folder, or of a file, were made from; None without one. Papers beside a file are its own where they name its SHA-256."""
    if not folder:
        return None
    path = folder_of(folder).absolute()
    if _ours(made_by, terms, on):
        made_by = ""  # what a model of our own was made from is told by its files
    # 5
    for place in (path, path.parent if path.name == WEIGHTS else path):
        if (place / "run.json").is_file():
            return _agreed(_of_run(RunFolder(place), terms, on, seen), made_by, folder)
        if (place / LINEAGE).is_file():
            return _agreed(_of_lineage(_lineage_in(place)), made_by, folder)
    papers = lineage_beside(path)
    if papers is not None:
        return _agreed(_of_lineage(papers), made_by, folder)
    if made_by:
        return Ancestry(base=made_by)
    if not path.exists():
        raise ConfigError(f"There is no folder {folder}.", "Name the folder of a finished run, or of weights.")
    raise RowForbidden(
        f"Nothing tells what the weights in {folder} were made from.",
        "Name the folder of a run, or one with its lineage.json; for weights that others made, write who did: "
        '`base = "vendor/model"`.',
    )


def _of_run(folder: RunFolder, terms: Terms, on: str, seen: frozenset[Path]) -> Ancestry:
    """What a run was made from, as its trainer kept it; else as its recipe says."""
    run = folder.run()
    require_unchanged(folder)
    kept = folder.path / ANCESTRY
    if kept.is_file():
        return replace(msgspec.json.decode(kept.read_bytes(), type=Ancestry), start=run.id)
    if folder.path in seen:
        raise ConfigError(f"The run {run.id} starts from itself.", "Name another folder.")
    recipe, behind = folder.recipe(), seen | {folder.path}
    teacher = recipe.teacher
    start = _behind(recipe.start, recipe.base, terms, on, behind)
    taught = None if teacher is None else _behind(teacher.run, teacher.base, terms, on, behind)
    return replace(trace(recipe, terms, on, folder.dataset(), start, taught), start=run.id)


def _of_lineage(lineage: Lineage) -> Ancestry:
    return Ancestry(
        base=lineage.base,
        start=lineage.run,
        dataset=lineage.dataset,
        inherited=lineage.inherited,
        sources=lineage.sources,
        overrides=lineage.overrides,
    )


def _lineage_in(folder: Path) -> Lineage:
    """The lineage in a folder, which is that of weights in it. Raises ConfigError, RowForbidden."""
    path = folder / LINEAGE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Lineage)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{path} is no lineage: {error}.", "Take the folder that an export wrote.") from None
    weights = [one for one in sorted(folder.iterdir()) if one.suffix in (".gguf", TENSORS)]
    if weights and found.weights not in map(digest, weights):
        raise RowForbidden(
            f"The {LINEAGE} in {folder} is that of other weights, so nothing tells what these were made from.",
            "Take the folder as an export wrote it.",
        )
    return found


def _agreed(found: Ancestry, made_by: str, folder: str) -> Ancestry:
    """Files know better than a recipe, and must not be contradicted by one."""
    if made_by and made_by != found.base:
        told = found.base or "from nothing"
        raise ConfigError(
            f"The recipe says that {folder} was made from {made_by}, and its own papers say {told}.", "Mend `base`."
        )
    return found


def _of_mix(recipe: Recipe, terms: Terms, on: str) -> tuple[Source, ...]:
    """The tasks that draw rows. How many, nobody counts: 0. Who made the rows of one that is not installed any more, nobody knows. Of a workload it is
    its items that are counted."""
    known = tasks.load() if recipe.mix else {}
    names = [portion.task for portion in recipe.mix if portion.task != WORKLOAD]
    producers = [known[name].made_by() if name in known else f"unknown/{name}" for name in names]
    drawn = [_source(pedigree_of_answer(one, on, terms, route="program")) for one in dict.fromkeys(producers)]
    return (*drawn, *merged(one for portion in recipe.mix for one in _of_workload(recipe, portion, terms, on)))


def _of_workload(recipe: Recipe, portion: Portion, terms: Terms, on: str) -> Iterator[Source]:
    """Whose words the items of a workload are that a run learns from, one by one: the callers', and those of models in their conversations. Where they
    are only looked at, nothing is learned of them; of a recipe that is not begun yet the callers' are known."""
    if portion.task != WORKLOAD or recipe.stage not in REWARDED:
        return
    file = portion.options.get("items")
    if not file:
        yield _source(of_customer(portion.called))
        return
    for item in read_kept(Path(file)).train:
        yield from (replace(_source(one), rows=1) for one in behind_item(item, on, terms).values())


def _sayings(teacher: Ancestry, terms: Terms, on: str) -> Iterator[Source]:
    """What a teacher says, as a source: a model of ours by its run, weights of others by their name."""
    if teacher.start:
        yield _source(pedigree_of_answer(f"own/{teacher.start}", on, terms))
    if teacher.base:
        yield _source(pedigree_of_answer(teacher.base, on, terms, route="weights"))


def _source(pedigree: Pedigree) -> Source:
    return Source(pedigree.producer, pedigree.route, pedigree.terms, pedigree.terms_date, pedigree.licence, 0)


def _ours(made_by: str, terms: Terms, on: str) -> bool:
    return _needs_parents(pedigree_of_answer(made_by, on, terms), terms)


def _needs_parents(pedigree: Pedigree, terms: Terms) -> bool:
    contract = terms.find(pedigree.terms, pedigree.terms_date)
    return contract is not None and contract.needs_parents


def _key(source: Source) -> str:
    return "\0".join((source.producer, source.route, source.terms, source.terms_date))


def _pedigree(source: Source) -> Pedigree:
    return Pedigree(
        producer=source.producer,
        route=source.route,  # pyright: ignore[reportArgumentType] (written from a pedigree)
        terms=source.terms,
        terms_date=source.terms_date,
        licence=source.licence,
    )
