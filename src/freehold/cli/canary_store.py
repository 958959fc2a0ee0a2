"""What the commands of `freehold canary` have in common: the store opened for a change that every worker hears of, the running
canary of a workload, and how one is told."""

import contextlib
import sqlite3
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from freehold.config.paths import data_dir, environment, user_name
from freehold.errors import InvalidField
from freehold.store.canaries import UNFINISHED, Canary, Phase, change_canary, last_canary
from freehold.store.counters import Counters
from freehold.store.database import open_database, transaction
from freehold.store.folder import COUNTERS


@contextlib.contextmanager
def changing(data: Path | None) -> Generator[sqlite3.Connection]:
    """The store, for a change; afterwards every worker is told that canaries may have changed."""
    folder = data_dir(data, environment())
    with contextlib.closing(open_database(folder)) as db:
        yield db
    if (folder / COUNTERS).exists():
        with contextlib.closing(Counters.open(folder / COUNTERS, None)) as counters:
            counters.bump()


def change(
    data: Path | None, workload: str, kind: str, phase: Phase, *, allowed: tuple[Phase, ...], why: str
) -> Canary:
    """Has a person put the newest canary of a workload into another phase. Raises NotFound, and InvalidField when it is in none
    of those `allowed`."""
    with changing(data) as db, transaction(db):
        canary = last_canary(db, workload)
        if canary.phase not in allowed:
            raise InvalidField(
                f"The canary {canary.id} of {workload} is {said(canary.phase)}, and cannot be {kind} any more."
                if canary.phase not in UNFINISHED
                else f"The canary {canary.id} of {workload} is {said(canary.phase)} already.",
                f"`freehold canary status {workload}` shows it.",
                param="workload",
            )
        return change_canary(db, canary, kind, {"by": user_name(environment())}, phase=phase, reason=why)


def print_changed(canary: Canary, sentence: str, *, json: bool) -> None:
    """A changed canary, as JSON or as a sentence."""
    print(msgspec.json.encode(plain(canary)).decode() if json else sentence)


def plain(canary: Canary) -> dict[str, Any]:
    """A canary as data for machines, without its salt: who has that can choose an arm."""
    told = msgspec.to_builtins(replace(canary, salt=""))
    del told["salt"]
    return {**told, "share_ppm": canary.share_ppm}


def said_of_judges(judged: Mapping[str, Any]) -> str:
    """How far the judges are believed, in words, from what an entry says of it (`trials/correcting.py`)."""
    who = ", ".join(judged["judges"]) or "models"
    if judged["method"] == "none":
        return f"by {who}, and how they err is not known"
    if judged["method"] == "people":
        points = judged["allowance_ppm"] / 10_000
        return (
            f"by {who}: on {judged['labels']} replies that people scored too ({judged['trial']}) the candidate is favoured by "
            f"{points:.1f} points at most, which are taken off the margin"
        )
    q1, q0, factor, favour = (judged[f"{name}_ppm"] / 10_000 for name in ("q1", "q0", "factor", "favour"))
    return (
        f"by {who}, which took {q1:.0f} % of {judged['good']} good replies for good and {q0:.0f} % of {judged['bad']} bad ones for bad "
        f"({judged['trial']}), so {factor:.0f} % of the margin are tested. It is taken to err alike on both models' replies; a favour of "
        f"up to {favour:.1f} points these labels would not show"
    )


def said(phase: Phase) -> str:
    """A phase in words."""
    return phase.replace("_", " ")
