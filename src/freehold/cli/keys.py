"""`freehold keys`: make, list and revoke the keys of callers. Takes effect at once, also in a running door."""

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import sqlite3

    from freehold.store.callers import Key, KeyBudget

DAY_SECONDS = 86400

Data = Annotated[Path | None, typer.Option(help="The data folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def create(
    name: Annotated[str, typer.Argument(help="What people know it by.")],
    organisation: Annotated[str, typer.Option(help="Whose project it is.")] = "default",
    project: Annotated[str, typer.Option(help="Whose budget and rates it shares.")] = "default",
    admin: Annotated[bool, typer.Option("--admin", help="With the role admin.")] = False,
    expires_days: Annotated[float | None, typer.Option(help="Good for so many days.")] = None,
    workload: Annotated[list[str] | None, typer.Option(help="May use this workload only; may be given again.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="May use models of this pattern only; may be given again.")
    ] = None,
    budget_usd: Annotated[
        list[str] | None,
        typer.Option(help="Hard budget, in dollars: `200`, or `10/day` with its own period; may be given again."),
    ] = None,
    soft_budget_usd: Annotated[
        list[str] | None,
        typer.Option(help="The same, soft: what passes it is answered, and warned of; may be given again."),
    ] = None,
    budget_per: Annotated[str, typer.Option(help="`day` or `month`, for budgets that name none.")] = "month",
    requests_per_minute: Annotated[int | None, typer.Option(min=1, help="Requests in any minute.")] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(min=1, help="Tokens in any minute.")] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Makes a key. Its secret goes to stdout once and can never be shown again.

    A key may have several budgets, such as `--budget-usd 200 --budget-usd 10/day --soft-budget-usd 150`: each holds, and of two that are
    alike in period and kind the lower one does. A request that could pass a hard one is refused.
    """
    import sys
    import time

    from freehold.store.callers import create_key

    with _store(data) as db:
        key, secret = create_key(
            db,
            name=name,
            organisation=organisation,
            project=project,
            role="admin" if admin else "member",
            expires_at=None if expires_days is None else time.time() + expires_days * DAY_SECONDS,
            workloads=tuple(workload) if workload else None,
            models=tuple(model) if model else None,
            budgets=_budgets(budget_usd, budget_per, hard=True) + _budgets(soft_budget_usd, budget_per, hard=False),
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
        )
    if json:
        _print_json({"secret": secret, **_shown(key)})
        return
    print(secret)
    print(f"This is {key.id}. The secret is shown this once; keep it now.", file=sys.stderr)


def list_keys(data: Data = None, json: AsJson = False) -> None:
    """Lists all keys, without their secrets."""
    from freehold.config.paths import environment, used_data_dir
    from freehold.store import callers
    from freehold.store.database import open_database

    with contextlib.closing(open_database(used_data_dir(data, environment()))) as db:
        keys = [_shown(key) for key in callers.list_keys(db)]
    if json:
        _print_json(keys)
        return
    from freehold.cli.audit import print_table

    rows: list[tuple[object, ...]] = []
    for key in keys:
        scope = ", ".join([*(key["workloads"] or ()), *(key["models"] or ())]) or "everything"
        names = (key[column] for column in ("role", "organisation", "project", "state"))
        rows.append((key["id"], key["name"], f"fh_{key['prefix']}...", *names, scope))
    columns = ("id", "name", "begins with", "role", "organisation", "project", "state", "may use")
    print_table(columns, rows, spare=("organisation", "begins with", "role", "may use"))


def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `freehold keys list` shows it.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Revokes a key. Requests that are being answered finish; the next one is refused."""
    from freehold.store.callers import revoke_key

    with _store(data) as db:
        key = revoke_key(db, key_id)
    _print_json(_shown(key)) if json else print(f"{key.id} ({key.name}) is revoked.")


@contextlib.contextmanager
def _store(data: Path | None) -> "Generator[sqlite3.Connection]":
    """The store, for a change; afterwards every worker is told that keys may have changed."""
    from freehold.config.paths import data_dir, environment
    from freehold.store.counters import Counters
    from freehold.store.database import open_database
    from freehold.store.folder import COUNTERS

    folder = data_dir(data, environment())
    with contextlib.closing(open_database(folder)) as db:
        yield db
    if (folder / COUNTERS).exists():
        with contextlib.closing(Counters.open(folder / COUNTERS, None)) as counters:
            counters.bump()


def _budgets(written: list[str] | None, otherwise: str, *, hard: bool) -> "tuple[KeyBudget, ...]":
    """The budgets of one option. Raises `InvalidField`."""
    from freehold.config.money import nano
    from freehold.errors import InvalidField
    from freehold.store.callers import KeyBudget

    option = "--budget-usd" if hard else "--soft-budget-usd"
    found: list[KeyBudget] = []
    for budget in written or ():
        usd, slash, period = budget.partition("/")
        per = period if slash else otherwise
        if per not in ("day", "month"):
            raise InvalidField(f"A budget is per day or per month, not per {per!r}.", f"Write {option} 20/day.")
        try:
            amount = nano(usd)
        except ValueError as error:
            raise InvalidField(f"{option} {error}, not {usd!r}.", f"Write {option} 20.") from None
        found.append(KeyBudget(amount, "day" if per == "day" else "month", hard))
    return tuple(found)


def _shown(key: "Key") -> dict[str, Any]:
    import time

    from freehold.config.money import dollars

    now = time.time()
    state = "good"
    if key.revoked_at is not None and key.revoked_at <= now:
        state = "revoked"
    elif key.expires_at is not None and key.expires_at <= now:
        state = "expired"
    names = ("id", "name", "prefix", "role", "organisation", "project", "expires_at", "workloads", "models")
    budgets = [{"usd": dollars(one.nano), "per": one.per, "hard": one.hard} for one in key.budgets]
    return {name: getattr(key, name) for name in names} | {"budgets": budgets, "state": state}


def _print_json(value: object) -> None:
    import msgspec

    print(msgspec.json.encode(value).decode())
