"""What a trial was answered: a log of samples without contents, and the replies themselves, sealed under their subjects' keys.

    samples.log   one line of JSON for each sample: which item, which model, how it went, what it cost
    the ledger's contents, as `sample:KEY`   the reply; gone when its data subject is erased

A reply is kept before its line is written, and both are with the kernel before its place is free for the next question: a
`kill -9` at any moment pays nothing twice but what was in flight, and loses nothing. The key of a sample is what makes asking
idempotent: the model's weights or name, everything that it is sent, and the number of the sample. So a later trial that asks
the same finds the answer here.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.errors import ContentsDamaged, TrialError, UnknownContents
from freehold.items import Given
from freehold.ledger.commitments import SALT_BYTES
from freehold.ledger.contents import Contents
from freehold.ledger.sealing import Field, RecordContents
from freehold.trials.plan import Arm, keyed_hash

Source = Literal["door", "cache", "captured"]
Role = Literal["candidate", "incumbent", "judge"]

_FIELD: Final = "reply"


class Kept(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reply with what it took: `ms` from the question to the whole answer, tokens, nano-dollars where a price is known.
    `vector` is what an embedding model gave."""

    given: Given
    model: str
    at: int
    ms: float
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int | None = None
    receipt: str = ""
    trial: str = ""
    """The trial that asked for it, and paid."""
    vector: tuple[float, ...] | None = None
    lost_nano: int = 0
    """What tries before it may have cost that broke after they were sent."""


class Sample(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the log. `answered` has a reply under its key; `failed` says in `reason` why there is none, and `final` that
    asking again would not help. `lost_nano` is what tries before this line may have cost without an answer."""

    key: str
    item: str
    role: Role
    number: int
    status: Literal["answered", "failed"]
    source: Source = "door"
    at: int = 0
    ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int | None = None
    receipt: str = ""
    reason: str = ""
    final: bool = False
    lost_nano: int = 0


def sample_key(arm: Arm, body: dict[str, Any], number: int, secret: bytes, only_for: str = "") -> str:
    """The key of one sample: a keyed hash of the model's identity, the body that it is sent, and the sample's number; with
    `only_for`, a trial's id, no other trial finds it."""
    return keyed_hash([arm.identity, body, number, only_for], secret)


class SampleLog:
    """The log of one trial, for one process at a time. `samples` holds the last line of each key."""

    def __init__(self, path: Path) -> None:
        """Opens the log, made where it was missing, and cuts off a line that a death tore. Raises TrialError when it cannot be
        read or written."""
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            content = path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                os.ftruncate(self._fd, whole)
        except OSError as error:
            raise TrialError(f"{path} cannot be used: {error.strerror}.", "Make it readable and writable.") from error
        self._path = path
        self._size = whole
        self.samples = read_samples(content[:whole], str(path))

    def append(self, samples: Iterable[Sample]) -> None:
        """Hands the lines to the kernel in one write; `sync` puts them on the disk. What a sample that failed may have cost stays in the lines after it.
        Raises TrialError when that fails."""
        new = [self._after_failures(sample) for sample in samples]
        data = b"".join(msgspec.json.encode(sample) + b"\n" for sample in new)
        try:
            written = os.write(self._fd, data)
            if written != len(data):
                os.ftruncate(self._fd, self._size)
                raise TrialError(
                    f"{self._path} cannot be written: the disk is full.", "Free some space; then run it again."
                )
        except OSError as error:
            raise TrialError(f"{self._path} cannot be written: {error.strerror}.", "Then run it again.") from error
        self._size += written
        self.samples.update((sample.key, sample) for sample in new)

    def _after_failures(self, sample: Sample) -> Sample:
        before = self.samples.get(sample.key)
        if before is None or before.status == "answered":
            return sample
        return replace(sample, lost_nano=sample.lost_nano + before.lost_nano + (before.cost_nano or 0))

    def sync(self) -> None:
        """Puts on the disk what was appended. Raises TrialError."""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise TrialError(f"{self._path} could not be put on the disk: {error.strerror}.") from error

    def close(self) -> None:
        os.close(self._fd)


def spent_of(samples: Iterable[Sample]) -> int:
    """Nano-dollars that a trial has paid for these samples itself, with what tries without an answer may have cost."""
    return sum((one.cost_nano or 0) + one.lost_nano for one in samples if one.source == "door")


def read_samples(content: bytes, where: str) -> dict[str, Sample]:
    """The samples in whole lines, the last of each key. Raises TrialError, with `where` they were read."""
    decode = msgspec.json.Decoder(Sample).decode
    try:
        return {sample.key: sample for sample in map(decode, content.splitlines())}
    except msgspec.MsgspecError as error:
        raise TrialError(f"A line of {where} cannot be read: {error}.", "Restore it from a backup.") from None


class Replies:
    """The sealed replies. For one thread at a time, as `Contents` is."""

    def __init__(self, contents: Contents, draw: Callable[[int], bytes] = os.urandom) -> None:
        self._contents = contents
        self._draw = draw

    def find(self, key: str) -> Kept | None:
        """The reply of a sample, None when none is kept. Raises SubjectErased when nobody can open it any more."""
        try:
            field = self._contents.read(f"sample:{key}").fields[_FIELD]
        except UnknownContents:
            return None
        if field.content is None:
            raise ContentsDamaged(f"The reply of the sample {key} is missing from its contents.")
        return msgspec.json.decode(field.content, type=Kept)

    def keep(self, replies: Sequence[tuple[str, str, int, Kept]], *, flush: bool = False) -> set[str]:
        """Keeps replies, each with its key, the pseudonym of its data subject, and until when (Unix seconds). Gives the keys of
        those that were not kept because their subject is erased; one that is kept already stays as it was."""
        records = [
            RecordContents(
                f"sample:{key}", pseudonym, until, {_FIELD: Field(self._draw(SALT_BYTES), msgspec.json.encode(kept))}
            )
            for key, pseudonym, until, kept in replies
        ]
        refused = self._contents.write_many(records, flush=flush)
        return {one.id.removeprefix("sample:") for one in refused if one.reason == "subject-erased"}
