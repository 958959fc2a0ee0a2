"""llama.cpp's server in this process, for as long as a file of weights is compared with what it was made from.

It knows a file and a port, and nothing of what is asked.
"""

import json
from collections.abc import Generator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from freehold.errors import ExportRefused
from freehold.training.heavy.libraries import library

THREADS = 1


@contextmanager
def served(
    weights: Path, context: int, *, wide: bool = False, adapter: Path | None = None
) -> Generator[Any, None, None]:
    """llama.cpp's server on these weights, on a free port of the loopback address; gives a function that asks a path with JSON. `wide` keeps what it remembers of
    earlier tokens in float32 too, and takes the plain attention: the flash one computes in half precision whatever it is given."""
    xllamacpp = library("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = context
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    if wide:
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    params.ui = False
    params.warmup = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    port = int(str(server.listening_address).rpartition(":")[2])
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:

        def ask(path: str, body: dict[str, Any]) -> Any:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise ExportRefused(f"llama.cpp answers {answer.status}: {content[:200].decode(errors='replace')}.")
            return json.loads(content)

        yield ask
    del server
