"""What the commands of `freehold trial` have in common: the data folder opened for a trial, its plan held against the ledger.

A trial's replies are contents of the ledger, so they are opened here, where gateway and trials meet, and handed down.
"""

import contextlib
import sqlite3
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from freehold.cli.audit import OpenLedger
from freehold.cli.audit_contents import storage_of
from freehold.cli.run_key import run_key
from freehold.cli.running import Running, get
from freehold.config.settings import Storage
from freehold.errors import FreeholdError, NotFound, StoreError, TrialError, UnknownModel
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_storage import open_contents
from freehold.ledger.contents import Contents
from freehold.ledger.subjects import Subjects
from freehold.store.database import open_database
from freehold.store.events import find_waiting
from freehold.store.folder import door_secret
from freehold.store.places import find_places
from freehold.trials.plan import Arm, Plan, TrialFolder, list_trials
from freehold.trials.results import Results, read_results
from freehold.trials.samples import Replies

PLANNED = "trial.planned"
ENDED = "trial.ended"

LEDGER_SECONDS = 10.0
"""How long the ledger's writer may take to note a plan before a run gives up; a round of it takes under a second."""


class Shelf(Struct, frozen=True):
    """A data folder, opened for a trial. `secret` keys the hashes of items."""

    data: Path
    db: sqlite3.Connection
    subjects: Subjects
    contents: Contents
    replies: Replies
    secret: bytes


@contextlib.contextmanager
def shelf(data: Path) -> Generator[Shelf]:
    """The data folder with its store, contents and keys of data subjects. Raises StoreError."""
    folder = LedgerFolder(data)
    with (
        contextlib.closing(open_database(data)) as db,
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(open_contents(folder, subjects, _storage(data))) as contents,
    ):
        yield Shelf(data, db, subjects, contents, Replies(contents), door_secret(data))


class Noted(Struct, frozen=True):
    """Where a plan's digest stands: its place in the ledger, None where there is no ledger that takes it."""

    digest: str
    place: int | None


class Ended(Struct, frozen=True):
    """What is noted of the end of a trial, and its place in the ledger, None while it is on its way there."""

    body: dict[str, Any]
    place: int | None


def require_noted(data: Path, db: sqlite3.Connection, trial_id: str, digest: str) -> Noted:
    """Returns once the ledger holds this digest of the trial's plan. Without a ledger the store's event does.

    Raises TrialError when another digest is noted or none is: what was fixed before the first call must be this plan."""
    deadline = time.monotonic() + LEDGER_SECONDS
    while True:
        found = find_noted(data, db, trial_id)
        taken = found is None and any(place.kind == PLANNED for place in find_places(data, trial_id))
        if not taken and (found is None or found.digest != digest):
            said = "was noted for no plan of this trial" if found is None else "is of another plan than the noted one"
            raise TrialError(
                f"{TrialFolder(data, trial_id).plan} {said}: it was changed, or made elsewhere.",
                "Plan the trial anew with `freehold trial plan`; a plan cannot be changed.",
            )
        # What is taken is neither waiting any more nor published yet, for a moment: then it is looked for again.
        if found is not None and (found.place is not None or not LedgerFolder(data).log.exists()):
            return found
        if time.monotonic() > deadline:
            raise TrialError(
                "The ledger has not taken the plan yet, and nothing is asked before it has.",
                "Is `freehold up` running on this data folder? Its ledger's writer takes it within a second.",
            )
        time.sleep(0.1)


def find_noted(data: Path, db: sqlite3.Connection, trial_id: str) -> Noted | None:
    """The digest that is noted of a trial's plan, in the ledger or on its way there; the first one counts."""
    for entry, place in entries_about(data, trial_id):
        if entry.get("kind") == PLANNED:
            return Noted(str(entry.get("plan")), place)
    waiting = find_waiting(db, PLANNED, trial_id)
    return None if waiting is None else Noted(str(waiting.body.get("plan")), None)


