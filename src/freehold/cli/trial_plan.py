"""`freehold trial plan`: fixes what a trial will ask and by which rules it will be judged, before anything is asked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from freehold.trials.plan import Gates, Plan


def plan(
    workload: Annotated[str, typer.Argument(help="The workload; its graders judge, the first one decides.")],
    candidate: Annotated[str, typer.Option(help="The model that wants to serve it, as vendor/model.")],
    incumbent: Annotated[
        str | None, typer.Option(help="The model that it is compared with; default: the first of the workload's route.")
    ] = None,
    margin: Annotated[float, typer.Option(help="How much worse it may be, as a share of the score.")] = 0.03,
    alpha: Annotated[
        float, typer.Option(help="Probability, at most, that a candidate worse than that passes.")
    ] = 0.025,
    power: Annotated[float, typer.Option(help="Probability with which an equal candidate should pass.")] = 0.8,
    segments: Annotated[
        str | None, typer.Option(help="Where it must be no worse either: paths such as metadata.language, by commas.")
    ] = None,
    segment_margin: Annotated[
        float | None, typer.Option(help="How much worse in one segment; default: twice --margin.")
    ] = None,
    segment_least: Annotated[
        int, typer.Option(min=2, help="Items of a segment that is judged, and not only shown.")
    ] = 20,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            help="p95=RATIO, cost=RATIO, GRADER=MARGIN or safety=GRADER[:MARGIN] (0.01 unless said): what must hold besides "
            "quality; may be given again."
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Answers of each model to each item.")] = 1,
    items: Annotated[
        str | None,
        typer.Option(help="How many items to take, or a JSONL file of them; default: all of the trial split."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws items, order and bootstraps.")] = 0,
    temperature: Annotated[float | None, typer.Option(help="Instead of each item's own.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Instead of each item's own.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Instead of each item's own.")] = None,
    model_seed: Annotated[int | None, typer.Option(help="The `seed` that the models are asked with.")] = None,
    reuse: Annotated[
        bool,
        typer.Option("--reuse", help="Let the incumbent's captured reply count where it was asked in the same way."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Use no reply that an earlier trial paid for.")] = False,
    config: Annotated[Path | None, typer.Option(help="freehold.toml; default: the one in this folder, if any.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the door is; default: the one of this data folder.")] = None,
    key: Annotated[
        str | None, typer.Option(help="The key; default: FREEHOLD_API_KEY, else the first admin key.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Writes the plan and notes its digest for the ledger. Nothing is asked yet; `freehold trial run` does that.

    Says how many items it takes until a candidate that is as good passes every gate, its chance of that with those there are, gate
    by gate, and about what asking costs, judges included."""
    import time
    from datetime import UTC, datetime

    from freehold import __version__
    from freehold.cli.audit import print_json
    from freehold.cli.running import find_door, get
    from freehold.cli.settings import read_settings
    from freehold.cli.trial_items import choose
    from freehold.cli.trial_opening import PLANNED, arm_of, pilot_of, shelf
    from freehold.config.paths import config_file, data_dir, environment
    from freehold.errors import TrialError, UnknownWorkload
    from freehold.store.events import keep_event
    from freehold.trials.plan import Sampling, Segments, TrialFolder
    from freehold.trials.planning import Wish, judges_in, make_plan

    settings = read_settings(config_file(config, Path()), data_dir(data, environment()))
    if workload not in settings.workloads:
        raise UnknownWorkload(f"There is no workload {workload}.", f"There are {', '.join(settings.workloads)}.")
    folder = data_dir(data, environment())
    door = find_door(url, key, folder)
    if incumbent is None and any(target.model == "requested" for target in settings.workloads[workload].route):
        raise TrialError(f"{workload} asks for what callers name, and has no model of its own.", "Give --incumbent.")
    if incumbent is None:
        incumbent = str(get(door, f"/v1/routes/explain?workload={workload}")["targets"][0]["deployment"])
    tables = settings.workloads[workload].graders
    made_at = time.time()
    with shelf(folder) as opened:
        chosen = choose(items, workload, opened)
        mine, theirs = arm_of(door, candidate), arm_of(door, incumbent)
        wish = Wish(
            id=_new_id(workload, datetime.fromtimestamp(made_at, UTC)),
            workload=workload,
            made_at=int(made_at * 1000),
            code=__version__,
            candidate=mine,
            incumbent=theirs,
            tables=tables,
            judges=tuple(arm_of(door, name) for name in judges_in(tables, chosen.items)),
            margin=margin,
            alpha=alpha,
            power=power,
            gates=_gates(gate or []),
            segments=Segments(
                paths=tuple(path.strip() for path in segments.split(",")) if segments else (),
                margin=2 * margin if segment_margin is None else segment_margin,
                least=segment_least,
            ),
            sampling=Sampling(
                samples=samples,
                temperature=temperature,
                top_p=top_p,
                max_tokens=max_tokens,
                seed=model_seed,
                reuse=reuse,
                fresh=fresh,
            ),
            seed=seed,
            count=chosen.count,
            source=chosen.source,
            source_sha256=chosen.sha256,
        )
        made = make_plan(
            wish, chosen.items, chosen.clusters, opened.secret, pilot_of(folder, workload, mine.model, theirs.model)
        )
        _check_segments(made)
        trial = TrialFolder(folder, made.id)
        digest = trial.write_plan(made)
        keep_event(opened.db, PLANNED, made.id, _told(made, digest), made_at)
    if json:
        print_json({"trial": made.id, "plan": digest, "file": str(trial.plan), "items": len(made.items),
                    "needed": made.expectation.needed, "power": made.expectation.power,
                    "chances": {one.name: one.chance for one in made.expectation.chances},
                    "cost_usd": _usd(made.expectation.cost_nano), "judges_usd": _usd(made.expectation.judges_nano),
                    "needed_cost_usd": _usd(made.expectation.needed_nano),
                    "discordance": made.expectation.discordance})  # fmt: skip
    else:
        _print(made, digest, trial.plan)


