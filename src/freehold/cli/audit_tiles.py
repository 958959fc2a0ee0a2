"""Where the files of somebody's log are read from: a folder, or the address at which it is served.

The files are believed nothing; `ledger/verify.py` holds them against keys that came another way.
"""

import asyncio
import os
from pathlib import Path
from typing import Protocol

from freehold.errors import FetchError, InvalidField
from freehold.ledger.log import OLDER
from freehold.ledger.tiles import MAX_ENTRY, WIDTH
from freehold.outbound.pool import Pool, endpoint

CONNECT_SECONDS = 10.0
FILE_SECONDS = 60.0
MAX_FILE = WIDTH * (MAX_ENTRY + 2)
"""Bytes of the largest file that a log can have: a bundle of the longest entries."""


class Source(Protocol):
    """A log to read: `read(path)` of `ledger/tiles.py`, and the checkpoints that were kept beside it."""

    def __call__(self, path: str) -> bytes: ...

    def kept(self) -> list[Path]:
        """Files with checkpoints from before."""
        ...

    def close(self) -> None: ...


def open_source(where: str, bearer: str | None = None) -> Source:
    """The log in a folder or at an http(s) address. Raises InvalidField when it is neither."""
    if where.startswith(("http://", "https://")):
        return RemoteLog(where, bearer)
    if not os.path.isdir(where):  # noqa: PTH112 (a Path raises for a name that is too long)
        raise InvalidField(f"{where!r} is neither a folder nor an http address.", "Name where `checkpoint` lies.")
    return LogFolder(Path(where))


class LogFolder:
    """A log as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, path: str) -> bytes:
        """The file. Raises FileNotFoundError where there is none, FetchError where it cannot be read."""
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise FetchError(
                f"{self._folder / path} cannot be read: {error.strerror}.", "Make it readable, or copy the log anew."
            ) from error

    def kept(self) -> list[Path]:
        return sorted(path for path in (self._folder / OLDER).glob("*") if not path.name.startswith("."))

    def close(self) -> None:
        pass


class RemoteLog:
    """A log that is served, read over one connection that stays open."""

    def __init__(self, url: str, bearer: str | None = None) -> None:
        """`bearer` is a key for a log whose entries are not open to everybody. Raises InvalidField for a bad address."""
        try:
            self._at = endpoint(url)
        except ValueError as error:
            raise InvalidField(f"{error}.", "Write it as https://host/ledger.") from None
        if bearer and not (bearer.isascii() and bearer.isprintable()):
            raise InvalidField("The key of --api-key has characters that no key has.", "Copy it again.")
        self._url = url.rstrip("/")
        self._key = f"authorization: Bearer {bearer}\r\n" if bearer else ""
        self._runner = asyncio.Runner()
        self._pool: Pool | None = None

    def __call__(self, path: str) -> bytes:
        """The file. Raises FileNotFoundError where the server has none, FetchError when it does not give it, VendorError when
        it cannot be reached."""
        return self._runner.run(self._get(path))

    def kept(self) -> list[Path]:
        return []

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        self._runner.close()

    async def _get(self, path: str) -> bytes:
        if self._pool is None:
            self._pool = Pool()
        head = (
            f"GET {self._at.prefix}/{path} HTTP/1.1\r\nhost: {self._at.authority}\r\nuser-agent: freehold-audit\r\n"
            f"accept: */*\r\n{self._key}\r\n"
        )
        limit = asyncio.get_running_loop().time() + FILE_SECONDS
        response = await self._pool.send(self._at, head.encode("latin-1"), CONNECT_SECONDS, limit)
        body = await response.read(MAX_FILE)
        if response.status == 404:
            raise FileNotFoundError(path)
        if response.status in (401, 403):
            raise FetchError(
                f"{self._url}/{path} is not open to everybody (status {response.status}).",
                "Give a key that may read it with --api-key.",
            )
        if response.status != 200:
            raise FetchError(f"{self._url}/{path} answers with status {response.status}.", "Try again later.")
        return body
