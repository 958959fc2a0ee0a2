"""Items, read and written: rows of the store and what is sealed beside them, brought together and taken apart.

What the door captured and what was imported are the same here. Everything that holds words is sealed under the key of the data
subject whom it is about; what was erased, or whose time is over, is not there. It opens no folder: who calls gives the store, the
contents and the keys.
"""

import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.errors import ContentsDamaged, InvalidField, NotFound, SubjectErased, UnknownContents
from freehold.items import Item, Label
from freehold.ledger.contents import Contents
from freehold.ledger.sealing import Field, RecordContents
from freehold.ledger.subjects import Subjects
from freehold.store.database import transaction
from freehold.store.events import keep_event
from freehold.store.inputs import content_key, input_digest
from freehold.store.items import (
    ItemRow,
    LabelRow,
    find_item,
    forget_items,
    keep_item,
    keep_label,
    keep_splits,
    labels_for_input,
    list_items,
    split_salt,
)
from freehold.trials.clusters import SHARES, Dealt, Fresh, asked_text, deal, signature

ITEM: Final = "item"
LABEL: Final = "label"
AT_ONCE: Final = 200
"""Items that are sealed and stored in one transaction."""

_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,80}")

Progress = Callable[[int, int], None]


class Stored(Struct, frozen=True):
    """An item with its row: its cluster and split, how often its input came, until when it is kept, and its subject's pseudonym.
    `proposed` are better answers that end users gave to the same input, the newest first."""

    item: Item
    row: ItemRow
    proposed: tuple[str, ...] = ()


class Added(Struct, frozen=True):
    """What became of items that were to be added: the ids of the new ones, and how many only repeat an input that is there."""

    ids: tuple[str, ...]
    repeated: int