def find_ended(data: Path, db: sqlite3.Connection, trial_id: str) -> Ended | None:
    """The end of a trial that was noted last: on its way to the ledger, else there. None when none was."""
    deadline = time.monotonic() + LEDGER_SECONDS
    while True:
        waiting = find_waiting(db, ENDED, trial_id)
        if waiting is not None:
            return Ended(waiting.body, None)
        taken = [place.place for place in find_places(data, trial_id) if place.kind == ENDED]
        published = [Ended(entry, place) for entry, place in entries_about(data, trial_id) if place in taken]
        # As with a plan: what is taken is not published yet, for a moment.
        if len(published) == len(taken) or time.monotonic() > deadline:
            return published[-1] if published else None
        time.sleep(0.1)


def entries_about(data: Path, trial_id: str) -> Iterator[tuple[dict[str, Any], int]]:
    """The ledger's published entries about a trial with their places, the oldest first."""
    try:
        ledger = OpenLedger(data)
    except StoreError:
        return
    for place in find_places(data, trial_id):
        if place.place < ledger.size:
            yield msgspec.json.decode(ledger.leaf(place.place)), place.place


def arm_of(door: Running, model: str) -> Arm:
    """The model as the running door knows it: its whole name, weights and today's price. Raises UnknownModel, TrialError."""
    try:
        found = get(door, f"/v1/routes/explain?{urlencode({'model': model})}")
    except FreeholdError as error:
        raise UnknownModel(f"The door does not know {model}: {error.sentence}", error.advice) from None
    target = found["targets"][0]
    name = str(target["deployment"])
    if len(found["targets"]) != 1 or (model != name and model != name.partition("/")[2]):
        raise TrialError(
            f"Who asks the door for {model} is answered by {name}.",
            'Trials ask by the default workload: let it be `[workloads.default] route = ["requested"]`.',
        )
    row = get(door, f"/v1/models/{quote(name)}")
    price = target["dollars_per_million"]
    return Arm(
        model=name,
        weights=row.get("weights"),
        input_rate=None if price is None else round(price["input"] * 1e9),
        output_rate=None if price is None else round(price["output"] * 1e9),
        most_output=row.get("max_output_tokens"),
    )


@contextlib.contextmanager
def trial_key(opened: Shelf, plan: Plan, most_nano: int | None) -> Generator[str]:
    """A key for this run, which asks the plan's models and nothing else, within `most_nano` nano-dollars; revoked at the end.

    A key that an earlier run left behind, killed, is revoked too."""
    models = tuple(arm.model for arm in (plan.candidate, plan.incumbent, *plan.judges))
    with run_key(
        opened.data, opened.db, name=f"trial {plan.id}", project="trials", models=models, most_nano=most_nano
    ) as secret:
        yield secret


def pilot_of(data: Path, workload: str, candidate: str, incumbent: str) -> Results | None:
    """The newest results of a trial of these two models on this workload, None where none has ended."""
    ended = [folder for folder in (TrialFolder(data, one) for one in list_trials(data)) if folder.results.exists()]
    # By the time of the file, which is written when a trial ends: reading hundreds of trials to find one takes seconds.
    for folder in sorted(ended, key=lambda folder: folder.results.stat().st_mtime_ns, reverse=True):
        plan, _ = folder.read_plan()
        if (plan.workload, plan.candidate.model, plan.incumbent.model) == (workload, candidate, incumbent):
            return read_results(folder.results)[0]
    return None


def find_trial(data: Path, trial_id: str | None) -> TrialFolder:
    """The folder of a trial; the newest one when none is named. Raises NotFound."""
    if trial_id is not None:
        return TrialFolder(data, trial_id)
    known = list_trials(data)
    if not known:
        raise NotFound(f"There are no trials in {data}.", "Plan one with `freehold trial plan`.")
    return max((TrialFolder(data, one) for one in known), key=lambda folder: folder.read_plan()[0].made_at)


def _storage(data: Path) -> Storage | None:
    """The object store of the ledger's contents; None where there is none, or no ledger yet."""
    try:
        return storage_of(OpenLedger(data))
    except StoreError:
        return None
