"""A finished run, exported: a folder that is all of a version, ready for the registry or for anybody else.

    runs/RUN/export/f16/                                      or q8_0, q4_0; or safetensors, without the GGUF file; or lora
        config.json, model.safetensors, tokenizer.json, ...   a plain Llama, as `transformers`, vLLM and others read it
        NAME.gguf                                             the same for llama.cpp, compared with it (`heavy/parity.py`)
        adapter_config.json, adapter_model.safetensors        of lora instead: the adapters alone, as PEFT has them, and as NAME.gguf
        parity.json, recipe.json                              how they compared; what it was trained by
        lineage.json, MODEL_CARD.md, bom.cdx.json             what it was made from, what it owes, how it did

It knows files and papers, and loads no weights. A folder stands there whole or not at all, so what is found there was compared.
"""

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from freehold.catalog.terms import Terms
from freehold.errors import ConfigError, RegistryError, TrainingError
from freehold.training.ancestry import Ancestry, pedigree_of_base, require_unchanged
from freehold.training.bom import bill_of_materials
from freehold.training.card import model_card
from freehold.training.dataset import Dataset
from freehold.training.executor import LocalExecutor, Parity
from freehold.training.lineage import ADAPTER_ARCHITECTURE, ARCHITECTURE, LINEAGE, Lineage, Measured, Owed, owed_for
from freehold.training.provenance import Pedigree
from freehold.training.runs import ANCESTRY, RunFolder, Standing, standing

Kind = Literal["f16", "q8_0", "q4_0", "safetensors", "lora"]
KINDS: tuple[Kind, ...] = ("f16", "q8_0", "q4_0", "safetensors", "lora")
PLAIN: Kind = "safetensors"
"""The weights as they are, with their papers: nothing is converted, so nothing is compared. For what is no plain Llama, too."""

ADAPTERS: Kind = "lora"
"""The adapters that a run with [lora] learned, without the weights that they change: another version's, which serves them."""

CARD, BOM, PARITY, MANIFEST = "MODEL_CARD.md", "bom.cdx.json", "parity.json", "manifest.json"
PAPERS = (LINEAGE, CARD, BOM, MANIFEST)
"""Files that say what a version is, and are none of its files: they are made anew from its lineage."""

UNCHOSEN = "LicenseRef-Proprietary"
"""The licence of a model whose owner has chosen none: nobody else may use it."""

WEIGHTS, LOW_RANK = "model.safetensors", "adapter_model.safetensors"


class Exported(Struct, frozen=True):
    """One export: its folder, the file that is served, how it compared (None for the weights themselves), and its lineage."""

    kind: Kind
    folder: Path
    weights: Path
    parity: Parity | None
    lineage: Lineage


