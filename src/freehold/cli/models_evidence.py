"""What a promotion rests on, found in the data folder: a passed trial, the sealed items.

It is here since trials, items and training meet nowhere else. A trial counts as the ledger has it: its results must have the SHA-256 of the
entry that its end left, its plan that of the entry that was there before the first call.
"""

import contextlib
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec.structs import replace

from freehold.cli.items import open_items
from freehold.cli.trial_items import read_file
from freehold.cli.trial_opening import find_ended, find_noted
from freehold.errors import FreeholdError, PromotionRefused
from freehold.items import Item
from freehold.store.database import open_database
from freehold.store.folder import DATABASE
from freehold.training.ancestry import started_from
from freehold.training.contamination import Sealed, sealed_of
from freehold.training.dataset import Dataset, read_dataset
from freehold.training.lineage import Lineage
from freehold.training.promotion import PassedTrial, rows_of
from freehold.training.runs import list_runs
from freehold.training.tasks.drawn import Draws
from freehold.training.tasks.workload import WorkloadTask
from freehold.trials.plan import TrialFolder, digest, list_trials
from freehold.trials.results import read_results

SEALED = ("trial", "holdout")
"""The splits whose items nothing may be trained on."""

ANY = {"kind": "exact"}
"""A grader that is not asked: the digest of an item is the same whatever it is graded by."""


def find_passed(data: Path, weights: Collection[str], trial: str | None = None) -> PassedTrial | None:
    """The newest passed trial whose candidate had weights with one of these SHA-256s, or the one that is named; None where there is none.

    Raises PromotionRefused, with the reason, for a named trial that is no evidence."""
    found: list[tuple[int, PassedTrial]] = []
    for trial_id in [trial] if trial is not None else list_trials(data):
        try:
            found.append(_passed(data, trial_id, weights))
        except FreeholdError:
            if trial is not None:
                raise
    return max(found, key=lambda one: one[0])[1] if found else None


def sealed_items(data: Path) -> Iterator[Sealed]:
    """Every captured or imported item that is set apart, of all workloads, and those of the files that trials were planned with, each with the digest
    that a row made from it has. Of a file that is gone it is said on stderr."""
    if not (data / DATABASE).exists():
        return
    with open_items(data) as opened:
        for split in SEALED:
            yield from (_sealed(stored.item, stored.item.id) for stored in opened.items.each(split=split))
    yield from _in_files(data)


def kept_rows(data: Path, lineage: Lineage) -> list[Dataset]:
    """The rows that a version rests on, as far as runs of the data folder keep them, found by their digests."""
    found: dict[str, Dataset] = {}
    wanted = rows_of(lineage)
    for folder in list_runs(data) if wanted else ():
        digest = folder.run().rows
        if digest in wanted and digest not in found and folder.rows.is_file():
            dataset = read_dataset(folder.rows)
            if dataset.digest == digest:
                found[digest] = dataset
    return list(found.values())


def kept_draws(data: Path, lineage: Lineage) -> Draws:
    """What tasks drew for the run that made a version and for those that it goes on from, as far as the data folder keeps them. Raises ConfigError for
    a file that was changed."""
    runs = {folder.path.name: folder for folder in list_runs(data)}
    contents: list[bytes] = []
    unknown = 0
    name, following = lineage.run, lineage.start
    while name:
        folder = runs.pop(name, None)
        content = None if folder is None else folder.drawn()
        contents += [content] if content else []
        unknown += content is None
        name = following if folder is None else started_from(folder)
        following = ""
    if unknown:
        return Draws(tuple(contents), "partly" if contents else "absent")
    return Draws(tuple(contents), "checked" if contents else "none")


def _sealed(item: Item, name: str) -> Sealed:
    task = WorkloadTask([item], ANY)
    return replace(sealed_of(task, task.problem(item)), id=name)


def _in_files(data: Path) -> Iterator[Sealed]:
    """The items of trials that were planned with a file, of each file once. Their ids are no more than the file's, so the trial's goes before."""
    seen: set[str] = set()
    for trial in list_trials(data):
        try:
            plan, _ = TrialFolder(data, trial).read_plan()
            if plan.source_sha256 is None or plan.source_sha256 in seen:
                continue
            items, sha256 = read_file(Path(plan.source), plan.workload)
        except FreeholdError as error:
            print(f"No row is held against the items of {trial}: {error.sentence}", file=sys.stderr)
            continue
        if sha256 != plan.source_sha256:
            print(f"No row is held against the items of {trial}: {plan.source} was changed since.", file=sys.stderr)
            continue
        seen.add(sha256)
        yield from (_sealed(item, f"{trial}/{item.id}") for item in items)


def _passed(data: Path, trial_id: str, weights: Collection[str]) -> tuple[int, PassedTrial]:
    """When the trial ended, and what it shows. Raises PromotionRefused for one that shows nothing of these weights."""
    folder = TrialFolder(data, trial_id)
    plan, plan_digest = folder.read_plan()
    tried = plan.candidate.weights
    if tried is None or tried not in weights:
        there = " or ".join(one[:12] for one in weights)
        raise PromotionRefused(f"{trial_id} tried {plan.candidate.identity}, not the weights {there}.")
    results, content = read_results(folder.results)
    if results.verdict.outcome != "pass" or results.verdict.void:
        raise PromotionRefused(f"{trial_id} ended with {results.verdict.outcome}: {results.verdict.sentence}")
    with contextlib.closing(open_database(data)) as db:
        noted = find_noted(data, db, trial_id)
        ended = find_ended(data, db, trial_id)
    if (
        noted is None
        or not noted.digest == plan_digest == results.plan
        or ended is None
        or tuple(map(ended.body.get, ("plan", "results", "verdict"))) != (plan_digest, digest(content), "pass")
    ):
        raise PromotionRefused(f"The plan or the results of {trial_id} are not those that the ledger holds.")
    shown = PassedTrial(trial=trial_id, plan=plan_digest, results=digest(content), weights=tried, place=ended.place)
    return results.ended_at, shown
