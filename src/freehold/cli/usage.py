"""`freehold usage`: what was used and what it cost, from the records."""

from pathlib import Path
from typing import Annotated, Any

import typer

COLUMNS = ("requests", "failed", "refused", "input_tokens", "output_tokens", "cache_read_tokens", "estimated")


def usage(
    by: Annotated[
        list[str] | None, typer.Option(help="day, organisation, project, key, workload, deployment, vendor.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="First day, as 2026-11-01; default: the first of this month.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Day after the last one; default: now.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    invoice: Annotated[bool, typer.Option("--invoice", help="As an invoice for one month.")] = False,
    left: Annotated[bool, typer.Option("--left", help="What is left of hard budgets and quotas now.")] = False,
    project: Annotated[str | None, typer.Option(help="With --invoice and --left: only this project.")] = None,
    month: Annotated[str | None, typer.Option(help="With --invoice: as 2026-11; default: this month.")] = None,
    check: Annotated[bool, typer.Option("--check", help="With --invoice: hold it against the ledger.")] = False,
    config: Annotated[
        Path | None, typer.Option(help="With --left or --project: freehold.toml; default: the one here, if any.")
    ] = None,
) -> None:
    """Adds up requests, tokens and dollars. Days and hours are UTC.

    An invoice has a line for each project, model and price, exact to a nano-dollar. The same month gives the same bytes."""
    _require_heard(
        {"invoice": invoice, "left": left},
        {
            "project": (project is not None, ("invoice", "left")),
            "month": (month is not None, ("invoice",)),
            "check": (check, ("invoice",)),
            "config": (config is not None, ("left",) if project is None else ("left", "invoice")),
            "by": (by is not None, ()),
            "since": (since is not None, ()),
            "until": (until is not None, ()),
        },
    )
    if invoice:
        _invoice(month, project, data, config, json=json, csv=csv, check=check)
        return
    if left:
        _left(project, data, config, json=json, csv=csv)
        return
    import contextlib
    import time

    import msgspec

    from freehold.config.paths import environment, used_data_dir
    from freehold.store import usage as store
    from freehold.store.database import open_database
    from freehold.store.scopes import period_start

    now = time.time()
    groups = tuple(by or ["day", "workload", "deployment"])
    start = period_start("month", now) if since is None else _day(since)
    end = now + 1 if until is None else _day(until)
    with contextlib.closing(open_database(used_data_dir(data, environment()))) as db:
        rows = store.usage(db, start, end, groups)  # pyright: ignore[reportArgumentType] (it refuses other names itself)
    found: list[dict[str, Any]] = [
        {
            **dict(zip(groups, row.group, strict=True)),
            **{name: getattr(row, name) for name in COLUMNS},
            "usd": row.cost_nano / 1e9,
        }
        for row in rows
    ]
    if json:
        print(msgspec.json.encode(found).decode())
    elif csv:
        _print_csv(
            [*groups, *COLUMNS, "usd"],
            [one | {"usd": _decimal(row.cost_nano)} for one, row in zip(found, rows, strict=True)],
        )
    else:
        _print_table(groups, found)


def _require_heard(shown: dict[str, bool], given: dict[str, tuple[bool, tuple[str, ...]]]) -> None:
    """Raises InvalidField for an option that what is `shown` would pass over: for each one, whether it is given, and what hears it (nothing: the sums
    alone). A month that was passed over gave the sums of another."""
    from freehold.errors import InvalidField

    kinds = [name for name, wanted in shown.items() if wanted]
    if len(kinds) > 1:
        raise InvalidField("--invoice and --left are two things.", "Ask for one of them.")
    for option, (is_given, heard_by) in given.items():
        if is_given and not (kinds[0] in heard_by if kinds else not heard_by):
            needed = " or ".join(f"--{kind}" for kind in heard_by)
            advice = f"Add {needed}, or leave it out." if heard_by else f"Leave it out, or leave out --{kinds[0]}."
            raise InvalidField(f"--{option} says nothing here.", advice, param=option)


def _invoice(
    month: str | None,
    project: str | None,
    data: Path | None,
    config: Path | None,
    *,
    json: bool,
    csv: bool,
    check: bool,
) -> None:
    import time

    from freehold.cli.audit import print_json, print_table
    from freehold.cli.settings import read_settings
    from freehold.cli.usage_invoice import as_csv, invoice, rows
    from freehold.config.paths import config_file, environment, used_data_dir

    chosen = month or time.strftime("%Y-%m", time.gmtime())
    folder = used_data_dir(data, environment())
    found = invoice(
        folder,
        chosen,
        project,
        check=check,
        configured=lambda: read_settings(config_file(config, Path()), folder).projects,
    )
    if json:
        print_json(found)
    elif csv:
        print(as_csv(found), end="")
    else:
        print(
            f"Invoice {found['number']} for {chosen}{'' if project is None else f', project {project}'}, in US dollars."
        )
        if found["provisional"]:
            over = chosen < time.strftime("%Y-%m", time.gmtime())
            way = "requests of the month are still in the journal; a running door stores them"
            print(f"Provisional: {way if over else 'the month is not over'}.")
        columns = ("project", "model", "days", "per million tokens", "requests", "input", "output", "usd")
        print_table(columns, rows(found), ("requests", "input", "output", "usd"))
        print(f"Total: ${found['total']} ({found['total_nano']:,} nano-dollars). {found['rounding']}")
        if check:
            print("Every line is what the entries of the ledger say.")


def _left(project: str | None, data: Path | None, config: Path | None, *, json: bool, csv: bool) -> None:
    import msgspec

    from freehold.cli.audit import print_json, print_table
    from freehold.cli.settings import read_settings
    from freehold.cli.usage_left import COLUMNS, Standing, rows, standings
    from freehold.config.paths import config_file, environment, used_data_dir

    folder = used_data_dir(data, environment())
    found = standings(folder, read_settings(config_file(config, Path()), folder), project)
    if json:
        print_json(msgspec.to_builtins(found))
    elif csv:
        _print_csv(list(Standing.__struct_fields__), msgspec.to_builtins(found))
    else:
        print_table(COLUMNS, rows(found), ("used", "reserved", "most", "left"))


def _decimal(nano: int) -> str:
    """Dollars, exactly, as a spreadsheet of any kind reads them: `0.0000015`, and no exponent."""
    from freehold.cli.audit import dollars

    shown = dollars(nano)
    return shown if "." in shown else f"{shown}.0"


def _day(text: str) -> float:
    from datetime import UTC, datetime

    from freehold.errors import InvalidField

    try:
        moment = datetime.fromisoformat(text)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
    except ValueError:
        raise InvalidField(f"{text!r} is not a day.", "Write it as 2026-11-01.") from None


def _print_csv(columns: list[str], rows: list[dict[str, Any]]) -> None:
    import csv
    import sys

    from freehold.cli.usage_invoice import cell

    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)


def _print_table(groups: tuple[str, ...], found: list[dict[str, Any]]) -> None:
    from freehold.cli.audit import print_table

    counted = [name.replace("_", " ") for name in (*COLUMNS, "usd")]
    rows = (
        [f"{one[name]:.6f}" if name == "usd" else one[name] for name in (*groups, *COLUMNS, "usd")] for one in found
    )
    spare = ("estimated", "cache read tokens", "refused", "failed")
    print_table([*groups, *counted], rows, counted, spare)