def export(
    folder: RunFolder, kind: Kind, executor: LocalExecutor, licence: str = UNCHOSEN, *, despite_alarm: bool = False
) -> Exported:
    """Exports a finished run; what stood there before is replaced when all is there. Raises ExportRefused where the file does not say what the weights
    say, TrainingError for what cannot be exported, such as a run that an alarm ended, and then nothing is changed."""
    alarm = standing(folder).ended_by
    if alarm is not None and not despite_alarm:
        raise TrainingError(
            f"The run {folder.path.name} was ended by an alarm: {alarm.sentence}",
            "Look at it: `freehold train show`. Its weights are exported all the same with --despite-alarm.",
        )
    require_unchanged(folder)
    run, out = folder.run(), folder.path / "export" / kind
    draft = out.with_name(f".{kind}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        weights = draft / (WEIGHTS if kind == PLAIN else f"{run.model.partition('/')[2]}.gguf")
        parity = _require_weights(folder) if kind == PLAIN else executor.export(folder, kind.upper(), weights)
        for source in (folder.adapter if kind == ADAPTERS else folder.weights).iterdir():
            _linked(source, draft / source.name)
        _linked(folder.path / "recipe.json", draft / "recipe.json")
        if parity is not None:
            (draft / PARITY).write_bytes(msgspec.json.encode(parity))
        lineage = lineage_of(folder, weights, kind, parity, licence)
        for name, content in papers(lineage).items():
            (draft / name).write_bytes(content)
        shutil.rmtree(out, ignore_errors=True)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Exported(kind, out, out / weights.name, parity, lineage)


def find_exported(folder: RunFolder, kind: Kind | None) -> Path:
    """The folder of an export: of this kind, else the only one, else F16. Raises RegistryError where there is none."""
    there: list[Kind] = [one for one in KINDS if (folder.path / "export" / one / LINEAGE).is_file()]
    if kind is None and there:
        kind = there[0]
    if kind is None or kind not in there:
        name = folder.path.name
        raise RegistryError(
            f"The run {name} is not exported{f' as {kind}' if kind else ''}.",
            f"Do it first: `freehold train export {name}{f' --quant {kind}' if kind else ''}`.",
        )
    return folder.path / "export" / kind


def papers(lineage: Lineage) -> dict[str, bytes]:
    """The lineage, the card and the bill of materials, by the names of their files."""
    return {LINEAGE: _pretty(lineage), CARD: model_card(lineage).encode(), BOM: _pretty(bill_of_materials(lineage))}


def lineage_of(folder: RunFolder, weights: Path, kind: Kind, parity: Parity | None, licence: str) -> Lineage:
    """What a run and the files that it left say of the model: made from what, by which code, how good on which held-out items."""
    run, recipe, stands = folder.run(), folder.recipe(), standing(folder)
    made_from = ancestry_kept(folder)
    tasks = list(dict.fromkeys(portion.called for portion in recipe.mix))
    learned = folder.adapter / LOW_RANK if kind == ADAPTERS else folder.weights / WEIGHTS
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Lineage(
        model=run.model,
        weights=digest,
        created=_moment(learned),
        task=" and ".join(tasks) or recipe.about or "text generation",
        parameters=parameters_in(learned),
        licence=licence,
        base=made_from.base,
        run=run.id,
        code=run.code,
        dataset=made_from.dataset,
        sources=made_from.sources,
        owed=_owed(made_from, folder, run.made_at[:10]),
        sealed=run.sealed,
        # Without tasks the two were compared on rows that were learned from: that says nothing of how good it is.
        measured=(*_scored(folder), *([_compared(kind, parity)] if parity is not None and recipe.mix else [])),
        overrides=made_from.overrides,
        limits=(*([run.cleaned] if run.cleaned else ()), *_limits(stands)),
        start=made_from.start,
        inherited=made_from.inherited,
        architecture=ADAPTER_ARCHITECTURE if kind == ADAPTERS else ARCHITECTURE,
    )


def ancestry_kept(folder: RunFolder) -> Ancestry:
    """What the run's trainer found that it is made from. Raises ConfigError for a run whose trainer kept nothing."""
    try:
        return msgspec.json.decode((folder.path / ANCESTRY).read_bytes(), type=Ancestry)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(
            f"The run {folder.path.name} does not tell what it was made from: {error}.",
            "Train it again with this version.",
        ) from None


def parameters_in(path: Path) -> int:
    """How many weights a safetensors file holds, by its head (an 8-byte length, little-endian, and JSON). Raises ConfigError."""
    try:
        with path.open("rb") as file:
            head: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except (OSError, ValueError, OverflowError) as error:
        raise ConfigError(f"{path} is no safetensors file: {error}.", "Take the weights of a finished run.") from None
    shapes: list[list[int]] = [about["shape"] for name, about in head.items() if name != "__metadata__"]
    return sum(_product(shape) for shape in shapes)


def _require_weights(folder: RunFolder) -> None:
    """Raises ConfigError for a run that is not done, or whose weights are not in one file."""
    if folder.state() != "done" or not (folder.weights / WEIGHTS).is_file():
        raise ConfigError(
            f"The run {folder.path.name} has no {WEIGHTS} yet.", f"Go on: `freehold train run {folder.path.name}`."
        )


def _product(shape: list[int]) -> int:
    found = 1
    for size in shape:
        found *= size
    return found


def _scored(folder: RunFolder) -> list[Measured]:
    """The newest score of each level that the run told, on validation items."""
    return [
        Measured(
            f"{one.task}, level {one.level}, {'with steps' if one.thinking else 'without steps'}",
            one.right / one.items,
            one.low,
            one.high,
            one.items,
        )
        for one in standing(folder).scores
        if one.items
    ]


def _limits(stands: Standing) -> tuple[str, ...]:
    """What the run has told of itself that whoever uses the weights must know, and how it ended."""
    notes, ended = tuple(one.sentence for one in stands.notes), stands.ended
    if ended is None:
        return notes
    by = " by an alarm" if stands.ended_by is not None else ""
    why = ended.why.removesuffix(".")
    return (*notes, f"Training ended{by} after {ended.step:,} steps and {ended.tokens:,} tokens: {why}.")


def _compared(kind: Kind, parity: Parity) -> Measured:
    share = parity.right_after / parity.items if parity.items else 0.0
    return Measured(f"all levels, as exported ({kind})", share, parity.low, parity.high, parity.items)


def _owed(made_from: Ancestry, folder: RunFolder, on: str) -> Owed:
    """The duties of all sources and of the base."""
    terms: Terms = folder.terms()
    pedigrees = {
        str(place): Pedigree(
            producer=one.producer,
            route=one.route,  # pyright: ignore[reportArgumentType] (written from a pedigree)
            terms=one.terms,
            terms_date=one.terms_date,
            licence=one.licence,
        )
        for place, one in enumerate(made_from.sources)
    }
    return owed_for(Dataset((), pedigrees), pedigree_of_base(made_from.base, terms, on), terms)


def _moment(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _linked(source: Path, to: Path) -> None:
    """The same file under another name, where the filesystem can; else a copy."""
    try:
        os.link(source, to)
    except OSError:
        shutil.copyfile(source, to)


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
