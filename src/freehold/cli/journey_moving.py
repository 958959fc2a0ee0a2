"""The second half of a journey: the trial, the move, the sabotage. Each stage is a function, as those of the first half are.

trial      a pre-registered trial of the own model against the incumbent, on held-out problems; nothing goes on without a pass
move       promoted in the registry on that evidence; heard in shadow; a canary that evidence raises; then the route names it
sabotage   a version whose rows were shuffled is forced in by the journey's signed word, and its canary takes it back by itself
proof      programs that others wrote verify what the ledger holds of all this, on an export and without Freehold
"""

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

from freehold.cli.journey_door import routed, served, wait_until
from freehold.cli.journey_sabotage import sabotage as sabotaged_copy
from freehold.cli.journey_stages import Road, ask, is_right, job, most_tokens, problems
from freehold.cli.journey_state import KEY, ON_TRIAL, OWN_MODEL, SABOTAGED, WORKLOAD, Setup
from freehold.errors import JourneyError
from freehold.store.canaries import UNFINISHED, Canary, find_canary, list_canaries
from freehold.store.database import open_database
from freehold.training.registry import MODELS, Registry
from freehold.trials.plan import ARMS, TrialFolder
from freehold.trials.report import QUANTILE
from freehold.trials.results import Results, Told, read_results
from freehold.trials.shadow import standings
from freehold.trials.statistics import wilson

SERVED_SECONDS: Final = 120.0
SETTLED_SECONDS: Final = 60.0
MARGIN: Final = 0.05
"""How much worse the own model may be, of 1; in the trial and in the canaries."""

STEPS: Final = "50,100"
PACE_SECONDS: Final = 0.1
"""Between two callers of a canary. What watches it looks twice a second, and callers do not come all at once."""

STRANGERS_SECONDS: Final = 180.0
ANSWER: Final = "answer"
"""The kind of the entries that are no decisions."""

LOADED: Final = "contents.read"


def trial(road: Road) -> str:
    """Plans, asks, and gives the verdict. Raises JourneyError unless the own model has passed."""
    facts = road.state.facts("trial")
    if "trial" not in facts:
        folder = road.state.facts("train")["folder"]
        _serve(road, ON_TRIAL, folder, "It is served to be tried; no route names it.")
        _set_up(road, Setup(route=road.incumbent, own=(ON_TRIAL,)))
        items = held_out_file(road, road.sizes.items)
        planned = road.commands(
            "trial",
            "plan",
            WORKLOAD,
            "--candidate",
            f"own/{ON_TRIAL}",
            "--incumbent",
            road.incumbent,
            "--items",
            str(items),
            "--margin",
            str(MARGIN),
        )
        road.state.note("trial", trial=planned["trial"], plan=planned["plan"], needed=planned["needed"])
    name = road.state.facts("trial")["trial"]
    road.view.doing(f"Both models are asked {road.sizes.items} held-out problems, in one shuffled order")
    told = road.commands("trial", "run", name, "--concurrency", "4", "--most-usd", road.most_usd, codes=(0, 2, 3))
    results, _ = read_results(TrialFolder(road.data, name).results)
    road.state.note(
        "trial",
        verdict=told["verdict"]["outcome"],
        sentence=results.verdict.sentence,
        arms=arms_of(results),
        gates=gates_of(results),
    )
    if told["verdict"]["outcome"] != "pass":
        raise JourneyError(
            f"The trial did not pass, so nothing is moved: {results.verdict.sentence}",
            f"Model, run and trial are kept. Train longer with a recipe of your own (--recipe) on another data folder, or read `freehold trial report {name}`.",
        )
    own, rented = (road.state.facts("trial")["arms"][arm] for arm in ARMS)
    return f"pass: {_share(own)} right against {_share(rented)}, planned before the first question and in the ledger"


def move(road: Road) -> str:
    """Promotes by the trial's evidence, listens in shadow, lets a canary decide, writes the route."""
    version = road.state.facts("train")["version"]
    model = f"own/{OWN_MODEL}"
    evidence = road.state.facts("trial")["trial"]
    _promote(road, version, "--trial", evidence)
    if "shadow" not in road.state.facts("move"):
        _set_up(road, Setup(route=road.incumbent, own=(OWN_MODEL,), shadow=model))
        ask(road, "shadow", "test", lambda: False, road.sizes.pairs)
        road.state.note("move", shadow=_shadow(road, model))
    _set_up(road, Setup(route=road.incumbent, own=(OWN_MODEL,)))
    ended, asked = _canary(road, "move", model)
    if ended.phase != "promoted":
        raise JourneyError(
            f"The canary of {model} is {ended.phase.replace('_', ' ')}: {ended.reason}",
            "Its evidence is kept: `freehold canary status`.",
        )
    _set_up(road, Setup(route=model, own=(OWN_MODEL,)))
    wait_until(
        lambda: routed(road.door, WORKLOAD, model),
        f"the route of {WORKLOAD} names {model}",
        SERVED_SECONDS,
        road.house.ended,
    )
    shadow = road.state.facts("move")["shadow"]
    return f"{shadow['pairs']} pairs in shadow; its canary was promoted after {asked} conversations; {WORKLOAD} is served by {model}"


