"""Runs: one execution of a recipe each, a folder below `runs/` of the data folder. Made here, found here, and told whether they go on.

    runs/nano-20261126-103000-1a2b3c/
        recipe.json      the recipe, every value written out
        run.json         when it was made, by which code, digest of the recipe
        rows.jsonl       the rows of its dataset, as they were admitted; for its owner alone
        sealed.txt       digests of the texts that its tasks must not draw, as they are set apart for evaluation
        workload-1.json  the items of a workload that it learns from or looks at, with their grader; for its owner alone
        terms.toml       further terms that its rows are under
        ancestry.json    what it is made from, as its trainer found it
        drawn.bin        digests of the problems that its tasks drew to learn from (tasks/drawn.py)
        stop             asks the process that trains to end with a checkpoint
        lock             held while a process trains; holds its number
        lives.jsonl      when a process took it up, and how that ended (lives.py)
        home             the machine whose ledger is told of it by the process that trains
        log.txt          what that process said
        progress.jsonl   what it told (progress.py)
        checkpoint.pt    what it goes on from
        model/           the weights, when it is done
        adapter/         the adapters that were merged into them, as PEFT writes them

It knows files and no model, and tells the ledger of the data folder when a run begins and how it ends. A run goes on as long as somebody holds its lock, so a run whose process was killed is never taken for one that runs.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import platform
import sqlite3
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from freehold import __version__
from freehold.catalog.terms import Terms
from freehold.errors import ConfigError, FreeholdError, StoreError
from freehold.store.database import open_database
from freehold.training.dataset import Dataset, read_dataset, write_dataset
from freehold.training.lives import How, Life, read_lives, tell, write_life
from freehold.training.progress import Alarm, Ended, Line, Note, Scored, Step, read_progress
from freehold.training.provenance import Override
from freehold.training.recipe import APART, Recipe, placed, write_recipe
from freehold.training.tasks.drawn import DRAWN

State = Literal["running", "done", "stopped"]

ANCESTRY = "ancestry.json"
RUNS = "runs"

TRIES = 20
"""How often a lock is tried for: who looks whether a run goes on holds it for a moment too."""

log = logging.getLogger("freehold.training")


class Run(Struct, frozen=True, kw_only=True):
    """What does not change of a run. `recipe` is the SHA-256 of the recipe with every value written out, `asked` that of the recipe before items of a workload were
    named in it; `made_at` ISO 8601, UTC; `overrides` those
    of the ledger that its rows may rest on; `rows` the digest of the rows that it learns from, empty where tasks draw them, and `sealed` how many
    items they are held against; `apart` the SHA-256 of the file of what tasks must not draw, empty for none; `cleaned` a sentence on what was left out of
    the rows and replaced in them before."""

    id: str
    model: str
    stage: str
    made_at: str
    code: str
    recipe: str
    asked: str = ""
    overrides: tuple[Override, ...] = ()
    rows: str = ""
    sealed: int = 0
    apart: str = ""
    cleaned: str = ""


Kind = TypeVar("Kind", Run, Recipe)


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def progress(self) -> Path:
        return self.path / "progress.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def weights(self) -> Path:
        return self.path / "model"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    def run(self) -> Run:
        """Raises ConfigError for a folder that is no run."""
        return _read(self.path / "run.json", Run)

    def recipe(self) -> Recipe:
        """Raises ConfigError for a folder that is no run."""
        return placed(_read(self.path / "recipe.json", Recipe), self.path, self.run().apart)

    @property
    def rows(self) -> Path:
        return self.path / "rows.jsonl"

    @property
    def stop(self) -> Path:
        return self.path / "stop"

    def dataset(self) -> Dataset | None:
        """The rows that the run learns from, as they were admitted; None where tasks draw them. Raises ConfigError where they are gone or others."""
        wanted = self.run().rows
        if not wanted:
            if self.recipe().data:
                raise ConfigError(
                    f"The run {self.path.name} keeps no rows, and its recipe names {self.recipe().data}.",
                    "Begin it with `freehold train run`, which admits them.",
                )
            return None
        found = read_dataset(self.rows) if self.rows.is_file() else Dataset(())
        if found.digest != wanted:
            raise ConfigError(
                f"{self.rows} does not hold the rows that were admitted.", "Begin a new run with `freehold train run`."
            )
        return found

    def drawn(self) -> bytes | None:
        """What tasks drew for it, empty where they draw nothing to learn from; None for a run of before that was kept. Raises ConfigError for a file that is
        not the one that the run ended with."""
        recipe = self.recipe()
        if not recipe.mix or (recipe.stage == "sft" and recipe.data):
            return b""  # what it looks at alone
        ends = [life.drawn for life in self.lives if life.drawn]
        if not ends:
            return None
        path = self.path / DRAWN
        if not path.is_file() or _hash(path) != ends[-1]:
            raise ConfigError(f"{path} does not hold what was drawn.", "Bring it back from where the run was made.")
        return path.read_bytes()

    def terms(self) -> Terms:
        """The terms that ship with Freehold, and those that the run was begun with."""
        more = self.path / "terms.toml"
        return Terms.load(*([more.read_bytes()] if more.is_file() else []))

    def lines(self) -> list[Line]:
        """What the run has told."""
        return read_progress(self.progress)

    def process(self) -> int | None:
        """The number of the process that trains now; None when none does."""
        try:
            file = (self.path / "lock").open("rb")
        except FileNotFoundError:
            return None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or b"0") or None
        return None

    def state(self) -> State:
        """Whether it runs, is done, or stopped on the way and can go on."""
        if self.process() is not None:
            return "running"
        ends = [line for line in self.lines() if isinstance(line, Ended)]
        return "done" if ends and ends[-1].done else "stopped"

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Holds the run while this process trains. Raises ConfigError when another does."""
        with (self.path / "lock").open("a+b") as file:
            for _ in range(TRIES):
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                time.sleep(0.05)
            else:
                raise ConfigError(
                    f"The run {self.path.name} goes on in another process.", "Watch it: `freehold train show`."
                )
            self.stop.unlink(missing_ok=True)
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            file.flush()
            with self._life():
                yield

    def settle_here(self) -> None:
        """Says that the data folder's ledger is on this machine, so the process that trains tells it by itself when it is here too. On another one it
        cannot: a database over the network is not safe to write."""
        (self.path / "home").write_text(platform.node())

    @contextmanager
    def _life(self) -> Generator[None, None, None]:
        """One life, noted when it begins and when it ends, however it ends; what must be told of it is, at once where this is its home."""
        life = Life(number=len(read_lives(self._lives)) + 1, begun_at=_now())
        write_life(self._lives, life)
        self._tell_at_home()
        try:
            yield
        except BaseException as error:
            why = error.code if isinstance(error, FreeholdError) else type(error).__name__
            write_life(self._lives, self._over(life, "failed", why))
            raise
        else:
            ends = [line for line in self.lines() if isinstance(line, Ended)]
            done, why = (ends[-1].done, ends[-1].why) if ends else (False, "")
            write_life(self._lives, self._over(life, "done" if done else "stopped", why))
        finally:
            self._tell_at_home()

    def _over(self, life: Life, how: How, why: str) -> Life:
        told = [line for line in self.lines() if isinstance(line, Step | Ended)]
        written = sorted(self.weights.glob("*.safetensors")) if how == "done" else []
        ancestry, drawn = self.path / ANCESTRY, self.path / DRAWN
        return msgspec.structs.replace(
            life,
            ended_at=_now(),
            how=how,
            why=why,
            step=told[-1].step if told else 0,
            tokens=told[-1].tokens if told else 0,
            weights={path.name: _hash(path) for path in written},
            ancestry=_hash(ancestry) if ancestry.is_file() else "",
            drawn=_hash(drawn) if drawn.is_file() else "",
        )

    def _tell_at_home(self) -> None:
        home = self.path / "home"
        with contextlib.suppress(FileNotFoundError):
            if home.read_text() == platform.node():
                tell_if_possible(self, alive=True)

    @property
    def _lives(self) -> Path:
        return self.path / "lives.jsonl"

    @property
    def lives(self) -> list[Life]:
        """Each time that a process took the run up, and how that ended."""
        return read_lives(self._lives)


