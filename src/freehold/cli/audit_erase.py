"""`freehold audit erase`: what is kept of a data subject is destroyed for good, and the ledger says that it was."""

from typing import Annotated

import typer

from freehold.cli.audit_filters import AsJson, Data


def erase(
    subject: Annotated[
        str, typer.Argument(help="The data subject, as x-freehold-subject or the request's user names it.")
    ],
    basis: Annotated[str, typer.Option(help="The legal basis, such as 'GDPR Art. 17(1)(b)'; it goes into the ledger.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Destroys the key of a data subject, and with it every request, response and salt that is kept of it. It cannot be
    undone.

    The entries stay, and their receipts still verify; their commitments can be linked to nothing any more. The erasure gets
    an entry of its own, with the pseudonym, the number of records and the basis, in the next round of the ledger's writer.
    What was asked before now and is still on its way to the ledger is erased as it arrives.
    Copies of the data folder that were made before are not reached, nor are words that were taken out of it: exports, files
    of `freehold items export` and `freehold traces make`, models. Of the rows that training runs keep in plain text
    (`runs/RUN/rows.jsonl`) it names those that were made from the subject's items, and leaves them: delete that file, and train
    anew without them."""
    import contextlib
    import sys

    from freehold.cli.audit import counted, open_ledger, print_json
    from freehold.cli.audit_contents import shelf, storage_of
    from freehold.cli.audit_copies import runs_with
    from freehold.errors import NotFound
    from freehold.gateway.erasures import erase as erase_subject
    from freehold.gateway.erasures import journaled

    ledger = open_ledger(data)
    pseudonym, records = None, 0
    copies: dict[str, int] = {}
    with shelf(ledger) as kept:
        if kept is not None:
            pseudonym = kept.subjects.pseudonym_of(subject)
            records = len(kept.contents.list_by(pseudonym)) if pseudonym is not None else 0
    if pseudonym is not None:
        copies = runs_with(ledger.data, pseudonym)
    with contextlib.closing(ledger.store()) as db:
        waiting = journaled(db, ledger.data, subject)
    if not yes and (pseudonym is not None or waiting):
        print(
            f"{counted(records, 'record')} kept of {subject}, under the pseudonym {pseudonym or '(none yet)'}; "
            f"{counted(waiting, 'record')} on the way to the ledger.",
            file=sys.stderr,
        )
        _tell_of(copies)
        typer.confirm("Destroy their contents and salts for good?", abort=True, err=True)
    erasure = erase_subject(ledger.data, subject, basis, storage_of(ledger))
    if erasure is None:
        raise NotFound(
            f"Nothing is known of a data subject {subject[:80]!r}.",
            "Check how it is written; callers' keys are subjects too, as key:key_0123456789abcdef.",
        )
    if json:
        told = {"pseudonym": erasure.pseudonym, "records": erasure.records, "basis": erasure.basis}
        print_json({**told, "runs": copies})
    else:
        print(
            f"Erased: {counted(erasure.records, 'record')} of {erasure.pseudonym}. The ledger's entry follows in its next round."
        )
        if yes:
            _tell_of(copies)


def _tell_of(copies: dict[str, int]) -> None:
    """What stays in plain text, on stderr."""
    import sys

    from freehold.cli.audit import counted

    for run, rows in copies.items():
        print(
            f"Not erased: {counted(rows, 'row')} made from their items in runs/{run} (rows.jsonl, workload-*.json), and what that run's model learned.",
            file=sys.stderr,
        )
