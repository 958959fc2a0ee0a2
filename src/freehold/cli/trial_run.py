"""`freehold trial run`: asks what the plan fixed, grades it, gives the verdict. Goes on where an earlier run was cut off."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from freehold.trials.results import Results


def run(
    trial: Annotated[str | None, typer.Argument(help="The trial's id; default: the newest one.")] = None,
    most_usd: Annotated[
        str | None, typer.Option(help="Hard limit on what the trial may spend in all, in dollars.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1024, help="Questions under way at once.")] = 32,
    url: Annotated[str | None, typer.Option(help="Where the door is; default: the one of this data folder.")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The key; default: one that is made for this run, with its models and budget only."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Asks both models through the running door. Each answer is kept as it comes, so after an interruption, whatever kind,
    the same command goes on, and pays again at most what was under way.

    Refuses a plan that is not the one in the ledger. The verdict goes to stdout and into the ledger; exit code 0 when it is
    pass, 2 when it is fail, 3 when it is inconclusive or void."""
    import contextlib
    from functools import partial

    import uvloop

    from freehold.cli.audit import print_json
    from freehold.cli.running import find_door
    from freehold.cli.trial_bars import Bars
    from freehold.cli.trial_items import load
    from freehold.cli.trial_opening import find_trial, require_noted, shelf, trial_key
    from freehold.config.paths import data_dir, environment
    from freehold.errors import TrialError
    from freehold.graders.selftest import proven
    from freehold.ledger.folder import alone_or
    from freehold.store.usage import find_costs
    from freehold.trials.asking import Door
    from freehold.trials.run import Job, Run, check_bounded
    from freehold.trials.samples import SampleLog, spent_of

    folder = data_dir(data, environment())
    place = find_trial(folder, trial)
    plan, digest = place.read_plan()
    most_nano = None if most_usd is None else _nano(most_usd)
    check_bounded(plan, most_nano)
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            alone_or(place.lock, TrialError(f"{plan.id} is running already.", "Wait for it, or end it."))
        )
        opened = stack.enter_context(shelf(folder))
        require_noted(folder, opened.db, plan.id, digest)
        items = load(plan, opened)
        log = stack.enter_context(contextlib.closing(SampleLog(place.samples)))
        graders = [proven(grader.table) for grader in plan.graders]
        for planned, grader in zip(plan.graders, graders, strict=True):
            stack.callback(grader.close)
            if planned.version != grader.version:
                raise TrialError(
                    f"The grader {planned.name} is now of version {grader.version}; the plan fixed {planned.version}.",
                    "Plan the trial anew, or run it with the Freehold that planned it.",
                )
        asked_at = find_door(url, key or "unused", folder).url
        if url is None and key is None:
            left = None if most_nano is None else max(0, most_nano - spent_of(log.samples.values()))
            key = stack.enter_context(trial_key(opened, plan, left))
        door = Door(asked_at, key if key is not None else find_door(url, None, folder).key)
        bars = stack.enter_context(contextlib.closing(Bars()))
        job = Job(plan=plan, digest=digest, folder=place, items=items, graders=graders, secret=opened.secret, door=door,
                  concurrency=concurrency, most_nano=most_nano, bills=partial(find_costs, opened.db))  # fmt: skip
        results = uvloop.run(Run(job, log, opened.replies, bars).go())
        _note(folder, opened.db, results, place.results)
    if json:
        print_json({"trial": plan.id, "verdict": results.verdict, "asked": results.asked, "cached": results.cached,
                    "captured": results.captured, "spent_usd": results.spent_nano / 1e9})  # fmt: skip
    else:
        _print(results)
    if results.verdict.outcome != "pass":
        raise typer.Exit(2 if results.verdict.outcome == "fail" else 3)


def _nano(usd: str) -> int:
    from freehold.config.money import nano
    from freehold.errors import InvalidField

    try:
        return nano(usd)
    except ValueError as error:
        raise InvalidField(f"--most-usd {error}, not {usd!r}.", "Write --most-usd 20.") from None


def _note(folder: Path, db: Any, results: "Results", path: Path) -> None:
    """Notes the end of the trial for the ledger, unless these very results are noted: digests, outcome, and how each gate stands."""
    from freehold.cli.trial_opening import ENDED, find_ended
    from freehold.store.events import keep_event
    from freehold.trials.plan import digest

    written = digest(path.read_bytes())
    noted = find_ended(folder, db, results.trial)
    if noted is not None and noted.body.get("results") == written:
        return
    verdict = results.verdict
    gates = [{"gate": gate.name[:200], "outcome": gate.outcome} for gate in verdict.gates[:64] if gate.judged]
    told: dict[str, Any] = {"plan": results.plan, "results": written, "verdict": verdict.outcome,
                            "void": bool(verdict.void), "gates": gates, "cost": results.spent_nano}  # fmt: skip
    keep_event(db, ENDED, results.trial, told, results.ended_at / 1000)


def _print(results: "Results") -> None:
    from freehold.cli.trial_gates import print_gates
    from freehold.trials.report import why_unscored

    print(results.verdict.sentence)
    for why in why_unscored(results.rows) if results.verdict.void else ():
        print(f"  {why}")
    print_gates(results.verdict.gates)
    reused = f", {results.cached:,} of earlier trials" if results.cached else ""
    captured = f", {results.captured:,} captured" if results.captured else ""
    print(f"{results.asked:,} answers asked for{reused}{captured}; ${results.spent_nano / 1e9:.4f} spent.")
    print(f"See it with `freehold trial report {results.trial}`.")
