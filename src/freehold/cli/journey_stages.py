"""The first half of a journey: callers, terms, training. Each stage is a function that goes as far as it can, keeps what it finds, and says it.

    traffic   callers ask through the official SDK; what they ask and get is captured, the right answers are known to them alone
    terms     the gate is asked about the incumbent's answers, and says no where its vendor's contract does; permitted rows are the task's own
    train     an own model is trained by a recipe, exported, compared with its weights, and registered

It knows commands and facts. What is done to the door is done by `freehold` commands, so a person could do the same by hand.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from freehold.catalog.terms import Terms
from freehold.catalog.weights import NAMED, kept_at
from freehold.cli.items import open_items
from freehold.cli.journey_door import Asked, Callers, Commands, House, Question, interrupt
from freehold.cli.journey_extras import Background, Strangers, can_train
from freehold.cli.journey_state import OWN_MODEL, RENTED, STAND_IN, WORKLOAD, State, before_it
from freehold.cli.journey_view import View
from freehold.cli.running import Running
from freehold.errors import JourneyError
from freehold.training.dataset import Dataset, Example, Turn, write_dataset
from freehold.training.progress import Scored
from freehold.training.provenance import pedigree_of_answer
from freehold.training.recipe import read_recipe, tasks_of
from freehold.training.runs import RunFolder, list_runs, standing, stop_run
from freehold.training.tasks.drawing import draw
from freehold.training.tasks.refund_grader import said_in
from freehold.training.tasks.task import Problem, Split, Task

SHIPPED: Final = "nano-refund"
"""The weights that come with the package and know this job."""

LOOK_SECONDS: Final = 0.5
STOP_SECONDS: Final = 60.0


class Sizes(Struct, frozen=True, kw_only=True):
    """How much of everything: answers captured before anything else, items of the trial, pairs of the shadow, conversations at each step of a canary
    and at most in one, tokens of an answer."""

    traffic: int = 8
    items: int = 32
    pairs: int = 6
    conversations: int = 8
    most: int = 240
    tokens: int = 352


class Road(Struct, kw_only=True):
    """What every stage works with. `recipe` is the recipe's file; `extra` are the libraries that train, where they are being installed."""

    data: Path
    recipe: Path
    sizes: Sizes
    state: State
    view: View
    house: House
    commands: Commands
    strangers: Strangers | None = None
    extra: Background | None = None
    most_usd: str = "1"

    @property
    def door(self) -> Running:
        """The door, as its administrator reaches it."""
        return Running(self.house.url, (self.data / "admin.key").read_text().strip())

    @property
    def incumbent(self) -> str:
        """The model that the journey leaves."""
        return self.state.kept.incumbent


def traffic(road: Road) -> str:
    """Callers ask; their answers are captured."""
    found = ask(road, "traffic", "train", lambda: False, road.sizes.traffic)
    whole = [one for one in found if not one.wrong]
    if not whole:
        raise JourneyError(f"No question was answered: {found[0].wrong if found else 'nobody asked'}")
    right = sum(map(is_right, whole))
    summary = _settled(road, len(whole))
    road.state.note(
        "traffic",
        asked=len(found),
        answered=len(whole),
        right=right,
        captured=summary,
        seconds=sorted(round(one.seconds, 3) for one in whole),
        example={"question": whole[0].question.text, "reply": whole[0].text, "right": whole[0].question.right},
    )
    return f"{len(whole)} answers by {road.incumbent} through the OpenAI SDK, {right} of them right; {summary} items captured"


def terms(road: Road) -> str:
    """The gate is asked about learning from the incumbent, and about the task's own rows."""
    vendor_model = RENTED if road.incumbent == STAND_IN else road.incumbent
    known = Terms.load()
    today = time.strftime("%Y-%m-%d", time.gmtime())
    pedigree = pedigree_of_answer(vendor_model, today, known)
    rows = road.state.folder / "incumbent-rows.jsonl"
    taken = _rows(road, vendor_model, rows, pedigree)
    recipe = road.state.folder / "from-incumbent.toml"
    recipe.write_text(_FROM_INCUMBENT.format(model=OWN_MODEL, rows=rows, start=road.state.folder))
    refused = road.commands("train", "plan", str(recipe), "--no-measure", codes=(0, 1))["terms"]
    teacher = _as_teacher(road, vendor_model) if refused["refused"] else ""
    permitted = road.commands("train", "plan", str(road.recipe), "--no-measure")["terms"]
    road.state.note(
        "terms",
        stands_for=vendor_model,
        contract=pedigree.terms,
        date=pedigree.terms_date,
        rows=taken,
        refused=refused["refused"],
        reasons=refused["reasons"],
        teacher=teacher,
        permitted=permitted["refused"] == 0,
    )
    if permitted["refused"]:
        raise JourneyError(f"The terms forbid the recipe's own rows: {' '.join(permitted['reasons'])}")
    if not refused["refused"]:
        return f"{vendor_model}'s contract lets its {taken} answers be learned from; the task's own solver is used all the same"
    return f"{refused['refused']} of {taken} answers of {vendor_model} may not train own/{OWN_MODEL}; the rows of the task's own solver may"


