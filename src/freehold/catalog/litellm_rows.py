"""Reads LiteLLM's model list (`model_prices_and_context_window_backup.json`, MIT) into rows.

Only the data file: the library is neither imported nor installed. It knows nothing of the other source (see `merge.py`).
The list gives one price for each name, the one of its day, with service tiers and long-context tiers as suffixes of the
key (`input_cost_per_token_above_272k_tokens_flex`), in dollars per token.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, cast

import msgspec

from freehold.catalog.origins import Origin
from freehold.catalog.rows import MODES, NANO, Model, OffPeak, Price, Service, Tier, Window
from freehold.errors import CatalogError

Row = dict[str, Any]
Kinds = dict[str, Any]
"""Whole nano-dollars per million tokens, by the name of their field in `Rates`."""

STEMS: Mapping[str, tuple[str, ...]] = {
    "input": ("input_cost_per_token",),
    "output": ("output_cost_per_token",),
    "cache_read": ("cache_read_input_token_cost",),
    "cache_write_5m": ("cache_creation_input_token_cost",),
    "cache_write_1h": (
        "cache_creation_input_token_cost_above_1hr",
        "cache_creation_input_token_cost_above_12hr",
    ),
    "reasoning": ("output_cost_per_reasoning_token",),
    "audio_input": ("input_cost_per_audio_token",),
    "audio_output": ("output_cost_per_audio_token",),
}
SERVICES: Mapping[str, str] = {"batches": "batch", "flex": "flex", "priority": "priority", "ultrafast": "ultrafast"}
ABILITIES: Mapping[str, tuple[str, ...]] = {
    "audio": ("supports_audio_input",),
    "audio_output": ("supports_audio_output",),
    "computer_use": ("supports_computer_use",),
    "files": ("supports_pdf_input",),
    "json_schema": ("supports_response_schema", "supports_native_structured_output"),
    "parallel_tools": ("supports_parallel_function_calling",),
    "prefill": ("supports_assistant_prefill",),
    "prompt_caching": ("supports_prompt_caching",),
    "reasoning": ("supports_reasoning",),
    "streaming": ("supports_native_streaming",),
    "system": ("supports_system_messages",),
    "tools": ("supports_function_calling",),
    "vision": ("supports_vision",),
    "web_search": ("supports_web_search",),
}
SAMPLING = frozenset({"temperature", "top_p", "top_k"})
NO_MODEL = re.compile(r"\*|-month-commitment/|^(together-ai|fireworks-ai)-|/?container$|^claude_platform/")
"""Keys that name a size class, a commitment or a sandbox, and not a model that a request can ask for."""
DEAREST = 1_000 * NANO
"""The dearest model so far costs 600 dollars per million tokens; a rate above this is a slip by a factor of 1,000."""

_TIER = re.compile(r"_above_(\d+)k_tokens")
_FIREWORKS = ("accounts/fireworks/models/", "accounts/fireworks/routers/")


def read_list(data: bytes) -> dict[str, Row]:
    """The list as it stands in the file, its numbers exact. Raises `CatalogError` when it is not that list."""
    try:
        rows = msgspec.json.Decoder(dict[str, Row], float_hook=Decimal).decode(data)
    except msgspec.MsgspecError as error:
        raise CatalogError(
            f"This is not LiteLLM's model list: {error}.", "Give the wheel, or its model_prices_*_backup.json."
        ) from error
    if not any("litellm_provider" in row for row in rows.values()):
        raise CatalogError(
            "This is not LiteLLM's model list: no row names a litellm_provider.",
            "Give the wheel, or its model_prices_*_backup.json.",
        )
    return rows


def read_models(rows: Mapping[str, Row], origins: Iterable[Origin]) -> tuple[list[Model], frozenset[str]]:
    """The rows of these vendors that the door can ask, in no particular order and without provenance; and the ids of
    those that it cannot (images, speech, search)."""
    by_provider: dict[str, list[tuple[str, Row]]] = {}
    for key, row in rows.items():
        by_provider.setdefault(str(row.get("litellm_provider")), []).append((key, row))
    models: list[Model] = []
    others: set[str] = set()
    for origin in origins:
        found: dict[str, Model] = {}
        for provider in origin.litellm:
            prefixed = sorted(by_provider.get(provider, ()), key=lambda item: ("/" not in item[0], item[0]))
            for key, row in prefixed:
                name = _name(key, origin)
                if row.get("mode") not in MODES:
                    others.add(f"{origin.vendor}/{name}")
                elif name not in found and NO_MODEL.search(name) is None:
                    found[name] = _model(f"{origin.vendor}/{name}", row)
        models.extend(_without_short_names(found))
    return models, frozenset(others)


def _name(key: str, origin: Origin) -> str:
    prefix, slash, rest = key.partition("/")
    return rest if slash and prefix in {*origin.litellm, origin.vendor} else key


def _without_short_names(found: Mapping[str, Model]) -> Iterator[Model]:
    """Fireworks' list has each model under its short name too: that becomes an alias."""
    short: dict[str, str] = {}
    for name in found:
        for path in _FIREWORKS:
            if path + name in found:
                short[name] = path + name
    for name, model in found.items():
        if name in short:
            continue
        aliases = tuple(sorted(alias for alias, full in short.items() if full == name))
        yield msgspec.structs.replace(model, aliases=aliases) if aliases else model


