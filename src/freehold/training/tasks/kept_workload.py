"""The task `workload` of recipes: the items of a workload as a run keeps them, in a file of its own folder.

It knows that file and no store: who begins a run reads the store, chooses the items and writes them (`cli/train_workload.py`), and the process that trains makes
the task from the file. It exists so that a trainer sees the items that were chosen for it and no others, least of all those that trials are held on.
"""

import hashlib
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.errors import ConfigError
from freehold.items import Item
from freehold.reasoning import available
from freehold.reasoning.verifier import Verifier
from freehold.training.tasks.task import Split
from freehold.training.tasks.workload import WorkloadTask


class Kept(Struct, frozen=True, kw_only=True):
    """The file: a workload's name, the table of its first grader, the items to learn from (`train`) and those to look at (`val`)."""

    workload: str
    grader: dict[str, Any]
    train: tuple[Item, ...] = ()
    val: tuple[Item, ...] = ()


def write_kept(kept: Kept) -> bytes:
    """The file's content. Of an item there stands what asking and grading need: neither whose it is, nor what was answered and said of that."""
    bare = replace(kept, train=tuple(map(_bare, kept.train)), val=tuple(map(_bare, kept.val)))
    return msgspec.json.encode(bare)


def read_kept(path: Path, sha256: str = "") -> Kept:
    """The items in a file. Raises ConfigError for a file that is gone, or does not have this SHA-256."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"The items of the run cannot be read: {path}: {error.strerror}.", _ANEW) from None
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise ConfigError(f"{path} does not hold the items that the run was begun with.", _ANEW)
    try:
        return msgspec.json.decode(content, type=Kept)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{path} holds no items of a workload: {error}.", _ANEW) from None


class KeptWorkload(WorkloadTask):
    """The items of a workload in the file `items`."""

    def __init__(self, workload: str, items: str = "", sha256: str = "") -> None:
        """Raises ConfigError where there is no such file, or another one than that with this SHA-256."""
        if not items:
            raise ConfigError(f"The items of {workload} are not chosen yet.", _ANEW)
        kept = read_kept(Path(items), sha256)
        splits: dict[str, Split] = {
            **{item.id: "train" for item in kept.train},
            **{item.id: "val" for item in kept.val},
        }
        super().__init__((*kept.train, *kept.val), kept.grader, splits=splits)
        self._made: list[Verifier] | None = None

    def verifiers(self) -> Sequence[Verifier]:
        """All that can be made here. They are made when the first steps come, and what they have started ends with the task."""
        if self._made is None:
            self._made = available()[0]
            weakref.finalize(self, _close, self._made)
        return self._made


TASK = KeptWorkload


def _close(verifiers: Iterable[Verifier]) -> None:
    for one in verifiers:
        one.close()


def _bare(item: Item) -> Item:
    return Item(
        id=item.id,
        workload=item.workload,
        input=item.input,
        at=item.at,
        reference=item.reference,
        model=item.model,
        metadata=item.metadata,
    )


_ANEW = "Begin a run with `freehold train run RECIPE`, which chooses the items of the training split."
