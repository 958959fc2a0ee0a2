"""Runs a cell of the study of the own family: trains as `freehold train run` does, tries the model on items of the test split, writes one record.

A record is one JSON file, put in place when the cell is whole. A run that was killed goes on from its checkpoint; the study finds it by the note that it left.
"""

import contextlib
import os
import platform
import re
import resource
import signal
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from own_family_cells import CHAINS, Cell, Probe, Setting, count

from freehold.config.paths import environment
from freehold.errors import TrainingError
from freehold.training import tasks
from freehold.training.executor import LocalExecutor, said
from freehold.training.heavy.evaluate import evaluate
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import load_model, parameters_of
from freehold.training.progress import Ended, Rewarded
from freehold.training.recipe import Recipe, read_recipe
from freehold.training.runs import RunFolder, new_run, stop_run

LOOK_SECONDS = 1.0

_STAMP = re.compile(r"-[0-9]{8}-[0-9]{6}-[0-9a-f]+$")
"""What a run's folder has behind the name of its cell."""


class Tried(Struct, frozen=True, kw_only=True):
    """One level of one task, tried: `right` of `items`, `proven` of these step by step, replies that did not end, and their mean length in tokens."""

    task: str
    digits: int
    level: int
    thinking: bool
    beyond: bool
    items: int
    right: int
    proven: int
    unfinished: int
    tokens: float


class Record(Struct, frozen=True, kw_only=True):
    """What a cell found. `flops` counts the student alone; `wall` are minutes of training, `cpu` minutes of all cores, None when the run had several lives;
    `load` is how many processes wanted the machine when it began. `before` is what the start of a reinforcement was right on."""

    cell: str
    seed: int
    minutes: float
    recipe: dict[str, Any]
    made: str
    ended: str
    parameters: int
    steps: int
    examples: float | None
    tokens: int
    flops: float | None
    wall: float
    cpu: float | None
    threads: int
    load: float
    machine: str
    scores: tuple[Tried, ...]
    before: tuple[Tried, ...] = ()
    rewards: tuple[float, float] | None = None


class Place(Struct, frozen=True):
    """Where the records of one budget lie (`kept`, which are committed), and the runs behind them (`path`, which are not)."""

    path: Path
    kept: Path

    def base(self, recipe: Path) -> Recipe:
        """The recipe that all cells of this budget are made from: the one that stands here, else a copy of this one from now on."""
        kept = self.kept / "base.toml"
        if not kept.exists():
            _put(kept, recipe.read_bytes())
        return read_recipe(kept)

    def record(self, cell: str, seed: int) -> Path:
        """The file of a record."""
        return self.kept / f"{cell}-{seed}.json"

    def note(self, cell: str, seed: int) -> Path:
        """The file that names the run of a cell."""
        return self.path / "notes" / f"{cell}-{seed}.run"

    def fault(self, cell: str, seed: int) -> Path:
        """The file that says why a cell could not be run."""
        return self.path / "notes" / f"{cell}-{seed}.fault"

    def faults(self, cell: str) -> list[str]:
        """Why it could not be run, of each seed for which it could not."""
        return [path.read_text() for path in sorted((self.path / "notes").glob(f"{cell}-[0-9]*.fault"))]

    def read(self) -> list[Record]:
        """All records."""
        found = sorted(self.kept.glob("*.json"))
        return [msgspec.json.decode(path.read_bytes(), type=Record) for path in found]

    def run_of(self, cell: str, seed: int) -> Path:
        """The folder of a run that has a record."""
        return self.path / "runs" / self.note(cell, seed).read_text()

    def weights_of(self, cell: str, seed: int) -> bool:
        """Whether the weights of a cell lie here. A record may come from another machine."""
        return self.note(cell, seed).exists() and (self.run_of(cell, seed) / "model").exists()


def run_cell(cell: Cell, setting: Setting, place: Place, items: int) -> Record:
    """Trains, tries, records. Raises TrainingError with what the trainer said when it fails."""
    load = os.getloadavg()[0]
    folder = _begun(cell, setting, place)
    recipe = folder.recipe()
    before = _cpu()
    lives = len([one for one in folder.lines() if isinstance(one, Ended)])
    again = folder.progress.exists()
    if folder.state() != "done":
        _trained(folder)
    ends = [one for one in folder.lines() if isinstance(one, Ended)]
    cpu = None if again or lives else (_cpu() - before) / 60
    model, tokenizer = load_model(folder.weights)
    probes = cell.probes or _of_levels(recipe)
    scores = tried(model, tokenizer, probes, items)
    step = count(recipe) if recipe.stage == "pretrain" else None
    record = Record(
        cell=cell.name,
        seed=setting.seed,
        minutes=setting.minutes,
        recipe=_written(recipe),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        ended=ends[-1].why,
        parameters=parameters_of(model),
        steps=ends[-1].step,
        examples=None if step is None else step.examples * ends[-1].step,
        tokens=ends[-1].tokens,
        flops=_operations(
            recipe, parameters_of(model), ends[-1].tokens, None if step is None else step.flops * ends[-1].step
        ),
        wall=ends[-1].elapsed / 60,
        cpu=cpu,
        threads=recipe.learning.threads or os.cpu_count() or 1,
        load=load,
        machine=machine(),
        scores=scores,
        before=_before(recipe, probes, items),
        rewards=_rewards(folder),
    )
    _put(place.record(cell.name, setting.seed), msgspec.json.format(msgspec.json.encode(record), indent=1))
    return record


