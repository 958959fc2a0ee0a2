"""The vendors: one file each, found by name, never listed.

Built-in vendors come through the same plug as a third party's: a module that fills `VENDOR`. Modules of this folder are
found by looking; modules of other packages by the entry point group `freehold.vendors`.
"""

import importlib
import pkgutil
from fnmatch import fnmatchcase
from importlib import metadata

from freehold.dialects.dialect import Traits
from freehold.errors import ConfigError
from freehold.vendors.vendor import Vendor

GROUP = "freehold.vendors"


def load() -> dict[str, Vendor]:
    """Every vendor that is installed, by name. A third party's replaces a built-in one of the same name.

    Raises `ConfigError` for an entry point that does not give a `Vendor`."""
    found: dict[str, Vendor] = {}
    for module in pkgutil.iter_modules(__path__):
        vendor = getattr(importlib.import_module(f"{__name__}.{module.name}"), "VENDOR", None)
        if isinstance(vendor, Vendor):
            found[vendor.name] = vendor
    for entry in metadata.entry_points(group=GROUP):
        vendor = _loaded(entry)
        found[vendor.name] = vendor
    return found


def traits_for(vendor: Vendor, dialect: str, model: str) -> Traits:
    """How this vendor's model departs from the dialect: the first pattern that its name matches, else the vendor's own."""
    for special in vendor.models:
        if special.dialect == dialect and fnmatchcase(model, special.pattern):
            return special.traits
    return next((speaks.traits for speaks in vendor.speaks if speaks.dialect == dialect), Traits())


def _loaded(entry: metadata.EntryPoint) -> Vendor:
    try:
        vendor = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"The vendor {entry.name!r} ({entry.value}) cannot be imported: {error}.", _REINSTALL
        ) from None
    if not isinstance(vendor, Vendor):
        raise ConfigError(f"The entry point {entry.name!r} ({entry.value}) is not a `Vendor`.", _REINSTALL)
    return vendor


_REINSTALL = "Mend or remove the package that brings it."
