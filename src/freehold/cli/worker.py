"""One worker process of the door: started by `freehold up`, not by people.

    python -m freehold.cli.worker --data DIR --number N --fd FD --ready FD --settings FD

It is its own module so that a worker loads no command-line library. It does not read freehold.toml: the house hands it the
settings in force (`gateway/in_force.py`).
"""

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import uvloop

from freehold.cli.promoted import read_serving
from freehold.config.paths import environment
from freehold.gateway.in_force import InForce
from freehold.gateway.unkept import Unkept
from freehold.gateway.worker import Worker
from freehold.processes import watch_parent


def main() -> None:
    """Runs one worker until it is told to stop, or its supervisor is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--ready", type=int, required=True, help="descriptor to say that it takes requests")
    parser.add_argument("--settings", type=int, required=True, help="descriptor of the settings in force")
    parser.add_argument("--log", default="info")
    options = parser.parse_args()
    logging.basicConfig(
        stream=sys.stderr,
        level=options.log.upper(),
        format=f"%(asctime)s worker-{options.number} %(levelname)s %(message)s",
    )
    logging.getLogger("freehold.lifecycle").addFilter(Unkept())
    uvloop.run(_run(options))


async def _run(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    environ = environment()
    stop = asyncio.Event()
    worker = Worker(
        InForce(options.settings).read,
        options.data,
        options.number,
        read_serving(options.data).models,
        read_engines=lambda: read_serving(options.data).models,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, worker.reload)
    watch_parent(environ, stop.set)
    await worker.serve(socket.socket(fileno=options.fd))
    # What is here now stays: the catalog and the code need no collector to look through them again and again (3 % of the
    # time at full load), and what a request leaves behind is freed by its reference counts.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    os.write(options.ready, b"%d\n" % options.number)
    await stop.wait()
    await worker.drain()


if __name__ == "__main__":
    main()
