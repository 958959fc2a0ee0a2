"""The overrides of terms that stand in the ledger of a data folder, for every command that asks what may train what."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.training.provenance import Override


def overrides_in(folder: Path, config: Path | None = None) -> "tuple[Override, ...]":
    """In the order of the ledger; none where there is no ledger. One that nobody signed whom the configuration names, or that is not what was signed, comes
    without its note, and frees nothing."""
    from freehold.cli.audit import OpenLedger
    from freehold.cli.people import people_in
    from freehold.errors import StoreError
    from freehold.ledger.entry import read_entry
    from freehold.training.provenance import overrides_of
    from freehold.training.word import OVERRIDE

    try:
        ledger = OpenLedger(folder)
    except StoreError:
        return ()
    entries = [read_entry(ledger.leaf(place)) for place in range(ledger.size)]
    found = [entry for entry in entries if entry.kind == OVERRIDE]
    keys = people_in(config).values() if any(entry.body.get("note") for entry in found) else ()
    return overrides_of(found, keys)
