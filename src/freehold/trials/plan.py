"""The plan of a trial: everything that is fixed before the first call, in one file that people can read and nobody can change.

    DATA/trials/ID/plan.json      this file; its SHA-256 is what the ledger holds
                   samples.log    what was asked, one line a sample (`samples.py`)
                   results.json   scores and verdict, without contents (`results.py`)
                   key            the key that the trial asks with, until it has ended

The bytes are the plan: they are hashed as they stand, and read back only to be used. Items stand in it by id and by a keyed
hash, so that a changed item is noticed and a short text cannot be found by guessing from the plan alone.
"""

import hashlib
import re
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from freehold.errors import NotFound, TrialError
from freehold.items import Item
from freehold.ledger.folder import flush_folder, write_private
from freehold.store.folder import make_private, write_once

TRIALS: Final = "trials"
PLAN: Final = "plan.json"
FORMAT: Final = 1
HASH_BYTES: Final = 16

ArmName = Literal["candidate", "incumbent"]
ARMS: Final[tuple[ArmName, ...]] = ("candidate", "incumbent")

_ID = re.compile(r"trial_[0-9a-z_]{1,60}")


class Arm(Struct, frozen=True, kw_only=True):
    """One of the two models. `weights` is the SHA-256 of an own model's weights, None where nobody outside the vendor knows;
    rates are nano-dollars per million tokens, None where no price is known; `most_output` is the longest answer it gives."""

    model: str
    weights: str | None = None
    input_rate: int | None = None
    output_rate: int | None = None
    most_output: int | None = None

    @property
    def identity(self) -> str:
        """What a cached reply is a reply of: the weights where they are known, else the name."""
        return f"{self.model}@{self.weights}" if self.weights else self.model


class PlannedGrader(Struct, frozen=True, kw_only=True):
    """One grader, pinned: its table as the configuration has it, and what its code said of itself."""

    name: str
    version: str
    table: dict[str, Any]
    binary: bool = False
    judge: bool = False
    pairwise: bool = False


