"""Graders: functions from an item and a reply to a score, one file each. They are found by name, never listed.

Built-in graders come through the same plug as a third party's: a class that derives from `Grader`, `AskingGrader` or
`PairwiseGrader` (`grader.py`). Modules of this folder bring theirs as `GRADER`; other packages by the entry point group
`freehold.graders`.
"""

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any, TypeGuard, cast

import msgspec

from freehold.errors import ConfigError, InvalidGrader
from freehold.graders.grader import AnyGrader, AskingGrader, Grader, Options, PairwiseGrader
from freehold.graders.negated import negated
from freehold.graders.unaided import Unaided

GROUP = "freehold.graders"

Kind = type[AnyGrader]

_PATH = re.compile(r"(?P<said>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)


def load() -> dict[str, Kind]:
    """The class of each installed grader, by name, names in order. A third party's replaces a built-in of that name.

    Raises ConfigError for an entry point that does not give a grader's class."""
    found: dict[str, Kind] = {}
    for module in pkgutil.iter_modules(__path__):
        kind = getattr(importlib.import_module(f"{__name__}.{module.name}"), "GRADER", None)
        if kind is not None:
            found[kind.name] = kind
    for entry in metadata.entry_points(group=GROUP):
        kind = _loaded(entry)
        found[kind.name] = kind
    return dict(sorted(found.items()))


def build(table: Mapping[str, Any]) -> AnyGrader:
    """The grader that a table describes: `{"kind": "numeric", "tolerance": 0.01}`.

    Raises InvalidGrader, whose `param` names the option at fault, and NotConfigured when it lacks its extra."""
    return made(_kind(table), {name: value for name, value in table.items() if name != "kind"})


def made(kind: Kind, table: Mapping[str, Any]) -> AnyGrader:
    """The grader of this class with the options of the table. Raises as `build` does."""
    options = _options(kind, table)
    grader: AnyGrader = kind(options)
    if isinstance(grader, AskingGrader) and grader.asks_nobody:
        grader = Unaided(grader)
    return negated(grader) if options.negate else grader


def _kind(table: Mapping[str, Any]) -> Kind:
    name, kinds = table.get("kind"), load()
    if not isinstance(name, str):
        raise InvalidGrader("A grader needs its `kind`.", f"There are {', '.join(kinds)}.", param="kind")
    if name not in kinds:
        raise InvalidGrader(f"There is no grader {name!r}.", _meant(name, kinds), param="kind")
    return kinds[name]


def _options(kind: Kind, table: Mapping[str, Any]) -> Options:
    names = kind.takes.__struct_fields__
    for name in table:
        if name not in names:
            raise InvalidGrader(f"The grader {kind.name!r} has no option `{name}`.", _meant(name, names), param=name)
    try:
        return msgspec.convert(dict(table), kind.takes)
    except msgspec.ValidationError as error:
        raise _refused(kind, str(error)) from None


def _refused(kind: Kind, message: str) -> InvalidGrader:
    """What is wrong with the options, from what msgspec says: `Expected ... - at `$.path``."""
    told = _PATH.fullmatch(message)
    said, path = (told["said"], told["path"] or "") if told else (message, "")
    where = f"`{path}` of the grader {kind.name!r}" if path else f"The grader {kind.name!r}"
    missing = re.search(r"required field `(\w+)`", said)
    param = re.split(r"[.\[]", path)[0] or (missing[1] if missing else None)
    return InvalidGrader(f"{where}: {said}.", f"{kind.hint} {_SEE}".strip(), param=param)


def _meant(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), list(names), n=1, cutoff=0.6)
    return f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(names)}."


def _loaded(entry: metadata.EntryPoint) -> Kind:
    try:
        kind: Any = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"The grader {entry.name!r} ({entry.value}) cannot be imported: {error}.", _REINSTALL
        ) from None
    if not _is_kind(kind):
        raise ConfigError(f"The entry point {entry.name!r} ({entry.value}) is not a grader's class.", _REINSTALL)
    return kind


def _is_kind(kind: Any) -> TypeGuard[Kind]:
    derived = isinstance(kind, type) and issubclass(kind, Grader | AskingGrader | PairwiseGrader)
    return derived and all(hasattr(cast("Any", kind), part) for part in ("name", "version", "takes"))


_REINSTALL = "Mend or remove the package that brings it."
_SEE = "What each grader takes is in docs/reference/graders.md."
