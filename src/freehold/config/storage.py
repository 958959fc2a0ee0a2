"""`storage` below [ledger]: an object store, as its address alone or as a table with the way in."""

import re
from typing import Final

from msgspec import UNSET, UnsetType

from freehold.config.file import File
from freehold.config.positions import KeyPath
from freehold.config.secrets import Elsewhere, missing, secret
from freehold.config.settings import Secret, Storage
from freehold.config.tables import table

_URL: Final = re.compile(r"(?P<kind>s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9._/-]*)?\Z")
_ENDPOINT: Final = re.compile(r"https?://[^/\s@]+/?\Z")
_ENDPOINT_OF: Final = {"az": re.compile(r"https?://[^/\s@]+(?:/[a-z0-9]{3,24})?/?\Z")}
"""Azure's kind of server has the account in its name, or behind it."""
HOW_ENDPOINT: Final = 'Write endpoint = "https://HOST:PORT"; only az:// takes a path, the account.'
HOW: Final = 'Write storage = "s3://BUCKET/PREFIX"; gs:// and az:// are there too.'


def storage(file: File, path: KeyPath, written: object) -> Storage | UnsetType:
    """The object store that a setting names; UNSET when it cannot be used, and then the problem is noted."""
    alone = isinstance(written, str)
    pairs = {"url": written} if alone else written
    found = table(file, path, pairs, Storage, readers={"access_key": _key, "secret_key": _key})
    if found is None:
        return UNSET
    where = path if alone else (*path, "url")
    named = _URL.match(found.url)
    if named is None or "//" in found.url.partition("://")[2]:
        file.wrong(where, "is not the address of a bucket.", HOW)
    elif found.endpoint is not None and not _ENDPOINT_OF.get(named["kind"], _ENDPOINT).match(found.endpoint):
        file.wrong((*path, "endpoint"), "is not an address.", HOW_ENDPOINT)
    elif (found.access_key is None) != (found.secret_key is None):
        given, other = ("access_key", "secret_key") if found.secret_key is None else ("secret_key", "access_key")
        file.wrong(path, f"has {given} without {other}.", f"Add {other}, or leave both to the environment.")
    elif named["kind"] == "gs" and (found.access_key or found.region):
        file.wrong(path, "has settings that gs:// does not take.", "Google's keys come from the environment alone.")
    else:
        return found
    return UNSET


def _key(file: File, path: KeyPath, written: object) -> Secret | UnsetType:
    found = secret(file, path, written)
    if isinstance(found, Elsewhere):
        missing(file, path, found.name)
        return UNSET
    return found