def train(road: Road) -> str:
    """An own model is trained, exported and registered; without the libraries the one that ships is taken, and said to be."""
    if road.extra is not None and not can_train():
        while road.extra.running():
            road.view.doing("The libraries that train are being installed (the extra `training`)")
            time.sleep(LOOK_SECONDS)
        if why := road.extra.wait(1):
            road.view.say(f"The extra `training` could not be installed: {why}")
    if not can_train():
        return _shipped(road)
    place = _trained(road)
    stands = standing(place)
    if stands.ended is None or not stands.ended.done:
        raise JourneyError(
            f"The run {place.path.name} stopped on the way; its checkpoint is kept.", f"Its log is {place.log}."
        )
    facts = road.state.facts("train")
    if "version" not in facts:
        with_step = stands.step
        first = [one for one in place.lines() if isinstance(one, Scored) and not one.step]
        folder = facts.get("folder") or _exported(road, place)
        added = road.commands("models", "add", OWN_MODEL, folder)
        road.state.note(
            "train",
            trained=True,
            version=added["id"],
            weights=added["weights"],
            curves=str(place.path / "curves.svg"),
            steps=stands.ended.step,
            tokens=stands.ended.tokens,
            elapsed=stands.ended.elapsed,
            per_second=with_step.per_second if with_step is not None else 0.0,
            parameters=added["lineage"]["parameters"],
            right=sum(one.right for one in stands.scores),
            items=sum(one.items for one in stands.scores),
            proven=sum(one.proven for one in stands.scores),
            before=sum(one.right for one in first) if first else None,
        )
    facts = road.state.facts("train")
    return (
        f"{facts['version']}: {facts['parameters'] / 1e6:.1f} M weights, {facts['tokens'] / 1e6:.1f} M tokens in {facts['elapsed'] / 60:.1f} min; "
        f"{facts['right']} of {facts['items']} validation problems right{before_it(facts)}"
    )


def ask(road: Road, stage: str, split: Split, enough: Callable[[], bool], most: int) -> list[Asked]:
    """Has callers ask problems of a split, never one twice in a journey, until it is enough; gives what came back."""
    offset = int(road.state.facts(stage).get("offset", 0))
    key = road.commands("keys", "create", f"journey {stage}", "--workload", WORKLOAD, "--budget-usd", road.most_usd)[
        "secret"
    ]
    callers = Callers(road.house.url, key, WORKLOAD, most_tokens(road))
    found: list[Asked] = []
    right = 0
    try:
        for one in callers.ask_all(islice(questions(road, stage, split, offset), most), enough):
            found.append(one)
            right += is_right(one)
            road.state.note(stage, offset=offset + len(found))
            road.view.doing(f"{len(found)} questions asked, {right} answered rightly", len(found), most)
    finally:
        callers.close()
    return found


def questions(road: Road, stage: str, split: Split, offset: int) -> Iterator[Question]:
    """The callers' questions of one stage, from a place on."""
    task, _ = job(road)
    for number, problem in zip(count(), problems(road, split, stage)):
        if number >= offset:
            yield question(task, problem, f"journey-{road.state.kept.began:.0f}-{stage}-{number}")


def problems(road: Road, split: Split, stage: str) -> Iterator[Problem]:
    """Problems of a split, of the task and the levels that the recipe trains; others for each stage."""
    task, levels = job(road)
    return draw(task, split, dict.fromkeys(levels, 1.0), sum(stage.encode()))


def job(road: Road) -> tuple[Task, tuple[int, ...]]:
    """The task that the workload is, and its levels: the first of the recipe's mix."""
    task, _, levels = tasks_of(read_recipe(road.recipe))[0]
    return task, levels


def question(task: Task, problem: Problem, conversation: str) -> Question:
    """A problem as a caller asks it."""
    return Question(text=task.render(problem), conversation=conversation, right=task.solve(problem).answer)


def is_right(one: Asked) -> bool:
    """Whether the caller got the right answer."""
    return said_in(one.text.rpartition("</think>")[2]) == one.question.right


def most_tokens(road: Road) -> int:
    """The cap of an answer. A rented model that reasons needs more than ours."""
    return road.sizes.tokens if road.incumbent == STAND_IN else 2000


_FROM_INCUMBENT = """# What the terms gate is asked about: an open base that learns from the incumbent's answers. It is never trained, and no weights lie there.
model = "own/{model}"
stage = "sft"
start = "{start}"
base = "huggingface/smollm2-135m-instruct"
data = "{rows}"

[learning]
steps = 1
"""


