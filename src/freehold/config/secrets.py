"""Values that must not stand in a file that is copied, committed and pasted: `{ env = "NAME" }` and `{ file = "PATH" }`.

A key written out in freehold.toml is refused, and no message ever repeats what stood in its place.
"""

import re
from collections.abc import Mapping
from typing import cast

from msgspec import UNSET, Struct, UnsetType

from freehold.config.file import File
from freehold.config.positions import KeyPath
from freehold.config.settings import Secret

MAX_SECRET = 16_384
HOW = 'Write { env = "NAME" } for an environment variable, or { file = "PATH" }.'

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_REFERENCE = re.compile(r"(?:\$\{?|os\.environ/|env[:.])([A-Za-z_][A-Za-z0-9_]*)\}?\Z")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # a field name, RFC 9110, section 5.1
SECRET_HEADERS = frozenset(
    ("authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "x-auth-token")
)
_OURS = frozenset(("host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding"))


class Elsewhere(Struct, frozen=True):
    """A reference that is well formed but names a variable that is not set."""

    name: str


def secret(file: File, path: KeyPath, written: object) -> Secret | Elsewhere | UnsetType:
    """The secret that a reference names. UNSET when the reference cannot be used; then the problem is noted. What a
    missing variable means is for the caller to say."""
    if isinstance(written, str):
        file.wrong(path, "holds the value itself, and secrets do not belong in the file.", _reference_advice(written))
        return UNSET
    if not isinstance(written, Mapping) or len(cast(Mapping[str, object], written)) != 1:
        file.wrong(path, "must be a reference to a secret.", HOW)
        return UNSET
    [(kind, name)] = cast(Mapping[str, object], written).items()
    if kind == "env" and isinstance(name, str) and is_variable(name):
        return _from_environment(file, path, name)
    if kind == "file" and isinstance(name, str) and name:
        return _from_file(file, path, name)
    file.wrong(path, "must name an environment variable or a file.", HOW)
    return UNSET


def fits_a_header(value: str) -> bool:
    """Whether it is one line of printable ASCII of a sane length: what HTTP can carry."""
    return len(value) <= MAX_SECRET and value.isascii() and value.isprintable()


def is_variable(name: str) -> bool:
    """Whether an environment variable can have this name."""
    return _NAME.match(name) is not None


def wrong_header(name: str) -> str | None:
    """Why a header of this name cannot be added to requests, as the end of a sentence; None when it can."""
    if name.lower() in _OURS:
        return "is set by Freehold itself."
    return None if _TOKEN.match(name) else "is not a name that HTTP permits."


def missing(file: File, path: KeyPath, name: str) -> None:
    """Notes that a variable which must be set is not."""
    file.wrong(path, f"names the environment variable {name}, which is not set.", f"Set {name}, or remove the setting.")


def headers(file: File, path: KeyPath, written: object) -> dict[str, str] | UnsetType:
    """Names and values of HTTP headers; a value may be a reference."""
    if not isinstance(written, Mapping):
        file.wrong(path, "must be a table of names and values.", 'Write headers = { "x-team" = "support" }.')
        return UNSET
    found: dict[str, str] = {}
    for name, value in cast(Mapping[str, object], written).items():
        here = (*path, name)
        if (why := wrong_header(name)) is not None:
            file.wrong(here, why, "Remove it.")
        elif (text := _header_value(file, here, name, value)) is not None:
            found[name] = text
    return found


def _header_value(file: File, path: KeyPath, name: str, written: object) -> str | None:
    if isinstance(written, str) and name.lower() not in SECRET_HEADERS:
        if fits_a_header(written):
            return written
        file.wrong(path, "must be printable ASCII on one line.")
        return None
    found = secret(file, path, written)
    if isinstance(found, Elsewhere):
        missing(file, path, found.name)
    return found.value if isinstance(found, Secret) else None


def _reference_advice(written: str) -> str:
    reference = _REFERENCE.match(written.strip())
    return f'Write {{ env = "{reference[1]}" }}.' if reference else HOW


def _from_environment(file: File, path: KeyPath, name: str) -> Secret | Elsewhere | UnsetType:
    value = file.environ.get(name, "").strip()
    if not value:
        return Elsewhere(name)
    return _checked(file, path, value, f"env {name}")


def _from_file(file: File, path: KeyPath, name: str) -> Secret | UnsetType:
    where = file.beside(name)
    try:
        with where.open("rb") as opened:
            value = opened.read(MAX_SECRET + 1).decode("utf-8").strip()
    except OSError as problem:
        file.wrong(path, f"names the file {where}, which cannot be read ({problem.strerror}).")
        return UNSET
    except UnicodeDecodeError:
        file.wrong(path, f"names the file {where}, which is not text.")
        return UNSET
    if not value:
        file.wrong(path, f"names the file {where}, which is empty.")
        return UNSET
    return _checked(file, path, value, f"file {name}")


def _checked(file: File, path: KeyPath, value: str, source: str) -> Secret | UnsetType:
    """A secret goes into a header: one line of printable ASCII, or nothing."""
    if not fits_a_header(value):
        file.wrong(path, f"was read from {source}, which is not one line of printable ASCII.")
        return UNSET
    file.sources[path] = source
    return Secret(value, source)
