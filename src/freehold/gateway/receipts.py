"""What the door shows of the ledger: receipts and traces for those whose answers they are about, and the log's files for
everybody.

It reads what the ledger's writer has published, and writes nothing. Nothing here is on the way of a model request.
"""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from freehold.config.settings import Storage
from freehold.errors import LedgerError, NotFound, SubjectErased, UnknownContents, UnknownPath
from freehold.gateway.entries import ANSWER
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_storage import open_contents
from freehold.gateway.traces import TRACE, shown
from freehold.ledger.checkpoints import Checkpoint, parse_checkpoint
from freehold.ledger.commitments import verify
from freehold.ledger.entry import read_entry
from freehold.ledger.log import COSIGNED
from freehold.ledger.merkle import inclusion_proof
from freehold.ledger.notes import parse_note
from freehold.ledger.proof import Receipt, write_receipt
from freehold.ledger.subjects import Subjects
from freehold.ledger.tiles import CHECKPOINT, HEIGHT, WIDTH, Bundle, Tile, TileReader, parse_path
from freehold.store.callers import Key
from freehold.store.folder import JOURNAL
from freehold.store.places import find_places
from freehold.store.records import Record

PENDING_SECONDS: Final = 120
"""How long an answer may be without an entry before its id counts as unknown, unless a journal holds its record."""

CLOCK_SECONDS: Final = 10
"""How far the clock may have been set back since an answer began."""

_RECORD: Final = re.compile(r"rec_([0-9a-f]{12})[0-9a-f]{20}")

IMMUTABLE: Final = b"cache-control: public, max-age=31536000, immutable\r\n"
FRESH: Final = b"cache-control: no-cache\r\n"


