"""`freehold terms override`: somebody answers for a use that the terms, as they are known here, do not permit. The ledger keeps it."""

from pathlib import Path
from typing import Annotated

import typer

from freehold.cli.people import Config, Sign


def override(
    terms: Annotated[
        str, typer.Argument(help="The id of the terms, as `freehold terms list` shows it; - for unknown ones.")
    ],
    use: Annotated[str, typer.Option(help="train, distil, derive, evaluate or publish.")],
    student: Annotated[str, typer.Option(help="The one model that it is for, such as own/claims.")],
    reason: Annotated[str, typer.Option(help="Why it is permitted all the same, such as the clause of an order form.")],
    sign: Sign = None,
    date: Annotated[
        str | None, typer.Option(help="The date of the terms; default: of the newest that are known.")
    ] = None,
    config: Config = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Notes an override, which who answers for it signs. The ledger's writer makes an entry of it in its next round, and it counts from then on; it cannot
    be taken back, only be left unused.

    The signature is checked against [people] in the configuration, here, by every command that asks what may train what, and by `freehold audit verify`. It
    frees one use of the rows under these terms for one student. Rows that are set apart for evaluation stay out, and so do rows whose other ancestors may not
    be used."""
    import contextlib
    from typing import get_args

    from msgspec import convert, to_builtins

    from freehold.catalog.terms import Terms
    from freehold.cli.audit import print_json
    from freehold.cli.people import people_in
    from freehold.cli.people import sign as signed
    from freehold.config.paths import data_dir, environment
    from freehold.errors import InvalidField, NotFound
    from freehold.store.database import open_database
    from freehold.training.provenance import Override, Use, keep_override
    from freehold.training.word import OVERRIDE

    if use not in get_args(Use):
        raise InvalidField(f"There is no use {use!r}.", f"There are {', '.join(get_args(Use))}.", param="use")
    if not reason.strip():
        raise InvalidField("An override needs a reason.", param="reason")
    unknown = terms == "-"
    contract = None if unknown else Terms.load().latest(terms)
    if contract is None and date is None and not unknown:
        raise NotFound(
            f"There are no terms {terms!r}.", "See `freehold terms list`, or give the --date of terms of your own."
        )
    when = date or (contract.date if contract is not None else "")
    fields = {
        "terms": "" if unknown else terms,
        "terms_date": when,
        "use": use,
        "student": student,
        "reason": reason,
    }
    made = convert({**fields, **to_builtins(signed(OVERRIDE, fields, sign, config))}, Override)
    with contextlib.closing(open_database(data_dir(data, environment()))) as db:
        keep_override(db, made, people_in(config).values())
    if json:
        print_json(to_builtins(made))
    else:
        print(
            f"Noted: {student} may {use} rows under {terms} ({when or 'no date'}), signed by {made.by}. The ledger's entry "
            "follows in its next round."
        )
