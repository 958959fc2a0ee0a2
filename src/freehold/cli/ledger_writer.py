"""The process that writes the ledger: started by `freehold up`, not by people.

    FREEHOLD_LEDGER=JSON python -m freehold.cli.ledger_writer --data DIR [--log LEVEL]

Its settings, [ledger] as JSON, come in the environment, since they may hold secrets. It steps back behind the workers: an entry may wait, an answer should not.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from pathlib import Path

import msgspec

from freehold.config.paths import environment
from freehold.config.settings import Ledger
from freehold.gateway.ledger_writer import LEDGER, LedgerWriter
from freehold.processes import watch_parent

NICE = 5
"""Where the kernel knows no batches."""


def main() -> None:
    """Runs until it is told to stop, or its supervisor is gone; then everything journaled is in the ledger."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", default="info")
    options = parser.parse_args()
    logging.basicConfig(
        stream=sys.stderr, level=options.log.upper(), format="%(asctime)s ledger %(levelname)s %(message)s"
    )
    _step_back()
    settings = msgspec.json.decode(environment()[LEDGER], type=Ledger)
    with contextlib.closing(LedgerWriter(options.data, settings)) as writer:
        gc.freeze()  # as in the workers: what is here now stays, and what a round leaves behind is freed by its reference counts
        gc.set_threshold(20_000, 20, 20)
        asyncio.run(_run(writer))


def _step_back() -> None:
    """Lets workers finish their turns before a round begins. A round as a batch (Linux, sched(7)) takes as much of a busy core as one at
    a lower priority, but in fewer turns, each of which would leave the worker there a cold cache."""
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except (AttributeError, OSError):
        os.nice(NICE)


async def _run(writer: LedgerWriter) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_parent(environment(), stop.set)
    await writer.run(stop)


if __name__ == "__main__":
    main()