def _check_segments(made: "Plan") -> None:
    """Raises TrialError for a path that no item has: the plan would judge no segment by it, and say nothing."""
    from freehold.errors import TrialError

    for path in made.segments.paths:
        if not any(segment.startswith(f"{path}=") for item in made.items for segment in item.segments):
            raise TrialError(
                f"No item has `{path}`, so no segment is judged by it.",
                "What stands in the items' metadata is named --segments metadata.NAME; `model` and `workload` go as they are.",
            )


def _gates(asked: list[str]) -> "Gates":
    """`p95=1.2`, `cost=1`, `refusal=0.01`; `safety=refusal` stands for `refusal=0.01`."""
    from freehold.errors import InvalidField
    from freehold.trials.plan import Gates

    ratios: dict[str, float] = {}
    graders: dict[str, float] = {}
    for text in asked:
        name, _, value = text.partition("=")
        if name == "safety":
            name, _, value = value.partition(":")
            value = value or "0.01"
        try:
            number = float(value)
        except ValueError:
            raise InvalidField(
                f"{text!r} is no gate.", "Write --gate p95=1.2, --gate cost=1 or --gate GRADER=0.01."
            ) from None
        if not 0 < number < 1000:
            raise InvalidField(f"The gate {text!r} lies out of range.", "A ratio or a margin is above 0.")
        (ratios if name in ("p95", "cost") else graders)[name] = number
    return Gates(p95=ratios.get("p95"), cost=ratios.get("cost"), graders=graders)


def _new_id(workload: str, day: Any) -> str:
    import re
    import secrets

    slug = re.sub(r"[^0-9a-z]+", "_", workload.lower()).strip("_")[:24]
    return f"trial_{day:%Y%m%d}_{slug}_{secrets.token_hex(3)}"


def _told(made: "Plan", digest: str) -> dict[str, Any]:
    """What the ledger says of a plan: its digest and its heart, in whole numbers and text."""
    return {
        "plan": digest,
        "workload": made.workload,
        "candidate": made.candidate.model,
        "incumbent": made.incumbent.model,
        "margin": f"{made.margin:g}",
        "alpha": f"{made.alpha:g}",
        "items": len(made.items),
        "samples": made.sampling.samples,
    }


def _usd(nano: int | None) -> float | None:
    return None if nano is None else nano / 1e9


def _print(made: "Plan", digest: str, path: Path) -> None:
    print(made.id)
    print(f"  {made.question}")
    print(f"  {_needs(made)}")
    print(f"  {_chances(made)}")
    print(
        f"  The two are taken to differ on {made.expectation.discordance:.1%} of the items ({made.expectation.source})."
    )
    print(f"  {_costs(made)}")
    print(f"  The plan is {path} (SHA-256 {digest}).")
    print(f"Run it with `freehold trial run {made.id}`.")


def _needs(made: "Plan") -> str:
    needed, has = made.expectation.needed, len(made.items)
    if made.expectation.power is None:
        return f"It has {has:,} items; how many it takes depends on what people label."
    if needed is None:
        return f"It has {has:,} items, and with no number of items does an equal candidate pass every gate."
    enough = "enough" if has >= needed else f"{needed - has:,} too few"
    return f"It needs {needed:,} items and has {has:,}: {enough}."


def _chances(made: "Plan") -> str:
    """The chance of an equal candidate, and that of each gate where there are several."""
    found = made.expectation.chances
    if made.expectation.power is None:
        return f"With what chance an equal candidate passes cannot be said yet. {found[0].name}: {found[0].reason}."
    whole = f"An equal candidate passes with a chance of {made.expectation.power:.0%}"
    reasons = "".join(f" {one.name}: {one.reason}." for one in found if one.reason)
    if len(found) < 2:
        return f"{whole}.{reasons}"
    each = "; ".join(f"{one.name} {'unknown' if one.chance is None else f'{one.chance:.0%}'}" for one in found)
    unknown = " (those unknown not counted)" if any(one.chance is None for one in found) else ""
    return f"{whole}, which takes every gate{unknown}: {each}.{reasons}"


def _costs(made: "Plan") -> str:
    expected = made.expectation
    if expected.cost_nano is None:
        asked = {arm.model: arm.input_rate for arm in (made.candidate, made.incumbent, *made.judges)}
        unknown = [model for model, rate in asked.items() if rate is None]
        return f"What it costs is unknown: nobody says the price of {' and '.join(unknown) or 'an answer'}."
    judges = f", ${expected.judges_nano / 1e9:.2f} of it the judges" if expected.judges_nano else ""
    told = f"Asking both models costs about ${expected.cost_nano / 1e9:.2f}{judges}"
    if expected.needed_nano is None or expected.needed is None or expected.needed <= len(made.items):
        return f"{told}."
    return f"{told}; with the {expected.needed:,} items needed about ${expected.needed_nano / 1e9:.2f}."
