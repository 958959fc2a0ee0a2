"""The overrides of terms that stand in the ledger of a data folder, for every command that asks what may train what."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freehold.training.provenance import Override


def overrides_in(folder: Path) -> "tuple[Override, ...]":
    """In the order of the ledger; none where there is no ledger."""
    from freehold.cli.audit import OpenLedger
    from freehold.errors import StoreError
    from freehold.ledger.entry import read_entry
    from freehold.training.provenance import overrides_of

    try:
        ledger = OpenLedger(folder)
    except StoreError:
        return ()
    return overrides_of(read_entry(ledger.leaf(place)) for place in range(ledger.size))
