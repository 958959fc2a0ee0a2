"""The configuration in force: as it was written, and with the models that the registry adds to it.

It changes only where somebody has it read anew (`house.py`); a promotion puts it in force once more, with other models. An edit of the file that nobody asked to be
taken up has no effect until then.
"""

import time
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from freehold.config.discovery import OWN
from freehold.config.settings import Engine, Settings, VendorSettings


class Written:
    """What is in force now."""

    def __init__(
        self, settings: Settings, announce: Callable[[Settings], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`settings` are in force already. `announce` puts others in force; `clock` gives seconds."""
        self._settings = settings
        self._announce = announce
        self._clock = clock
        self._until = 0.0

    @property
    def settings(self) -> Settings:
        """As they were written, without what is promoted."""
        return self._settings

    def put(self, settings: Settings, promoted: Mapping[str, Engine]) -> None:
        """Puts settings in force with these models of the registry. Where that raises, those before are in force."""
        self._announce(with_promoted(settings, promoted))
        self._until = max(self._until, self._clock() + longest(self._settings))
        self._settings = settings

    @property
    def lasts(self) -> float:
        """For how many seconds a request that began by now may last, under whichever settings it began."""
        return max(longest(self._settings), self._until - self._clock())


def longest(settings: Settings) -> float:
    """How many seconds a request may last under these settings, whichever its workload."""
    return max([settings.timeouts.total, *(w.timeouts.total for w in settings.workloads.values() if w.timeouts)])


def with_promoted(settings: Settings, promoted: Mapping[str, Engine]) -> Settings:
    """The settings with these engines among the own models, and the vendor `own` where it was missing."""
    if not promoted:
        return settings
    vendors = settings.vendors
    if OWN not in vendors:
        vendors = {**vendors, OWN: VendorSettings(name=OWN, like=OWN)}
    return replace(settings, own={**settings.own, **promoted}, vendors=vendors)
