"""An object store (S3 and what speaks its protocol, Google Cloud Storage, Azure) as whole files by name.

It knows nothing of what is stored. `obstore` does the work and is an extra, so it is loaded when a store is opened and never
before. Every failure is an OSError: FileNotFoundError where there is no such object, ConnectionError for all else, a bucket
that is missing or a key that is refused included, since whoever asks does the same about each: it tries again later.
"""

import contextlib
import importlib
import re
from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import Any, Final

from freehold.errors import NotConfigured, StoreError

CONNECT_SECONDS: Final = 5
REQUEST_SECONDS: Final = 60
"""A segment of 16 MB passes in that time at 2.1 Mbit/s."""

RETRIES: Final = 2
RETRY_SECONDS: Final = 10
"""Within one call; whoever calls has more patience."""

LISTED_AT_ONCE: Final = 1_000

_ACCOUNT: Final = {"s3": ("access_key_id", "secret_access_key"), "az": ("account_name", "account_key")}
"""What each kind of store calls a key's name and its secret."""

_OWN_WORDS: Final = re.compile(r"<Code>([^<]*)</Code>\s*<Message>([^<\n]*)")
_MISSING: Final = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
"""How stores say that it is not the object that is missing."""


class ObjectStore:
    """What lies under one URL: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`."""

    def __init__(
        self,
        url: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> None:
        """Opens it without asking it anything. Without a key the cloud's own ways find one: its usual environment variables,
        a profile of the machine. Raises NotConfigured without the extra, StoreError when the settings do not fit together."""
        self.url = url.rstrip("/")
        library = _library()
        self._errors: type[Exception] = library.exceptions.BaseError
        options: dict[str, Any] = {}
        kind = url.partition("://")[0]
        if kind == "s3" and region is not None:
            options["region"] = region
        if endpoint is not None:
            options["base_url" if kind == "gs" else "endpoint"] = endpoint.rstrip("/")
        if access_key is not None and secret_key is not None:
            options |= dict(zip(_ACCOUNT[kind], (access_key, secret_key), strict=True))
        try:
            self._store: Any = library.store.from_url(
                self.url,
                **options,
                client_options={
                    "allow_http": endpoint is not None and endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                    "timeout": timedelta(seconds=REQUEST_SECONDS),
                },
                retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
            )
        except (self._errors, ValueError, KeyError) as error:
            raise StoreError(
                f"The object store {self.url} cannot be used: {_sentence(error)}", "Mend ledger.storage."
            ) from error

    def put(self, name: str, data: bytes, *, kind: str = "application/octet-stream", kept: str | None = None) -> None:
        """Stores `data` under this name, whole or not at all. `kind` and `kept` are what a web server would say of it, as
        Content-Type and Cache-Control."""
        attributes = {"Content-Type": kind} if kept is None else {"Content-Type": kind, "Cache-Control": kept}
        with self._named(f"{name} cannot be stored"):
            try:
                # In one request: parts that a death left behind would stay in the bucket unseen.
                self._store.put(name, data, use_multipart=False, attributes=attributes)
            except FileNotFoundError as error:
                raise ConnectionError(f"{self.url}: {name} cannot be stored: {_sentence(error)}") from error

    def get(self, name: str, at: int = 0, length: int | None = None) -> bytes:
        """`length` bytes from `at`, or all from there; none where it ends before. Raises FileNotFoundError."""
        with self._named(f"{name} cannot be read"):
            try:
                if length is None and at == 0:
                    return bytes(self._store.get(name).bytes())
                size = int(self._store.head(name)["size"])
                length = size - at if length is None else min(length, size - at)
                return bytes(self._store.get_range(name, start=at, length=length)) if length > 0 else b""
            except FileNotFoundError as error:
                if any(word in str(error) for word in _MISSING):
                    raise ConnectionError(f"{self.url}: {name} cannot be read: {_sentence(error)}") from error
                raise

    def delete(self, name: str) -> None:
        """Deletes it; that it is not there is no error."""
        with self._named(f"{name} cannot be deleted"), contextlib.suppress(FileNotFoundError):
            self._store.delete(name)

    def list(self, folder: str) -> Iterator[str]:
        """The names of all that lies in a folder, without the folder's own, in no order."""
        with self._named(f"{folder} cannot be listed"):
            for page in self._store.list(folder, chunk_size=LISTED_AT_ONCE):
                yield from (str(found["path"]).removeprefix(f"{folder}/") for found in page)

    @contextlib.contextmanager
    def _named(self, what: str) -> Generator[None]:
        try:
            yield
        except self._errors as error:
            raise ConnectionError(f"{self.url}: {what}: {_sentence(error)}") from error


def _library() -> Any:
    try:
        importlib.import_module("obstore.store")
        return importlib.import_module("obstore")
    except ImportError as error:
        raise NotConfigured(
            f"An object store needs `obstore`, which cannot be imported: {error}.",
            "Install it: `pip install freehold[object-storage]`.",
        ) from error


def _sentence(error: Exception) -> str:
    """The first line of what the library says, and the store's own words; the rest is the library's insides."""
    said = str(error).strip()
    first = said.partition("\n")[0].partition("<?xml")[0].rstrip(": ")[:300]
    own = _OWN_WORDS.search(said)
    return first if own is None else f"{first}: {own[1]}, {own[2]}"[:500]
