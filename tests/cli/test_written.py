"""The configuration in force: as it was written, with models of the registry, and how long requests under it may last."""

from collections.abc import Mapping

import pytest

from freehold.cli.written import Written, longest, with_promoted
from freehold.config.settings import Engine, Settings, Timeouts, Workload


def settings(total: float, **workloads: float) -> Settings:
    mine = {name: Workload(name=name, route=(), timeouts=Timeouts(total=value)) for name, value in workloads.items()}
    return Settings(timeouts=Timeouts(total=total), workloads=mine)


PROMOTED: Mapping[str, Engine] = {"nano": Engine(name="nano", weights="w.gguf")}


def test_what_is_put_in_force_has_the_promoted_models_and_what_was_written_has_not() -> None:
    told: list[Settings] = []
    written = Written(settings(30.0), told.append)
    asked = settings(20.0)
    written.put(asked, PROMOTED)
    assert told == [with_promoted(asked, PROMOTED)]
    assert told[0].own == PROMOTED
    assert written.settings is asked


def test_what_cannot_be_announced_is_not_in_force() -> None:
    def refuse(_: Settings) -> None:
        raise OSError

    first = settings(30.0)
    written = Written(first, refuse, clock=lambda: 100.0)
    with pytest.raises(OSError, match=r"^$"):
        written.put(settings(600.0), {})
    assert written.settings is first
    assert written.lasts == 30.0


def test_a_request_may_last_as_long_as_the_slowest_workload_lets_it() -> None:
    assert longest(settings(30.0)) == 30.0
    assert longest(settings(30.0, slow=90.0, quick=2.0)) == 90.0


def test_a_request_that_began_under_settings_before_may_last_as_long_as_those_said() -> None:
    now = 100.0
    written = Written(settings(600.0), lambda _: None, clock=lambda: now)
    written.put(settings(5.0), {})
    now += 10.0
    written.put(settings(8.0), {})
    assert written.lasts == 590.0
    now += 588.0
    assert written.lasts == 8.0


def test_settings_without_promoted_models_stay_as_they_are() -> None:
    assert with_promoted(given := settings(30.0), {}) is given