def sabotage(road: Road) -> str:
    """A broken version is forced in; its canary takes it back. Raises JourneyError when it does not."""
    version = road.state.facts("train")["version"]
    model = f"own/{SABOTAGED}"
    if "version" not in road.state.facts("sabotage"):
        _force_in(road, version)
    _set_up(road, Setup(route=f"own/{OWN_MODEL}", own=(OWN_MODEL, SABOTAGED)))
    wait_until(lambda: served(road.door, model), f"{model} is served", SERVED_SECONDS, road.house.ended)
    ended, asked = _canary(road, "sabotage", model)
    if ended.phase != "rolled_back":
        raise JourneyError(f"The sabotaged version was not taken back: its canary is {ended.phase} ({ended.reason}).")
    _set_up(road, Setup(route=f"own/{OWN_MODEL}", own=(OWN_MODEL,)))
    return f"{model} got half of the conversations, and none after {asked}: {ended.reason}"


# --- registry and route ---


def _serve(road: Road, name: str, folder: str, reason: str) -> str:
    """Registers weights under a name of their own, and has them served by a word, which the ledger keeps. Gives the version's id."""
    known = {one.model: one.id for one in Registry(road.data / MODELS).versions()}
    version = known.get(name) or str(road.commands("models", "add", name, folder, *_papers(folder))["id"])
    _promote(road, version, "--override", reason, "--sign", KEY)
    return version


def _papers(folder: str) -> tuple[str, ...]:
    """What a single file needs beside it, where no run's folder says it."""
    return () if Path(folder).is_dir() else ("--licence", "Apache-2.0", "--context", "1024")


def _promote(road: Road, version: str, *why: str) -> None:
    """Lets a version serve, unless it does, and waits until the door asks it."""
    name = version.partition("/")[2]
    found = Registry(road.data / MODELS).find(name)
    if not found.promoted:
        road.commands("models", "promote", name, *why)
    model = f"own/{found.model}"
    road.view.doing(f"{model} is being started beside the others; no request is dropped")
    wait_until(lambda: served(road.door, model), f"{model} is served", SERVED_SECONDS, road.house.ended)


def _set_up(road: Road, setup: Setup) -> None:
    """Has the running door take up a configuration."""
    if road.state.kept.setup != setup:
        road.state.set_up(setup)
        road.house.reload()
        time.sleep(1.0)  # the workers read it between two requests


def _weights(road: Road, version: str) -> Path:
    registry = Registry(road.data / MODELS)
    return registry.weights_file(registry.find(version.partition("/")[2]))


def _force_in(road: Road, version: str) -> None:
    """Makes the sabotaged version, shows that the good one's papers do not fit it, and has it served by a word."""
    good = Registry(road.data / MODELS).find(version.partition("/")[2])
    broken = road.state.folder / "sabotaged.gguf"
    shuffled = sabotaged_copy(_weights(road, version), broken)
    papers = road.state.folder / "papers-of-the-good-one.json"
    papers.write_bytes(msgspec.json.encode(good.manifest.lineage))
    tried = road.commands.run("models", "add", SABOTAGED, str(broken), "--lineage", str(papers))
    if not tried.returncode:
        raise JourneyError("A broken version was registered with the papers of a good one.")
    refused = tried.stderr.strip().splitlines()[0]
    known = {one.model: one for one in Registry(road.data / MODELS).versions()}
    context = ("--context", str(good.manifest.context)) if good.manifest.context else ()
    if SABOTAGED not in known:
        road.commands("models", "add", SABOTAGED, str(broken), "--licence", "Apache-2.0", *context)
    forced = f"{SABOTAGED}@1"
    _promote(road, f"own/{forced}", "--override", "A drill: nobody has tried it.", "--sign", KEY)
    road.state.note("sabotage", version=f"own/{forced}", shuffled=shuffled, refused=refused)


# --- trials, shadows, canaries ---


def held_out_file(road: Road, wanted: int) -> Path:
    """The held-out problems of the trial as a file, none of which training can have met: the splits are by hash."""
    task, _ = job(road)
    path = road.state.folder / "held-out.jsonl"
    found = {task.digest(problem): problem for problem in islice(problems(road, "test", "trial"), wanted)}
    lines = [
        {
            "id": digest[:32],
            "input": {
                "messages": [{"role": "user", "content": task.render(problem)}],
                "max_tokens": most_tokens(road),
                "temperature": 0,
            },
            "reference": task.solve(problem).answer,
            "metadata": {"level": str(problem.level)},
        }
        for digest, problem in found.items()
    ]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def canary_of(road: Road, stage: str, model: str) -> str:
    """The id of a stage's canary, which is begun where there is none. One that an earlier call began and was ended before it could note it is found in
    the store: before the stage no configuration had its model."""
    if "canary" not in road.state.facts(stage):
        rules = ("--margin", str(MARGIN), "--harm", str(MARGIN), "--min-items", str(road.sizes.conversations))
        words = ("canary", "start", WORKLOAD, "--candidate", model, "--steps", STEPS, *rules)
        road.state.note(stage, canary=_unnoted(road, model) or road.commands(*words)["id"], candidate=model)
    return str(road.state.facts(stage)["canary"])


