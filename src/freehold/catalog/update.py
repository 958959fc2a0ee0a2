"""Builds the catalog's data file from its two sources, and the page of what they disagree on.

1 read LiteLLM's list · 2 read genai-prices · 3 join them · 4 write the rows, one a line, sorted · 5 write the page.
Nothing is fetched: the sources are a file and an installed package. The same inputs give the same bytes.
"""

import hashlib
import zipfile
from collections import Counter
from collections.abc import Iterable
from importlib import metadata, resources
from pathlib import Path

import msgspec
from genai_prices.data import providers
from genai_prices.types import Provider
from msgspec import Struct

from freehold.catalog.genai_rows import read_offers
from freehold.catalog.litellm_rows import read_list, read_models
from freehold.catalog.merge import Disagreement, merge
from freehold.catalog.origins import ORIGINS
from freehold.catalog.rows import Book, Model, Source
from freehold.errors import CatalogError

LIST = "litellm/model_prices_and_context_window_backup.json"


class Inputs(Struct, frozen=True, kw_only=True):
    """What a catalog is built from. `read_on` is the day the sources were read (ISO 8601); it decides which of the dated
    prices LiteLLM's undated ones are compared with."""

    litellm: bytes
    litellm_version: str
    genai: tuple[Provider, ...]
    genai_version: str
    genai_sha256: str
    read_on: str


class Built(Struct, frozen=True, kw_only=True):
    """The bytes of the data file and of the page, and what to tell the person."""

    data: bytes
    page: str
    models: dict[str, int]
    unpriced: int
    retiring: int
    disagreements: tuple[Disagreement, ...]


def build(given: Inputs) -> Built:
    """The catalog. `models` in the result counts the rows of each vendor. Raises `CatalogError`."""
    # 1 read LiteLLM's list
    listed, others = read_models(read_list(given.litellm), ORIGINS)
    # 2 read genai-prices
    offers = read_offers(given.genai, ORIGINS)
    # 3 join them
    models, disagreements = merge(listed, others, offers, given.read_on)
    # 4 write the rows
    vendors = tuple(origin.vendor for origin in ORIGINS)
    data = encode(Book(vendors=vendors, sources=_sources(given), models=tuple(models)))
    # 5 write the page
    return Built(
        data=data,
        page=page(disagreements, given),
        models=dict(Counter(model.vendor for model in models)),
        unpriced=sum(not model.prices for model in models),
        retiring=sum(model.retires is not None and model.retires > given.read_on for model in models),
        disagreements=tuple(disagreements),
    )


def litellm_list(path: Path) -> tuple[bytes, str]:
    """(the bytes of LiteLLM's model list, its version) from a wheel of LiteLLM or from the file itself, whose version
    nobody knows. Raises `CatalogError`."""
    try:
        if path.suffix != ".whl":
            return path.read_bytes(), "unknown"
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(LIST), path.name.split("-")[1]
    except (OSError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise CatalogError(
            f"LiteLLM's model list cannot be read from {path}: {error}.",
            f"Give a wheel of LiteLLM, or the file {LIST.rpartition('/')[2]} from one.",
        ) from error


def inputs(litellm: Path, read_on: str) -> Inputs:
    """The two sources as they lie here: a wheel of LiteLLM or its list, and the installed genai-prices.
    Raises `CatalogError`."""
    data, version = litellm_list(litellm)
    genai = resources.files("genai_prices").joinpath("data.py").read_bytes()
    return Inputs(
        litellm=data,
        litellm_version=version,
        genai=tuple(providers),
        genai_version=metadata.version("genai-prices"),
        genai_sha256=hashlib.sha256(genai).hexdigest(),
        read_on=read_on,
    )


def encode(book: Book) -> bytes:
    """The bytes of the data file: JSON, each source and each model on a line of its own, sets and keys sorted."""
    sources = b",\n".join(msgspec.json.encode(source, order="deterministic") for source in book.sources)
    models = b",\n".join(_line(model) for model in book.models)
    vendors = msgspec.json.encode(book.vendors)
    return b'{"vendors":%s,\n"sources":[\n%s\n],\n"models":[\n%s\n]}\n' % (vendors, sources, models)


def _line(model: Model) -> bytes:
    fields: dict[str, object] = msgspec.to_builtins(model, order="deterministic")
    return msgspec.json.encode({field: value for field, value in fields.items() if value not in ([], "chat")})


def _sources(given: Inputs) -> tuple[Source, Source]:
    genai = Source(
        name="genai-prices",
        title="genai-prices, Pydantic Services Inc.",
        version=given.genai_version,
        licence="MIT",
        read_on=given.read_on,
        sha256=given.genai_sha256,
    )
    litellm = Source(
        name="litellm",
        title="LiteLLM model_prices_and_context_window_backup.json, Berri AI",
        version=given.litellm_version,
        licence="MIT",
        read_on=given.read_on,
        sha256=hashlib.sha256(given.litellm).hexdigest(),
    )
    return genai, litellm


def page(disagreements: Iterable[Disagreement], given: Inputs) -> str:
    """The page of disagreements, in Markdown."""
    rows = sorted(disagreements, key=lambda row: (row.model, row.field))
    lines = [
        "# Where the catalog's sources disagree",
        "",
        f"genai-prices {given.genai_version} and LiteLLM {given.litellm_version}, both read on {given.read_on}, differ on",
        f"{len(rows)} points. Written by `freehold catalog update`; [the catalog's page](catalog.md) says how one is chosen.",
        "Amounts are dollars per million tokens: input, output, cache reads and writes.",
        "",
        "| model | what | genai-prices | LiteLLM | taken |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| `{row.model}` | {row.field} | {row.genai} | {row.litellm} | {row.taken} |" for row in rows]
    return "\n".join(lines) + "\n"
