"""`freehold audit stats`: how much is in the ledger, of what, since when, and how it stands with its proofs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from freehold.cli.audit_filters import AsJson, Data

if TYPE_CHECKING:
    from freehold.cli.audit import OpenLedger


def stats(data: Data = None, json: AsJson = False) -> None:
    """Counts entries by kind, day and outcome, and says how large everything is, how old the newest checkpoint is, whose
    signatures it has, and how many data subjects there are and were erased. Days are UTC."""
    from freehold.cli.audit import open_ledger, print_json

    ledger = open_ledger(data)
    told: dict[str, Any] = {"log": ledger.head.origin, "entries": ledger.size, **_counts(ledger)}
    told |= {"checkpoint": _checkpoint(ledger), "subjects": _subjects(ledger), "bytes": _sizes(ledger)}
    told |= {"set_aside": _set_aside(ledger), "storage": _storage(ledger)}
    if json:
        print_json(told)
    else:
        _print(told)


def _counts(ledger: "OpenLedger") -> dict[str, Any]:
    import contextlib
    from collections import Counter

    from freehold.cli.audit import Counting, when
    from freehold.ledger.entry import read_entry

    kinds: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    days: dict[str, Counter[str]] = {}
    durabilities: Counter[str] = Counter()
    first = last = None
    with contextlib.closing(Counting("Counting")) as progress:
        for place, leaf in ledger.leaves(range(ledger.size)):
            if not place % 256:
                progress(place, ledger.size)
            entry = read_entry(leaf)
            kinds[entry.kind] += 1
            days.setdefault(when(entry.at)[:10], Counter())[entry.kind] += 1
            if "outcome" in entry.body:
                outcomes[entry.body["outcome"]] += 1
            if "durability" in entry.body:
                durabilities[entry.body["durability"]] += 1
            first = entry.at if first is None else min(first, entry.at)
            last = entry.at if last is None else max(last, entry.at)
    return {
        "first_at": first,
        "last_at": last,
        "kinds": dict(kinds.most_common()),
        "outcomes": dict(outcomes.most_common()),
        "durability": dict(durabilities.most_common()),
        "days": {day: dict(days[day].most_common()) for day in sorted(days)},
    }


def _checkpoint(ledger: "OpenLedger") -> dict[str, Any]:
    """Its age, and the names of its signers. Other signatures than the log's own are listed, not checked."""
    import time

    from freehold.ledger.log import OLDER
    from freehold.ledger.notes import parse_note
    from freehold.ledger.tiles import CHECKPOINT

    path = ledger.folder.log / CHECKPOINT
    own = {(key.name, key.id) for key in [*ledger.verifiers(), *ledger.folder.retired()]}
    signatures = parse_note(ledger.note).unverified
    return {
        "age_seconds": round(max(0.0, time.time() - path.stat().st_mtime), 1),
        "keys": [f"{one.name}+{one.key_id.hex()}" for one in signatures if (one.name, one.key_id) in own],
        "cosigned_by": [f"{one.name}+{one.key_id.hex()}" for one in signatures if (one.name, one.key_id) not in own],
        "kept_days": len(list((ledger.folder.log / OLDER).glob("[!.]*"))),
    }


def _subjects(ledger: "OpenLedger") -> dict[str, int]:
    """How many have a key, how many were erased, and how many records have contents or salts kept."""
    database = ledger.folder.subjects / "subjects.db"
    return {
        "known": _count(database, "SELECT count(*) FROM subjects"),
        "erased": _count(database, "SELECT count(*) FROM erasures"),
        "records_kept": _count(ledger.folder.contents / "contents.db", "SELECT count(*) FROM records"),
    }


def _count(path: Path, query: str) -> int:
    import contextlib
    import sqlite3

    from freehold.errors import StoreError

    if not path.exists():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
            return int(db.execute(query).fetchone()[0])
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}.", "Restore it from a backup.") from error


def _set_aside(ledger: "OpenLedger") -> dict[str, int]:
    """Events that no entry could hold, and lines of journals that could not be read."""
    import contextlib

    from freehold.store.events import count_set_aside

    with contextlib.closing(ledger.store()) as db:
        events, lines = count_set_aside(db)
    return {"events": events, "lines": lines}


def _storage(ledger: "OpenLedger") -> dict[str, Any] | None:
    """The object store of the contents, and how many segments wait to be moved to it or to be deleted there."""
    from freehold.gateway.ledger_storage import noted_storage

    noted = noted_storage(ledger.folder)
    if noted is None:
        return None
    here = {name: ledger.folder.contents / name for name in ("segments", "doomed")}
    waiting, doomed = (len(list(folder.iterdir())) if folder.exists() else 0 for folder in here.values())
    return {"url": noted.url, "waiting": waiting, "to_delete": doomed}


def _sizes(ledger: "OpenLedger") -> dict[str, int]:
    folders = {"log": ledger.folder.log, "contents": ledger.folder.contents, "subjects": ledger.folder.subjects}
    return {name: sum(_bytes(path) for path in folder.rglob("*")) for name, folder in folders.items()}


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # the ledger's writer replaces partial tiles meanwhile
        return 0


def _print(told: dict[str, Any]) -> None:
    from freehold.cli.audit import counted, print_table, sized, when

    checkpoint, subjects, sizes = told["checkpoint"], told["subjects"], told["bytes"]
    span = f", {when(told['first_at'])[:16]} to {when(told['last_at'])[:16]} UTC" if told["entries"] else ""
    print(f"The log {told['log']}: {counted(told['entries'], 'entry')}{span}.")
    cosigned = ", ".join(checkpoint["cosigned_by"])
    print(
        f"The checkpoint in force is {checkpoint['age_seconds']:,.0f} s old, signed by {', '.join(checkpoint['keys'])}; "
        + (f"cosigned by {cosigned}." if cosigned else "no witness has cosigned it.")
    )
    print(f"The first checkpoint of each day is kept, {checkpoint['kept_days']:,} so far.")
    print(
        f"Data subjects: {subjects['known']:,} known, {subjects['erased']:,} erased. "
        f"Salts or contents are kept of {counted(subjects['records_kept'], 'record')}."
    )
    print(f"On the disk: log {sized(sizes['log'])}, contents {sized(sizes['contents'])}.")
    if (storage := told["storage"]) is not None:
        print(
            f"Contents move to {storage['url']}: {counted(storage['waiting'], 'segment')} still to be moved, "
            f"{storage['to_delete']:,} to be deleted there."
        )
    if any(told["set_aside"].values()):
        events, lines = told["set_aside"]["events"], told["set_aside"]["lines"]
        print(
            f"Set aside in freehold.db: {counted(events, 'event')} that no entry could hold (unwritten_events), "
            f"{counted(lines, 'line')} of journals that could not be read (unreadable_lines)."
        )
    print()
    for name in ("kinds", "outcomes", "durability"):
        if told[name]:
            print_table((name, "entries"), told[name].items(), numbers=("entries",))
            print()
    kinds = list(told["kinds"])
    rows = ((day, *(counts.get(kind, 0) for kind in kinds)) for day, counts in told["days"].items())
    print_table(("day", *kinds), rows, numbers=kinds)
