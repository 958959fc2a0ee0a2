"""What the environment alone switches on: vendors whose usual variables are set, proxies, and the embedded own model.

It knows vendors only as `KnownVendor`, which the composition root makes from the vendors' files, and it reads no
environment itself: that is handed in, so that a test can say what it is.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from freehold.config.settings import Engine, Secret, VendorSettings

EMBEDDED = "smollm2-135m"
"""The own model that is there when nothing else is configured."""

OWN = "own"
COMPATIBLE = "openai-compatible"


class KnownVendor(Struct, frozen=True, kw_only=True):
    """What the configuration must know of a built-in vendor. `key_env` and `base_url_env` are the environment variables
    in which its key and address usually stand, in order. `speaks` are its dialects. `models` are its only models, where
    it has a fixed few. `needs_base_url` says that it has no address of its own. `promoted` are models that are served without a table."""

    key_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    needs_key: bool = True
    base_url: str | None = None
    needs_base_url: bool = False
    speaks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()


class Found(Struct, frozen=True):
    """A value from the environment and where it stood: `env OPENAI_API_KEY`."""

    value: str
    source: str


def find(names: tuple[str, ...], environ: Mapping[str, str]) -> Found | None:
    """The first of the variables that is set and not empty."""
    for name in names:
        value = environ.get(name, "").strip()
        if value:
            return Found(value, f"env {name}")
    return None


def discover(known: Mapping[str, KnownVendor], environ: Mapping[str, str]) -> dict[str, VendorSettings]:
    """The vendors that are on without any file: those whose key is in its usual variable, and those that need none and
    whose address is."""
    found: dict[str, VendorSettings] = {}
    for name, vendor in known.items():
        key = find(vendor.key_env, environ)
        address = find(vendor.base_url_env, environ)
        if key is None and (vendor.needs_key or address is None):
            continue
        found[name] = VendorSettings(
            name=name,
            like=name,
            api_key=None if key is None else Secret(key.value, key.source),
            base_url=None if address is None else address.value.rstrip("/"),
        )
    return found


def embedded() -> Engine:
    """The own model that is served when nothing else is configured."""
    return Engine(name=EMBEDDED, weights=EMBEDDED)


def usable(vendor: VendorSettings, known: Mapping[str, KnownVendor]) -> bool:
    """Whether requests can be sent to it: it has a key, needs none, or was pointed at an address of its own, where a
    server without keys may stand."""
    return vendor.api_key is not None or vendor.base_url is not None or not known[vendor.like].needs_key


def proxy_for(url: str, environ: Mapping[str, str]) -> Found | None:
    """The proxy that the environment names for a URL: HTTPS_PROXY or HTTP_PROXY by its scheme, else ALL_PROXY, in upper
    or lower case; none for hosts in NO_PROXY and for this machine itself (the rules of Go's `httpproxy`, which curl
    shares but for the last)."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if is_loopback(host) or _excepted(host, port, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return None
    scheme = parts.scheme.upper()
    names = (f"{scheme}_PROXY", f"{scheme.lower()}_proxy", "ALL_PROXY", "all_proxy")
    found = find(names, environ)
    if found is None or "://" in found.value:
        return found
    return Found(f"http://{found.value}", found.source)


def is_loopback(host: str) -> bool:
    """Whether the name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _excepted(host: str, port: int, no_proxy: str) -> bool:
    return any(_excepts(entry.strip().lower(), host, port) for entry in no_proxy.split(",") if entry.strip())


def _excepts(entry: str, host: str, port: int) -> bool:
    """One entry of NO_PROXY: `*`, an address, a network (`10.0.0.0/8`), or a name, which also means the names below it,
    each with a port or without."""
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and ("]" in name or ":" not in name):
        return int(wanted) == port and _excepts(name, host, port)
    suffix = entry.removeprefix("*").removeprefix(".")
    return host == suffix or host.endswith(f".{suffix}")