def tried(model: Any, tokenizer: Any, probes: Iterable[Probe], items: int) -> tuple[Tried, ...]:
    """Scores on items of the test split, which nothing was trained or chosen on."""
    found: list[Tried] = []
    for probe in probes:
        task = tasks.make(probe.task)
        scores = evaluate(
            model,
            tokenizer,
            task,
            probe.levels,
            split="test",
            items=items,
            tokens=probe.tokens,
            thinking=probe.thinking,
        )
        for one in scores:
            found.append(
                Tried(
                    task=one.task,
                    digits=probe.task.get("digits", 0),
                    level=one.level,
                    thinking=one.thinking,
                    beyond=probe.beyond,
                    items=one.items,
                    right=one.right,
                    proven=one.proven,
                    unfinished=one.unfinished,
                    tokens=one.tokens,
                )
            )
    return tuple(found)


def machine() -> str:
    """What computes here, without a name of its own."""
    model = platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{os.cpu_count()} cores of {model}, {device}, torch {torch.__version__}, Python {platform.python_version()}"


def _begun(cell: Cell, setting: Setting, place: Place) -> RunFolder:
    """The run of the cell, a new one or the one that was left."""
    note = place.note(cell.name, setting.seed)
    if note.exists() and (place.path / "runs" / note.read_text() / "run.json").exists():
        return RunFolder(place.path / "runs" / note.read_text())
    folder = new_run(place.path, cell.recipe(setting))
    _put(note, folder.path.name.encode())
    return folder


def _trained(folder: RunFolder) -> None:
    """Trains to the end. When this process is told to end, the one that trains does so too, with a checkpoint."""
    signal.signal(signal.SIGTERM, _end)
    while folder.process() is not None:  # of a study that was killed
        time.sleep(LOOK_SECONDS)
    if folder.state() == "done":
        return
    job = LocalExecutor(environment()).start(folder)
    try:
        code = job.wait()
    except BaseException:
        while job.running():  # one that still loads its libraries holds nothing yet, and hears it later
            stop_run(folder)
            time.sleep(LOOK_SECONDS)
        raise
    if code:
        raise TrainingError(said(folder.log.read_bytes()), f"Its log is {folder.log}.")
    if folder.state() != "done":
        raise TrainingError(f"The run {folder.path.name} was stopped.", "Call the study again: it goes on.")


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


def _of_levels(recipe: Recipe) -> tuple[Probe, ...]:
    return (Probe(CHAINS, recipe.mix[0].levels, True, 288),)


def _before(recipe: Recipe, probes: Iterable[Probe], items: int) -> tuple[Tried, ...]:
    if recipe.stage != "grpo":
        return ()
    model, tokenizer = load_model(Path(recipe.start) / "model")
    return tried(model, tokenizer, probes, items)


def _rewards(folder: RunFolder) -> tuple[float, float] | None:
    """The mean reward over the first and over the last tenth of the steps."""
    told = [one.reward for one in folder.lines() if isinstance(one, Rewarded)]
    tenth = max(1, len(told) // 10)
    return (sum(told[:tenth]) / tenth, sum(told[-tenth:]) / tenth) if told else None


def _operations(recipe: Recipe, weights: int, tokens: int, counted: float | None) -> float | None:
    """Operations of the student: as counted, else 6 a weight and token, and 2 more where it wrote the text itself."""
    if counted is not None:
        return counted
    own = recipe.stage == "grpo" or (recipe.teacher is not None and recipe.teacher.rung == "on-policy")
    return float((8 if own else 6) * weights * tokens)


def _written(recipe: Recipe) -> dict[str, Any]:
    """The recipe without what is of this machine."""
    table: dict[str, Any] = msgspec.to_builtins(recipe)
    table["start"] = _STAMP.sub("", Path(recipe.start).name) if recipe.start else ""
    if recipe.teacher is not None:
        table["teacher"]["run"] = "chains-steps"
    return table


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
