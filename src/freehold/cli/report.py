"""`freehold report`: on whom the house depends, which workloads can leave, and what the next move would save."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import sqlite3

    from freehold.trials.independence import Independence, Proof, Tried, Used

DAYS = 30
"""The period where none is named: a month of traffic, so that no weekday counts twice as much as another."""

SHADOW_KEY = "shadow"
TRIALS_PROJECT = "trials"
"""Whose requests are measurements and depend on nobody: copies in shadow, and those of trials."""


def report(
    since: Annotated[
        str | None, typer.Option(help="From this day or time on, UTC, as 2026-11-01; default: 30 days back.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before this day or time, UTC; default: now.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained page to this file.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Says how spend and traffic are spread over vendors and workloads, which models in use will be retired, which workloads
    have a tested way out, and what moving would save. What no trial has shown is unknown."""
    import contextlib
    import time

    from freehold.cli.audit import print_json
    from freehold.cli.audit_filters import moment
    from freehold.config.paths import environment, used_data_dir
    from freehold.errors import InvalidField
    from freehold.store.database import open_database
    from freehold.trials.independence import as_data

    now = time.time()
    end = now if until is None else moment(until) / 1000
    start = end - DAYS * 86400 if since is None else moment(since) / 1000
    if start >= end:
        raise InvalidField("The time ends before it begins.", "Let --since be before --until.", param="since")
    folder = used_data_dir(data, environment())
    with contextlib.closing(open_database(folder)) as db:
        found = _examine(folder, db, start, end, now)
    if html is not None:
        _write(html, found)
    if json:
        print_json(as_data(found))
    elif html is None:
        _print(found)


def _examine(folder: Path, db: "sqlite3.Connection", since: float, until: float, now: float) -> "Independence":
    from datetime import UTC, datetime

    from freehold.catalog.catalog import Catalog
    from freehold.store.canaries import list_canaries
    from freehold.trials.independence import Moved, examine

    catalog = Catalog.load()

    def ends(model: str) -> tuple[bool, str | None]:
        vendor, _, name = model.partition("/")
        row = catalog.find(vendor, name)
        return (False, None) if row is None else (True, row.retires)

    used, measuring = _used(db, since, until)
    moved: list[Moved] = [
        Moved(id=one.id, workload=one.workload, candidate=one.candidate, at=one.changed_at)
        for one in list_canaries(db)
        if one.phase == "promoted"
    ]
    return examine(
        used, since=since, until=until, today=datetime.fromtimestamp(now, UTC).date(), ends=ends, tried=_tried(folder, db),
        moved=moved, measuring_nano=measuring,
    )  # fmt: skip


def _used(db: "sqlite3.Connection", since: float, until: float) -> "tuple[list[Used], int]":
    """What callers used, by workload and model, and the nano-dollars that measuring cost. Hours are whole."""
    from collections import defaultdict

    from freehold.store.usage import usage
    from freehold.trials.independence import Used

    requests: dict[tuple[str, str], int] = defaultdict(int)
    cost: dict[tuple[str, str], int] = defaultdict(int)
    measuring = 0
    for row in usage(db, since, until, ("workload", "deployment", "project", "key")):
        workload, model, project, key = row.group
        if key == SHADOW_KEY or project == TRIALS_PROJECT:
            measuring += row.cost_nano
        elif model:
            requests[workload, model] += row.requests - row.failed - row.refused
            cost[workload, model] += row.cost_nano
    used = [
        Used(workload=workload, model=model, requests=count, cost_nano=cost[workload, model])
        for (workload, model), count in requests.items()
    ]
    return used, measuring


def _tried(folder: Path, db: "sqlite3.Connection") -> "list[Tried]":
    """Every trial that has ended. One whose results are those of another plan is as good as changed."""
    from freehold.trials.independence import Tried
    from freehold.trials.plan import TrialFolder, digest, list_trials
    from freehold.trials.results import read_results

    found: list[Tried] = []
    for trial_id in list_trials(folder):
        place = TrialFolder(folder, trial_id)
        if not place.results.exists():
            continue
        plan, planned = place.read_plan()
        results, content = read_results(place.results)
        proof = _proof(folder, db, plan.id, digest(content)) if results.plan == planned else "not proved"
        found.append(Tried(plan=plan, results=results, proof=proof))
    return found


def _proof(folder: Path, db: "sqlite3.Connection", trial: str, results: str) -> "Proof":
    """Whether the ledger holds that the trial ended with these very results."""
    from freehold.cli.trial_opening import ENDED, entries_about
    from freehold.gateway.ledger_folder import LedgerFolder
    from freehold.store.events import find_waiting

    if any(entry["kind"] == ENDED and entry.get("results") == results for entry, _ in entries_about(folder, trial)):
        return "in the ledger"
    waiting = find_waiting(db, ENDED, trial)
    if not LedgerFolder(folder).log.exists():
        return "no ledger"
    return "on its way" if waiting is not None and waiting.body.get("results") == results else "not proved"


def _write(path: Path, found: "Independence") -> None:
    import sys

    from freehold.cli.report_page import page
    from freehold.errors import StoreError

    try:
        path.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.", "Name another file with --html.") from None
    print(path, file=sys.stderr)


def _print(found: "Independence") -> None:
    from freehold.cli.audit import counted, print_table, when
    from freehold.cli.report_page import OUT, end, index, saved, usd

    print(f"{when(round(found.since * 1000))[:16]} to {when(round(found.until * 1000))[:16]} UTC: "
          f"{counted(found.requests, 'answer')} for {usd(found.cost_nano)}.")  # fmt: skip
    if not found.vendors:
        return
    print(f"Concentration of spend: {index(found.spend)}.\nConcentration of traffic: {index(found.traffic)}.\n")
    for name, parts in (("vendor", found.vendors), ("workload", found.workloads)):
        rows = ((part.name or "-", _percent(part.spend), usd(part.cost_nano), _percent(part.traffic), part.requests)
                for part in parts)  # fmt: skip
        print_table((name, "spend", "usd", "traffic", "answers"), rows, ("spend", "usd", "traffic", "answers"))
        print()
    if found.endings:
        rows = ((one.model, one.requests, end(one)) for one in found.endings)
        print_table(("model in use", "answers", "ends"), rows, ("answers",))
    else:
        print("No rented model is in use.")
    print()
    ways = (
        (
            one.workload or "-",
            one.model,
            OUT[one.out][1],
            ", ".join(f"{way.model} ({way.id})" for way in one.ways if not way.blocked),
        )
        for one in found.standings
    )
    print_table(("workload", "served by", "way out", "tested"), ways)
    print()
    moves = ((one.workload or "-", one.candidate or "-", one.trial or "-", saved(one) + (", doubtful" if one.unlike else ""))
             for one in found.moves)  # fmt: skip
    print_table(("move", "to", "by", "would have saved"), moves)


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"
