"""`freehold trial report`: what came of a trial, as a page to read, as Markdown, or as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from freehold.trials.plan import Plan, TrialFolder
    from freehold.trials.report import Disagreement, Noted, Point
    from freehold.trials.results import Results

SHOWN = 40
"""Items to read on a page; more are told by their number."""


def report(
    trial: Annotated[str | None, typer.Argument(help="The trial's id; default: the newest one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the page; default: TRIAL.html here.")] = None,
    contents: Annotated[
        bool, typer.Option("--contents/--no-contents", help="Show questions and replies that the two models differ on.")
    ] = True,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown on stdout, without contents.")] = False,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout, without contents.")] = False,
) -> None:
    """Writes a self-contained page: verdict, gates, intervals by segment, cost, time and quality, disagreements side by side,
    the plan and its entry in the ledger. A page with contents is a copy that no erasure reaches, and for nobody else to read."""
    import sys

    from freehold.cli.audit import print_json
    from freehold.cli.trial_opening import find_trial
    from freehold.cli.trial_page import page
    from freehold.config.paths import data_dir, environment
    from freehold.errors import TrialError
    from freehold.trials import report as reports
    from freehold.trials.plan import digest as digest_of
    from freehold.trials.results import read_results

    folder = data_dir(data, environment())
    place = find_trial(folder, trial)
    plan, digest = place.read_plan()
    results, content = read_results(place.results)
    if results.plan != digest:
        raise TrialError(
            f"The results of {plan.id} are those of another plan.", "Restore plan and results from a backup."
        )
    noted = _noted(folder, plan, digest, digest_of(content))
    points = tuple(_points(folder, plan, results))
    told = reports.Report(plan=plan, results=results, noted=noted, points=points)
    if json or markdown:
        print_json(reports.as_data(told)) if json else sys.stdout.write(reports.markdown(told))
        return
    rows = reports.disagreeing(plan, results)
    shown = tuple(_read(folder, place, plan, results)) if contents and rows else ()
    told = reports.Report(
        plan=plan, results=results, noted=noted, points=points, disagreements=shown, hidden=len(rows) - len(shown)
    )
    path = out or Path(f"{plan.id}.html")
    try:
        _write(path, page(told), private=bool(shown))
    except OSError as error:
        raise TrialError(f"{path} cannot be written: {error.strerror}.", "Name another file with --out.") from None
    print(path)
    if shown:
        print(f"It holds what was said on {len(shown):,} items; keep it as carefully as those.", file=sys.stderr)


def _write(path: Path, text: str, *, private: bool) -> None:
    """Writes a file, a `private` one for its owner alone, also where it was another's to read before. Raises OSError."""
    import os
    import stat

    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600 if private else 0o666)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        if private and stat.S_ISREG(os.fstat(fd).st_mode):
            os.fchmod(fd, 0o600)
        file.write(text)


def _noted(folder: Path, plan: "Plan", digest: str, results: str) -> "Noted":
    from freehold.cli.trial_opening import ENDED, PLANNED, entries_about
    from freehold.gateway.ledger_folder import LedgerFolder
    from freehold.trials.report import Noted

    planned = ended = None
    for entry, place in entries_about(folder, plan.id):
        if entry["kind"] == PLANNED and entry.get("plan") == digest and planned is None:
            planned = place
        if entry["kind"] == ENDED and entry.get("results") == results:
            ended = place
    ledger = LedgerFolder(folder)
    log = ledger.origin() if ledger.log.exists() else ""
    return Noted(plan=digest, results=results, planned_entry=planned, ended_entry=ended, log=log)


def _points(folder: Path, plan: "Plan", results: "Results") -> "list[Point]":
    """Both models, and those of other trials on the same workload, each by its newest trial."""
    from msgspec.structs import replace

    from freehold.trials.plan import TrialFolder, list_trials
    from freehold.trials.report import points_of
    from freehold.trials.results import read_results

    found = {point.model: point for point in points_of(plan, results)}
    others: list[tuple[int, Point]] = []
    for trial_id in list_trials(folder):
        place = TrialFolder(folder, trial_id)
        other, _ = place.read_plan()
        if other.workload != plan.workload or other.id == plan.id or not place.results.exists():
            continue
        ended, _ = read_results(place.results)
        others += [(ended.ended_at, point) for point in points_of(other, ended)]
    for _, point in sorted(others, key=lambda pair: -pair[0]):
        found.setdefault(point.model, replace(point, role="another trial"))
    return list(found.values())


def _read(folder: Path, place: "TrialFolder", plan: "Plan", results: "Results") -> "list[Disagreement]":
    """The first disagreements with their texts, as far as they can be opened; that they are looked at is noted before."""
    from freehold.cli.audit_contents import READ
    from freehold.cli.trial_items import load
    from freehold.cli.trial_opening import shelf
    from freehold.cli.trial_texts import disagreement
    from freehold.config.paths import environment, user_name
    from freehold.store.database import transaction
    from freehold.store.events import keep_event
    from freehold.trials.report import disagreeing

    with shelf(folder) as opened:
        items = load(plan, opened)
        rows = disagreeing(plan, results)[:SHOWN]
        told = {"by": user_name(environment()), "command": "trial report", "of": "item", "trial": plan.id}
        with transaction(opened.db):
            for row in rows:
                keep_event(opened.db, READ, row.item, told)
        return [disagreement(plan, row, items[row.item], opened.replies) for row in rows]
