"""`freehold models promote`: let a version serve as own/NAME, on the evidence of a passed trial or on somebody's signed word."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from freehold.catalog.terms import Terms, further
from freehold.cli.audit import print_json
from freehold.cli.models_adapter import base_of, is_adapter
from freehold.cli.models_evidence import find_passed, kept_draws, kept_rows, sealed_items
from freehold.cli.models_registry import AsJson, Data, Folder, Named, note, open_registry, unserved
from freehold.cli.overrides import overrides_in
from freehold.cli.people import Config, Sign, people_in
from freehold.cli.people import sign as signed
from freehold.cli.settings import read_settings
from freehold.config.paths import config_file, data_dir, environment
from freehold.config.settings import Engine
from freehold.errors import FetchError, InvalidField, PromotionRefused
from freehold.serving.groups import kind
from freehold.serving.launch import check_files
from freehold.training.ancestry import pedigree_of_base
from freehold.training.dataset import read_dataset
from freehold.training.lineage import Lineage
from freehold.training.promotion import Answered, require_promotable
from freehold.training.provenance import Student
from freehold.training.registry import Registry, Version
from freehold.training.tasks.drawn import merged
from freehold.training.word import PROMOTED
from freehold.vendors.own import VLLM


def promote(
    version: Named,
    trial: Annotated[
        str | None, typer.Option(help="The trial that it passed; default: the newest one of these weights.")
    ] = None,
    override: Annotated[
        str | None, typer.Option(help="Without a passed trial: the reason why it may serve. Needs --sign.")
    ] = None,
    sign: Sign = None,
    dataset: Annotated[
        Path | None,
        typer.Option(help="The rows that it was trained on, to check them again; default: those that its run keeps."),
    ] = None,
    in_house: Annotated[
        bool, typer.Option("--in-house", help="It is never offered to others; some terms permit more then.")
    ] = False,
    declares: Annotated[
        list[str] | None,
        typer.Option(help="A condition of terms that you answer for: under-threshold, non-commercial."),
    ] = None,
    terms: Annotated[
        Path | None, typer.Option(help="A file of further terms, such as an order form of your own.")
    ] = None,
    config: Config = None,
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Checks terms and contamination again, finds the evidence, and lets the version serve. A running `up` changes over by itself.

    The trial must be of these very weights (the GGUF file; where vLLM serves the model, the safetensors), have passed, and have the plan and the results that the
    ledger holds. The promotion becomes an entry of the ledger with its evidence. A file that llama.cpp cannot serve is refused."""
    if override is None and sign is not None:
        raise InvalidField("Nothing is there to be signed.", "Give --override REASON too, or promote by a trial.")
    folder = data_dir(data, environment())
    opened = open_registry(data, registry)
    found = opened.find(version)
    lineage = found.manifest.lineage
    vllm = _for_vllm(found, config, folder)
    behind = None if vllm and not found.manifest.serves else _behind(found, opened)
    foreign = lineage.base if behind is None else behind.base
    known = Terms.load(*further(terms))
    student = Student(name=f"own/{found.model}", offered=not in_house, base=foreign, declares=frozenset(declares or ()))
    base = pedigree_of_base(foreign, known, lineage.created[:10])
    word = None if override is None else _word(found, override, sign, config)
    keys = () if word is None else people_in(config).values()
    every = [lineage, *([behind] if behind is not None else [])]
    rows = [one for each in every for one in kept_rows(folder, each)] if dataset is None else [read_dataset(dataset)]
    drawn = merged(kept_draws(folder, one) for one in every)
    evidence = require_promotable(
        found.manifest,
        word or find_passed(folder, found.manifest.all_weights if vllm else (found.manifest.weights,), trial),
        known,
        student,
        datasets=rows,
        base=base,
        drawn=drawn,
        sealed=sealed_items(folder) if rows or drawn.contents else (),
        overrides=overrides_in(folder, config),
        behind=behind,
        keys=keys,
    )
    note(opened, data)
    line = opened.promote(found, evidence, keys)
    note(opened, data, done=f"{found.id} serves")
    if said := unserved(opened, data):
        print(said, file=sys.stderr)
    if json:
        print_json({"promoted": found.id, "digest": found.digest, "evidence": line.evidence})
    else:
        why = f"by {word.by}'s word" if word is not None else f"on the evidence of {evidence['trial']}"
        print(f"{found.id} serves as own/{found.model}, {why}.")
        if evidence["rows"] in ("absent", "partly"):
            print(
                f"{'Its rows' if evidence['rows'] == 'absent' else 'Some of its rows'} are not here, so they were not checked again: give --dataset "
                "FILE where they are."
            )
        if evidence["drawn"] in ("absent", "partly"):
            what = "What" if evidence["drawn"] == "absent" else "Some of what"
            print(f"{what} its tasks drew is not kept here, so it was not held against sealed items.")


def _for_vllm(version: Version, config: Path | None, data: Path) -> bool:
    """Whether the configuration has vLLM serve the model, which reads safetensors and no GGUF file, and tries them in trials."""
    if not any(file.path.endswith(".safetensors") for file in version.manifest.files):
        return False
    engine = read_settings(config_file(config, Path()), data).own.get(version.model)
    return engine is not None and kind(engine) == VLLM


def _word(version: Version, reason: str, key: Path | None, config: Path | None) -> Answered:
    """What somebody answers for, signed. Raises NotSigned without a key."""
    about = {
        "model": f"own/{version.model}",
        "digest": version.digest,
        "weights": version.manifest.weights,
        "reason": reason,
    }
    word = signed(PROMOTED, about, key, config)
    return Answered(reason, word.by, word.signed_at, word.note)


def _behind(version: Version, registry: Registry) -> Lineage | None:
    """The lineage of the version that an adapter changes; None for a version with weights of its own. Raises RegistryError for one that has none, and
    PromotionRefused for files that llama.cpp cannot serve."""
    file = registry.weights_file(version)
    base = base_of(version.manifest, registry) if is_adapter(file) else None
    weights, adapter = (file, None) if base is None else (registry.weights_file(base), str(file))
    try:
        check_files(Engine(name=version.model, weights=str(weights), adapter=adapter))
    except FetchError as error:
        raise PromotionRefused(
            f"{version.id} cannot be served. {error.sentence}",
            "Export it to GGUF anew, and add that as another version: one that is registered never changes.",
        ) from None
    return None if base is None else base.manifest.lineage
