"""One table of the file as the Struct that declares it: unknown names, missing ones, and each value as its type.

It knows shapes, not meanings. A table that must be judged as a whole is judged by its reader afterwards.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from msgspec import UNSET, Struct, UnsetType, inspect

from freehold.config import toml
from freehold.config.file import File, listed, nearest
from freehold.config.positions import KeyPath
from freehold.config.shape import Setting, settings_of, words
from freehold.config.values import plain, shown

T = TypeVar("T", bound=Struct)

Reader = Callable[[File, KeyPath, object], object | UnsetType]
"""Reads one setting in its own way: the value, or UNSET with the problem noted."""


def pairs_of(written: object) -> Mapping[str, object] | None:
    """The names and values of a table; None for what is none."""
    return cast(Mapping[str, object], written) if isinstance(written, Mapping) else None


def one_or_many(path: KeyPath, written: object) -> list[tuple[KeyPath, object]]:
    """What may be one table or a list of them: each with its place."""
    if isinstance(written, list):
        return [((*path, index), entry) for index, entry in enumerate(cast(list[object], written))]
    return [(path, written)]


def mapping(file: File, path: KeyPath, written: object) -> Mapping[str, object]:
    """What should be a table, as one. Anything else is a problem, and reads as an empty table."""
    pairs = pairs_of(written)
    if pairs is None:
        file.wrong(path, f"must be a table, not {shown(written)}.")
    return pairs or {}


def well_named(file: File, path: KeyPath) -> bool:
    """Whether the name of a table can stand in the name of a model, in a header and in a path; else the problem is
    noted."""
    name = str(path[-1])
    if name and name.isascii() and name.isprintable() and not set(name) & set(" /\"'\\"):
        return True
    file.wrong(path, "is not a usable name.", "Use letters, digits, dots, dashes and underscores.")
    return False


def table(
    file: File,
    path: KeyPath,
    written: object,
    struct: type[T],
    *,
    own: Mapping[str, object] | None = None,
    readers: Mapping[str, Reader] | None = None,
) -> T | None:
    """The Struct, or None when a setting of it cannot be used. `own` gives fields that the file may leave out, or that
    are no settings (the table's name); `readers` the settings that are read in their own way."""
    pairs = pairs_of(written)
    if pairs is None:
        file.wrong(path, f"must be a table, not {shown(written)}.", _table_advice(path, struct))
        return None
    settings = settings_of(struct)
    meant = _strangers(file, path, pairs, [setting.name for setting in settings])
    sound = not meant
    fields: dict[str, object] = dict(own or {})
    for setting in settings:
        if setting.name not in pairs:
            if setting.required and setting.field not in fields:
                sound = False
                if setting.name not in meant.values():
                    _needs(file, path, setting)
            continue
        value = _value(file, (*path, setting.name), pairs[setting.name], setting, readers or {})
        sound = sound and value is not UNSET
        fields[setting.field] = value
    return struct(**fields) if sound else None


def _value(
    file: File, path: KeyPath, written: object, setting: Setting, readers: Mapping[str, Reader]
) -> object | UnsetType:
    reader = readers.get(setting.name)
    if reader is not None:
        return reader(file, path, written)
    if isinstance(setting.kind, inspect.StructType):
        found = table(file, path, written, setting.kind.cls)
        return UNSET if found is None else found
    return plain(file, path, written, setting)


def _strangers(file: File, path: KeyPath, pairs: Mapping[str, object], names: list[str]) -> dict[str, str | None]:
    """The names that no setting has, each with the setting that was probably meant."""
    meant = {name: nearest(name, names) for name in pairs if name not in names}
    for name, near in meant.items():
        advice = f'Did you mean "{near}"?' if near else f"It has {listed(names)}."
        file.wrong(path, f'has no setting "{name}".', advice, at=(*path, name))
    return meant


def _needs(file: File, path: KeyPath, setting: Setting) -> None:
    example = toml.value(setting.example) if setting.example is not None else words(setting.kind)
    file.wrong(path, f'needs the setting "{setting.name}".', f"Write {setting.name} = {example}.")


def _table_advice(path: KeyPath, struct: type[Struct]) -> str:
    """An example with the first setting that has a default to show."""
    for setting in settings_of(struct):
        if not isinstance(setting.default, bool | None | tuple | dict):
            return f"Write {toml.key(str(path[-1]))} = {{ {setting.name} = {toml.value(setting.default)} }}."
    return ""
