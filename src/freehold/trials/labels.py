"""What people said of a trial's own replies: one line for each item in `labels.log`, without a word of any content.

It knows no text. It exists because a judge is believed as far as people agree with it, about the replies of each model: the
candidate's too, which nobody could have captured. Items are labelled in an order that is drawn from the plan's seed, cluster by
cluster, and only those count that come before the first without a label. So nobody chooses which items people see, and what
they say of some holds for all (`ppi_error`).
"""

import hashlib
import os
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from freehold.errors import TrialError
from freehold.trials.plan import ArmName, Plan
from freehold.trials.results import Row

LABELS: Final = "labels.log"

Better = Literal["candidate", "incumbent", "neither"]
_PREFERENCE: Final[Mapping[Better, float]] = {"candidate": 1.0, "neither": 0.0, "incumbent": -1.0}


class Said(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one person said of one item: a score from 0 to 1 of each model's first reply, and which of them is better. All may be
    missing, where the person could not tell. `at` is in Unix milliseconds."""

    item: str
    at: int
    by: str = ""
    candidate: float | None = None
    incumbent: float | None = None
    better: Better | None = None

    def score(self, arm: ArmName) -> float | None:
        """The score of one model's reply."""
        return self.candidate if arm == "candidate" else self.incumbent


def read_labels(folder: Path) -> tuple[dict[str, Said], str]:
    """The newest label of each item in a trial's folder, and the SHA-256 of the file's lines, empty where there is no file. A line
    that a death tore is left out of both. Raises TrialError."""
    path = folder / LABELS
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}, ""
    decode = msgspec.json.Decoder(Said).decode
    whole = content[: content.rfind(b"\n") + 1]
    try:
        said = {one.item: one for one in map(decode, whole.splitlines())}
    except msgspec.MsgspecError as error:
        raise TrialError(f"A line of {path} cannot be read: {error}.", "Restore it from a backup.") from None
    return said, hashlib.sha256(whole).hexdigest() if whole else ""


def keep_label(folder: Path, said: Said) -> None:
    """Adds a label and puts it on the disk. Raises TrialError."""
    path = folder / LABELS
    try:
        with path.open("r+b" if path.exists() else "w+b") as file:
            content = file.read()
            file.seek(content.rfind(b"\n") + 1)
            file.write(msgspec.json.encode(said) + b"\n")
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        path.chmod(0o600)
    except OSError as error:
        raise TrialError(
            f"{path} cannot be written: {error.strerror}.", "Free some space; then label it again."
        ) from error


def drawn(plan: Plan, rows: Iterable[Row]) -> list[str]:
    """The items on which both models answered, in the order in which they are labelled."""
    open_still = {row.item for row in rows if row.candidate.keys and row.incumbent.keys}
    clusters: dict[str, list[str]] = {}
    for item in sorted(plan.items, key=lambda one: one.id):
        if item.id in open_still:
            clusters.setdefault(item.cluster, []).append(item.id)
    order = sorted(clusters)
    random.Random(f"{plan.seed} labels").shuffle(order)  # noqa: S311 (an order, drawn before anything is known)
    return [item for cluster in order for item in clusters[cluster]]


def counting(order: Sequence[str], said: Mapping[str, Said]) -> list[Said]:
    """The labels that count: those of the drawn items up to the first that has none."""
    first = next((place for place, item in enumerate(order) if item not in said), len(order))
    return [said[item] for item in order[:first]]


def a_is(plan: Plan, item: str) -> ArmName:
    """Which model's reply is shown as A, drawn for each item, so that who labels does not know whose it is."""
    return random.Random(f"{plan.seed} {item}").choice(("candidate", "incumbent"))  # noqa: S311 (a draw for blinding)


def preferences(said: Iterable[Said]) -> dict[str, float]:
    """By item: 1 where the candidate's reply is better, -1 where the incumbent's is, 0 where neither is."""
    return {one.item: _PREFERENCE[one.better] for one in said if one.better is not None}


def differences(said: Iterable[Said]) -> dict[str, float]:
    """By item: the candidate's score minus the incumbent's, where both have one."""
    return {
        one.item: one.candidate - one.incumbent
        for one in said
        if one.candidate is not None and one.incumbent is not None
    }