class Receipts:
    """The ledger of one data folder, to read. Every call looks at the files as they are now; call it in a thread."""

    def __init__(self, data: Path, storage: Storage | None = None) -> None:
        """`storage` brings the keys of the object store that contents may lie in."""
        self._data = data
        self._storage = storage
        self._folder = LedgerFolder(data)

    def receipt(self, about: str, key: Key, now: float) -> str | None:
        """The receipt of an answer, in the form of C2SP tlog-proof with the entry in its `extra` line; None while its entry
        is on its way. `now` is in Unix seconds.

        A key gets the receipts of its own project, an admin's all, those of events included. Raises NotFound."""
        places = [one for one in find_places(self._data, about) if one.kind == ANSWER or key.role == "admin"]
        if not places:
            return self._pending(about, key, now, "receipt")
        checkpoint = self._read(CHECKPOINT).decode()
        head = self._head(checkpoint)
        place = places[0].place
        if place >= head.size:  # committed, and not published yet
            return None
        checkpoint = self._vouched_for(checkpoint, place)
        head = self._head(checkpoint)
        reader = TileReader(self._read, head.size)
        leaf = _leaf(reader, place)
        if key.role != "admin" and read_entry(leaf).body["caller"]["project"] != key.project:
            raise _unknown(about, "receipt")
        proof = inclusion_proof(place, head.size, reader.hashes)
        return write_receipt(Receipt(place, tuple(proof), checkpoint, leaf))

    def trace(self, about: str, key: Key, now: float, traced: Callable[[str], object]) -> bytes | None:
        """The trace of an answer's reasoning as JSON; None while it is on its way. `traced` says whether a workload has
        traces, `now` is in Unix seconds. What was erased or has expired is told by its entry alone: counts, no words.

        A key gets the traces of its own project, an admin's all. Raises NotFound, and OpeningRefused or ContentsDamaged when
        what is kept is not what the entry commits to."""
        places = {one.kind: one.place for one in reversed(find_places(self._data, about))}
        if ANSWER not in places:
            return self._pending(about, key, now, "trace")
        head = parse_checkpoint(parse_note(self._read(CHECKPOINT).decode()).text)
        if max(places[ANSWER], places.get(TRACE, 0)) >= head.size:
            return None
        reader = TileReader(self._read, head.size)
        answer = read_entry(_leaf(reader, places[ANSWER]))
        if key.role != "admin" and answer.body["caller"]["project"] != key.project:
            raise _unknown(about, "trace")
        if TRACE in places:
            return self._opened(about, read_entry(_leaf(reader, places[TRACE])).body)
        young = -PENDING_SECONDS < now - answer.at / 1000 < PENDING_SECONDS
        given = answer.body["outcome"] == "answered" and answer.body["operation"] == "generate"
        if not (young and given and traced(answer.body.get("workload", ""))):
            raise _unknown(about, "trace")
        return None

    def _opened(self, about: str, body: dict[str, Any]) -> bytes:
        """The sealed trace, held against its commitment; what its entry says where there is none."""
        if TRACE in body.get("commitments", {}):
            with (
                contextlib.closing(Subjects(self._folder.subjects, self._folder.master_key)) as subjects,
                contextlib.closing(open_contents(self._folder, subjects, self._storage)) as contents,
                contextlib.suppress(UnknownContents, SubjectErased),
            ):
                kept = contents.read(f"{TRACE}:{about}").fields[TRACE]
                if kept.content is not None:
                    verify(bytes.fromhex(body["commitments"][TRACE]), kept.salt, kept.content)
                    return kept.content
            body = {**body, "contents": "gone"}
        return msgspec.json.encode(shown(about, body))

    def verifier_keys(self) -> bytes:
        """The lines that verify the log's signatures, the newest last."""
        return "".join(f"{key}\n" for key in self._folder.verifiers()).encode()

    def file(self, path: str) -> tuple[bytes, bytes]:
        """A file of the log, and the header line that says how long it may be kept. Raises UnknownPath."""
        try:
            if path == CHECKPOINT:
                return self._read(path), FRESH
            if _end(parse_path(path)) > self._head().size:  # staged, and not published yet: it may still change
                raise FileNotFoundError(path)
            return self._read(path), IMMUTABLE
        except (LedgerError, FileNotFoundError):
            raise UnknownPath(f"The ledger has no file {path[:200]}.") from None

    @staticmethod
    def holds_entries(path: str) -> bool:
        """Whether a path is that of an entry bundle, which says who asked what when, rather than of hashes alone."""
        try:
            return isinstance(parse_path(path), Bundle)
        except LedgerError:
            return False

    def _pending(self, about: str, key: Key, now: float, what: str) -> None:
        """Returns for an answer whose entry may still come: it is young, or stands in a journal that is not drained yet."""
        made = _RECORD.fullmatch(about)
        if made is not None:
            began = int(made[1], 16) / 1000
            young = -PENDING_SECONDS < now - began < PENDING_SECONDS
            if young or (began < now and _is_journaled(self._data / JOURNAL, about, began, key)):
                return
        raise _unknown(about, what)

    def _vouched_for(self, checkpoint: str, place: int) -> str:
        """The newest checkpoint with cosignatures where it covers this place and the one in force has fewer, else that. It must
        be signed by all keys of now: what a retired one signed is not for those who know only the new one."""
        try:
            cosigned = self._read(COSIGNED).decode()
        except FileNotFoundError:
            return checkpoint
        signed = {(signature.name, signature.key_id) for signature in parse_note(cosigned).unverified}
        if len(signed) <= len(parse_note(checkpoint).unverified) or place >= self._head(cosigned).size:
            return checkpoint
        return cosigned if signed.issuperset((key.name, key.id) for key in self._folder.verifiers()) else checkpoint

    def _head(self, checkpoint: str | None = None) -> Checkpoint:
        return parse_checkpoint(parse_note(checkpoint or self._read(CHECKPOINT)).text)

    def _read(self, path: str) -> bytes:
        return (self._folder.log / path).read_bytes()


def _is_journaled(folder: Path, about: str, began: float, key: Key) -> bool:
    """Whether a journal holds the record of this answer, and the key may know of it. Only segments that were written to since
    the answer began, in Unix seconds, are looked through; where the ledger's writer keeps up, there are none for long."""
    for path in sorted(folder.glob("w*.log")):
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError), path.open("rb") as file:
            stat = os.fstat(file.fileno())
            if not stat.st_size or stat.st_mtime < began - CLOCK_SECONDS:
                continue
            # Not mapped: a writer cuts off what a full disk took in part, which would be a bus error here.
            segment = file.read()
            begins = f'{{"id":"{about}"'.encode()
            at = 0 if segment.startswith(begins) else segment.find(b"\n" + begins) + 1
            end = segment.find(b"\n", at)
            if end >= 0 and segment.startswith(begins, at):
                record = msgspec.json.decode(segment[at:end].partition(b"\t")[0], type=Record)
                return key.role == "admin" or record.project == key.project
    return False


def _leaf(reader: TileReader, place: int) -> bytes:
    return reader.entries(place // WIDTH)[place % WIDTH]


def _end(file: Tile | Bundle) -> int:
    """How many entries a log has at least, that has this file."""
    level = file.level if isinstance(file, Tile) else 0
    return (file.index * WIDTH + file.width) << HEIGHT * level


def _unknown(about: str, what: str) -> NotFound:
    return NotFound(
        f"There is no {what} {about[:80]!r} for this key.", "Its id stands in the answer's x-freehold-receipt header."
    )
