"""Items and labels in the store: what is known of each beside its words, which are sealed with the ledger's contents.

A row holds numbers, names and keyed digests, never contents. Whose an item is stands there as a pseudonym, so that an erasure
takes the row along. It opens no contents and makes no split; `trials/` does both.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, cast

import msgspec
from msgspec import Struct

from freehold.store.database import transaction

Source = Literal["human", "feedback", "import"]
SPLITS: Final = ("train", "trial", "holdout", "bridge")
SALT_BYTES: Final = 16


class ItemRow(Struct, frozen=True, kw_only=True):
    """One item. `at` is in Unix milliseconds, `keep_until` in Unix seconds, `cost_nano` in nano-dollars, `*_ms` in milliseconds.

    `content` is a keyed digest of its normalised input: of several requests with the same one, the first is kept and `seen`
    counts them all. `conversation` is a keyed digest too, empty where there is none. `cluster` and `split` are empty until the
    item is dealt; `signature` is its MinHash."""

    id: str
    workload: str
    at: int
    subject: str
    keep_until: int
    content: bytes
    model: str = ""
    conversation: str = ""
    seen: int = 1
    cost_nano: int = 0
    total_ms: float = 0.0
    first_token_ms: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    signature: bytes | None = None
    cluster: str = ""
    split: str = ""


class LabelRow(Struct, frozen=True, kw_only=True):
    """What somebody said of the answer `record`, by `model`. `score` is from 0 to 1, None where only a better answer was given;
    `author` names who. `sealed` says that words go with it, under `label:ID`. `at` is in Unix milliseconds."""

    id: str
    record: str
    source: Source
    at: int
    subject: str
    score: float | None = None
    model: str = ""
    author: str = ""
    sealed: bool = False


_ITEM_COLUMNS: Final = ", ".join(ItemRow.__struct_fields__)
_ITEM_PLACES: Final = ", ".join("?" * len(ItemRow.__struct_fields__))
_LABEL_COLUMNS: Final = ", ".join(LabelRow.__struct_fields__)
_LABEL_PLACES: Final = ", ".join("?" * len(LabelRow.__struct_fields__))


# --- writing ---


def keep_item(db: sqlite3.Connection, row: ItemRow) -> bool:
    """Stores an item, in the transaction that the caller has open. False when there is one with the same input: it is counted
    there, once for each record, and the new one is not stored."""
    known = db.execute(
        "SELECT id FROM items WHERE workload = ? AND content = ?", (row.workload, row.content)
    ).fetchone()
    if known is None:
        insert = f"INSERT INTO items ({_ITEM_COLUMNS}) VALUES ({_ITEM_PLACES}) ON CONFLICT DO NOTHING"  # noqa: S608 (ours)
        return db.execute(insert, msgspec.structs.astuple(row)).rowcount == 1
    if known[0] != row.id:
        noted = db.execute(
            "INSERT INTO item_duplicates VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (row.id, known[0], row.subject)
        )
        db.execute("UPDATE items SET seen = seen + ? WHERE id = ?", (noted.rowcount, known[0]))
    return False


def keep_label(db: sqlite3.Connection, row: LabelRow) -> bool:
    """Stores a label, in the transaction that the caller has open; false when there is one with this id."""
    insert = f"INSERT INTO labels ({_LABEL_COLUMNS}) VALUES ({_LABEL_PLACES}) ON CONFLICT DO NOTHING"  # noqa: S608 (ours)
    return db.execute(insert, msgspec.structs.astuple(row)).rowcount == 1


def forget_items(db: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Removes items and their labels, in the transaction that the caller has open."""
    for one in ids:
        db.execute("DELETE FROM items WHERE id = ?", (one,))
        db.execute("DELETE FROM labels WHERE record = ?", (one,))


def forget_subject(db: sqlite3.Connection, subject: str) -> int:
    """Removes everything of a pseudonym, in the transaction that the caller has open; gives how many items."""
    db.execute("DELETE FROM labels WHERE subject = ?", (subject,))
    db.execute("DELETE FROM item_duplicates WHERE subject = ?", (subject,))
    return db.execute("DELETE FROM items WHERE subject = ?", (subject,)).rowcount


def forget_ended(db: sqlite3.Connection, now: float) -> int:
    """Removes the items whose time is over, with their labels; gives how many. `now` is in Unix seconds."""
    with transaction(db):
        ended = [one for (one,) in db.execute("SELECT id FROM items WHERE keep_until < ?", (int(now),))]
        forget_items(db, ended)
    return len(ended)


# --- reading ---


