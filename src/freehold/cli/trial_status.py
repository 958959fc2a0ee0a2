"""`freehold trial status`: how far a trial is, also while it runs."""

from pathlib import Path
from typing import Annotated

import typer


def status(
    trial: Annotated[str | None, typer.Argument(help="The trial's id; default: the newest one.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Says what is asked and what is left, what it has cost, and where plan and verdict stand in the ledger."""
    import contextlib
    from collections import Counter

    from freehold.cli.audit import print_json
    from freehold.cli.trial_opening import ENDED, PLANNED, entries_about, find_noted, find_trial
    from freehold.config.paths import data_dir, environment
    from freehold.store.database import open_database
    from freehold.trials.results import read_results
    from freehold.trials.samples import read_samples, spent_of

    folder = data_dir(data, environment())
    place = find_trial(folder, trial)
    plan, digest = place.read_plan()
    content = place.samples.read_bytes() if place.samples.exists() else b""
    samples = read_samples(content[: content.rfind(b"\n") + 1], str(place.samples)).values()
    models = [sample for sample in samples if sample.role != "judge"]
    counts = Counter(sample.status for sample in models)
    reasons = Counter(sample.reason for sample in models if sample.status == "failed")
    with contextlib.closing(open_database(folder)) as db:
        noted = find_noted(folder, db, plan.id)
    entries = [(entry["kind"], at) for entry, at in entries_about(folder, plan.id)]
    ended = read_results(place.results)[0] if place.results.exists() else None
    found: dict[str, object] = {
        "trial": plan.id,
        "plan_holds": noted is not None and noted.digest == digest,
        "planned_entry": next((at for kind, at in entries if kind == PLANNED), None),
        "ended_entry": max((at for kind, at in entries if kind == ENDED), default=None),
        "answers_wanted": 2 * plan.sampling.samples * len(plan.items),
        "answered": counts["answered"],
        "failed": counts["failed"],
        "judgements": len(samples) - len(models),
        "spent_usd": spent_of(samples) / 1e9,
        "verdict": None if ended is None else ended.verdict.outcome,
        "sentence": None if ended is None else ended.verdict.sentence,
    }
    if json:
        print_json(found)
        return
    print(f"{plan.id}: {plan.candidate.model} against {plan.incumbent.model} on {plan.workload}")
    print(f"  plan: {'as the ledger has it' if found['plan_holds'] else 'NOT the one that was noted'}", end="")
    print(f", entry {found['planned_entry']}" if found["planned_entry"] is not None else ", not in the ledger yet")
    print(f"  answers: {found['answered']:,} of {found['answers_wanted']:,}, {found['failed']:,} failed", end="")
    print(f"; {found['judgements']:,} judgements; ${found['spent_usd']:.4f} spent")
    for reason, count in reasons.most_common(3):
        print(f"  failed {count:,} times: {reason}")
    if ended is None:
        print(f"  no verdict yet: `freehold trial run {plan.id}` goes on")
    else:
        entry = found["ended_entry"]
        print(f"  {ended.verdict.sentence}{'' if entry is None else f' (entry {entry})'}")
