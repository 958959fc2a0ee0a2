"""`freehold canary start`: give a candidate a small share of a workload, to be raised and taken back by evidence."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from freehold.config.canary_rules import CanaryRules
    from freehold.config.settings import Settings, Workload
    from freehold.trials.correcting import Correction

MILLION = 1_000_000


def start(
    workload: Annotated[str, typer.Argument(help="The workload, as [workloads.NAME] has it.")],
    candidate: Annotated[str, typer.Option(help="The candidate, as vendor/model.")],
    steps: Annotated[str, typer.Option(help="Shares in percent, rising, ending with 100.")] = "1,5,25,50,100",
    margin: Annotated[float | None, typer.Option(help="How much lower its mean score may be, of 1.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Probability of promoting one worse by the margin.")] = None,
    harm: Annotated[float | None, typer.Option(help="Taken back when shown to be worse by more than this.")] = None,
    alpha_rollback: Annotated[float | None, typer.Option(help="Probability of taking back a good one.")] = None,
    max_error_rate: Annotated[float | None, typer.Option(help="Taken back when shown to fail more often.")] = None,
    max_p95_ratio: Annotated[
        float | None, typer.Option(help="Taken back when shown to be slower by this factor; 0 for no such cap.")
    ] = None,
    min_items: Annotated[int | None, typer.Option(help="Conversations that it answers at each step.")] = None,
    errors_only: Annotated[
        bool, typer.Option("--errors-only", help="Without graders: only failures, safeguards and times are watched.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help="freehold.toml; default: the one in this folder, if any.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Begins a canary. The running door takes it up at once; what is left out is as the workload's `canary` has it."""
    import sys

    from msgspec.structs import asdict

    from freehold.cli.canary_store import changing, print_changed
    from freehold.cli.promoted import promoted_engines
    from freehold.cli.settings import read_settings
    from freehold.cli.written import with_promoted
    from freehold.config.digest import route_digest
    from freehold.config.paths import config_file, data_dir, environment, user_name
    from freehold.store.canaries import start_canary
    from freehold.trials.correcting import told

    folder = data_dir(data, environment())
    settings = read_settings(config_file(config, Path()), folder)
    settings = with_promoted(settings, promoted_engines(folder, settings).engines)
    job = _workload(settings, workload, candidate)
    changes = {
        "margin": margin,
        "alpha": alpha,
        "harm": harm,
        "alpha_rollback": alpha_rollback,
        "max_error_rate": max_error_rate,
        "max_p95_ratio": max_p95_ratio,
        "min_items": min_items,
    }
    rules = _rules(job, {name: value for name, value in changes.items() if value is not None})
    graders = {} if errors_only else _require_graders(settings, job)
    correction = None if errors_only else _correction(folder, job, candidate, rules.alpha)
    shares = _steps(steps)
    _tell_of_judges(correction, rules, shares)
    trial = _passed_trial(folder, workload, candidate)
    if trial is None:
        print(
            f"warning: no trial of {candidate} on {workload} is in the ledger as passed; callers will be the first to"
            " find out what one would have shown.",
            file=sys.stderr,
        )
    with changing(data) as db:
        canary = start_canary(
            db,
            workload=workload,
            candidate=candidate,
            route=route_digest(job),
            steps=shares,
            rules=asdict(rules),
            graded=not errors_only,
            graders="" if errors_only else _digest(job),
            judged=None if correction is None else asdict(correction),
            evidence={"by": user_name(environment())}
            | graders
            | ({} if correction is None else {"judged": told(correction)})
            | ({} if trial is None else {"trial": trial}),
        )
    first = canary.share_ppm / MILLION
    print_changed(canary, f"{canary.id}: {candidate} now gets {first:.4g} of {workload}'s conversations.", json=json)


def _workload(settings: "Settings", name: str, candidate: str) -> "Workload":
    from freehold.config.discovery import OWN
    from freehold.errors import InvalidField, UnknownWorkload
    from freehold.vendors import load

    job = settings.workloads.get(name)
    if job is None:
        raise UnknownWorkload(f"There is no workload {name!r}.", f"Configured are {', '.join(settings.workloads)}.")
    models = [target.model for target in job.route]
    if "requested" in models:
        raise InvalidField(
            f"The workload {name} asks whatever model its callers name, so it has no incumbent.",
            "Name models in its route first.",
            param="workload",
        )
    vendor, slash, native = candidate.partition("/")
    if not slash or vendor not in settings.vendors or (vendor == OWN and native not in settings.own):
        known = ", ".join([*settings.vendors, *(f"own/{name}" for name in settings.own)])
        raise InvalidField(f"There is no model {candidate!r} here.", f"Configured are {known}.", param="candidate")
    only = load()[settings.vendors[vendor].like].names
    if only and native not in only:
        models_there = ", ".join(f"{vendor}/{model}" for model in only)
        raise InvalidField(f"There is no model {candidate!r} here.", f"{vendor} has {models_there}.", param="candidate")
    if models[0] == candidate:
        raise InvalidField(f"{candidate} serves {name} already.", "Name another candidate.", param="candidate")
    return job


