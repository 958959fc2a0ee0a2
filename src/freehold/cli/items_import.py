"""`freehold items import`: items out of a file, in our form or another's, redacted and sealed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.items import AsJson, Data

if TYPE_CHECKING:
    from freehold.trials.importing import Imported

SHOWN = 10
"""Problems that are told one by one."""


def import_items(
    file: Annotated[Path, typer.Argument(help="JSON lines, a JSON list, CSV or Parquet.")],
    workload: Annotated[str, typer.Option(help="The workload that the items are for.")],
    form: Annotated[
        str | None,
        typer.Option(
            help="Its form, where that is not to be recognised; one that there is not is refused with those that there are."
        ),
    ] = None,
    question: Annotated[str | None, typer.Option(help="The field with what is asked.")] = None,
    reference: Annotated[str | None, typer.Option(help="The field with the right answer.")] = None,
    reply: Annotated[str | None, typer.Option(help="The field with what was answered.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="The field with whom an item is about; default: the file, as import:DIGEST.")
    ] = None,
    conversation: Annotated[str | None, typer.Option(help="The field that ties items of one conversation.")] = None,
    redact: Annotated[
        list[str] | None, typer.Option(help="Redact by this rule only; may be given again; default: by all.")
    ] = None,
    no_redact: Annotated[bool, typer.Option("--no-redact", help="Keep the words as they are.")] = False,
    keep_days: Annotated[int, typer.Option(min=1, max=36500, help="Days until the items are deleted.")] = 400,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the rest of a file that has bad lines.")] = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Imports items. The same file may be imported again: what is there already is counted and not stored twice.

    Fields of a plain table that mean nothing else become the items' metadata, which a trial can be segmented by."""
    import contextlib
    import time

    from freehold.cli.audit import Counting, counted, print_json
    from freehold.cli.items import open_items
    from freehold.errors import InvalidField
    from freehold.redaction.redactor import Redactor
    from freehold.redaction.rules import RULES
    from freehold.trials.forms import Columns
    from freehold.trials.importing import read_items

    if no_redact and redact:
        raise InvalidField("--redact and --no-redact say the opposite.", "Give one of them.", param="redact")
    found = read_items(
        file,
        workload,
        form=form,
        columns=Columns(
            question=question, reference=reference, reply=reply, subject=subject, conversation=conversation
        ),
        redactor=None if no_redact else Redactor(redact or RULES),
        at=int(time.time() * 1000),
    )
    _tell(file, found, skip_bad=skip_bad)
    until = int(time.time()) + keep_days * 86400
    with open_items(data, make=True) as opened, contextlib.closing(Counting("Importing")) as progress:
        added = opened.items.add(found.items, until, found.subject, progress)
    if json:
        print_json(
            {
                "form": found.form,
                "imported": len(added.ids),
                "repeated": added.repeated,
                "bad": len(found.problems),
                "subject": found.subject,
                "ids": added.ids,
            }
        )
        return
    repeated = f"; {counted(added.repeated, 'item')} only repeated what is there" if added.repeated else ""
    print(f"Imported {counted(len(added.ids), 'item')} of the form {found.form} into {workload}{repeated}.")
    print(f"They are about the subject {found.subject}, unless they name their own.")


def _tell(file: Path, found: "Imported", *, skip_bad: bool) -> None:
    """Tells of what could not be read. Raises InvalidField when that must not be passed over."""
    import sys

    from freehold.cli.audit import counted, plain
    from freehold.errors import InvalidField

    for problem in found.problems[:SHOWN]:
        print(f"{file}, item {problem.place}: {plain(problem.reason)}", file=sys.stderr)
    if len(found.problems) > SHOWN:
        print(f"... and {len(found.problems) - SHOWN:,} more", file=sys.stderr)
    if not found.items:
        raise InvalidField(
            f"{file} holds no items.",
            "Name the columns of a table with --question, --reference and --reply, or give its --form.",
            param="file",
        )
    if found.problems and not skip_bad:
        raise InvalidField(
            f"{counted(len(found.problems), 'item')} of {file} cannot be read, and none was imported.",
            "Mend them, or leave them out with --skip-bad.",
            param="file",
        )
