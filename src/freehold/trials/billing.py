"""What the answers of a trial cost by the door's own records: what was read from a cache at its own rate, in the tier that was
served, with what failed attempts cost.

An answer's body says too little for that, so `asking.py` counts by list prices, and what it counted holds until the record is
there; records follow their answers within a second. It knows no store: whoever calls says where records are looked up.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

STILL_SECONDS: Final = 2.0
"""How long no further record may come before the missing ones are given up: another machine's door has them, or nobody."""

LOOK_SECONDS: Final = 0.1

Bills = Callable[[Sequence[str]], Mapping[str, int | None]]
"""What is recorded of these answers, by the ids of their records: nano-dollars, None where no price was known. Those whose
record is not there are left out."""


async def bills_of(receipts: Collection[str], look: Bills, still: float = STILL_SECONDS) -> dict[str, int]:
    """The recorded cost of these answers in nano-dollars, those without a price or a record left out. Waits while records come,
    and `still` seconds after the last one."""
    found: dict[str, int | None] = {}
    missing = list(dict.fromkeys(receipts))
    until = time.monotonic() + still
    while missing:
        fresh = look(missing)
        found.update(fresh)
        missing = [one for one in missing if one not in found]
        if fresh:
            until = time.monotonic() + still
        if not missing or time.monotonic() >= until:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return {receipt: nano for receipt, nano in found.items() if nano is not None}
