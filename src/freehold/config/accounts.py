"""The tables [vendors.NAME]: which vendors there are, where they stand, and with which key.

What the file leaves out comes from the environment, but only for a vendor that stands under its own name: a key that was
given for one account is never sent to another.
"""

from functools import partial
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from freehold.config.address import is_proxy, without_credentials, wrong_address
from freehold.config.discovery import COMPATIBLE, KnownVendor, discover, find, is_loopback, proxy_for, usable
from freehold.config.file import File, listed, suggest
from freehold.config.positions import KeyPath
from freehold.config.secrets import Elsewhere, fits_a_header, headers, missing, secret
from freehold.config.settings import Door, Secret, VendorSettings
from freehold.config.tables import Reader, mapping, pairs_of, table, well_named
from freehold.config.values import shown


def vendors(file: File, written: object, door: Door) -> dict[str, VendorSettings]:
    """The vendors of the file and, beside them, those that the environment switches on."""
    found = {
        name: completed(file, vendor, door)
        for name, pairs in mapping(file, ("vendors",), written).items()
        if (vendor := _vendor(file, name, pairs)) is not None
    }
    declared = pairs_of(written) or {}
    for name in discover(file.known, file.environ):
        if name not in declared:
            found[name] = completed(file, VendorSettings(name=name, like=name), door)
    return found


def completed(file: File, vendor: VendorSettings, door: Door) -> VendorSettings:
    """The vendor with what the environment gives: its usual key and address, and the proxy on the way there."""
    known = file.known[vendor.like]
    here: KeyPath = ("vendors", vendor.name)
    usual = discover({vendor.name: known}, file.environ).get(vendor.name) if vendor.name == vendor.like else None
    if usual is not None and vendor.base_url is None and usual.base_url is not None:
        vendor = _with_address(file, vendor, usual.base_url, known, door)
    if usual is not None and vendor.api_key is None and usual.api_key is not None:
        if fits_a_header(usual.api_key.value):
            vendor = replace(vendor, api_key=usual.api_key)
            file.sources[*here, "api_key"] = usual.api_key.source
        else:
            file.wrong((*here, "api_key"), f"comes from {usual.api_key.source}, which is not one line of plain text.")
    if known.needs_base_url and vendor.base_url is None and (*here, "base_url") not in file.positions:
        file.wrong(here, 'needs the setting "base_url".', 'Write base_url = "http://HOST:PORT/v1".')
    return _with_proxy(file, vendor, known)


def warn_of_missing_key(file: File, path: KeyPath, vendor: VendorSettings) -> None:
    """Says that requests to this vendor will fail, where that is so. `path` is what asked for the vendor."""
    if usable(vendor, file.known):
        return
    names = file.known[vendor.like].key_env if vendor.name == vendor.like else ()
    how = f"Set {listed(names, last='or')}." if names else f"Give it one under [vendors.{vendor.name}]: api_key."
    file.doubt(path, f'The vendor "{vendor.name}" has no key, so it cannot be asked.', how)


def _vendor(file: File, name: str, pairs: object) -> VendorSettings | None:
    here: KeyPath = ("vendors", name)
    if not well_named(file, here):
        return None
    like = _like(file, here, pairs)
    readers: dict[str, Reader] = {
        "like": partial(_as_found, like=like),
        "api_key": partial(_api_key, built_in=name if name == like else None),
        "headers": headers,
        "base_url": base_url,
        "proxy": _proxy,
    }
    found = table(file, here, pairs, VendorSettings, own={"name": name, "like": like}, readers=readers)
    if found is None or like is None:
        return None
    _speaks_what_it_can(file, here, found)
    if found.ca_file is not None and not file.beside(found.ca_file).is_file():
        file.wrong((*here, "ca_file"), f"names the file {found.ca_file}, which does not exist.")
    return found


