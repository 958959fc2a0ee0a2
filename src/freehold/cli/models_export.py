"""`freehold models export`: the files of a version with its card and its bill of materials, in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from freehold.cli.audit import print_json
from freehold.cli.models_registry import AsJson, Data, Folder, Named, open_registry
from freehold.training.exported import MANIFEST, papers
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
    opened.export(found, out.absolute(), {MANIFEST: encode(found.manifest), **papers(found.manifest.lineage)})
    if json:
        print_json({"exported": found.id, "digest": found.digest, "folder": str(out.absolute())})
    else:
        print(f"{found.id} is in {out}.")
