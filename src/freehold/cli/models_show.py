"""`freehold models show`: one version of an own model: what it is, what it was made from, what it owes, what was done with it."""

import sys
from typing import Annotated

import msgspec
import typer

from freehold.cli.audit import print_json, print_table, sized, when
from freehold.cli.models_registry import AsJson, Data, Folder, Named, described, open_registry, told
from freehold.training.bom import bill_of_materials
from freehold.training.card import model_card


def show(
    version: Named,
    card: Annotated[bool, typer.Option("--card", help="The model card, in Markdown.")] = False,
    bom: Annotated[bool, typer.Option("--bom", help="The bill of materials, as CycloneDX JSON.")] = False,
    data: Data = None,
    registry: Folder = None,
    json: AsJson = False,
) -> None:
    """Shows a version: of NAME alone the one that serves, else the newest."""
    opened = open_registry(data, registry)
    found = opened.find(version)
    lines = [line for line in opened.lines() if line.model == found.model]
    if card:
        sys.stdout.write(model_card(found.manifest.lineage))
    elif bom:
        print_json(bill_of_materials(found.manifest.lineage))
    elif json:
        print_json({**described(found), "history": [msgspec.to_builtins(line) for line in lines]})
    else:
        lineage = found.manifest.lineage
        serves = "serves now" if found.promoted else "does not serve"
        print(f"{found.id}, sha256:{found.digest}, registered {when(found.at)} UTC; it {serves}.")
        print(
            f"For {lineage.task}; licence {lineage.licence}; base {lineage.base or 'none'}; run {lineage.run or 'unknown'}."
        )
        for notice in lineage.owed.notices:
            print(f"It owes: {notice}")
        print_table(
            ("file", "size", "sha256"),
            ((file.path, sized(file.size), file.sha256) for file in found.manifest.files),
            ("size",),
        )
        for line in lines:
            print(told(line))
