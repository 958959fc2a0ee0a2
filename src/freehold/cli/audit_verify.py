"""`freehold audit verify`: a receipt against keys alone, or a whole log, with what that proves and what it leaves unproven."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from freehold.cli.audit_report import Report
    from freehold.ledger.notes import VerifierKey
    from freehold.ledger.policy import Policy


def verify(
    receipt: Annotated[
        Path | None, typer.Argument(help="A receipt (.tlog-proof); without it, the whole log is checked.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder whose ledger is checked.")] = None,
    log: Annotated[
        str | None, typer.Option(help="Instead: a folder with the files of a log, or the http(s) address of one.")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="A verifier key of the log, or a file of such lines; may be given again."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A trust policy (C2SP tlog-policy): logs, witnesses and their quorum.")
    ] = None,
    older: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint of this log that was kept from before; may be given again.")
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="Key for an address whose entries are not open to everybody.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="freehold.toml with the keys of [people]; default: the one in this folder.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Checks that nothing was changed, removed, swapped or rewritten since it was signed. Exit code 1, with the reason, when
    something was.

    A receipt is checked with the given keys only: no network, no data folder. A whole log takes numbered steps; for a data
    folder the store's table of entries and the sums of `freehold usage` are held against it too, and what people signed against their keys."""
    from freehold.cli.audit import print_json
    from freehold.cli.audit_report import lines_of, told
    from freehold.errors import InvalidField

    if log is not None and data is not None:
        raise InvalidField("--log and --data name two logs.", "Give one of them.")
    trusted = _policy(policy)
    named = [*_keys(key or []), *(trusted.log_keys if trusted is not None else ())]
    keys = list(dict.fromkeys(named))  # one that is given with --key and in the policy too is one key
    if receipt is not None:
        report = _receipt(receipt, keys, trusted, data)
    elif log is not None:
        report = _log(log, keys, trusted, older or [], api_key)
    else:
        report = _folder(data, keys, trusted, older or [], config)
    if json:
        print_json(told(report))
    else:
        print("\n".join(lines_of(report)))
    if not report.ok:
        raise typer.Exit(1)


def _receipt(path: Path, keys: "list[VerifierKey]", policy: "Policy | None", data: Path | None) -> "Report":
    from freehold.cli.audit import open_ledger
    from freehold.cli.audit_report import check_receipt

    own = not keys and data is not None
    if own:
        keys = open_ledger(data).verifiers()
    _need(keys)
    return check_receipt(_bytes(path), str(path), keys, policy, own)


def _log(
    where: str, keys: "list[VerifierKey]", policy: "Policy | None", older: Sequence[Path], api_key: str | None
) -> "Report":
    import contextlib

    from freehold.cli.audit import Counting
    from freehold.cli.audit_report import check_log
    from freehold.cli.audit_tiles import open_source

    _need(keys)
    with (
        contextlib.closing(open_source(where, api_key)) as source,
        contextlib.closing(Counting("Verifying")) as progress,
    ):
        kept = [(str(path), _bytes(path)) for path in [*source.kept(), *older]]
        return check_log(source, where, keys, policy, older=kept, progress=progress)


def _folder(
    data: Path | None,
    keys: "list[VerifierKey]",
    policy: "Policy | None",
    older: Sequence[Path],
    config: Path | None,
) -> "Report":
    import contextlib

    from freehold.cli.audit import Counting, open_ledger
    from freehold.cli.audit_books import check_books, open_settled, sizes_differ
    from freehold.cli.audit_report import check_log
    from freehold.cli.audit_words import check_words
    from freehold.cli.people import people_in
    from freehold.ledger.log import OLDER

    first = open_ledger(data)
    with contextlib.closing(first.store()) as db:
        ledger, snapshot = open_settled(lambda: open_ledger(data), db)
        files = [*sorted((ledger.folder.log / OLDER).glob("[!.]*")), *older]
        kept = [(str(path), _bytes(path)) for path in files]
        own = not keys
        with contextlib.closing(Counting("Verifying")) as progress:
            report = check_log(
                ledger.read,
                str(ledger.folder.log),
                keys or ledger.verifiers(),
                policy,
                older=kept,
                older_keys=[*ledger.verifiers(), *ledger.folder.retired()],
                own_keys=own,
                progress=progress,
            )
        if report.ok:
            report.failure = sizes_differ(ledger, snapshot)
        if report.ok and snapshot is not None:
            with contextlib.closing(Counting("Comparing the store")) as progress:
                check_books(ledger, db, snapshot, report, progress)
        if report.ok and snapshot is not None:
            check_words(ledger, db, report, lambda: people_in(config))
    return report


def _keys(given: Sequence[str]) -> "list[VerifierKey]":
    """The keys on the command line, those in files included. Raises LedgerError for what is no key."""
    from freehold.ledger.notes import parse_verifier_key

    lines: list[str] = []
    for text in given:
        if "+" not in text and os.path.isfile(text):  # noqa: PTH113 (a Path raises for a name that is too long)
            lines += [line for line in _text(Path(text)).splitlines() if line and not line.startswith("#")]
        else:
            lines.append(text)
    return [parse_verifier_key(line.strip()) for line in lines]


def _policy(path: Path | None) -> "Policy | None":
    from freehold.ledger.policy import parse_policy

    return None if path is None else parse_policy(_bytes(path))


def _need(keys: "Sequence[VerifierKey]") -> None:
    from freehold.errors import InvalidField

    if not keys:
        raise InvalidField(
            "There is no key to verify with.",
            "Give the log's verifier key with --key, as its operator gave it to you by another way than the log itself.",
        )


def _text(path: Path) -> str:
    from freehold.errors import InvalidField

    try:
        return _bytes(path).decode()
    except UnicodeDecodeError:
        raise InvalidField(f"{path} is not text, and keys are.", "Give a file with one verifier key a line.") from None


def _bytes(path: Path) -> bytes:
    from freehold.errors import InvalidField

    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidField(f"{path} cannot be read: {error.strerror}.", "Check the name of the file.") from error
