"""The run of a journey: which stages there are, in which order, and what becomes of one that fails. The composition root of `freehold journey`.

1 the state of the data folder · 2 the door, with `ready` on stdout as soon as it is up · 3 each stage that is not done yet · 4 the report · 5 the own model
serves until somebody ends it, or the end. A stage that fails ends the way; what the stages before it left is kept, and the door goes on answering.
"""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from freehold.cli.audit import print_json
from freehold.cli.journey_door import Commands, House
from freehold.cli.journey_extras import Background, Strangers, can_train, install_training
from freehold.cli.journey_moving import move, sabotage, trial
from freehold.cli.journey_page import page
from freehold.cli.journey_proof import proof
from freehold.cli.journey_stages import Road, Sizes, terms, traffic, train
from freehold.cli.journey_state import OWN_MODEL, WORKLOAD, State
from freehold.cli.journey_view import View
from freehold.cli.running import get
from freehold.errors import FreeholdError
from freehold.training.recipe import read_recipe

DOOR: Final = "door"

TITLES: Final[Mapping[str, str]] = {
    DOOR: "The door is up",
    "traffic": "Traffic is captured",
    "terms": "The terms are asked",
    "train": "An own model is trained",
    "trial": "A pre-registered trial",
    "move": "Shadow, canary, promotion",
    "sabotage": "A sabotaged version",
    "proof": "Strangers verify the ledger",
}
"""The stages by name, in their order."""

STAGES: Final[Mapping[str, Callable[[Road], str]]] = {
    "traffic": traffic,
    "terms": terms,
    "train": train,
    "trial": trial,
    "move": move,
    "sabotage": sabotage,
    "proof": proof,
}

INTERRUPTED: Final = 130


class Wish(Struct, frozen=True, kw_only=True):
    """What was asked for, as the options of the command have it."""

    data: Path
    recipe: Path
    incumbent: str | None = None
    port: int | None = None
    most_usd: str = "1"
    install: bool = False
    ends: bool = False
    json: bool = False
    sizes: Sizes = Sizes()


class Failure(Struct, frozen=True, kw_only=True):
    """A stage that could not be gone through: its name, what happened, what to do."""

    stage: str
    sentence: str
    advice: str


def go(wish: Wish, environ: Mapping[str, str]) -> int:
    """Goes the way of this data folder to its end; gives the exit code. Raises FreeholdError for what is wrong before the door is up."""
    # 1
    state = State(wish.data, wish.incumbent)
    read_recipe(wish.recipe)
    state.write_config()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    view = View(TITLES)
    house = House(wish.data, state.config, state.folder / "up.log", wish.port, environ)
    beside: list[Background | Strangers] = []
    try:
        with view:
            # 2
            _open(state, view, house, say=not wish.json)
            road = _road(wish, state, view, house, environ, beside)
            # 3
            failure = _walk(road)
        # 4
        state.page.write_text(page(told(state, failure), _curves(state)), encoding="utf-8")
        _say(wish, state, house, failure)
        # 5
        if not wish.ends:
            house.wait()
        return 1 if failure is not None else 0
    except KeyboardInterrupt:
        view.say(f"Ended. The same command goes on; everything is kept in {wish.data}.")
        return 0 if all(map(state.done, STAGES)) else INTERRUPTED
    finally:
        for one in beside:
            one.stop()
        house.stop()


def told(state: State, failure: Failure | None = None) -> dict[str, Any]:
    """The journey as data, for machines and for the page."""
    stages = [{"name": name, "title": title, **_stage(state, name)} for name, title in TITLES.items()]
    return {
        "incumbent": state.kept.incumbent,
        "workload": WORKLOAD,
        "own": f"own/{OWN_MODEL}",
        "began": state.kept.began,
        "done": all(map(state.done, TITLES)),
        "page": str(state.page),
        "stages": stages,
        "failure": None
        if failure is None
        else {"stage": failure.stage, "sentence": failure.sentence, "advice": failure.advice},
    }