class Sampling(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the models are asked. What is None stays as each item has it."""

    samples: int = 1
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    reuse: bool = False
    """Whether the incumbent's captured reply counts as its answer where it was asked in the same way."""
    fresh: bool = False
    """Whether replies that earlier trials paid for are left alone, and everything is asked anew."""

    def parameters(self) -> dict[str, float | int]:
        """Those that replace an item's own."""
        named = {"temperature": self.temperature, "top_p": self.top_p, "max_tokens": self.max_tokens, "seed": self.seed}
        return {name: value for name, value in named.items() if value is not None}


class Gates(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must hold besides quality. `p95` and `cost` are the largest ratios of candidate to incumbent; `graders` are
    further graders by name, each with the margin by which the candidate may be worse."""

    p95: float | None = None
    cost: float | None = None
    graders: dict[str, float] = {}


class Segments(Struct, frozen=True, kw_only=True):
    """Where the candidate must be no worse either. A segment is one value of a path such as `metadata.language`; those with
    fewer than `least` items are shown and not judged. Each is held to its own `margin` at the plan's alpha."""

    paths: tuple[str, ...] = ()
    margin: float = 0.06
    least: int = 20


class PlannedItem(Struct, frozen=True, array_like=True):
    """One item: id, keyed hash of what is asked and graded, its cluster, and its segments as `path=value`."""

    id: str
    hash: str
    cluster: str
    segments: tuple[str, ...] = ()


class Chance(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The chance that an equal candidate passes one gate with the `items` that it is asked about; None where nothing is known of it,
    and `reason` says why, or why it is none."""

    name: str
    items: int
    chance: float | None
    reason: str = ""


class Expectation(Struct, frozen=True, kw_only=True):
    """What was expected when the plan was made: the share of items on which the two differ, where that comes from, how many
    items it takes until all gates are passed with the plan's power (None: no number does), the chance of that with those there are
    (None, and no number either: labels that are not there yet decide), and the cost in nano-dollars (None: a price is unknown), judges included, which are in `judges_nano` by themselves.
    `needed_nano` is the cost with the items needed."""

    discordance: float
    source: str
    needed: int | None
    power: float | None
    cost_nano: int | None
    chances: tuple[Chance, ...] = ()
    judges_nano: int | None = 0
    needed_nano: int | None = None

    @property
    def told(self) -> str:
        """Items needed and power, in words."""
        if self.power is None:
            return "unknown, since people's labels decide"
        needed = "no number of items enough" if self.needed is None else f"{self.needed:,} items needed"
        return f"{needed}, power {self.power:.0%} with those there are"


class Plan(Struct, frozen=True, kw_only=True):
    """A trial, before it begins. `source` is `store`, or the absolute path of a file with its SHA-256 in `source_sha256`."""

    format: int = FORMAT
    id: str
    workload: str
    made_at: int
    code: str
    question: str
    margin: float
    alpha: float
    power: float
    candidate: Arm
    incumbent: Arm
    graders: tuple[PlannedGrader, ...]
    judges: tuple[Arm, ...] = ()
    gates: Gates
    segments: Segments
    sampling: Sampling
    seed: int
    most_unscored: float
    source: str
    source_sha256: str | None
    expectation: Expectation
    items: tuple[PlannedItem, ...]

    def arm(self, name: ArmName) -> Arm:
        """The candidate or the incumbent."""
        return self.candidate if name == "candidate" else self.incumbent


def encode(plan: Plan) -> bytes:
    """The plan as its file: indented JSON, one line for each item."""
    fields = msgspec.to_builtins(plan)
    items = fields.pop("items")
    head = msgspec.json.format(msgspec.json.encode(fields), indent=2).removesuffix(b"\n}")
    lines = b",\n".join(b"    " + msgspec.json.encode(item) for item in items)
    return head + b',\n  "items": [\n' + lines + b"\n  ]\n}\n"


def decode(content: bytes, where: str) -> Plan:
    """The plan in a file's bytes. Raises TrialError, with `where` it was read."""
    try:
        plan = msgspec.json.decode(content, type=Plan)
    except msgspec.MsgspecError as error:
        raise TrialError(f"{where} is no plan of a trial: {error}.", "Make one with `freehold trial plan`.") from None
    if plan.format != FORMAT:
        raise TrialError(f"{where} has format {plan.format}; this Freehold reads {FORMAT}.", "Plan the trial anew.")
    return plan


def digest(content: bytes) -> str:
    """What the ledger holds of a plan or of results: SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def item_hash(item: Item, secret: bytes) -> str:
    """A keyed hash (BLAKE2b) of what an item asks and what it is graded by: input, reference and metadata."""
    return keyed_hash([item.input, item.reference, item.metadata], secret)


def keyed_hash(value: object, secret: bytes) -> str:
    """32 hexadecimal digits for any JSON value; `secret` has at most 64 bytes. Equal values give equal hashes."""
    content = msgspec.json.encode(value, order="deterministic")
    return hashlib.blake2b(content, key=secret, digest_size=HASH_BYTES).hexdigest()


class TrialFolder:
    """Where one trial's files stand below the data folder."""

    def __init__(self, data: Path, trial_id: str) -> None:
        """Raises NotFound for what is no trial's id."""
        if not _ID.fullmatch(trial_id):
            raise NotFound(f"{trial_id[:80]!r} is no trial's id.", "`freehold trial list` shows them.")
        self.path = data / TRIALS / trial_id
        self.plan = self.path / PLAN
        self.samples = self.path / "samples.log"
        self.results = self.path / "results.json"
        self.key = self.path / "key"
        self.lock = self.path / "run.lock"

    def read_plan(self) -> tuple[Plan, str]:
        """The plan and its digest. Raises NotFound, TrialError."""
        try:
            content = self.plan.read_bytes()
        except FileNotFoundError:
            raise NotFound(
                f"There is no trial {self.path.name}.", "`freehold trial list` shows those there are."
            ) from None
        return decode(content, str(self.plan)), digest(content)

    def write_plan(self, plan: Plan) -> str:
        """Writes a new plan, which nothing overwrites; gives its digest."""
        content = encode(plan)
        make_private(self.path.parent)
        make_private(self.path)
        if write_once(self.plan, content) != content:
            raise TrialError(f"There is a plan {self.plan} already.", "Make the trial under another id.")
        return digest(content)

    def write_results(self, content: bytes) -> None:
        """Puts results in the place of earlier ones, whole or not at all."""
        draft = self.path / f".{self.results.name}"
        draft.unlink(missing_ok=True)
        write_private(draft, content)
        draft.replace(self.results)
        flush_folder(self.path)


def list_trials(data: Path) -> list[str]:
    """The ids of all trials of a data folder, oldest first by name."""
    folder = data / TRIALS
    return sorted(path.parent.name for path in folder.glob(f"trial_*/{PLAN}")) if folder.exists() else []