class Items:
    """The items of one data folder. `secret` keys digests of inputs; it is the door's."""

    def __init__(self, db: sqlite3.Connection, contents: Contents, subjects: Subjects, secret: bytes) -> None:
        self._db = db
        self._contents = contents
        self._subjects = subjects
        self._secret = secret

    # --- reading ---

    def read(self, item_id: str) -> Stored:
        """One item, by its id or that of a record that repeats it.

        Raises NotFound, SubjectErased, UnknownContents when its time is over, ContentsDamaged."""
        row = find_item(self._db, item_id)
        if row is None:
            raise NotFound(f"There is no item {item_id[:80]!r}.", "`freehold items list` shows them.")
        return self._stored(row)

    def each(
        self,
        *,
        workload: str | None = None,
        split: str | None = None,
        since: int | None = None,
        until: int | None = None,
        labelled: bool | None = None,
        limit: int = -1,
    ) -> Iterator[Stored]:
        """The items that fit all that is given, by time; those that cannot be opened any more are passed over. `since` and
        `until` are in Unix milliseconds, `split` may be "" for what is not dealt yet."""
        rows = list_items(
            self._db,
            workload=workload,
            split=split,
            since=since,
            until=until,
            labelled=labelled,
            now=time.time(),
            limit=limit,
        )
        for row in rows:
            try:
                yield self._stored(row)
            except (SubjectErased, UnknownContents, ContentsDamaged):
                continue

    def _stored(self, row: ItemRow) -> Stored:
        content = self._sealed(f"{ITEM}:{row.id}").get(ITEM)
        if content is None:
            raise UnknownContents(f"No contents are kept of {row.id}.")
        item = msgspec.json.decode(content, type=Item)
        said = labels_for_input(self._db, row.id)
        words = {one.id: self._words(one) if one.sealed else {} for one in said}
        labels = tuple(
            Label(
                source=one.source,
                score=one.score,
                model=one.model,
                at=one.at,
                by=one.author,
                note=words[one.id].get("comment", ""),
            )
            for one in said
            if one.score is not None and one.record == row.id  # a label of another reply says nothing of this one
        )
        better = [(one.source, words[one.id]["corrected"]) for one in reversed(said) if "corrected" in words[one.id]]
        decided = next((_reference(text) for source, text in better if source != "feedback"), item.reference)
        return Stored(
            replace(item, labels=labels, reference=decided, subject=row.subject),
            row,
            tuple(text for source, text in better if source == "feedback"),
        )

    def _words(self, label: LabelRow) -> dict[str, str]:
        try:
            return {name: text.decode() for name, text in self._sealed(f"{LABEL}:{label.id}").items()}
        except (SubjectErased, UnknownContents, ContentsDamaged):
            return {}

    def _sealed(self, name: str) -> dict[str, bytes]:
        fields = self._contents.read(name).fields
        return {field: kept.content for field, kept in fields.items() if kept.content is not None}

    # --- writing ---

    def add(
        self, items: Iterable[Item], keep_until: int, subject: str, progress: Progress = lambda done, total: None
    ) -> Added:
        """Seals and stores items, each under its own `subject`, else under this one, until `keep_until` (Unix seconds).

        An input that is there already is counted, and not stored again; labels that come with an item are kept with it. Raises
        StoreError, RecordNotKept."""
        every = list(items)
        ids: list[str] = []
        for start in range(0, len(every), AT_ONCE):
            ids += self._add(every[start : start + AT_ONCE], keep_until, subject)
            progress(min(start + AT_ONCE, len(every)), len(every))
        return Added(tuple(ids), len(every) - len(ids))

    def _add(self, items: Sequence[Item], keep_until: int, subject: str) -> list[str]:
        pseudonyms = self._subjects.pseudonyms({item.subject or subject for item in items})
        with transaction(self._db):
            kept: list[Item] = []
            sealed: list[RecordContents] = []
            for given in items:
                about = pseudonyms[given.subject or subject]
                item = self._named(given)
                if not keep_item(self._db, self._row(item, about, keep_until)):
                    continue
                kept.append(item)
                bare = replace(item, labels=(), subject="")
                sealed.append(_record(f"{ITEM}:{item.id}", about, keep_until, {ITEM: msgspec.json.encode(bare)}))
                sealed += self._add_labels(item, about, keep_until)
            refused = {one.id for one in self._contents.write_many(sealed) if one.reason == "subject-erased"}
            gone = {item.id for item in kept if f"{ITEM}:{item.id}" in refused}
            forget_items(self._db, gone)
        return [item.id for item in kept if item.id not in gone]

    def _add_labels(self, item: Item, subject: str, keep_until: int) -> Iterator[RecordContents]:
        for label in item.labels:
            row = LabelRow(
                id=_label_id(),
                record=item.id,
                source=label.source,
                at=label.at,
                subject=subject,
                score=label.score,
                model=label.model,
                author=label.by,
                sealed=bool(label.note),
            )
            keep_label(self._db, row)
            if label.note:
                yield _record(f"{LABEL}:{row.id}", subject, keep_until, {"comment": label.note.encode()})

    def _named(self, item: Item) -> Item:
        """The item under its own id, or, where it has none that can be used or another item has it, under one that its input
        gives it; where an item of another workload has that too, under one that its input and its workload give it."""
        content = self._content(item)
        own = [item.id] if _ID.fullmatch(item.id) else []
        for name in (*own, f"imp_{content.hex()}"):
            there = find_item(self._db, name)
            if there is None or (there.id == name and (there.workload, there.content) == (item.workload, content)):
                return replace(item, id=name)
        return replace(item, id=f"imp_{content_key(content + item.workload.encode(), self._secret).hex()}")

    def _row(self, item: Item, subject: str, keep_until: int) -> ItemRow:
        return ItemRow(
            id=item.id,
            workload=item.workload,
            at=item.at,
            subject=subject,
            keep_until=keep_until,
            content=self._content(item),
            model=item.model,
            conversation=item.conversation,
            cost_nano=item.cost_nano,
            total_ms=item.total_ms,
            first_token_ms=item.first_token_ms,
            input_tokens=item.input_tokens,
            output_tokens=item.output_tokens,
        )

    def _content(self, item: Item) -> bytes:
        return content_key(input_digest(item.input), self._secret)

    def label(
        self,
        item_id: str,
        *,
        score: float | None = None,
        reference: Any = None,
        note: str = "",
        author: str = "",
        source: Literal["human", "import"] = "human",
    ) -> LabelRow:
        """Notes what somebody says of an item's reply (`score` from 0 to 1), and what the right answer is, with an event for
        the ledger that holds no words.

        Raises NotFound, InvalidField, and what `read` raises of an item that cannot be opened."""
        stored = self.read(item_id)
        if score is None and reference is None:
            raise InvalidField("Nothing is said of the item.", "Give a score, or the right answer.", param="score")
        if score is not None and not 0 <= score <= 1:
            raise InvalidField("A score is a number from 0 to 1.", param="score")
        words = {"comment": note.encode()} if note else {}
        if reference is not None:
            words["corrected"] = msgspec.json.encode(reference)
        row = LabelRow(
            id=_label_id(),
            record=stored.row.id,
            source=source,
            at=int(time.time() * 1000),
            subject=stored.row.subject,
            score=score,
            model=stored.item.model,
            author=author,
            sealed=bool(words),
        )
        body = {"label": row.id, "workload": stored.row.workload, "source": source, "reference": reference is not None}
        with transaction(self._db):
            keep_label(self._db, row)
            keep_event(
                self._db,
                "item.labelled",
                row.record,
                body if score is None else {**body, "score_ppm": round(score * 1e6)},
            )
            if words:
                self._contents.write_many([_record(f"{LABEL}:{row.id}", row.subject, stored.row.keep_until, words)])
        return row

    # --- splits ---

    def deal(
        self, workload: str, shares: Mapping[str, float] = SHARES, progress: Progress = lambda done, total: None
    ) -> dict[str, int]:
        """Deals what is not dealt yet into splits; gives how many items of the workload each split then has. What was dealt
        stays where it is.

        Signatures are made here and not when an item is captured: they take milliseconds of the words that are sealed, nobody
        needs them before, and what is never split then never has one."""
        salt = split_salt(self._db, workload)
        made: dict[str, bytes] = {}
        waiting = list_items(self._db, workload=workload, split="", now=time.time())
        for done, row in enumerate(waiting, 1):
            try:
                content = self._sealed(f"{ITEM}:{row.id}")[ITEM]
            except (SubjectErased, UnknownContents, ContentsDamaged, KeyError):
                continue
            made[row.id] = signature(asked_text(msgspec.json.decode(content, type=Item).input), salt)
            progress(done, len(waiting))
        with transaction(self._db):
            rows = list_items(self._db, workload=workload)
            fresh = [Fresh(row.id, made[row.id], row.conversation) for row in rows if not row.split and row.id in made]
            known = (
                Dealt(row.id, row.signature, row.conversation, row.cluster, row.split)
                for row in rows
                if row.split and row.signature is not None
            )
            dealt = deal(fresh, known, salt, shares)
            keep_splits(self._db, [(one.id, one.signature, one.cluster, one.split) for one in dealt])
            found: dict[str, int] = {}
            for row in list_items(self._db, workload=workload):
                found[row.split] = found.get(row.split, 0) + 1
        return found


def _reference(written: str) -> Any:
    """What a person noted as the right answer; words that are no JSON are the answer themselves."""
    try:
        return msgspec.json.decode(written)
    except msgspec.DecodeError:
        return written


def _record(name: str, subject: str, keep_until: int, contents: Mapping[str, bytes]) -> RecordContents:
    return RecordContents(name, subject, keep_until, {field: Field(b"", text) for field, text in contents.items()})


def _label_id() -> str:
    return f"lab_{secrets.token_hex(16)}"