def _model(key: str, row: Row) -> Model:
    abilities, lacks = _abilities(row)
    price = _price(row)
    refuses: set[str] = set()
    if row.get("supports_sampling_params") is False:
        refuses |= SAMPLING
    if row.get("supports_parallel_function_calling") is False:
        refuses.add("parallel_tool_calls")
    return Model(
        id=key,
        mode=str(row["mode"]),
        context_tokens=_count(row.get("max_input_tokens")),
        max_output_tokens=_count(row.get("max_output_tokens")),
        abilities=frozenset(abilities),
        lacks=frozenset(lacks),
        refuses=frozenset(refuses),
        retires=row.get("deprecation_date"),
        prices=() if price is None else (price,),
    )


def _count(value: Any) -> int | None:
    return int(value) if value else None


# --- abilities ---


def _abilities(row: Row) -> tuple[set[str], set[str]]:
    abilities: set[str] = set()
    lacks: set[str] = set()
    for ability, flags in ABILITIES.items():
        said = [row[flag] for flag in flags if isinstance(row.get(flag), bool)]
        if any(said):
            abilities.add(ability)
        elif said:
            lacks.add(ability)
    forced = (row.get("supports_tool_choice"), row.get("supports_forced_tool_use"))
    if False in forced:
        lacks.add("forced_tool_choice")
    elif True in forced:
        abilities.add("forced_tool_choice")
    modalities: Any = row.get("supported_modalities")
    if isinstance(modalities, list):
        for ability, modality in (("vision", "image"), ("audio", "audio")):
            if ability not in abilities:
                (abilities if modality in modalities else lacks).add(ability)
    return abilities, lacks - abilities


# --- prices ---


def _price(row: Row) -> Price | None:
    """The price, None when it is unknown or not in tokens. The list writes zero for unknown."""
    base = _kinds(row, "")
    if not base.get("input") or (row["mode"] != "embedding" and not base.get("output")):
        return None
    if max(base.values()) > DEAREST:
        return None
    if base.get("reasoning") == base.get("output"):
        base.pop("reasoning", None)
    steps: dict[int, Kinds] = {}
    for step in sorted({int(step) for key in row for step in _TIER.findall(key)}):
        if kinds := _kinds(row, _above(step)):
            steps[step] = _over(base, kinds)
    services: list[Service] = []
    for suffix, name in SERVICES.items():
        if kinds := _kinds(row, f"_{suffix}"):
            services.append(_service(row, name, suffix, _over(base, kinds), steps))
    extra = cast("Row", row.get("provider_specific_entry") or {})
    if "fast" in extra:
        services.append(
            _as_service("fast", {kind: _up(rate * Decimal(extra["fast"])) for kind, rate in base.items()}, ())
        )
    return Price(
        **base,
        search=_search(row),
        tiers=tuple(Tier(above=step * 1000, **kinds) for step, kinds in steps.items()),
        services=tuple(sorted(services, key=lambda service: service.name)),
        off_peak=_off_peak(row, base),
    )


def _service(row: Row, name: str, suffix: str, base: Kinds, steps: Iterable[int]) -> Service:
    """The rates of one service tier, with the long-context rates that the list gives for it."""
    long = {step: _kinds(row, f"{_above(step)}_{suffix}") for step in steps}
    tiers = tuple(Tier(above=step * 1000, **_over(base, kinds)) for step, kinds in long.items() if kinds)
    return _as_service(name, base, tiers)


def _as_service(name: str, kinds: Kinds, tiers: tuple[Tier, ...]) -> Service:
    return Service(name=name, **kinds, tiers=tiers)


def _over(base: Kinds, kinds: Kinds) -> Kinds:
    """The rates of `kinds` that the base has too: one without a base rate is a slip of the list. Input and output are
    the base's where `kinds` leaves them out; other kinds stay unsaid."""
    said = {kind: rate for kind, rate in kinds.items() if kind in base}
    return {kind: base[kind] for kind in ("input", "output") if kind in base} | said


def _above(step: int) -> str:
    return f"_above_{step}k_tokens"


def _kinds(row: Row, suffix: str) -> Kinds:
    """The rates that stand under keys with this suffix, in nano-dollars per million tokens."""
    kinds: Kinds = {}
    for kind, stems in STEMS.items():
        for stem in stems:
            value = row.get(stem + suffix)
            # A cache write for nothing is how the list says that the vendor does not bill it apart.
            if value is not None and (value or not kind.startswith("cache_write")):
                kinds[kind] = _up(Decimal(value) * 10**15)
                break
    return kinds


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def _search(row: Row) -> int:
    """Nano-dollars for one web search: the dearest of the list's three sizes of search."""
    sizes = cast("Row", row.get("search_context_cost_per_query") or {})
    return max((_up(Decimal(value) * 10**9) for value in sizes.values()), default=0)


def _off_peak(row: Row, base: Kinds) -> OffPeak | None:
    """The off-peak rates. None where the list has none, where days turn in another time zone, and where they are not
    all cheaper: the price itself must stay the dearest."""
    said = cast("Row", row.get("off_peak_pricing") or {})
    kinds = _kinds(said, "")
    if not kinds or "weekday_timezone" in said or any(kinds[kind] > base.get(kind, base["input"]) for kind in kinds):
        return None
    windows = tuple(window for entry in cast("list[Row]", said["windows"]) for window in _windows(entry))
    return OffPeak(windows=windows, **{**base, **kinds})


def _windows(entry: Row) -> Iterator[Window]:
    hours: Any = entry["hours_utc"]
    days = tuple(int(day) for day in entry.get("weekdays", range(1, 8)))
    for span in [hours] if isinstance(hours, str) else hours:
        start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in span.split("-"))
        if end > start:
            yield Window(days, start, end)
            continue
        yield Window(days, start, 24 * 60)
        if end:
            yield Window(tuple(sorted(day % 7 + 1 for day in days)), 0, end)
