"""What an own model that shall teach was made from, as its papers say: those of the version that serves, or those beside the file that a table names.

It is here since settings, registry and weights meet nowhere else. Answers of an own model are as free as what it was made from, so without papers it teaches
nobody.
"""

from pathlib import Path

from freehold.catalog.weights import NAMED, kept_at
from freehold.config.discovery import OWN
from freehold.config.own import REGISTRY
from freehold.config.settings import Settings
from freehold.training.lineage import Lineage, lineage_beside
from freehold.training.registry import MODELS, Registry


def lineage_of(teacher: str, settings: Settings, data: Path, cache: Path) -> Lineage | None:
    """The lineage of `own/NAME` as the door serves it; None for a model of others, and for one whose papers are not here or are of other weights. Raises
    RegistryError for a registry that cannot be read."""
    vendor, _, name = teacher.partition("/")
    if vendor != OWN:
        return None
    given = settings.own.get(name)
    if given is None or given.weights == REGISTRY:
        version = Registry(data / MODELS).serving().get(name)
        return None if version is None else version.manifest.lineage
    if given.url is not None or given.adapter is not None:
        return None
    weights = kept_at(NAMED[given.weights], cache) if given.weights in NAMED else Path(given.weights)
    return lineage_beside(weights)
