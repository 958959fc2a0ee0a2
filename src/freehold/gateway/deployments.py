"""The deployments of one worker: for each model that has been asked for, where it answers and how it has been doing.

A deployment is made when it is first named, from the vendor's data, the settings and the catalog; its state (breaker,
latency) lives as long as the worker, across reloads of the configuration as long as its endpoint stays the same.
"""

import difflib
import hashlib
from collections.abc import Mapping
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from freehold.catalog.catalog import Catalog
from freehold.catalog.rows import Model
from freehold.config.settings import Settings, VendorSettings
from freehold.dialects import get as dialect_named
from freehold.dialects.dialect import Dialect, Traits
from freehold.dialects.origin import tag
from freehold.errors import UnknownModel, Unsupported
from freehold.gateway.breaker import Breaker
from freehold.gateway.kept_ids import Keeper
from freehold.gateway.latency import Latency
from freehold.outbound.address import is_elsewhere
from freehold.outbound.pool import Endpoint, endpoint
from freehold.vendors import traits_for
from freehold.vendors.own import Served
from freehold.vendors.vendor import Vendor

MAX_DEPLOYMENTS = 4096
"""Callers can name models that do not exist; the table of those must not grow without end."""

LONGEST_NAME = 256
"""Characters. An entry of the ledger holds no more of a name (`entries.LONGEST`), and a bill is held against it by the name."""

EMBEDDINGS = "openai-embeddings"
COUNT_TOKENS = "anthropic-count-tokens"
MESSAGES = "anthropic-messages"


class Way(Struct, frozen=True):
    """One dialect in which a deployment can be asked. `head` is the request head up to the value of content-length.
    `estimated` says that the vendor cannot do it and the door answers from what it knows (token counting only)."""

    dialect: Dialect
    endpoint: Endpoint | None
    path: str
    head: bytes
    traits: Traits
    estimated: bool = False


