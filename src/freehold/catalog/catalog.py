"""The catalog: finds a model's row, its price on a day, and what retires when.

It reads one committed data file, when it is told to and never at import, and nothing from outside. How the file is made
is `update.py`'s business; what an answer costs is `cost.py`'s.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from importlib import resources

import msgspec
from msgspec.structs import replace

from freehold.catalog.rows import Book, Model, Price, Rates, Source
from freehold.errors import CatalogError

DATA = ("data", "models.json")
"""Where the data file lies, below this package."""

OWN_PRICES = Source(name="settings", title="Prices given in freehold.toml", version="", licence="", read_on="")


class Catalog:
    """All rows, indexed. Unchangeable; `with_prices` gives another one."""

    __slots__ = ("_by_id", "_vendors_by_name", "models", "sources", "vendors")

    def __init__(self, book: Book) -> None:
        self.models = book.models
        self.sources = book.sources
        self.vendors = book.vendors
        self._by_id: dict[str, Model] = {}
        self._vendors_by_name: dict[str, list[str]] | None = None
        for model in book.models:
            vendor = model.vendor
            for alias in model.aliases:
                self._by_id.setdefault(f"{vendor}/{alias}", model)
        for model in book.models:  # a row's own name goes before another row's alias
            self._by_id[model.id] = model

    @classmethod
    def load(cls) -> "Catalog":
        """The catalog that ships with Freehold. Raises `CatalogError` when its file is missing or damaged."""
        try:
            data = resources.files("freehold.catalog").joinpath(*DATA).read_bytes()
        except OSError as error:
            raise CatalogError(
                f"The catalog's data file cannot be read: {error}.",
                "Install Freehold again, or run `freehold catalog update`.",
            ) from error
        return cls.decode(data)

    @classmethod
    def decode(cls, data: bytes) -> "Catalog":
        """The catalog in the bytes of a data file. Raises `CatalogError`."""
        try:
            return cls(msgspec.json.decode(data, type=Book))
        except msgspec.MsgspecError as error:
            raise CatalogError(
                f"The catalog's data file is damaged: {error}.",
                "Install Freehold again, or run `freehold catalog update`.",
            ) from error

    def find(self, vendor: str, name: str) -> Model | None:
        """The row of a vendor's model, None when there is none.

        By its own name, by an alias, by the name without its date (`gpt-5-mini-2025-08-07`, `claude-haiku-4-5@20251001`),
        and for a fine-tuned model (`ft:gpt-4o-mini:org::id`) by what was tuned: the row of the tuned kind, or, where no
        price for that is known, the base model's row without prices.
        """
        found = self._by_id.get(f"{vendor}/{name}") or self._undated(vendor, name)
        if found is not None or not name.startswith("ft:"):
            return found
        base = name.split(":", 2)[1]
        found = self._by_id.get(f"{vendor}/ft:{base}") or self._undated(vendor, f"ft:{base}")
        if found is not None:
            return found
        found = self._by_id.get(f"{vendor}/{base}") or self._undated(vendor, base)
        return None if found is None else replace(found, prices=())

    def vendors_of(self, name: str) -> tuple[str, ...]:
        """The vendors that have a model called `name`, who made it first. Empty when none has."""
        if self._vendors_by_name is None:
            index: dict[str, list[str]] = {}
            for key in self._by_id:
                vendor, _, bare = key.partition("/")
                index.setdefault(bare, []).append(vendor)
            self._vendors_by_name = index
        exact = self._vendors_by_name.get(name)
        if exact is not None:
            rank = {vendor: place for place, vendor in enumerate(self.vendors)}
            return tuple(sorted(exact, key=lambda vendor: (rank.get(vendor, len(rank)), vendor)))
        return tuple(vendor for vendor in self.vendors if self.find(vendor, name) is not None)

    def of_vendor(self, vendor: str, *, alive_on: date | None = None) -> list[Model]:
        """The rows of one vendor, by name; with `alive_on` without those that are retired on that day."""
        today = None if alive_on is None else _day(alive_on)
        return [
            model
            for model in self.models
            if model.vendor == vendor and (today is None or model.retires is None or model.retires > today)
        ]

    def with_prices(self, overrides: Mapping[str, Price]) -> "Catalog":
        """The same catalog with these prices, by `vendor/name`. They are the only ones of their rows. A name without a
        row gets one; an alias or a dated name gets a row of its own, like the one it stood for."""
        if not overrides:
            return self
        models = {model.id: model for model in self.models}
        source = len(self.sources)
        for key, price in overrides.items():
            vendor, _, name = key.partition("/")
            row = self.find(vendor, name) or Model(id=key)
            kept = {field: index for field, index in row.provenance.items() if not field.startswith("prices")}
            provenance = {**kept, "prices": source}
            models[key] = replace(row, id=key, prices=(price,), provenance=provenance, aliases=_aliases(row, key))
        ordered = tuple(models[key] for key in sorted(models))
        return Catalog(Book(vendors=self.vendors, sources=(*self.sources, OWN_PRICES), models=ordered))

    def price_at(self, model: Model, when: date) -> Price | None:
        """The price that holds on a day, None when none is known for it.

        For a `datetime` (with a time zone) it is the price at that moment, which differs for vendors with off-peak hours;
        for a `date` it is the dearest of the day, which is what to reserve.
        """
        prices = model.prices
        if not prices:
            return None
        last = prices[-1]
        price = last if last.since is None else _price_on(prices, _day(when))
        if price is not None and price.off_peak is not None and isinstance(when, datetime):
            return at_moment(price, when)
        return price

    def retiring(self, before: date, *, after: date | None = None) -> list[Model]:
        """The rows that retire before a day (and, if given, after another), soonest first."""
        end = _day(before)
        start = "" if after is None else _day(after)
        soon = [model for model in self.models if model.retires is not None and start < model.retires < end]
        return sorted(soon, key=lambda model: (model.retires or "", model.id))

    def _undated(self, vendor: str, name: str) -> Model | None:
        base = undated(name)
        return None if base is None else self._by_id.get(f"{vendor}/{base}")


def undated(name: str) -> str | None:
    """The name without the date at its end (`-2025-08-07`, `-20251001`, `@20251001`), None when it has none."""
    for length, marks in ((11, (0, 5, 8)), (9, (0,))):
        tail = name[-length:]
        if len(name) <= length or tail[0] not in "-@" or any(tail[mark] != "-" for mark in marks[1:]):
            continue
        digits = tail.replace("-", "").lstrip("@")
        if len(digits) == 8 and digits.isdecimal() and digits.startswith("20"):
            return name[:-length]
    return None


def _day(when: date) -> str:
    if isinstance(when, datetime):
        when = when.astimezone(UTC).date()
    return when.isoformat()


def _price_on(prices: Iterable[Price], day: str) -> Price | None:
    found: Price | None = None
    for price in prices:
        if price.since is None or price.since <= day:
            found = price
    return found


def at_moment(price: Price, when: datetime) -> Price:
    """The price at a moment (with a time zone): inside its off-peak hours, the rates of those."""
    quiet = price.off_peak
    when = when.astimezone(UTC)
    minute = when.hour * 60 + when.minute
    weekday = when.isoweekday()
    if quiet is None or not any(weekday in w.days and w.start <= minute < w.end for w in quiet.windows):
        return price
    rates = {field: getattr(quiet, field) for field in Rates.__struct_fields__}
    return replace(price, off_peak=None, **rates)


def _aliases(row: Model, key: str) -> tuple[str, ...]:
    return row.aliases if row.id == key else ()
