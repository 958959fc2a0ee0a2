"""The digest of a configuration: which policy was in force when an answer was given; and the text behind it, which is kept, so
that a digest of years ago can be read.

Both cover every setting that is not a secret: routes, budgets, limits, prices, what is kept. A key that is renewed is no new
policy, and what is secret stands in no text and can be guessed at from no digest. Pure.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import cast

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from freehold.config.settings import Secret, Settings, Workload


def digest(settings: Settings) -> str:
    """SHA-256 of `policy_text`: 64 hexadecimal digits. Equal settings give equal digests in every process."""
    return sha256(policy_text(settings)).hexdigest()


def policy_text(settings: Settings) -> bytes:
    """The settings as JSON with sorted keys, without secrets and without the file's place."""
    shown = {name: _open(value) for name, value in asdict(settings).items() if name != "source"}
    return msgspec.json.encode(shown, order="sorted")


def route_digest(workload: Workload) -> str:
    """The digest of whom a workload asks and in which order: 64 hexadecimal digits. What is decided about a candidate holds
    against this route and no other."""
    route = {"route": _open(workload.route), "strategy": workload.strategy}
    return sha256(msgspec.json.encode(route, order="sorted")).hexdigest()


def _open(value: object) -> object:
    """The value without what may be secret: keys, and what headers and addresses carry of them."""
    if isinstance(value, Secret):
        return "secret"
    if isinstance(value, Struct):
        fields = asdict(value)
        if "headers" in fields:
            fields["headers"] = sorted(cast("dict[str, str]", fields["headers"]))
        return {name: _open(inner) for name, inner in fields.items()}
    if isinstance(value, Mapping):
        return {str(name): _open(inner) for name, inner in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_open(inner) for inner in cast("list[object]", value)]
    if isinstance(value, str) and "://" in value:
        scheme, _, rest = value.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return value
