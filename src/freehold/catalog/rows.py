"""What the catalog knows of a model: its prices with their dates, its limits, its abilities, the day it ends.

Pure data, and the form of the committed data file. It computes nothing (see `cost.py`) and finds nothing (see
`catalog.py`). Money is integer nano-dollars: 1 dollar per million tokens is 1,000,000,000.
"""

from msgspec import Struct

NANO = 1_000_000_000
"""Nano-dollars in a dollar."""

MODES = frozenset({"chat", "responses", "completion", "embedding"})
"""What the door can ask a model for. `responses` is chat through that endpoint only."""


class Rates(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Nano-dollars per million tokens, for each kind of token that a vendor bills apart.

    None means that the kind has no price of its own: `cache_read`, `cache_write_5m` and `audio_input` are then billed as
    `input`; `cache_write_1h` as `cache_write_5m`; `reasoning` and `audio_output` as `output`. `cache_write_5m` is the
    short-lived write (Anthropic 5 minutes, OpenAI 30 minutes), `cache_write_1h` the long-lived one (1 hour, 12 hours).
    """

    input: int
    output: int = 0
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None


class Tier(Rates, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The rates of a request whose input has more than `above` tokens. They hold for all of its tokens."""

    above: int


class Service(Rates, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The rates of one service tier, instead of the standard ones. `name` is what the vendor's answer says in
    `service_tier` (`batch`, `flex`, `priority`, `fast`, ...). `tiers` in ascending order of `above`."""

    name: str
    tiers: tuple[Tier, ...] = ()


class Window(Struct, frozen=True, gc=False):
    """A stretch of some weekdays: ISO `days` (Monday is 1), from minute `start` to before minute `end` of the day, UTC."""

    days: tuple[int, ...]
    start: int
    end: int


class OffPeak(Rates, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The rates inside the `windows`. Outside them the price itself holds, which is the dearer."""

    windows: tuple[Window, ...]


class Price(Rates, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a model costs from one day on.

    `since` is the first day (ISO 8601, UTC), None for "as far back as is known". `search` is in nano-dollars for each
    server-side search, 0 where unknown or free. `tiers` in ascending order of `above`, `services` by name. `off_peak` is None
    for a price that is the same at all hours. Hashable.
    """

    since: str | None = None
    search: int = 0
    tiers: tuple[Tier, ...] = ()
    services: tuple[Service, ...] = ()
    off_peak: OffPeak | None = None


class Source(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where fields come from. `read_on` is the day it was read (ISO 8601), `sha256` the digest of the file read."""

    name: str
    title: str
    version: str
    licence: str
    read_on: str
    sha256: str = ""


class Model(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model at one vendor.

    `id` is `vendor/name`; the name may hold slashes. `mode` is `chat`, `responses` (that endpoint only), `completion` or
    `embedding`. `context_tokens` is the longest input. `abilities` are what it is known to do and `lacks` what it is
    known not to do; what stands in neither is unknown: `vision`, `tools`, `parallel_tools`, `forced_tool_choice`,
    `json_schema`, `reasoning`, `audio`, `audio_output`, `files`, `prompt_caching`, `web_search`, `computer_use`,
    `prefill`, `system`, `streaming`. `refuses` are request parameters that it answers with an error, in our words.
    `retires` is the first day without it (ISO 8601). `prices` in ascending order of `since`; empty when unknown or when
    the vendor bills something that is not a token. `aliases` are other names at the same vendor. `provenance` maps a
    field to the index of its source in the catalog; `*` stands for all fields that are not named.
    """

    id: str
    mode: str = "chat"
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    abilities: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    retires: str | None = None
    prices: tuple[Price, ...] = ()
    aliases: tuple[str, ...] = ()
    provenance: dict[str, int] = {}

    @property
    def vendor(self) -> str:
        """What stands before the first slash of the id."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """The vendor's own name of the model: what stands after the first slash."""
        return self.id.partition("/")[2]

    def source_of(self, field: str) -> int | None:
        """The index of the source of a field (`prices`, `retires`, ...; `prices.services` falls back to `prices`)."""
        index = self.provenance.get(field)
        if index is None and "." in field:
            return self.source_of(field.rpartition(".")[0])
        return self.provenance.get("*") if index is None else index


class Book(Struct, frozen=True, kw_only=True):
    """The whole data file. `vendors` in the order in which a bare model name is looked for: who made it comes first."""

    vendors: tuple[str, ...]
    sources: tuple[Source, ...]
    models: tuple[Model, ...]
