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
    by: Annotated[str | None, typer.Option(help="Who answers for it; default: who signs.")] = None,
    sign: Sign = None,
    date: Annotated[
        str | None, typer.Option(help="The date of the terms; default: of the newest that are known.")
    ] = None,
    config: Config = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Notes an override. The ledger's writer makes a signed entry of it in its next round, and it counts from then on; it cannot be taken
    back, only be left unused.

    With `--sign` it carries the signature of who answers, which `freehold audit verify` checks against [people] in the configuration; else the ledger's
    keys alone vouch for it. It frees one use of the rows under these terms for one student. Rows that are set apart for evaluation stay out, and so do rows whose
    other ancestors may not be used."""
    import contextlib
    import sys
    from typing import get_args

    from msgspec import convert, to_builtins

    from freehold.catalog.terms import Terms
    from freehold.cli.audit import print_json
    from freehold.cli.people import UNSIGNED
    from freehold.cli.people import sign as signed
    from freehold.config.paths import data_dir, environment
    from freehold.errors import InvalidField, NotFound
    from freehold.store.database import open_database
    from freehold.training.provenance import OVERRIDE, Override, Use, keep_override

    if use not in get_args(Use):
        raise InvalidField(f"There is no use {use!r}.", f"There are {', '.join(get_args(Use))}.", param="use")
    if not reason.strip() or not (sign or (by or "").strip()):
        raise InvalidField("An override needs a reason, and somebody who answers for it.", param="reason")
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
    word = {"by": by} if sign is None else to_builtins(signed(OVERRIDE, fields, sign, by, config))
    made = convert({**fields, **word}, Override)
    with contextlib.closing(open_database(data_dir(data, environment()))) as db:
        keep_override(db, made)
    if json:
        print_json(to_builtins(made))
    else:
        print(
            f"Noted: {student} may {use} rows under {terms} ({when or 'no date'}), by {made.by}{', signed' if sign else ''}. The ledger's "
            "entry follows in its next round."
        )
        if sign is None:
            print(UNSIGNED, file=sys.stderr)
