"""A real server of Azure's blobs on a loopback port: Azurite, Microsoft's own emulator, with one container.

It is installed with npm into a temporary folder, or once and for all into the folder that FREEHOLD_AZURITE names.
"""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import os
import shutil
import subprocess
import time
from collections.abc import Generator
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from freehold.ledger.object_store import ObjectStore
from ledger.object_server import BUCKET, PATIENCE, free_port

CACHE: Final = "FREEHOLD_AZURITE"
PACKAGE: Final = "azurite@3.35.0"
ACCOUNT: Final = "devstoreaccount1"
KEY: Final = base64.b64encode(b"a key of this test alone").decode()


class NoAzurite(Exception):
    """It cannot be installed here."""


class AzureServer:
    """The server behind `endpoint`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"

    def make_container(self, name: str = BUCKET) -> None:
        """Authorised with the account's shared key, as Azure describes it: the request's lines, signed."""
        date, version = formatdate(usegmt=True), "2021-08-06"
        resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        lines = f"PUT{12 * chr(10)}x-ms-date:{date}\nx-ms-version:{version}\n{resource}"
        signed = base64.b64encode(hmac.new(base64.b64decode(KEY), lines.encode(), hashlib.sha256).digest()).decode()
        headers = {"x-ms-date": date, "x-ms-version": version, "authorization": f"SharedKey {ACCOUNT}:{signed}"}
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as asked:
            asked.request("PUT", f"/{ACCOUNT}/{name}?restype=container", headers=headers)
            answer = asked.getresponse()
            assert answer.status == 201, answer.read()

    def store(self, prefix: str, container: str = BUCKET) -> ObjectStore:
        return ObjectStore(f"az://{container}/{prefix}", endpoint=self.endpoint, access_key=ACCOUNT, secret_key=KEY)


@contextlib.contextmanager
def azure_server(folder: Path) -> Generator[AzureServer]:
    """Runs one until the end of the block, from what is installed in `folder` or is now. Raises NoAzurite."""
    program = _installed(folder)
    port = free_port()
    words = ["--inMemoryPersistence", "--disableTelemetry", "--silent", "--skipApiVersionCheck"]
    process = subprocess.Popen(
        [program, *words, "--blobHost", "127.0.0.1", "--blobPort", str(port)],
        cwd=folder,
        env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        server = AzureServer(port)
        deadline = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server never answered"
            with contextlib.suppress(OSError):
                server.make_container()
                break
            time.sleep(0.05)
        yield server
    finally:
        process.kill()
        process.wait()


def _installed(folder: Path) -> Path:
    program = folder / "node_modules" / ".bin" / "azurite-blob"
    npm = shutil.which("npm")
    if npm is None:
        raise NoAzurite("there is no npm to install Azurite with")
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:  # whoever else wants it waits until it is there
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists():
            return program
        words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", f"--prefix={folder}"]
        try:
            subprocess.run([npm, *words, PACKAGE], capture_output=True, text=True, check=True, timeout=300)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise NoAzurite(f"no registry to install Azurite from: {str(error.stderr).strip()[-200:]}") from error
    return program
