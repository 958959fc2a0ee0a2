"""A real S3 server on a loopback port: `moto` in a process of its own, with one bucket."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from http.client import HTTPConnection
from typing import Any, Literal

from freehold.ledger.object_store import ObjectStore

BUCKET = "ledger"
KEYS: dict[str, str] = {"access_key": "test", "secret_key": "secret"}
PATIENCE = 60.0
Kind = Literal["s3", "gs", "az"]
Stores = Callable[[str], ObjectStore]
"""Stores under prefixes of one bucket."""
StoresOf = Callable[[Kind], Stores]

_SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


class ObjectServer:
    """The server at `endpoint`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"

    def make_bucket(self, name: str = BUCKET) -> None:
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as asked:
            asked.request("PUT", f"/{name}", headers={"authorization": _SIGNED})
            assert asked.getresponse().status == 200

    def headers(self, name: str) -> dict[str, str]:
        """What the server says of an object to everybody who may read it."""
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as asked:
            asked.request("HEAD", f"/{BUCKET}/{name}", headers={"authorization": _SIGNED})
            return {key.lower(): value for key, value in asked.getresponse().getheaders()}

    def store(self, prefix: str, **options: Any) -> ObjectStore:
        return ObjectStore(f"s3://{BUCKET}/{prefix}", endpoint=self.endpoint, region="eu-central-1", **KEYS, **options)


@contextlib.contextmanager
def object_server() -> Generator[ObjectServer]:
    """Runs one until the end of the block."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server never answered"
            time.sleep(0.05)
        server = ObjectServer(port)
        server.make_bucket()
        yield server
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port on which nobody listens."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def away(prefix: str = "x") -> ObjectStore:
    """A store that cannot be reached: nobody listens on its port."""
    return ObjectStore(f"s3://{BUCKET}/{prefix}", endpoint=f"http://127.0.0.1:{free_port()}", region="x", **KEYS)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
