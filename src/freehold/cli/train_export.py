"""`freehold train export`: a finished run as files that others read, compared with its weights before they are given out."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[str, typer.Argument(help="The run's id, or its beginning.")],
    quant: Annotated[
        str,
        typer.Option(
            help="What to write, with commas between: GGUF as f16, q8_0, q4_0; safetensors alone; lora: adapters alone."
        ),
    ] = "f16",
    licence: Annotated[
        str | None,
        typer.Option(help="The licence that you choose for the model, as SPDX names it; default: nobody else's."),
    ] = None,
    despite_alarm: Annotated[
        bool, typer.Option("--despite-alarm", help="Also where an alarm ended the run; its lineage tells that.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Writes `export/KIND` into the run's folder: safetensors, a GGUF file, lineage, card, bill of materials. `freehold models add RUN` registers it.

    Refused, with nothing left, unless llama.cpp cuts 10,000 texts into the same tokens and writes the same greedy replies to 200 held-out items (f16), or
    is right as often within the interval (q8_0, q4_0). `lora` are the adapters of a run with `[lora]`, which another version's weights serve: over these,
    in float32, the replies are those of the merged weights. `safetensors` are the weights as they are, with their papers: for vLLM, and for what is
    no Llama with a byte-level BPE."""
    from msgspec import to_builtins
    from rich.console import Console

    from freehold.cli.audit import print_json, sized
    from freehold.config.paths import data_dir, environment
    from freehold.errors import InvalidField
    from freehold.training.executor import LocalExecutor, require_libraries
    from freehold.training.exported import KINDS, PLAIN, UNCHOSEN, Exported, Kind
    from freehold.training.exported import export as export_run
    from freehold.training.runs import find_run

    wanted: list[Kind] = [kind for kind in KINDS if kind in quant.lower().split(",")]
    strange = set(quant.lower().split(",")) - set(KINDS)
    if strange:
        raise InvalidField(
            f"There is no {min(strange)!r} to export to.", f"There are {', '.join(KINDS)}.", param="quant"
        )
    environ = environment()
    place = find_run(data_dir(data, environ), run)
    if wanted != [PLAIN]:
        require_libraries()
    found: list[Exported] = []
    for kind in wanted:
        with Console(stderr=True).status(f"Exporting {place.path.name} as {kind}, and comparing"):
            executor, own_licence = LocalExecutor(environ), licence or UNCHOSEN
            found.append(export_run(place, kind, executor, own_licence, despite_alarm=despite_alarm))
    if json:
        told = [
            {
                "kind": one.kind,
                "folder": str(one.folder),
                "weights": one.lineage.weights,
                "size": one.weights.stat().st_size,
                "parity": to_builtins(one.parity),
            }
            for one in found
        ]
        print_json({"run": place.path.name, "exported": told})
        return
    for one in found:
        parity = one.parity
        print(f"{one.folder}: {one.weights.name}, {sized(one.weights.stat().st_size)}, sha256:{one.lineage.weights}")
        if parity is None:
            continue
        print(
            f"  {parity.strings:,} texts cut alike; {parity.same} of {parity.items} greedy replies the same; "
            f"{parity.right_after} right, {parity.right_before} before."
            + (f" {parity.rounded} more are, computed in float32." if parity.rounded else "")
            + (f" Rounding to half precision moved {parity.moved}." if parity.moved else "")
        )
    print(f"Register it: freehold models add {place.path.name}")
