"""Where each setting's value came from, for `freehold config show`: the default, a line of the file, the environment.

Secrets are never part of it. The paths are those that the file would write.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from msgspec import Struct
from msgspec.structs import asdict

from freehold.config.money import dollars
from freehold.config.positions import KeyPath
from freehold.config.reading import Reading
from freehold.config.settings import Secret, Settings, TargetSettings
from freehold.config.shape import settings_of

HIDDEN = "(hidden)"
DEFAULT = "default"


class Origin(Struct, frozen=True, kw_only=True):
    """One setting. `path` is how the file would reach it, `value` is plain data (dollars as text, secrets hidden),
    `origin` is `default`, `freehold.toml:14`, `env OPENAI_API_KEY`, or a line and what it refers to."""

    path: KeyPath
    value: object
    origin: str


def origins(reading: Reading) -> tuple[Origin, ...]:
    """Every setting of a reading, in the order of the reference page. Raises nothing: a reading with problems has no
    settings, and gives nothing."""
    return () if reading.settings is None else tuple(_sections(reading, reading.settings))


def _sections(reading: Reading, settings: Settings) -> Iterator[Origin]:
    yield from _table(reading, ("door",), settings.door)
    yield from _table(reading, ("timeouts",), settings.timeouts)
    yield from _table(reading, ("ledger",), settings.ledger)
    for section in ("vendors", "workloads", "plans", "projects", "prices", "own", "people"):
        tables = cast(Mapping[str, Struct], getattr(settings, section))
        for name, struct in tables.items():
            yield from _table(reading, (section, name), struct)


def _table(reading: Reading, path: KeyPath, struct: Struct) -> Iterator[Origin]:
    values = asdict(struct)
    for setting in settings_of(type(struct)):
        here = (*path, setting.name)
        value = values[setting.field]
        if isinstance(value, Struct) and not isinstance(value, Secret):
            yield from _table(reading, here, value)
        elif setting.name == "headers":
            yield from _headers(reading, here, cast(Mapping[str, str], value))
        else:
            shown = dollars(cast(int, value)) if setting.unit == "usd" and value is not None else _plain(value)
            yield Origin(path=here, value=shown, origin=_origin(reading, here))


def _headers(reading: Reading, path: KeyPath, headers: Mapping[str, str]) -> Iterator[Origin]:
    """A header whose value came from elsewhere is a secret."""
    for name, value in headers.items():
        here = (*path, name)
        yield Origin(path=here, value=HIDDEN if here in reading.sources else value, origin=_origin(reading, here))


def _plain(value: object) -> object:
    """The value as plain data, in the words of the file."""
    match value:
        case Secret():
            return HIDDEN
        case str():
            # A proxy's URL may carry a password.
            return f"{value.partition('://')[0]}://{HIDDEN}@{value.rpartition('@')[2]}" if _has_login(value) else value
        case TargetSettings(weight=1.0, when=None):
            return value.model
        case Struct():
            return _fields(value)
        case list() | tuple():
            return [_plain(item) for item in cast(Sequence[object], value)]
        case dict():
            return {name: _plain(item) for name, item in cast(dict[str, object], value).items()}
        case _:
            return value


def _has_login(value: str) -> bool:
    return "://" in value and "@" in value


def _fields(struct: Struct) -> dict[str, object]:
    """The settings of a table inside a list, without those that are not set."""
    values = asdict(struct)
    return {
        setting.name: dollars(cast(int, values[setting.field]))
        if setting.unit == "usd"
        else _plain(values[setting.field])
        for setting in settings_of(type(struct))
        if values[setting.field] is not None
    }


def _origin(reading: Reading, path: KeyPath) -> str:
    source = reading.sources.get(path)
    settings = reading.settings
    if settings is not None and path in reading.positions:
        line = f"{settings.source}:{reading.positions.line(path)}"
        return f"{line} ({source})" if source else line
    if source:
        return source
    if path[0] == "workloads" and path[2:3] == ("timeouts",) and len(path) == 4:
        return _origin(reading, ("timeouts", path[3]))  # what a workload does not say of its times, [timeouts] says
    return DEFAULT
