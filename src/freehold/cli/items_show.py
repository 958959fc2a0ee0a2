"""`freehold items show`: one item, opened: what was asked and said, what is right, and what people said of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.items import AsJson, Data

if TYPE_CHECKING:
    from freehold.trials.items import Stored


def show(
    item: Annotated[str, typer.Argument(help="The item's id, or that of an answer with the same input.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Shows one item. `proposed` is what end users held right; `freehold items label --accept` takes the newest over."""
    import msgspec

    from freehold.cli.audit import print_json
    from freehold.cli.items import noted, open_items
    from freehold.trials.exporting import line_of

    with open_items(data) as opened:
        [stored] = noted(opened, [opened.items.read(item)], "items show")
    if json:
        print_json({**msgspec.json.decode(line_of(stored)), "proposed": stored.proposed})
    else:
        _print(stored)


def _print(stored: "Stored") -> None:
    import msgspec

    from freehold.cli.audit import dollars, plain, when
    from freehold.cli.audit_reading import read_turns

    item, row = stored.item, stored.row
    print(f"{item.id}  {item.workload}  {when(item.at)}  {item.model or 'without a reply'}")
    print(f"split {row.split or '-'}, cluster {row.cluster or '-'}, seen {row.seen} x, {dollars(item.cost_nano)} USD")
    for speaker, text in read_turns(msgspec.json.encode(item.input)):
        _say(speaker, text)
    if item.given is not None:
        _say(f"reply ({item.given.finish})", item.given.text)
        for use in item.given.tool_uses:
            print(f"  {plain(use.name)}({plain(use.arguments)})")
    if item.reference is not None:
        _say(
            "right", item.reference if isinstance(item.reference, str) else msgspec.json.encode(item.reference).decode()
        )
    for text in stored.proposed:
        _say("proposed by an end user", text)
    for label in item.labels:
        who = f" by {plain(label.by)}" if label.by else ""
        note = f": {plain(label.note)}" if label.note else ""
        print(f"label {label.score:g} ({label.source}{who}, {when(label.at)}){note}")


def _say(speaker: str, text: str) -> None:
    from freehold.cli.audit import plain

    print(f"\n[{plain(speaker)}]")
    for line in text.split("\n"):
        print(f"  {plain(line)}")