def find_item(db: sqlite3.Connection, item: str) -> ItemRow | None:
    """The item with this id, or the one that a record with this id repeats; None where there is neither."""
    rows = _items(db, "WHERE id = ? OR id = (SELECT item FROM item_duplicates WHERE record = ?) LIMIT 1", (item, item))
    return next(rows, None)


def list_items(
    db: sqlite3.Connection,
    *,
    workload: str | None = None,
    split: str | None = None,
    since: int | None = None,
    until: int | None = None,
    labelled: bool | None = None,
    now: float = 0.0,
    limit: int = -1,
    newest_first: bool = False,
) -> list[ItemRow]:
    """The items that fit all that is given, by time. `since` and `until` (not included) are in Unix milliseconds; `split` may be
    "" for what is not dealt yet; those whose time was over at `now` (Unix seconds) are left out."""
    wanted: tuple[tuple[str, object], ...] = (
        ("workload = ?", workload),
        ("split = ?", split),
        ("at >= ?", since),
        ("at < ?", until),
        ("keep_until >= ?", int(now)),
    )
    terms = [term for term, value in wanted if value is not None]
    values = [value for _, value in wanted if value is not None]
    if labelled is not None:
        scored = "IN (SELECT record FROM labels WHERE score IS NOT NULL)"
        terms.append(f"id {scored if labelled else 'NOT ' + scored}")
    order = "DESC" if newest_first else "ASC"
    tail = f"WHERE {' AND '.join(terms)} ORDER BY at {order}, id {order} LIMIT ?"
    return list(_items(db, tail, (*values, limit)))


def count_items(db: sqlite3.Connection) -> list[tuple[str, str, int, int, int]]:
    """(workload, split, items, requests that they stand for, items with a label) for every workload and split."""
    return db.execute(
        "SELECT workload, split, count(*), sum(seen), count(DISTINCT record) FROM items LEFT JOIN"
        " (SELECT DISTINCT record FROM labels WHERE score IS NOT NULL) ON record = id"
        " GROUP BY workload, split ORDER BY workload, split"
    ).fetchall()


def labels_of(db: sqlite3.Connection, item: str) -> list[LabelRow]:
    """The labels of an item's own answer, the oldest first."""
    return _labels(db, "WHERE record = ? ORDER BY at, id", (item,))


def labels_for_input(db: sqlite3.Connection, item: str) -> list[LabelRow]:
    """Those, and the labels of answers to the same input that were not kept: what they hold right is right for the item."""
    return _labels(
        db,
        "WHERE record = ? OR record IN (SELECT record FROM item_duplicates WHERE item = ?) ORDER BY at, id",
        (item, item),
    )


def labels_since(db: sqlite3.Connection, at: int, limit: int) -> list[LabelRow]:
    """The labels from `at` on (Unix milliseconds), the oldest first."""
    return _labels(db, "WHERE at >= ? ORDER BY at, id LIMIT ?", (at, limit))


# --- splits ---


def split_salt(db: sqlite3.Connection, workload: str) -> bytes:
    """The random bytes with which the items of a workload are dealt; drawn once."""
    db.execute(
        "INSERT INTO item_salts VALUES (?, ?) ON CONFLICT DO NOTHING", (workload, secrets.token_bytes(SALT_BYTES))
    )
    (salt,) = db.execute("SELECT salt FROM item_salts WHERE workload = ?", (workload,)).fetchone()
    return bytes(salt)


def keep_splits(db: sqlite3.Connection, dealt: Sequence[tuple[str, bytes, str, str]]) -> int:
    """Notes (item, signature, cluster, split), in the transaction that the caller has open; gives how many. What was dealt
    before stays where it is."""
    update = "UPDATE items SET signature = ?, cluster = ?, split = ? WHERE id = ? AND split = ''"
    return sum(
        db.execute(update, (signature, cluster, split, item)).rowcount for item, signature, cluster, split in dealt
    )


def _items(db: sqlite3.Connection, tail: str, values: Sequence[object]) -> Iterator[ItemRow]:
    rows = db.execute(f"SELECT {_ITEM_COLUMNS} FROM items {tail}", values)  # noqa: S608 (ours)
    return (ItemRow(**dict(zip(ItemRow.__struct_fields__, row, strict=True))) for row in rows)


def _labels(db: sqlite3.Connection, tail: str, values: Sequence[object]) -> list[LabelRow]:
    rows = db.execute(f"SELECT {_LABEL_COLUMNS} FROM labels {tail}", values).fetchall()  # noqa: S608 (ours)
    found: list[LabelRow] = []
    for row in rows:
        fields = dict(zip(LabelRow.__struct_fields__, cast("tuple[object, ...]", row), strict=True))
        found.append(msgspec.convert(fields, LabelRow, strict=False))
    return found
