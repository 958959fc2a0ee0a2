"""What contracts and licences let be learned from a model: `data/terms.toml`, read. Unknown is no.

It knows contracts and their rights, and no row of data and no model that is trained; `training/provenance.py` decides with it. It
exists as dated data with sources, beside the prices, because terms change as prices do, and because the answer to "who said that we may"
must be a clause and a date, not a memory.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from freehold.errors import CatalogError

Right = Literal["train-competing", "train-own", "train-classifier", "distil", "derive", "evaluate", "publish"]
Answer = Literal["yes", "no", "unknown"]
Condition = Literal["in-house", "base-llama", "under-threshold", "non-commercial"]
Route = Literal["api", "weights", "consumer", "policy", "program", "customer"]
Sureness = Literal["read", "secondary", "ours"]

RIGHTS: tuple[Right, ...] = (
    "train-competing",
    "train-own",
    "train-classifier",
    "distil",
    "derive",
    "evaluate",
    "publish",
)

DATA = ("data", "terms.toml")

Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Duties(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What a student owes: the beginning of its name when it is distributed, words that it must show, and whether the terms themselves
    hold for it and for what is made from it."""

    name_prefix: str = ""
    notices: tuple[str, ...] = ()
    flows_down: bool = False


class Contract(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One contract or licence as of a day (`date`, the first on which it holds). `models` are patterns of names. `also` are the ids of
    others that hold together with it. `conditions` must all be met for the right that they stand beside."""

    id: str
    vendor: str
    route: Route
    title: str
    date: Day
    sureness: Sureness
    source: str
    permits: dict[Right, Answer]
    models: tuple[str, ...] = ("*",)
    clause: str = ""
    says: str = ""
    licence: str = ""
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    also: tuple[str, ...] = ()
    conditions: dict[Right, tuple[Condition, ...]] = {}
    duties: Duties = Duties()
    needs_parents: bool = False

    def covers(self, model: str, route: str) -> bool:
        """Whether a model of its vendor, had by this route, is under it."""
        return self.route == route and any(fnmatchcase(model.lower(), pattern) for pattern in self.models)

    def answer(self, right: Right) -> Answer:
        """What it says of a right by itself. What it does not name is unknown."""
        return self.permits.get(right, "unknown")

    @property
    def named(self) -> str:
        """`OpenAI Services Agreement 3.3(e)-(f), 2026-01-01`, as a reason names it."""
        return f"{self.title}{' ' if self.clause else ''}{self.clause}, {self.date}"


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    contract: tuple[Contract, ...] = ()


class Terms:
    """All contracts that are known."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        """Later ones replace earlier ones of the same id and date. Raises CatalogError for one that holds together with one that is not
        there."""
        self._by_key = {(contract.id, contract.date): contract for contract in contracts}
        ids = {name for name, _ in self._by_key}
        for contract in self._by_key.values():
            if missing := [name for name in contract.also if name not in ids]:
                raise CatalogError(f"The terms {contract.id} hold together with {missing[0]}, which are not known.")

    @classmethod
    def load(cls, *more: bytes) -> "Terms":
        """The terms that ship with Freehold and those in `more` files of the same form: an order form, a contract of one's own.

        Raises CatalogError for a file that cannot be read."""
        shipped = resources.files("freehold.catalog").joinpath(*DATA).read_bytes()
        return cls(contract for data in (shipped, *more) for contract in _read(data))

    def __iter__(self) -> Iterator[Contract]:
        """Every contract, by id and date."""
        return iter(self._by_key[key] for key in sorted(self._by_key))

    def find(self, terms_id: str, date: str) -> Contract | None:
        """The contract of this id and date; None where none such is known."""
        return self._by_key.get((terms_id, date))

    def latest(self, terms_id: str) -> Contract | None:
        """The newest contract of this id."""
        dates = [date for name, date in self._by_key if name == terms_id]
        return self._by_key[terms_id, max(dates)] if dates else None

    def governing(self, vendor: str, model: str, route: Route, on: str) -> Contract | None:
        """The contract under which an answer of this model was had on a day (ISO 8601): the newest that held by then, of those whose
        pattern says most of the name. None where none is known."""
        fits = [
            (len(pattern), contract.date, contract.id)
            for contract in self._by_key.values()
            for pattern in contract.models
            if contract.vendor == vendor and contract.route == route and contract.date <= on
            if fnmatchcase(model.lower(), pattern)
        ]
        if not fits:
            return None
        _, date, terms_id = max(fits)
        return self._by_key[terms_id, date]

    def together(self, contract: Contract) -> tuple[Contract, ...]:
        """The contract and all that hold with it, each once."""
        found = [contract]
        for one in found:
            for name in one.also:
                other = self.latest(name)
                if other is not None and other not in found:
                    found.append(other)
        return tuple(found)


def further(path: Path | None) -> tuple[bytes, ...]:
    """What `Terms.load` takes of a file of terms of one's own; nothing where none is named. Raises CatalogError, which names it, when it
    cannot be read."""
    if path is None:
        return ()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"The terms in {path} cannot be read: {error.strerror}.") from error
    _read(data, f"The terms in {path}")
    return (data,)


def _read(data: bytes, named: str = "A file of terms") -> tuple[Contract, ...]:
    try:
        table: Mapping[str, Any] = tomllib.loads(data.decode())
        return msgspec.convert(table, _File).contract
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise CatalogError(
            f"{named} cannot be read: {error}.", "See docs/concepts/pedigree.md for its form."
        ) from error
