"""The items of a trial: chosen when it is planned, read again and held against the plan when it runs.

Nothing that a model may learn from is tried on: of the store only the trial split is taken. A file is refused when an item of it
stands in the training split, is nearly the same as one that does, or is a turn of the same conversation: what `freehold items split`
would keep together.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.cli.trial_opening import Shelf
from freehold.errors import ContentsDamaged, NotFound, SubjectErased, TrialError, UnknownContents
from freehold.items import Item
from freehold.store.inputs import content_key, input_digest
from freehold.store.items import ItemRow, list_items, split_salt
from freehold.trials.clusters import Dealt, Fresh, asked_text, deal, signature
from freehold.trials.items import Items
from freehold.trials.plan import Plan, item_hash
from freehold.trials.run import ERASED, Loaded

STORE = "store"
TRIAL = "trial"
TRAIN = "train"
KEEP_DAYS = 400
"""How long the replies to items of a file are kept, which say nothing of it themselves."""

CLUSTER_SALT = b"freehold/trial/clusters"
"""The clusters of a file's items are named in its plan only, so their signatures need no secret."""


class Chosen(Struct, frozen=True):
    """Items to plan with: their source, its SHA-256 where it is a file, the cluster of each item, and how many of them to take
    (None for all)."""

    source: str
    sha256: str | None
    items: Sequence[Item]
    clusters: Mapping[str, str]
    count: int | None = None


def choose(asked: str | None, workload: str, opened: Shelf) -> Chosen:
    """The items that --items names: a file, or a number of those in the trial split. Raises TrialError."""
    if asked is not None and not asked.isdigit():
        items, sha256 = read_file(Path(asked), workload)
        require_untrained(items, workload, opened)
        return Chosen(str(Path(asked).absolute()), sha256, items, clusters_of(items))
    stored = list(_items(opened).each(workload=workload, split=TRIAL))
    if not stored:
        raise TrialError(
            f"No items of {workload} are in the trial split.",
            "Deal what is captured with `freehold items split`, or give --items FILE.",
        )
    clusters = {one.row.id: one.row.cluster or one.row.id for one in stored}
    items = [replace(one.item, id=one.row.id, subject="") for one in stored]
    return Chosen(STORE, None, items, clusters, None if asked is None else int(asked))


def load(plan: Plan, opened: Shelf) -> dict[str, Loaded | str]:
    """Every item of the plan as it is now, or why it cannot be used: `erased`, or changed since the plan was made.

    Raises TrialError when the file of items is another one, or when an item is not in the trial split any more."""
    found = _of_store(plan, opened) if plan.source == STORE else _of_file(plan, opened)
    loaded: dict[str, Loaded | str] = {}
    for planned in plan.items:
        one = found.get(planned.id, "it is not there any more")
        if isinstance(one, Loaded) and item_hash(one.item, opened.secret) != planned.hash:
            one = "it was changed since the trial was planned"
        loaded[planned.id] = one
    return loaded


def read_file(path: Path, workload: str) -> tuple[list[Item], str]:
    """The items of a JSONL file, and its SHA-256. Raises TrialError, which names the line."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrialError(
            f"{path} cannot be read: {error.strerror}.", "Name a file of items, a JSON object a line."
        ) from None
    lines = enumerate(content.splitlines(), 1)
    items = [_item(line, f"{path}, line {number}", workload) for number, line in lines if line.strip()]
    return items, hashlib.sha256(content).hexdigest()


def clusters_of(items: Sequence[Item]) -> dict[str, str]:
    """The cluster of each item: those of one conversation, and near-duplicates, are in one."""
    fresh = [
        Fresh(item.id, signature(asked_text(item.input), CLUSTER_SALT), item.conversation)
        for item in {item.id: item for item in items}.values()
    ]
    return {one.id: one.cluster for one in deal(fresh, (), CLUSTER_SALT, {TRIAL: 1.0})}


def require_untrained(items: Sequence[Item], workload: str, opened: Shelf) -> None:
    """Raises TrialError when any of these items stands in the training split of the workload, or belongs together with one that does:
    near-duplicates by the signatures that the store has, other turns by the conversation's name or by the words that they repeat."""
    rows = list_items(opened.db, workload=workload, split=TRAIN)
    if not rows:
        return
    trained = {row.content: row.id for row in rows}
    for item in items:
        _refuse(item, trained.get(_key(item.input, opened)), "stands in the training split, as")
    begun = {
        _key(before, opened): one.row.id
        for one in _items(opened).each(workload=workload, split=TRAIN)
        for before in _turns_before(one.item.input)
    }
    for item in items:
        known = begun.get(_key(item.input, opened)) or next(
            (trained[key] for before in _turns_before(item.input) if (key := _key(before, opened)) in trained), None
        )
        _refuse(item, known, "is a turn of the same conversation as one in the training split,")
    near = _beside(items, rows, split_salt(opened.db, workload))
    for item in items:
        _refuse(
            item,
            near.get(item.id),
            "is nearly the same as one in the training split, or of its conversation: in the cluster",
        )