def _curves(state: State) -> str:
    """The curves of the training, as its own process drew them; nothing where it has not."""
    path = Path(state.facts("train").get("curves", ""))
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _stage(state: State, name: str) -> dict[str, Any]:
    stage = state.kept.stages.get(name)
    return {"done": False, "seconds": 0.0, "facts": {}} if stage is None else {
        "done": stage.done, "seconds": round(stage.seconds, 2), "facts": stage.facts,
    }  # fmt: skip


def _open(state: State, view: View, house: House, *, say: bool) -> None:
    """Starts the door, and notes who serves the workload."""
    view.begin(DOOR)
    view.doing("Weights are fetched where they are not here yet; engine and door are started")
    began = time.monotonic()
    house.start(lambda line: print(line, flush=True) if say else None)
    seconds = time.monotonic() - began
    said = f"{house.url}; {state.kept.setup.route} serves {WORKLOAD}"
    state.note(DOOR, url=house.url, ready_seconds=round(seconds, 2), said=said)
    if not state.done(DOOR):
        state.spend(DOOR, seconds, done=True)
    view.end(DOOR, said, seconds)
    view.say(f"The admin key stands in {state.folder.parent / 'admin.key'}.")


def _road(
    wish: Wish, state: State, view: View, house: House, environ: Mapping[str, str], beside: list[Background | Strangers]
) -> Road:
    """What the stages work with. What is installed meanwhile begins now, and is put into `beside` to be ended."""
    road = Road(
        data=wish.data,
        recipe=wish.recipe,
        sizes=wish.sizes,
        state=state,
        view=view,
        house=house,
        commands=Commands(wish.data, state.folder, environ, view.ran),
        most_usd=wish.most_usd,
    )
    if not state.done("train") and wish.install and not can_train():
        road.extra = install_training(environ)
        beside.append(road.extra)
    if not state.done("proof"):
        road.strangers = Strangers(state.folder / "strangers", environ)
        beside.append(road.strangers)
    door = get(road.door, f"/v1/models/{road.incumbent}")
    state.note(DOOR, incumbent=road.incumbent, weights=door.get("weights"))
    return road


def _walk(road: Road) -> Failure | None:
    """Goes through the stages that are not done; gives the one that failed."""
    state, view = road.state, road.view
    for name, stage in STAGES.items():
        if state.done(name):
            view.end(name, str(state.facts(name).get("said", "")), 0.0, standing="kept")
            continue
        view.begin(name)
        began = time.monotonic()
        try:
            said = stage(road)
        except FreeholdError as error:
            state.spend(name, time.monotonic() - began, done=False)
            view.end(name, error.sentence, time.monotonic() - began, standing="failed")
            return Failure(stage=name, sentence=error.sentence, advice=error.advice)
        except KeyboardInterrupt:
            state.spend(name, time.monotonic() - began, done=False)
            raise
        state.note(name, said=said)
        state.spend(name, time.monotonic() - began, done=True)
        view.end(name, said, state.kept.stages[name].seconds)
    return None


def _say(wish: Wish, state: State, house: House, failure: Failure | None) -> None:
    """Says how it ended: data to stdout, the rest to stderr."""
    if wish.json:
        print_json(told(state, failure))
    else:
        print(state.page)
    sys.stdout.flush()
    if failure is not None:
        print(f"{TITLES[failure.stage]}: {failure.sentence}", file=sys.stderr)
        if failure.advice:
            print(f"hint: {failure.advice}", file=sys.stderr)
        done = [TITLES[name] for name in TITLES if state.done(name)]
        print(f"Kept, and not done again: {', '.join(done)}. The report says what there is.", file=sys.stderr)
    if not wish.ends:
        print(
            f"{state.kept.setup.route} serves {WORKLOAD} at {house.url}/v1. Ctrl-C ends it.",
            file=sys.stderr,
            flush=True,
        )