def arms_of(results: Results) -> dict[str, Any]:
    """Of each model: how many were right of how many, with Wilson's interval; the median and, as the trial's report has it, the 95th percentile of
    seconds; tokens and dollars an answer."""
    found: dict[str, Any] = {}
    for arm in ARMS:
        told: list[Told] = [getattr(row, arm) for row in results.rows]
        scores = [score for one in told for score in list(one.scores.values())[:1] if score is not None]
        times = sorted(ms for one in told for ms in one.ms)
        interval = wilson(sum(scores), len(scores))
        priced = [one.cost_nano for one in told if one.cost_nano is not None]
        written = [one.output_tokens for one in told if one.output_tokens]
        found[arm] = {
            "right": round(sum(scores)),
            "items": len(scores),
            "low": interval.low,
            "high": interval.high,
            "p50": median(times) / 1000 if times else None,
            "p95": times[math.ceil(QUANTILE * len(times)) - 1] / 1000 if times else None,
            "tokens": sum(written) / max(1, len(written)),
            "usd_per_1000": sum(priced) / len(priced) / 1e6 if priced else None,
        }
    return found


def gates_of(results: Results) -> list[dict[str, Any]]:
    return [
        {
            "name": gate.name,
            "outcome": gate.outcome,
            "estimate": gate.estimate,
            "low": gate.low,
            "high": gate.high,
            "limit": gate.limit,
            "n": gate.n,
        }
        for gate in results.verdict.gates
        if gate.judged
    ]


def _share(arm: dict[str, Any]) -> str:
    return f"{arm['right']} of {arm['items']}"


def _shadow(road: Road, model: str) -> dict[str, Any]:
    """What the shadow has shown, once its pairs are graded."""

    def shown() -> dict[str, Any]:
        with contextlib.closing(open_database(road.data)) as db:
            return next((one for one in standings(db) if one["candidate"] == model), {"pairs": 0, "unscored": 0})

    deadline = time.monotonic() + SETTLED_SECONDS
    while (found := shown())["pairs"] + found["unscored"] < road.sizes.pairs and time.monotonic() < deadline:
        road.view.doing(f"{found['pairs']} pairs are graded", found["pairs"], road.sizes.pairs)
        time.sleep(0.5)
    if not found["pairs"]:
        raise JourneyError(
            "The shadow has shown nothing: no pair was graded.", "Its log is journey/up.log in the data folder."
        )
    return found


def _canary(road: Road, stage: str, model: str) -> tuple[Canary, int]:
    """The canary of a model, begun or gone on with, and traffic until it has ended; gives it, and how many conversations that took."""
    look = _looking(road, canary_of(road, stage, model))

    def ended() -> bool:
        time.sleep(PACE_SECONDS)
        return look().phase not in UNFINISHED

    asked = ask(road, stage, "test", ended, road.sizes.most)
    deadline = time.monotonic() + SETTLED_SECONDS
    while (found := look()).phase in UNFINISHED and time.monotonic() < deadline:
        time.sleep(0.5)
    count = int(road.state.facts(stage).get("offset", len(asked)))
    known: Counter[str] = Counter(road.state.facts(stage).get("answered", {}))
    known.update(one.model for one in asked if not one.wrong)
    road.state.note(
        stage,
        phase=found.phase,
        reason=found.reason,
        conversations=count,
        answered=dict(known),
        right=sum(map(is_right, asked)),
    )
    if found.phase in UNFINISHED:
        raise JourneyError(
            f"The canary of {model} had not decided after {count} conversations.", "The same command goes on with it."
        )
    return found, count


def _unnoted(road: Road, model: str) -> str | None:
    """The canary of a model that this journey began, and that goes on."""
    with contextlib.closing(open_database(road.data)) as db:
        known = list_canaries(db, WORKLOAD)
    began = road.state.kept.began
    going = (one for one in known if one.phase in UNFINISHED and one.created_at >= began)
    return next((one.id for one in going if one.candidate == model), None)


def _looking(road: Road, name: str) -> Callable[[], Canary]:
    """How a canary stands, read at most twice a second."""
    last: list[tuple[float, Canary]] = []

    def look() -> Canary:
        if not last or time.monotonic() - last[-1][0] > 0.5:
            with contextlib.closing(open_database(road.data)) as db:
                found = find_canary(db, name)
            if found is None:
                raise JourneyError(f"The canary {name} is not in the store any more.")
            last[:] = [(time.monotonic(), found)]
        return last[-1][1]

    return look
