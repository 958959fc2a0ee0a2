"""`freehold models add`: register a version of an own model: its files, and where it came from."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from freehold import __version__
from freehold.catalog.terms import Terms
from freehold.cli.audit import Counting, counted, print_json
from freehold.cli.models_adapter import is_adapter, with_base
from freehold.cli.models_registry import AsJson, Data, Folder, described, note, open_registry
from freehold.config.paths import data_dir, environment
from freehold.errors import InvalidField, RegistryError
from freehold.training.ancestry import pedigree_of_base
from freehold.training.dataset import Dataset
from freehold.training.exported import KINDS, PAPERS, find_exported
from freehold.training.lineage import LINEAGE, Lineage, lineage_beside, owed_for
from freehold.training.manifest import File, Manifest, named
from freehold.training.runs import find_run

GGUF = ".gguf"


def add(
    name: Annotated[
        str, typer.Argument(help="The model's name, with or without own/; without a PATH: an exported run.")
    ],
    path: Annotated[
        Path | None, typer.Argument(help="A GGUF file, or a folder of weights; default: what the run exported.")
    ] = None,
    lineage: Annotated[
        Path | None, typer.Option(help="Where it came from, as a run wrote it; default: lineage.json in the folder.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Without a lineage: its licence, as SPDX names it.")] = None,
    base: Annotated[
        str,
        typer.Option(
            help="Without a lineage: the model that it is, as vendor/model; of an adapter own/NAME@VERSION, default: the version of the run that it started from."
        ),
    ] = "",
    task: Annotated[str, typer.Option(help="Without a lineage: what it is for.")] = "text generation",
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens that it reads at once; default: what config.json says.")
    ] = None,
    quant: Annotated[
        str | None,
        typer.Option(
            help="Of a run: f16, q8_0, q4_0, safetensors or lora; default: the first of them that it exported."
        ),
    ] = None,
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Copies the files into the registry, each under its SHA-256, and gives the version a number. The ledger gets an entry.

    `freehold models add RUN` takes what `freehold train export RUN` wrote, under the name that its recipe gives. A version serves only once it is
    promoted. What is registered is never changed: another file makes another version."""
    if path is None:
        name, path = _of_run(name, quant, data)
    model = named(name).model
    if "@" in name:
        raise InvalidField(
            f"{name!r} names a version, and a new one gets its number by itself.", "Give the name alone."
        )
    sources = _sources(path)
    files = tuple(_file(inside, source) for inside, source in sorted(sources.items()))
    serves = [file.path for file in files if file.path.endswith(GGUF)]
    if len(serves) > 1:
        raise RegistryError(
            f"{path} holds {len(serves)} GGUF files: {', '.join(serves)}.", "Register one version for each."
        )
    manifest = Manifest(
        model=model,
        lineage=_lineage(model, path, lineage, files, licence, base, task),
        files=files,
        serves=serves[0] if serves else "",
        context=context or _context(sources.get("config.json")),
    )
    opened = open_registry(data, registry)
    if manifest.serves and is_adapter(sources[manifest.serves]):
        manifest = with_base(manifest, opened, base)
    note(opened, data)
    counting = Counting("Copying")
    try:
        version = opened.add(manifest, sources, progress=counting)
    finally:
        counting.close()
    note(opened, data, done=f"{version.id} is registered")
    if json:
        print_json(described(version))
    else:
        print(
            f"{version.id} is registered: sha256:{version.digest}, {counted(len(files), 'file')}. It serves once it is promoted."
        )


def _of_run(name: str, quant: str | None, data: Path | None) -> tuple[str, Path]:
    """(name, folder) of the model that a run exported."""
    if quant is not None and quant.lower() not in KINDS:
        raise InvalidField(f"There is no {quant!r}.", f"There are {', '.join(KINDS)}.", param="quant")
    place = find_run(data_dir(data, environment()), name)
    return place.run().model, find_exported(
        place, next((kind for kind in KINDS if kind == (quant or "").lower()), None)
    )


def _sources(path: Path) -> dict[str, Path]:
    """The files by their path inside the version. Hidden ones and the papers that are made from its lineage are none of it."""
    if path.is_file():
        return {path.name: path}
    found = {
        str(one.relative_to(path).as_posix()): one
        for one in path.rglob("*")
        if one.is_file() and not any(part.startswith(".") for part in one.relative_to(path).parts)
    }
    for paper in PAPERS:
        found.pop(paper, None)
    if not found:
        raise RegistryError(f"There are no files at {path}.", "Give a GGUF file, or a folder of weights.")
    return found


def _file(inside: str, source: Path) -> File:
    with source.open("rb") as reading:
        return File(inside, hashlib.file_digest(reading, "sha256").hexdigest(), source.stat().st_size)


def _lineage(
    model: str, path: Path, given: Path | None, files: tuple[File, ...], licence: str | None, base: str, task: str
) -> Lineage:
    """The lineage as the run wrote it, held against the files; else one that says only what was given, and what weights of that base owe by the terms
    that are known."""
    if given is None and path.is_dir() and (path / LINEAGE).is_file():
        given = path / LINEAGE
    if given is None and lineage_beside(path) is not None:
        given = path.with_name(LINEAGE)
    if given is None:
        if licence is None:
            raise RegistryError(
                "A version needs a lineage, and none is there.",
                "Give --lineage FILE; for weights that others made: --licence and --base.",
            )
        weights = next((file.sha256 for file in files if file.path.endswith(GGUF)), max(files, key=_size).sha256)
        created, terms = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), Terms.load()
        owed = owed_for(Dataset(()), pedigree_of_base(base, terms, created[:10]), terms)
        return Lineage(
            model=f"own/{model}", weights=weights, created=created, task=task,
            parameters=0, licence=licence, base=base, run="", code=__version__, dataset="", sources=(), owed=owed, sealed=0,
        )  # fmt: skip
    try:
        lineage = msgspec.json.decode(given.read_bytes(), type=Lineage)
    except (OSError, msgspec.MsgspecError) as error:
        raise RegistryError(
            f"{given} is no lineage: {error}.", "It is written by the run that made the weights."
        ) from None
    if lineage.weights not in {file.sha256 for file in files}:
        raise RegistryError(
            f"{given} is the lineage of other weights: none of the files has the SHA-256 {lineage.weights[:12]}.",
            "Give the lineage of the run that made these.",
        )
    return lineage


def _size(file: File) -> int:
    return file.size


def _context(config: Path | None) -> int:
    """What a folder in the format of `transformers` says; 0 where nothing does."""
    if config is None:
        return 0
    try:
        fields: dict[str, Any] = msgspec.json.decode(config.read_bytes(), type=dict[str, Any])
    except msgspec.MsgspecError:
        return 0
    found = fields.get("max_position_embeddings")
    return found if isinstance(found, int) and found > 0 else 0
