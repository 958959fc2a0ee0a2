"""`freehold models export`: the files of a version with its card and its bill of materials, in a folder."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from freehold.cli.audit import print_json
from freehold.cli.models_registry import AsJson, Data, Folder, Named, open_registry
from freehold.training.bom import bill_of_materials
from freehold.training.card import model_card
from freehold.training.manifest import encode


def export(
    version: Named,
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Writes a folder with the files, `manifest.json`, `lineage.json`, `MODEL_CARD.md` and `bom.cdx.json`. Each file is hashed as it is
    copied, and a changed one ends it. `freehold models add` takes the folder elsewhere."""
    opened = open_registry(data, registry)
    found = opened.find(version)
    lineage = found.manifest.lineage
    extra = {
        "manifest.json": encode(found.manifest),
        "lineage.json": msgspec.json.format(msgspec.json.encode(lineage), indent=2) + b"\n",
        "MODEL_CARD.md": model_card(lineage).encode(),
        "bom.cdx.json": msgspec.json.format(msgspec.json.encode(bill_of_materials(lineage)), indent=2) + b"\n",
    }
    opened.export(found, out.absolute(), extra)
    if json:
        print_json({"exported": found.id, "digest": found.digest, "folder": str(out.absolute())})
    else:
        print(f"{found.id} is in {out}.")
