"""How far a journey is, and the configuration that its door has there: one file of JSON below `journey/` of the data folder, written after every fact.

    DATA/journey/state.json      which stages are done, what each found, what it left
                 freehold.toml   what the door runs on now, made from the setup below
                 journey.key     with which the journey signs what it answers for
                 journey.html    is one folder up: DATA/journey.html

It knows no door and no model. It exists so that a second call goes on where the first one stopped: what is noted is not asked again, and a trial,
a run of training or a canary that was begun is found by its id.
"""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.catalog.catalog import Catalog
from freehold.config.discovery import OWN
from freehold.errors import JourneyError
from freehold.ledger.word import make_key, read_key

FOLDER: Final = "journey"
PAGE: Final = "journey.html"
STATE: Final = "state.json"
CONFIG: Final = "freehold.toml"
KEY: Final = "journey.key"
BY: Final = "journey"
"""Who answers for what is served without a trial."""

WORKLOAD: Final = "refund-policy"
STAND_IN: Final = "own/smollm2-135m"
"""The incumbent of a journey that asks nobody outside, in place of a rented model."""
OWN_MODEL: Final = "refund"
ON_TRIAL: Final = "refund-trial"
SABOTAGED: Final = "refund-next"

RENTED: Final = "openai/gpt-5-mini"
"""What the stand-in stands for: it is billed at its list price, and its outputs are held to its vendor's terms."""

RENTED_USD: Final = 1
"""The hard budget of the workload for a day, in dollars."""


class Setup(Struct, frozen=True, kw_only=True):
    """What the door has of the workload: the model that its route names, the models of the registry that have a table, who listens in shadow."""

    route: str
    own: tuple[str, ...] = ()
    shadow: str = ""


class Stage(Struct, frozen=True, kw_only=True):
    """One stage: whether it is done, the seconds that it took over all calls, and what it found. `facts` are JSON."""

    done: bool = False
    seconds: float = 0.0
    facts: dict[str, Any] = {}


class Kept(Struct, frozen=True, kw_only=True):
    """The whole file. `began` is in Unix seconds."""

    incumbent: str
    began: float
    setup: Setup
    stages: dict[str, Stage] = {}


class State:
    """The state of one journey, on the disk after every change."""

    def __init__(self, data: Path, incumbent: str | None = None) -> None:
        """Opens the journey of a data folder, or begins one with this incumbent. Raises JourneyError when it cannot be read, or when it was begun
        with another one."""
        self.folder = data / FOLDER
        self.page = data / PAGE
        self._path = self.folder / STATE
        kept = _read(self._path)
        if kept is not None and incumbent not in (None, kept.incumbent):
            raise JourneyError(
                f"The journey in {data} was begun with {kept.incumbent}, not with {incumbent}.",
                "Go on without --incumbent, or begin another one with --data.",
            )
        first = incumbent or STAND_IN
        self.kept = kept or Kept(incumbent=first, began=time.time(), setup=Setup(route=first))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def config(self) -> Path:
        """The configuration that the door runs on."""
        return self.folder / CONFIG

    def done(self, stage: str) -> bool:
        """Whether a stage needs nothing any more."""
        return self.kept.stages.get(stage, Stage()).done

    def facts(self, stage: str) -> dict[str, Any]:
        """What a stage has found so far."""
        return dict(self.kept.stages.get(stage, Stage()).facts)

    def note(self, stage: str, **facts: Any) -> None:
        """Keeps facts of a stage."""
        before = self.kept.stages.get(stage, Stage())
        self._put(stage, replace(before, facts={**before.facts, **facts}))

    def spend(self, stage: str, seconds: float, *, done: bool) -> None:
        """Adds to the time of a stage, and says whether it is done now."""
        before = self.kept.stages.get(stage, Stage())
        self._put(stage, replace(before, done=done, seconds=before.seconds + seconds))

    def set_up(self, setup: Setup) -> None:
        """Writes the configuration of this setup, and keeps it for the next start."""
        self.kept = replace(self.kept, setup=setup)
        self._write()
        self.write_config()

    def write_config(self) -> None:
        """Writes the configuration of the setup in force."""
        path = self.folder / KEY
        key = read_key(path) if path.exists() else make_key(BY, path)
        _replace(self.config, configuration(self.kept.incumbent, self.kept.setup, str(key.verifier)).encode())

    def _put(self, name: str, stage: Stage) -> None:
        self.kept = replace(self.kept, stages={**self.kept.stages, name: stage})
        self._write()

    def _write(self) -> None:
        _replace(self._path, msgspec.json.format(msgspec.json.encode(self.kept), indent=1))


def begun(data: Path) -> bool:
    """Whether a journey was begun in this data folder."""
    return (data / FOLDER / STATE).exists()


def list_price(model: str) -> tuple[str, str]:
    """Dollars per million tokens, in and out, of a rented model: the catalog's price of today. Raises JourneyError when it knows none."""
    catalog = Catalog.load()
    row = catalog.find(*model.split("/", 1))
    price = None if row is None else catalog.price_at(row, datetime.now(UTC).date())
    if price is None:
        raise JourneyError(f"The catalog knows no price of {model}.", "Run `freehold catalog update`.")
    return _dollars(price.input), _dollars(price.output)


def configuration(incumbent: str, setup: Setup, key: str) -> str:
    """The door's configuration, as TOML; `key` is the verifier key of the journey. The incumbent's engine stays beside the own model: it is the failover's
    and the trial's."""
    vendor, _, name = incumbent.partition("/")
    tables = [_HEAD.format(incumbent=incumbent), f'[people.{BY}]\nkey = "{key}"\n']
    if vendor == OWN:
        tables.append(f'[own.{name}]\nweights = "{name}"\n')
        tables.append(_price(incumbent, *list_price(RENTED)))
    else:
        tables.append(f"[vendors.{vendor}]\n")
    for model in setup.own:
        tables.append(f'[own.{model}]\nweights = "registry"\nparallel = 4\nthreads = 1\n')
    tables += [_price(f"own/{model}", "0", "0") for model in setup.own]
    shadow = f'shadow = {{ model = "{setup.shadow}", share = 1.0 }}\n' if setup.shadow else ""
    tables.append(_WORKLOADS.format(workload=WORKLOAD, route=setup.route, usd=RENTED_USD, shadow=shadow))
    return "\n".join(tables)


_HEAD = """# Written by `freehold journey`, and anew at each of its stages; {incumbent} is the incumbent.
"""

_WORKLOADS = """[workloads.default]
route = ["requested"]

[workloads.{workload}]
route = ["{route}"]
budget = {{ usd = {usd}, per = "day", hard = true }}
capture = {{ share = 1.0, keep_days = 90 }}
contents = true
trace = true
graders = [{{ kind = "refund-policy" }}]
{shadow}"""


def _dollars(nano: int) -> str:
    return f"{Decimal(nano) / 10**9:f}"


def _price(model: str, asked: str, said: str) -> str:
    return f'[prices."{model}"]\ninput = {asked}\noutput = {said}\n'


def _read(path: Path) -> Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise JourneyError(f"{path} cannot be read: {error}.", "Move it away to begin anew.") from error


def _replace(path: Path, content: bytes) -> None:
    """The whole file or none of it, for nobody else to read."""
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    draft.replace(path)


def before_it(train: Mapping[str, Any]) -> str:
    """How many were right before the training, where its recipe looks then."""
    return "" if train.get("before") is None else f", {train['before']} before the training"
