"""`freehold items label`: what a person says of an item's reply, and what the right answer is."""

from typing import Annotated, Any

import typer

from freehold.cli.items import AsJson, Data


def label(
    item: Annotated[str, typer.Argument(help="The item's id.")],
    score: Annotated[
        float | None, typer.Option(min=0, max=1, help="How good the reply is, from 0 (wrong) to 1 (right).")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="The right answer: text, or JSON where it begins with { or [.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="What an end user proposed last is the right answer.")
    ] = False,
    note: Annotated[str, typer.Option(help="Why; sealed with the item.")] = "",
    by: Annotated[str | None, typer.Option(help="Who says so; default: who runs this.")] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Labels an item. Nothing is overwritten: the newest right answer counts, and every score stays, with who gave it."""
    from freehold.cli.audit import print_json
    from freehold.cli.items import open_items
    from freehold.config.paths import environment, user_name
    from freehold.errors import InvalidField

    with open_items(data) as opened:
        right = None if reference is None else _read(reference)
        if accept:
            proposed = opened.items.read(item).proposed
            if not proposed or reference is not None:
                said = "Nobody has proposed an answer to it." if not proposed else "Two right answers are given."
                raise InvalidField(said, "Give --reference, or --accept where there is a proposal.", param="accept")
            right = proposed[0]
        author = user_name(environment()) if by is None else by
        row = opened.items.label(item, score=score, reference=right, note=note, author=author)
    if json:
        print_json({"id": row.id, "item": row.record, "score": row.score, "reference": right, "by": row.author})
    else:
        print(f"{row.record} is labelled ({row.id}).")


def _read(text: str) -> Any:
    import msgspec

    from freehold.errors import InvalidField

    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidField(
            f"--reference begins as JSON and is none: {error}.", "Quote it for the shell.", param="reference"
        ) from None
