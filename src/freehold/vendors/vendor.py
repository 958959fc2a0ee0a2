"""What a vendor is: where it is, which dialects it speaks, how it wants to be greeted, what it refuses. Data only.

Adding a vendor is one file in this folder that fills `VENDOR` (or, from another package, an entry point in the group
`freehold.vendors`), and one fixture in `tests/vendors/`. Nothing else in Freehold names a vendor.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from freehold.dialects.dialect import Traits

Transport = Literal["http", "engine", "inside"]
"""Over the network; an engine that this machine runs; inside the worker itself."""


class Speaks(Struct, frozen=True, kw_only=True):
    """One dialect that a vendor speaks, the path below its base URL when it is not the dialect's own, and the traits."""

    dialect: str
    path: str | None = None
    base_url: str | None = None
    traits: Traits = Traits()


class ModelTraits(Struct, frozen=True, kw_only=True):
    """Traits of the models whose name matches the glob `pattern`. They replace the vendor's for that dialect."""

    pattern: str
    dialect: str
    traits: Traits


class Vendor(Struct, frozen=True, kw_only=True):
    """One vendor, as data.

    `speaks` in order of preference: where the caller's dialect is among them it is chosen (bytes pass through), else
    the first. `auth` maps header names to values in which `{key}` stands for the API key. `key_env` are the usual
    environment variables of the key, in order. `needs_key` False means that it answers without one. `models` are traits
    of single models; the first match wins. `embeddings` and `count_tokens` are the paths for those operations, None
    where it has none. `respond` answers inside the worker, for a vendor without a server (transport `inside`): model,
    dialect and body give status, headers and the pieces of the body. `names` are its only models, where it has a fixed few. `private` says that it stands inside one's
    own network, so that URLs in a request are fetched by the door and not by it. `docs` is the vendor's own page that
    this file was read from, `read_on` the date (ISO 8601).
    """

    name: str
    title: str
    base_url: str | None
    speaks: tuple[Speaks, ...]
    auth: dict[str, str] = {}
    headers: dict[str, str] = {}
    key_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    needs_key: bool = True
    models: tuple[ModelTraits, ...] = ()
    embeddings: str | None = None
    count_tokens: str | None = None
    names: tuple[str, ...] = ()
    transport: Transport = "http"
    respond: Callable[[str, str, bytes], tuple[int, dict[str, str], list[bytes]]] | None = None
    private: bool = False
    docs: str = ""
    read_on: str = ""
