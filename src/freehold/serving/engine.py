"""One engine: llama.cpp's server, as a child process that serves one own model on the loopback address.

    python -m freehold.serving.engine --weights PATH --model NAME --port N --prefix PATH \\
        --context N --parallel N --threads N [--adapter PATH ...]

It answers below http://127.0.0.1:PORT/PREFIX: `/v1/chat/completions`, `/v1/embeddings`, `/health` and llama.cpp's other
paths. It knows nothing of the door, of callers or of budgets. It exists as a process of its own because the server is native
code: when that crashes, a child is started again and the door stays up. An adapter changes what it says only in requests that ask for it
(`"lora": [{"id": N, "scale": 1.0}]`, N counting from 0 in the order of the command line). It ends on SIGTERM, and when whoever started it
is gone (`processes.watch_parent`).
"""

import argparse
import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.config.paths import environment
from freehold.processes import watch_parent

BATCH = 512
"""Tokens computed in one step. An input to embeddings must fit into one; twice as many cost 400 MB more with a vocabulary
of 49,152, since each token of an input gets its logits (measured: 0.93 GB at 512, 1.32 GB at 1,024)."""

KEPT_PROMPTS_MIB = 256
"""Memory for prompts of earlier requests, so that a conversation is not read again from its start."""

SPARE_HTTP_THREADS = 248
"""A request holds one of the server's HTTP threads until it is answered, also while it waits for its turn. Beyond
`parallel` this many may wait and `/health` is still answered; each costs no more than its stack."""

ERRORS_ONLY = 1
MEAN_POOLING = 1
CANNOT_SERVE = 1

log = logging.getLogger("freehold.engine")


class Options(Struct, frozen=True, kw_only=True):
    """What to serve: `context` tokens for each of `parallel` callers, on `threads` CPU threads. `adapters` are LoRA adapters of the weights."""

    weights: Path
    model: str
    prefix: str
    port: int
    context: int
    parallel: int
    threads: int
    adapters: tuple[Path, ...] = ()


def options_from(arguments: Sequence[str]) -> Options:
    """The command line as `Options`. Ends the process with a usage message when it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m freehold.serving.engine", description="Serve one own model.")
    parser.add_argument("--weights", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--model", required=True, help="the name it answers under")
    parser.add_argument("--prefix", default="", help="what every path begins with; no slash at either end")
    for name, what in (
        ("port", "loopback port to listen on"),
        ("context", "tokens for each caller"),
        ("parallel", "callers served at once"),
        ("threads", "CPU threads"),
    ):
        parser.add_argument(f"--{name}", type=int, required=True, help=what)
    parser.add_argument("--adapter", type=Path, action="append", default=[], help="a LoRA adapter, as GGUF")
    given = vars(parser.parse_args(arguments))
    adapters = tuple(given.pop("adapter"))
    return Options(**given, adapters=adapters)


def serve(options: Options, environ: Mapping[str, str]) -> int:
    """Serves until SIGTERM or the end of the parent, and then ends the process; gives the exit code when it cannot serve."""
    try:
        xllamacpp: Any = importlib.import_module("xllamacpp")
        # It serves for as long as it has a name. The signals keep their default action until here, so a stop while the weights are read
        # is obeyed at once.
        _server = xllamacpp.Server(parameters(xllamacpp, options))
    except (ImportError, RuntimeError) as error:
        log.error("engine %s cannot serve %s: %s", options.model, options.weights, error)
        return CANNOT_SERVE
    asyncio.run(_until_told(environ))
    # There is nothing to save, and the native server, when it is asked to end before its loop has begun, may wait for ever.
    logging.shutdown()
    os._exit(0)


def parameters(xllamacpp: Any, options: Options) -> Any:
    """llama.cpp's `CommonParams`, filled. Each caller gets the whole of `options.context`."""
    params = xllamacpp.CommonParams()
    params.model.path = str(options.weights)
    params.model_alias = {options.model}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    # llama.cpp divides its context evenly between the callers.
    params.n_ctx = options.context * options.parallel
    params.n_parallel = options.parallel
    params.kv_unified = False
    params.cont_batching = True
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.n_threads_http = options.parallel + SPARE_HTTP_THREADS
    params.use_jinja = True
    # Loaded and at rest: a request that names none is answered by the weights alone.
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(path), 0.0) for path in options.adapters]
    # One server gives both: pooling concerns embeddings only.
    params.embedding = True
    params.pooling_type = MEAN_POOLING
    params.cache_ram_mib = KEPT_PROMPTS_MIB
    params.ui = params.endpoint_metrics = params.endpoint_props = params.endpoint_slots = False
    # Neither a page in a browser on this machine nor one that rebinds its name to this address can ask.
    params.api_prefix = f"/{options.prefix}" if options.prefix else ""
    params.cors_origins = ""
    params.verbosity = ERRORS_ONLY
    return params


async def _until_told(environ: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_parent(environ, stop.set)
    await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s engine %(levelname)s %(message)s")
    sys.exit(serve(options_from(sys.argv[1:]), environment()))