class Standing(Struct, frozen=True, kw_only=True):
    """Where a run stands: its last step and the newest score of each level, as `train list` and `train show` tell them."""

    state: State
    step: Step | None
    scores: tuple[Scored, ...]
    alarms: tuple[Alarm, ...]
    notes: tuple[Note, ...]
    ended: Ended | None

    @property
    def ended_by(self) -> Alarm | None:
        """The alarm that ended the run, where one did."""
        return next((one for one in self.alarms if self.ended is not None and one.sentence == self.ended.why), None)

    @property
    def accuracy(self) -> float | None:
        """The share of right answers over the newest scores, with steps where there are any."""
        shown = [one for one in self.scores if one.thinking] or list(self.scores)
        items = sum(one.items for one in shown)
        return sum(one.right for one in shown) / items if items else None


def new_run(
    data: Path,
    recipe: Recipe,
    now: datetime | None = None,
    overrides: tuple[Override, ...] = (),
    *,
    rows: Dataset | None = None,
    sealed: int = 0,
    terms: bytes = b"",
    private: Mapping[str, bytes] | None = None,
    asked: Recipe | None = None,
    cleaned: str = "",
) -> RunFolder:
    """A new run of a recipe in the data folder. `rows` are those of its dataset, held against `sealed` items; `terms` a file of further terms; `private`
    further files of its folder by name, for its owner alone; `asked` the recipe before items were named in it, `cleaned` what its rows were cleaned of."""
    files, made_at = private or {}, now or datetime.now(UTC)
    written = write_recipe(recipe)
    name = recipe.model.partition("/")[2]
    base = (
        f"{name}-{made_at:%Y%m%d-%H%M%S}-{hashlib.sha256(written + str(made_at.timestamp()).encode()).hexdigest()[:6]}"
    )
    path = data / RUNS / base
    path.mkdir(parents=True)
    run = Run(
        id=base,
        model=recipe.model,
        stage=recipe.stage,
        made_at=made_at.isoformat(timespec="seconds"),
        code=__version__,
        recipe=hashlib.sha256(written).hexdigest(),
        asked=hashlib.sha256(written if asked is None else write_recipe(asked)).hexdigest(),
        overrides=overrides,
        rows=rows.digest if rows is not None else "",
        sealed=sealed,
        apart=hashlib.sha256(files[APART]).hexdigest() if APART in files else "",
        cleaned=cleaned,
    )
    if rows is not None:
        write_dataset(rows, path / "rows.jsonl")
    for name, content in files.items():
        (path / name).touch(0o600)
        (path / name).write_bytes(content)
    if terms:
        (path / "terms.toml").write_bytes(terms)
    (path / "recipe.json").write_bytes(written)
    (path / "run.json").write_bytes(msgspec.json.encode(run))
    return RunFolder(path)


