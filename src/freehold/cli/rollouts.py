"""The process that watches canaries and shadows: started by `freehold up`, not by people.

    python -m freehold.cli.rollouts --data DIR --settings FD [--log LEVEL]

It grades, counts and decides beside the door, and steps back behind it when the machine is busy. Its state is in the store,
so it may die at any moment; the supervisor starts it again. It is handed the settings in force, as the workers are.
"""

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from freehold.cli.rollouts_judges import JudgeDoor
from freehold.config.paths import environment
from freehold.config.settings import Judging, Settings
from freehold.errors import UnknownContents
from freehold.gateway.capture import is_sampled
from freehold.gateway.in_force import InForce
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_storage import open_contents
from freehold.ledger.sealing import RecordContents
from freehold.ledger.subjects import Subjects
from freehold.processes import watch_parent
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.folder import COUNTERS, make_private
from freehold.store.in_flight import Settled
from freehold.trials.canary import Rollouts
from freehold.trials.correcting import Correction
from freehold.trials.grading import Grading
from freehold.trials.judges import Judges
from freehold.trials.labelled_trials import LabelledTrials, Sought
from freehold.trials.shadow import ShadowTests

NICE = 5
ROUND_SECONDS = 0.5

log = logging.getLogger("freehold.rollouts")


def main() -> None:
    """Runs until it is told to stop, or its supervisor is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--settings", type=int, required=True, help="descriptor of the settings in force")
    parser.add_argument("--log", default="info")
    options = parser.parse_args()
    logging.basicConfig(
        stream=sys.stderr, level=options.log.upper(), format="%(asctime)s rollouts %(levelname)s %(message)s"
    )
    os.nice(NICE)
    asyncio.run(_run(options.data, InForce(options.settings).read))


class Current:
    """The settings in force, as they were read last."""

    def __init__(self, read: Callable[[], Settings]) -> None:
        self._read = read
        self.settings = read()

    def graders(self, workload: str) -> Sequence[Mapping[str, Any]]:
        """The graders of a workload, as the configuration has them."""
        job = self.settings.workloads.get(workload)
        return () if job is None else job.graders

    def captured(self, workload: str, conversation: str) -> bool:
        """Whether this conversation of a workload is captured."""
        job = self.settings.workloads.get(workload)
        capture = None if job is None else job.capture
        return capture is not None and is_sampled(conversation, workload, capture.share)

    def judging(self, workload: str) -> Judging | None:
        """How a workload is judged; None where graders that ask models take no part."""
        job = self.settings.workloads.get(workload)
        return None if job is None else job.judging

    def reload(self) -> None:
        """Reads them anew."""
        self.settings = self._read()


async def _run(data: Path, read: Callable[[], Settings]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    current = Current(read)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, current.reload)
    watch_parent(environment(), stop.set)
    async with contextlib.AsyncExitStack() as opened:
        lock = await _alone(data, stop)
        opened.callback(os.close, lock)
        db = opened.enter_context(contextlib.closing(open_database(data)))
        counters = opened.enter_context(contextlib.closing(Counters.open(data / COUNTERS, None)))
        counters.bump()  # what was decided before a death, and not told
        judges = _judges(data, current, counters, opened)
        grading = Grading(db, _reader(data, current.settings, opened), current.graders, current.captured, judges)
        rollouts = Rollouts(db, Settled(db, data), lambda: current.settings, grading, counters.bump)
        shadows = ShadowTests(db, lambda: current.settings, grading, _believed(data, current))
        await _rounds(lambda: rollouts.round() + shadows.round(), stop)


def _judges(data: Path, current: Current, counters: Counters, opened: contextlib.AsyncExitStack) -> Judges:
    """The judges of all workloads, asked through the running door."""
    db = opened.enter_context(contextlib.closing(open_database(data)))  # the rounds have theirs in another thread
    door = opened.enter_context(contextlib.closing(JudgeDoor(data, db, lambda: current.settings, counters.bump)))
    judges = Judges(door.ask, current.judging)
    opened.push_async_callback(judges.close)
    return judges


def _believed(data: Path, current: Current) -> Callable[[str, str, tuple[str, ...], float], Correction | None]:
    """How far the judges of a workload are believed, by the labels in this data folder."""
    trials = LabelledTrials(data)

    def believed(workload: str, candidate: str, incumbents: tuple[str, ...], alpha: float) -> Correction | None:
        return trials.correction(
            Sought(
                workload=workload,
                candidate=candidate,
                incumbents=incumbents,
                tables=tuple(current.graders(workload)),
                judged=current.judging(workload) is not None,
                alpha=alpha,
            )
        )

    return believed


def _reader(data: Path, settings: Settings, opened: contextlib.AsyncExitStack) -> Callable[[str], RecordContents]:
    """What reads sealed contents. Without a ledger there are none."""
    if not settings.ledger.enabled:
        return _nothing
    folder = LedgerFolder(data)
    subjects = opened.enter_context(contextlib.closing(Subjects(folder.subjects, folder.master_key)))
    return opened.enter_context(contextlib.closing(open_contents(folder, subjects, settings.ledger.storage))).read


def _nothing(sealed_id: str) -> RecordContents:
    raise UnknownContents(f"Nothing is kept under {sealed_id}: the ledger is off.")


async def _rounds(take: Callable[[], int], stop: asyncio.Event) -> None:
    """Rounds until `stop`. What fails is said once, and tried again."""
    failing = False
    while not stop.is_set():
        try:
            while await asyncio.to_thread(take) and not stop.is_set():
                pass
            failing = False
        except Exception:
            if not failing:
                log.exception("canaries cannot be watched; they keep their shares until they can")
            failing = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), ROUND_SECONDS)


async def _alone(data: Path, stop: asyncio.Event) -> int:
    """The lock of this process, once the one before it has let go."""
    fd = os.open(make_private(data / "run") / "rollouts.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while not stop.is_set():
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            await asyncio.sleep(0.05)
    return fd


if __name__ == "__main__":
    main()