def _rules(job: "Workload", changes: "dict[str, Any]") -> "CanaryRules":
    """The rules of the workload with what the command line changes, each within its bounds."""
    import msgspec

    from freehold.config.canary_rules import CanaryRules
    from freehold.errors import InvalidField

    fields = {**msgspec.structs.asdict(job.canary or CanaryRules()), **changes}
    try:
        return msgspec.convert(fields, CanaryRules)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`").replace("_", "-")
        raise InvalidField(f"--{name}: {str(error).partition(' - at')[0]}.", "See --help.", param=name) from None


def _require_graders(settings: "Settings", job: "Workload") -> "dict[str, list[str]]":
    """Who grades, for the ledger: `graders`, and of them those that ask models as `judges`. Says which graders take no part, and
    why. Raises InvalidField where nobody can grade anything."""
    import sys

    from freehold.errors import InvalidField
    from freehold.graders.grader import Grader
    from freehold.trials.grading import left_out, taking_part

    judged = job.judging is not None
    grading = taking_part(job.graders, judged=judged)
    without = left_out(job.graders, judged=judged)
    advice = f"Add graders and capture below [workloads.{job.name}], or say --errors-only."
    missing = ""
    if not settings.ledger.enabled or job.capture is None or job.capture.share == 0:
        missing = "captures nothing, so no answer could be graded"
    elif not grading and without:
        missing = f"has no grader that can take part: {'; '.join(f'{label}, since {why}' for label, why in without)}"
        if not judged:
            advice = 'Add judging = { budget = { usd = 5, per = "day" } } there, another grader, or say --errors-only.'
    elif not grading:
        missing = "has no grader"
    if missing:
        raise InvalidField(
            f"The workload {job.name} {missing}; a fall in quality would not be seen.", advice, param="workload"
        )
    for label, why in without:
        print(f"note: the grader {label} takes no part: {why}.", file=sys.stderr)
    judges = [grader.label for grader in grading if not isinstance(grader, Grader)]
    return {"graders": [grader.label for grader in grading]} | ({"judges": judges} if judges else {})


def _digest(job: "Workload") -> str:
    """The digest of who grades now, as the process that decides computes it."""
    from freehold.trials.grading import graders_digest, taking_part

    return graders_digest(taking_part(job.graders, judged=job.judging is not None), job.graders)


def _correction(folder: Path, job: "Workload", candidate: str, alpha: float) -> "Correction | None":
    """How far the judges among the graders are believed, by what people have said of them."""
    from freehold.trials.labelled_trials import Sought, find_correction

    return find_correction(
        folder,
        Sought(
            workload=job.name,
            candidate=candidate,
            incumbents=tuple(target.model for target in job.route),
            tables=tuple(job.graders),
            judged=job.judging is not None,
            alpha=alpha,
        ),
    )


def _tell_of_judges(correction: "Correction | None", rules: "CanaryRules", steps: Sequence[int]) -> None:
    """What is known of the judges, and how far that lets the canary go."""
    import sys

    from freehold.cli.canary_store import said_of_judges
    from freehold.trials.correcting import told, why_not
    from freehold.trials.rollouts import margins

    if correction is None:
        return
    print(f"note: quality is judged {said_of_judges(told(correction))}.", file=sys.stderr)
    needed = margins(rules, steps)
    held = next((place for place, margin in enumerate(needed) if why_not(correction, margin)), None)
    if held is not None:
        print(
            f"warning: it stays at {steps[held] / 10_000:g} %, or is taken back: {why_not(correction, needed[held])}."
            " What people say from now on counts for a canary that is begun after it.",
            file=sys.stderr,
        )


def _steps(written: str) -> Sequence[int]:
    """Percentages as millionths."""
    from decimal import Decimal, InvalidOperation

    from freehold.errors import InvalidField

    try:
        return [int(Decimal(one.strip().rstrip("%")) * 10_000) for one in written.split(",")]
    except (InvalidOperation, ValueError, OverflowError):
        raise InvalidField(f"{written!r} are no steps.", "Write --steps 1,5,25,50,100.", param="steps") from None


def _passed_trial(folder: Path, workload: str, candidate: str) -> str | None:
    """The newest trial of this candidate on this workload that the ledger holds as passed, None when there is none."""
    from freehold.cli.trial_opening import ENDED, entries_about
    from freehold.trials.plan import TrialFolder, digest, list_trials
    from freehold.trials.results import read_results

    passed: list[tuple[int, str]] = []
    for trial_id in list_trials(folder):
        trial = TrialFolder(folder, trial_id)
        plan, _ = trial.read_plan()
        if (plan.workload, plan.candidate.model) != (workload, candidate) or not trial.results.exists():
            continue
        results, content = read_results(trial.results)
        if results.verdict.outcome == "pass" and any(
            entry["kind"] == ENDED and entry.get("results") == digest(content)
            for entry, _ in entries_about(folder, trial_id)
        ):
            passed.append((results.ended_at, trial_id))
    return max(passed)[1] if passed else None