def tell_ledger(folder: RunFolder, *, alive: bool | None = None) -> int:
    """Has the ledger of the run's data folder told when the run was taken up and how that ended, as far as it does not know; says of how much.

    Whoever looks at a run calls it, any number of times. Raises StoreError, ConfigError."""
    lives = folder.lives  # before the question who holds it: who begins in between is not taken for dead
    if not lives or folder.path.absolute().parent.name != RUNS:
        return 0
    going = folder.process() is not None if alive is None else alive
    run = folder.run()
    about = {"model": run.model, "stage": run.stage, "recipe": run.recipe, "code": run.code}
    about |= {name: value for name, value in (("rows", run.rows), ("sealed", run.sealed)) if value}
    try:
        with contextlib.closing(open_database(folder.path.absolute().parent.parent)) as db:
            return tell(db, run.id, lives, about, alive=going, now=_now())
    except sqlite3.Error as error:
        raise StoreError(
            f"What became of {run.id} cannot be noted: {error}.", "Free some space on the disk."
        ) from error


def tell_if_possible(folder: RunFolder, *, alive: bool | None = None) -> None:
    """`tell_ledger`, where that can be; a ledger that cannot be told now is told by whoever looks next, and neither a training nor a look fails of it."""
    try:
        tell_ledger(folder, alive=alive)
    except (OSError, FreeholdError) as error:
        log.warning("the ledger could not be told of the run %s: %s", folder.path.name, error)


def tell_of_all(data: Path) -> None:
    """`tell_if_possible` for every run of a data folder."""
    for place in sorted((data / RUNS).glob("*/lives.jsonl")):
        tell_if_possible(RunFolder(place.parent))


def list_runs(data: Path) -> list[RunFolder]:
    """All runs of a data folder, the oldest first."""
    found = [RunFolder(path.parent) for path in (data / RUNS).glob("*/run.json")]
    return sorted(found, key=lambda one: one.run().made_at)


def find_run(data: Path, name: str | None) -> RunFolder:
    """The run whose id begins with `name`; the newest without one. Raises ConfigError where there is none, or more than one."""
    every = list_runs(data)
    runs = [one for one in every if name is None or one.path.name.startswith(name)]
    if not runs:
        raise ConfigError(
            "There are no runs." if name is None else f"There is no run {name}.",
            "List them: `freehold train list`." if every else "Begin one: `freehold train run RECIPE`.",
        )
    if name is not None and len(runs) > 1 and not any(one.path.name == name for one in runs):
        raise ConfigError(
            f"{len(runs)} runs begin with {name}.", f"Say more: {', '.join(one.path.name for one in runs)}."
        )
    return next((one for one in runs if one.path.name == name), runs[-1])


def stop_run(folder: RunFolder) -> bool:
    """Asks the process that trains, here or on another machine, to end with a checkpoint; False when none does."""
    if folder.process() is None:
        return False
    folder.stop.touch()
    return True


def standing(folder: RunFolder) -> Standing:
    """Where a run stands now."""
    lines = folder.lines()
    scores = {(one.task, one.level, one.thinking): one for one in lines if isinstance(one, Scored)}
    steps = [one for one in lines if isinstance(one, Step)]
    ends = [one for one in lines if isinstance(one, Ended)]
    return Standing(
        state=folder.state(),
        step=steps[-1] if steps else None,
        scores=tuple(scores[key] for key in sorted(scores)),
        alarms=tuple(one for one in lines if isinstance(one, Alarm)),
        notes=tuple(one for one in lines if isinstance(one, Note)),
        ended=ends[-1] if ends else None,
    )


def _now() -> int:
    return int(time.time() * 1000)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path.parent} is no run: {error}.", "List the runs: `freehold train list`.") from error