def _settled(road: Road, wanted: int) -> int:
    """How many items of the workload are captured, once the item maker has come to rest."""
    found, deadline = 0, time.monotonic() + 20
    while found < wanted and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        with open_items(road.data) as opened:
            found = sum(1 for _ in opened.items.each(workload=WORKLOAD))
    return found


def _rows(road: Road, model: str, path: Path, pedigree: Any) -> int:
    """Writes the captured answers as rows to learn from, with the pedigree that answers of this model have; says how many."""
    with open_items(road.data) as opened:
        rows = tuple(
            Example(
                turns=tuple(Turn(str(turn["role"]), str(turn["content"])) for turn in stored.item.input["messages"]),
                reply=stored.item.given.text,
                pedigree=pedigree,
            )
            for stored in opened.items.each(workload=WORKLOAD)
            if stored.item.given is not None
        )
    write_dataset(Dataset(rows), path)
    path.chmod(0o600)
    if not rows:
        raise JourneyError(f"No answer of {model} was captured, so there is nothing to ask the terms about.")
    return len(rows)


def _as_teacher(road: Road, model: str) -> str:
    """What is said of a forbidden model that shall teach: it is refused before it is asked anything."""
    never = road.state.folder / "never.jsonl"
    asked = road.commands.run("traces", "make", WORKLOAD, "--teacher", model, "--out", str(never))
    if not asked.returncode:
        raise JourneyError(f"{model} was let teach, though its terms forbid it.")
    return asked.stderr.strip().splitlines()[0]


def _trained(road: Road) -> RunFolder:
    """The run, once its process has ended; begun, gone on with, or found done."""
    known = road.state.facts("train").get("run")
    place = RunFolder(road.data / "runs" / known) if known else None
    if place is not None and place.state() == "done":
        return place
    before = {one.path for one in list_runs(road.data)}
    process = road.commands.begin("train", "run", known or str(road.recipe))
    try:
        while process.poll() is None:
            if place is None:
                new = [one for one in list_runs(road.data) if one.path not in before]
                if new:
                    place = new[-1]
                    road.state.note("train", run=place.path.name)
            else:
                _show(road, place)
            time.sleep(LOOK_SECONDS)
    except BaseException:
        if place is not None:
            _halt(place, process)
        raise
    if place is None or process.returncode:
        raise JourneyError(
            f"The training did not go to its end: {_said(process)}", "" if place is None else f"Its log is {place.log}."
        )
    return place


def _show(road: Road, place: RunFolder) -> None:
    stands = standing(place)
    step, learning = stands.step, place.recipe().learning
    if step is None:
        road.view.doing(f"{place.path.name}: torch is being loaded")
        return
    scored = sum(one.items for one in stands.scores)
    right = f", {sum(one.right for one in stands.scores)} of {scored} held-out problems right" if scored else ""
    share = max(step.step / learning.steps, step.elapsed / 60 / learning.minutes if learning.minutes else 0.0)
    road.view.doing(
        f"step {step.step:,}, loss {step.loss:.3f}, {step.per_second:,.0f} tokens/s, {step.left / 60:.1f} min left{right}",
        min(share, 1.0),
    )


def _halt(place: RunFolder, process: "subprocess.Popen[str]") -> None:
    """Ends a run with a checkpoint, from which the next call goes on."""
    if stop_run(place):
        deadline = time.monotonic() + STOP_SECONDS
        while place.process() is not None and time.monotonic() < deadline:
            time.sleep(0.1)
    interrupt(process)


def _exported(road: Road, place: RunFolder) -> str:
    """The folder that the run was exported to, llama.cpp's answers held against the weights'."""
    road.view.doing("Exporting, and comparing 10,000 texts and 200 replies with llama.cpp's")
    (told,) = road.commands("train", "export", place.path.name, "--quant", "f16", "--licence", "Apache-2.0")["exported"]
    road.state.note("train", folder=told["folder"], parity=told["parity"], size=told["size"])
    return str(told["folder"])


def _shipped(road: Road) -> str:
    """The model of such jobs that ships with the package, as the candidate; and it is said that nothing was trained."""
    advice = "`pip install torch==2.13.0 && pip install 'freehold[training]'`, and the same command again, trains one."
    shipped = NAMED[SHIPPED]
    weights = kept_at(shipped, road.data)
    road.view.say(
        f"Nothing is trained in this run: the libraries are not installed. {advice} Here the candidate is own/{SHIPPED}, which comes with the package and decides by any shop's rules."
    )
    words = ("--lineage", str(weights.with_name("lineage.json")), "--context", str(shipped.context))
    added = road.commands("models", "add", OWN_MODEL, str(weights), *words)
    road.state.note(
        "train",
        trained=False,
        version=added["id"],
        folder=str(weights),
        weights=added["weights"],
        parameters=added["lineage"]["parameters"],
    )
    return f"{added['id']} is the shipped own/{SHIPPED}; nothing was trained in this run, as the extra `training` is not installed"


def _said(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    lines = [line for line in process.stderr.read().splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing."
