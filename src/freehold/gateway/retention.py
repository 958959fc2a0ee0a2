"""The end of what is kept: contents and salts whose time has run out are removed from the store of contents.

It knows when, and nothing of what. Only times and places are needed for that, so it is given no key.
"""

import contextlib
import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.ledger.contents import Contents, Expired
from freehold.ledger.segments import Blobs

EVERY_SECONDS = 3600.0

log = logging.getLogger("freehold.ledger.contents")


class _NoKeys:
    def ciphers(self, pseudonyms: Collection[str]) -> Mapping[str, AESGCM]:
        return {}


def expire(folder: Path, blobs: Blobs | None, now: int) -> Expired:
    """Removes what was to be kept until before `now` (Unix seconds) from the contents in `folder`. Raises StoreError; what is
    removed stays so."""
    with contextlib.closing(Contents(folder, _NoKeys(), blobs)) as contents:
        expired = contents.expire(now)
    if expired.records:
        log.info(
            "%d records are kept no longer; %d segments were deleted and %d rewritten",
            *(expired.records, expired.deleted, expired.rewritten),
        )
    return expired