def _like(file: File, here: KeyPath, pairs: object) -> str | None:
    """The built-in vendor behind a table: the one it names, the one of its own name, or, when it says what it speaks,
    the compatible one. None, with the problem noted, when there is none."""
    name = str(here[-1])
    given = pairs_of(pairs)
    if given is None:  # what is wrong with it is said where it is read as a table
        return None
    like = given.get("like")
    if isinstance(like, str):
        if like in file.known:
            return like
        advice = suggest(like, file.known) or f"There are {listed(sorted(file.known))}."
        file.wrong((*here, "like"), f'names "{like}", which is not a built-in vendor.', advice)
        return None
    if like is not None:
        file.wrong((*here, "like"), f"must be the name of a built-in vendor, not {shown(like)}.")
        return None
    if name in file.known:
        return name
    if "speaks" in given and COMPATIBLE in file.known:
        return COMPATIBLE
    advice = suggest(name, file.known) or f"Built in are {listed(sorted(file.known))}."
    file.wrong(
        here,
        "is not a built-in vendor, and does not say what it is.",
        f'{advice} For a server of your own write speaks = "openai-chat" and base_url; for a second account at a '
        'built-in vendor write, for example, like = "openai".',
    )
    return None


def _as_found(_file: File, _path: KeyPath, _written: object, *, like: str | None) -> str | None:
    return like


def _api_key(file: File, path: KeyPath, written: object, *, built_in: str | None) -> Secret | UnsetType | None:
    """The key. A missing variable is no error where it is the one in which this vendor's key usually stands: the same
    file then works on machines with the key and without it."""
    found = secret(file, path, written)
    if isinstance(found, Elsewhere):
        if built_in is not None and found.name in file.known[built_in].key_env:
            return None
        missing(file, path, found.name)
        return UNSET
    return found


def base_url(file: File, path: KeyPath, written: object) -> str | UnsetType:
    """The address, written out or as `{ env = "NAME" }`: it is no secret, but often differs from machine to machine."""
    reference = pairs_of(written)
    if reference is not None and list(reference) == ["env"] and isinstance(reference["env"], str):
        found = find((reference["env"],), file.environ)
        if found is None:
            missing(file, path, reference["env"])
            return UNSET
        file.sources[path] = found.source
        written = found.value
    problem = wrong_address(written)
    if problem is None:
        return str(written).strip().rstrip("/")
    file.wrong(path, f"{problem}, not {without_credentials(written)}.")
    return UNSET


def _proxy(file: File, path: KeyPath, written: object) -> str | UnsetType:
    if isinstance(written, str) and (not written or is_proxy(written)):
        return written
    file.wrong(path, f'must be "http://HOST:PORT", or "" for none, not {without_credentials(written)}.')
    return UNSET


def _speaks_what_it_can(file: File, here: KeyPath, vendor: VendorSettings) -> None:
    """A built-in vendor speaks what its file says; a server of one's own is believed."""
    known = file.known[vendor.like]
    if vendor.speaks is not None and vendor.like != COMPATIBLE and vendor.speaks not in known.speaks:
        said = f'is "{vendor.speaks}", which {vendor.like} does not speak.'
        file.wrong((*here, "speaks"), said, f"It speaks {listed(known.speaks)}.")


def _with_address(file: File, vendor: VendorSettings, url: str, known: KnownVendor, door: Door) -> VendorSettings:
    """The address from the environment, unless it is the door's own: people point their SDKs at Freehold with the same
    variable, and a door that asks itself never answers."""
    parts = urlsplit(url)
    source = next(f"env {name}" for name in known.base_url_env if file.environ.get(name, "").strip())
    host = (parts.hostname or "").lower()
    if (is_loopback(host) or host == door.host) and parts.port == door.port:
        file.doubt(("vendors", vendor.name), f"{source.removeprefix('env ')} names this door itself and is not used.")
        return vendor
    problem = wrong_address(url)
    if problem is not None:
        file.wrong(("vendors", vendor.name, "base_url"), f"comes from {source}, and {problem}.")
        return vendor
    file.sources["vendors", vendor.name, "base_url"] = source
    return replace(vendor, base_url=url)


def _with_proxy(file: File, vendor: VendorSettings, known: KnownVendor) -> VendorSettings:
    address = vendor.base_url or known.base_url
    if vendor.proxy is not None or address is None:
        return replace(vendor, proxy=vendor.proxy or None)
    found = proxy_for(address, file.environ)
    if found is None:
        return vendor
    if not is_proxy(found.value):
        said = f"{found.source.removeprefix('env ')} is not an http:// proxy and is not used for {vendor.name}."
        file.doubt(("vendors", vendor.name), said)
        return vendor
    file.sources["vendors", vendor.name, "proxy"] = found.source
    return replace(vendor, proxy=found.value)