def _refuse(item: Item, known: str | None, why: str) -> None:
    if known is not None:
        raise TrialError(
            f"The item {item.id} {why} {known}: what was learned proves nothing.",
            "Leave it out, with all others that were trained on.",
        )


def _key(asked: Mapping[str, Any], opened: Shelf) -> bytes:
    return content_key(input_digest(asked), opened.secret)


def _turns_before(asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What was asked in the earlier turns of the conversation whose last turn this is."""
    messages = cast("list[Any]", asked.get("messages") or [])
    for at, message in enumerate(messages):
        if isinstance(message, dict) and cast("dict[str, Any]", message).get("role") == "assistant" and at:
            yield {**asked, "messages": messages[:at]}


def _beside(items: Sequence[Item], rows: Sequence[ItemRow], salt: bytes) -> dict[str, str]:
    """The items that belong to a cluster of the training split, and to which one."""
    fresh = [Fresh(item.id, signature(asked_text(item.input), salt), item.conversation) for item in items]
    known = (
        Dealt(row.id, row.signature, row.conversation, row.cluster, TRAIN) for row in rows if row.signature is not None
    )
    return {one.id: one.cluster for one in deal(fresh, known, salt, {TRIAL: 1.0}) if one.split == TRAIN}


def _items(opened: Shelf) -> Items:
    return Items(opened.db, opened.contents, opened.subjects, opened.secret)


def _of_store(plan: Plan, opened: Shelf) -> Mapping[str, Loaded | str]:
    stored = _items(opened)
    found: dict[str, Loaded | str] = {}
    for planned in plan.items:
        try:
            one = stored.read(planned.id)
        except (NotFound, SubjectErased, UnknownContents):
            found[planned.id] = ERASED
            continue
        except ContentsDamaged as error:
            found[planned.id] = error.sentence
            continue
        if one.row.split != TRIAL:
            raise TrialError(
                f"The item {planned.id} is in the split {one.row.split or 'of nobody'}, not in the trial split.",
                "What may be trained on proves nothing. Plan the trial anew.",
            )
        found[planned.id] = Loaded(replace(one.item, id=one.row.id, subject=""), one.row.subject, one.row.keep_until)
    return found


def _of_file(plan: Plan, opened: Shelf) -> Mapping[str, Loaded | str]:
    items, sha256 = read_file(Path(plan.source), plan.workload)
    if sha256 != plan.source_sha256:
        raise TrialError(
            f"{plan.source} was changed since the trial was planned.", "Restore it, or plan the trial anew."
        )
    require_untrained(items, plan.workload, opened)
    until = int(time.time()) + KEEP_DAYS * 86400
    fallback = f"import:{sha256}"
    pseudonyms = opened.subjects.pseudonyms({item.subject or fallback for item in items})
    return {item.id: Loaded(item, pseudonyms[item.subject or fallback], until) for item in items}


def _item(line: bytes, where: str, workload: str) -> Item:
    """One line: an item as `freehold items export` writes it; `id` and `workload` may be missing, and `input` may be the
    user's text alone."""
    try:
        fields: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        asked = fields.get("input")
        if isinstance(asked, str):
            fields["input"] = {"messages": [{"role": "user", "content": asked}]}
        fields.setdefault("id", hashlib.sha256(line).hexdigest()[:16])
        fields["workload"] = workload
        item = msgspec.convert(fields, Item)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TrialError(f"{where} is no item: {error}.", "See docs/concepts/items.md for the form.") from None
    if not item.input.get("messages"):
        raise TrialError(f"{where} has no messages in its input.", 'Write "input": "the user\'s text", or messages.')
    return item
