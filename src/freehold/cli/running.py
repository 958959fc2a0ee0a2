"""The running door, as the other commands reach it: where it is, with which key, and one request to it."""

import contextlib
import http.client
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from freehold.config.paths import data_dir, environment
from freehold.errors import NotConfigured, StoreError, StreamBroken, VendorRefused, VendorUnreachable

TIMEOUT_SECONDS = 600


class Running(Struct, frozen=True):
    """A door: its address, and the key to ask it with."""

    url: str
    key: str


def state_file(data: Path) -> Path:
    """The file in which `freehold up` says where it listens."""
    return data / "run" / "door.json"


def find_door(url: str | None, key: str | None, data: Path | None) -> Running:
    """The door to ask. Raises `NotConfigured` when none is named and none runs on the data folder."""
    environ = environment()
    folder = data_dir(data, environ)
    if url is None:
        try:
            url = msgspec.json.decode(state_file(folder).read_bytes(), type=dict[str, Any])["url"]
        except (OSError, msgspec.DecodeError, KeyError):
            raise NotConfigured(
                f"No door is running on the data folder {folder}.", "Start one with `freehold up`."
            ) from None
    key = key or environ.get("FREEHOLD_API_KEY")
    if key is None:
        try:
            key = (folder / "admin.key").read_text().strip()
        except OSError as error:
            raise StoreError(
                f"No key: {folder / 'admin.key'} cannot be read.", "Give one with --key or FREEHOLD_API_KEY."
            ) from error
    return Running(str(url), key)


def get(door: Running, path: str) -> Any:
    """The JSON that the door answers a GET with. Raises what the door refused with."""
    response = _send(door, "GET", path, None, {})
    return msgspec.json.decode(_body(response))


def post(
    door: Running, path: str, body: Any, headers: Mapping[str, str] | None = None
) -> http.client.HTTPResponse:  # fmt: skip
    """The door's good answer to a POST, still to be read. Raises what the door refused with."""
    response = _send(door, "POST", path, msgspec.json.encode(body), headers or {})
    if response.status != 200:
        _body(response)
    return response


@contextlib.contextmanager
def unbroken() -> Generator[None]:
    """Where an answer is read: raises `StreamBroken` when the connection ends before the answer does."""
    try:
        yield
    except (http.client.HTTPException, ConnectionResetError, TimeoutError) as error:
        raise StreamBroken("The door was gone before the answer was whole.", "Ask again.") from error


def _send(
    door: Running, method: str, path: str, body: bytes | None, more: Mapping[str, str]
) -> http.client.HTTPResponse:  # fmt: skip
    parts = urlsplit(door.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    headers = {"authorization": f"Bearer {door.key}", "content-type": "application/json", **more}
    try:
        connection.request(method, parts.path.rstrip("/") + path, body, headers)
        return connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise VendorUnreachable(
            f"The door at {door.url} does not answer: {error}.", "Is it running? Start it with `freehold up`."
        ) from error


def _body(response: http.client.HTTPResponse) -> bytes:
    with unbroken():
        body = response.read()
    if response.status == 200:
        return body
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])["error"]["message"]
    except (msgspec.DecodeError, KeyError, TypeError):
        said = f"The door answered with status {response.status}."
    raise VendorRefused(said, status=response.status)