class Deployment:
    """One place where a model answers."""

    __slots__ = (
        "asked",
        "breaker",
        "in_flight",
        "keeper",
        "latency",
        "model",
        "name",
        "native",
        "origin",
        "private",
        "served",
        "settings",
        "vendor",
        "ways",
        "weights",
    )

    def __init__(
        self,
        name: str,
        native: str,
        vendor: Vendor,
        settings: VendorSettings,
        ways: dict[str, Way],
        origin: str,
        model: Model | None,
        served: Served | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        """`served` says by what an own model is served. `asked` is then the name that it is known by there, `weights` the SHA-256 of its
        weights. `keeper` seals the ids of what its account keeps. `private` says that it may stand inside one's own network: that the
        vendor does, or that the settings put it where the vendor's file does not."""
        self.name = name
        self.native = native
        self.vendor = vendor
        self.settings = settings
        self.ways = ways
        self.origin = origin
        self.model = model
        self.served = served
        self.keeper = keeper
        homes = [url for url in (vendor.base_url, *(speaks.base_url for speaks in vendor.speaks)) if url]
        moved = settings.base_url is not None and is_elsewhere(settings.base_url, homes)
        self.private = vendor.private or moved
        self.asked = served.model or native if served is not None else native
        self.weights = served.weights if served is not None else None
        self.breaker = Breaker()
        self.latency = Latency()
        self.in_flight = 0

    def way(self, front: str) -> Way:
        """How to ask it on behalf of a caller of the dialect `front`: the same dialect where it speaks it.
        Raises `Unsupported` for an operation that it does not have."""
        way = self.ways.get(front)
        if way is not None:
            return way
        if front == EMBEDDINGS:
            raise Unsupported(f"{self.name} has no embeddings.", "Route the request to a vendor that has.")
        return next(iter(self.ways.values()))


class Deployments:
    """All deployments that the settings allow. `engines` says by what each own model is served."""

    def __init__(
        self,
        settings: Settings,
        vendors: Mapping[str, Vendor],
        catalog: Catalog,
        secret: bytes,
        engines: Mapping[str, Served],
        before: "Deployments | None" = None,
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        self._vendors = vendors
        self._secret = secret
        self._engines = engines
        self._before = before._remembered() if before is not None else {}
        self._known: dict[str, Deployment] = {}
        self._bare: dict[str, str] = {}

    def get(self, name: str) -> Deployment:
        """The deployment called `vendor/model`. Raises `UnknownModel`."""
        known = self._known.get(name)
        return known if known is not None else self._make(name)

    def resolve(self, name: str) -> str:
        """`vendor/model` for what a caller wrote: itself, or a bare model name that one configured vendor has.
        Raises `UnknownModel`."""
        vendor, slash, _ = name.partition("/")
        if slash and vendor in self.settings.vendors:
            return name
        found = self._bare.get(name)
        if found is None:
            found = self._find_bare(name)
            if len(self._bare) < MAX_DEPLOYMENTS:
                self._bare[name] = found
        return found

    def names(self, today: date | None = None) -> list[str]:
        """Every `vendor/model` that is known by name: own models first, then the models in routes, those that a vendor
        names itself and the catalog's rows of the vendors that are configured; with `today` without the rows that are
        retired on that day."""
        names = [f"own/{name}" for name in sorted(self._engines)]
        for workload in self.settings.workloads.values():
            names += [target.model for target in workload.route if target.model != "requested"]
        vendors = self.settings.vendors.items()
        for name, settings in vendors:
            names += [f"{name}/{model}" for model in self._vendors[settings.like].names]
        for name, settings in vendors:
            rows = self.catalog.of_vendor(settings.like, alive_on=today)
            names += [f"{name}/{model.name}" for model in rows]
        return list(dict.fromkeys(names))

    def made(self) -> list[Deployment]:
        """The deployments that have been named so far."""
        return list(self._known.values())

    def _find_bare(self, name: str) -> str:
        if name in self._engines:
            return f"own/{name}"
        likes = self.catalog.vendors_of(name)
        for vendor, settings in self.settings.vendors.items():
            if settings.like in likes:
                return f"{vendor}/{name}"
        raise self._unknown(name)

    def _unknown(self, name: str) -> UnknownModel:
        known = self.names() + list(self.settings.workloads)
        vendor, slash, model = name.partition("/")
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        advice = f"Did you mean {' or '.join(close)}?" if close else "GET /v1/models lists what can be asked for."
        likes = self.catalog.vendors_of(model if slash else name)
        if likes and not close:
            advice = f"It is a model of {' and '.join(likes)}: give its key, or name the vendor in freehold.toml."
        if slash and vendor not in self.settings.vendors and not close:
            advice = f"No vendor {vendor!r} is configured. {advice}"
        return UnknownModel(f"There is no model or workload {name[:200]!r} here.", advice, param="model")

    def _make(self, name: str) -> Deployment:
        prefix, _, native = name.partition("/")
        settings = self.settings.vendors.get(prefix)
        if settings is None or not native or len(name) > LONGEST_NAME:
            raise self._unknown(name)
        vendor = self._vendors[settings.like]
        engine = vendor.transport == "engine"
        served = self._engines.get(native) if engine else None
        if (engine and served is None) or (vendor.names and native not in vendor.names):
            raise self._unknown(name)
        if served is not None:
            settings = self._with_own(settings, native, served)
        base_url = settings.base_url or vendor.base_url
        key = settings.api_key.value if settings.api_key is not None else ""
        scope = hashlib.sha256(key.encode()).hexdigest()
        made = Deployment(
            name,
            native,
            vendor,
            settings,
            self._ways(vendor, settings, native, base_url, served),
            tag(self._secret, prefix, base_url or "", native, scope),
            self.catalog.find(settings.like, native),
            served,
            Keeper(self._secret, tag(self._secret, prefix, base_url or "", "", scope)),
        )
        self._inherit(made)
        if len(self._known) >= MAX_DEPLOYMENTS:
            del self._known[next(iter(self._known))]
        self._known[name] = made
        return made

    def _remembered(self) -> dict[str, Deployment]:
        """What a reload may inherit: also what was learned before the last one, and not asked for since."""
        known = [*self._before.items(), *self._known.items()]
        return dict(known[-MAX_DEPLOYMENTS:])

    def _inherit(self, made: Deployment) -> None:
        """A reload keeps what was learned about a deployment that stays where it was."""
        before = self._before.get(made.name)
        if before is not None and before.origin == made.origin:
            made.breaker, made.latency = before.breaker, before.latency

    def _with_own(self, settings: VendorSettings, native: str, served: Served) -> VendorSettings:
        """The account of one own model: each is served at a place of its own, with its own key."""
        own = self.settings.own.get(native)
        return replace(
            settings,
            base_url=served.base_url or None,
            api_key=own.api_key if own is not None else None,
            headers={**settings.headers, **served.headers, **(own.headers if own is not None else {})},
        )

    def _ways(
        self,
        vendor: Vendor,
        settings: VendorSettings,
        native: str,
        base_url: str | None,
        served: Served | None,
    ) -> dict[str, Way]:
        ways: dict[str, Way] = {}
        for speaks in vendor.speaks:
            if settings.speaks is not None and speaks.dialect != settings.speaks:
                continue
            dialect = dialect_named(speaks.dialect)
            base = speaks.base_url if speaks.base_url and base_url == vendor.base_url else base_url
            traits = served.traits if served is not None else traits_for(vendor, speaks.dialect, native)
            ways[dialect.name] = _way(vendor, settings, dialect, base, speaks.path or dialect.path, traits)
        for name, path in ((EMBEDDINGS, vendor.embeddings), (COUNT_TOKENS, vendor.count_tokens)):
            if path is not None and (name != COUNT_TOKENS or served is None or served.counts):
                asked = name == COUNT_TOKENS and served is None
                traits = traits_for(vendor, MESSAGES, native) if asked else Traits()
                # Counting says how much to think as asking does, and needs no ability.
                traits = replace(traits, no_abilities=frozenset())
                ways[name] = _way(vendor, settings, dialect_named(name), base_url, path, traits)
            elif name == COUNT_TOKENS:
                ways[name] = Way(dialect_named(name), None, "", b"", Traits(), estimated=True)
        return ways


def _way(
    vendor: Vendor, settings: VendorSettings, dialect: Dialect, base_url: str | None, path: str, traits: Traits
) -> Way:
    if vendor.transport == "inside" or base_url is None:
        return Way(dialect, None, path, b"", traits)
    target = endpoint(base_url, proxy=settings.proxy, ca_file=settings.ca_file)
    key = settings.api_key.value if settings.api_key is not None else None
    lines = [f"POST {target.prefix}{path} HTTP/1.1", f"host: {target.authority}"]
    headers = {name.lower(): value for name, value in vendor.headers.items()}
    if key is not None:
        headers.update({name.lower(): value.replace("{key}", key) for name, value in vendor.auth.items()})
    headers.update({name.lower(): value for name, value in settings.headers.items()})
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["user-agent: freehold", "accept-encoding: identity", "content-type: application/json", "content-length: "]
    return Way(dialect, target, path, "\r\n".join(lines).encode(), traits)
