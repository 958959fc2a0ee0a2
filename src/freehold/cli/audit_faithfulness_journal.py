"""What a faithfulness audit was answered: a file that says what is there, without a word of it, and the words themselves, sealed.

    OUT/replies.jsonl                           one line a reply: the keyed hash of its request, tokens, the answer's receipt
    the ledger's contents, as `probe:KEY`       what the model said; gone when its data subject is erased

A reply is sealed under the data subject of its item, before its line is written and before it is used. The same command on the
same folder asks only what is not there yet, so a run that was interrupted, capped or killed goes on where it stopped.
"""

import os
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.errors import StoreError, SubjectErased, UnknownContents
from freehold.ledger.commitments import SALT_BYTES
from freehold.ledger.contents import Contents
from freehold.ledger.sealing import Field, RecordContents
from freehold.reasoning.exchange import Heard
from freehold.trials.plan import keyed_hash

ERASED: Final = Heard(trouble="The data subject of this item was erased.")

_FIELD: Final = "heard"


class Owner(Struct, frozen=True, kw_only=True):
    """Whom an item is about: the pseudonym of its data subject, until when (Unix seconds) what is said of it is kept, and the
    subject's name where that is known."""

    pseudonym: str
    until: int
    name: str = ""


class Kept(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reply, and what it took."""

    heard: Heard
    input_tokens: int = 0
    output_tokens: int = 0
    receipt: str = ""


class _Begun(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: a random name of this folder, so that two audits never take each other's replies for theirs."""

    run: str


class _Line(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    key: str
    input_tokens: int = 0
    output_tokens: int = 0
    receipt: str = ""


class Journal:
    """The replies so far, to which each new one is added. Used from several threads."""

    def __init__(
        self,
        path: Path,
        contents: Contents,
        owners: Mapping[str, Owner],
        secret: bytes,
        draw: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`owners` says of each problem whom it is about, `secret` keys the hashes of requests, `draw` gives random bytes.

        Raises StoreError where the file cannot be used. A last line that was torn by a kill is cut off."""
        self._contents = contents
        self._owners = owners
        self._secret = secret
        self._draw = draw
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}
        self._run = ""
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
            self._read(path.read_bytes())
        except OSError as error:
            raise StoreError(f"{path} cannot be used: {error.strerror}.", "Name another folder with --out.") from error
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"{path} is damaged, or of a Freehold that wrote replies in plain text: {error}.",
                "Delete it, which such plain text wants anyway, or name another folder with --out.",
            ) from error

    def key_of(self, body: Mapping[str, Any], problem: str) -> str:
        """The key of a request about a problem: its own for each data subject, and nobody finds out what was asked by hashing
        guesses."""
        return keyed_hash([self._run, self._owners[problem].pseudonym, body], self._secret)

    def owner(self, problem: str) -> Owner:
        """Whom a problem is about."""
        return self._owners[problem]

    def get(self, key: str) -> Kept | None:
        """The reply to the request with this key; None when it was never answered, or its time is over. That of an erased
        subject says so as its trouble."""
        with self._lock:
            line = self._lines.get(key)
            if line is None:
                return None
            try:
                content = self._contents.read(f"probe:{key}").fields[_FIELD].content
            except UnknownContents:
                return None
            except SubjectErased:
                return Kept(heard=ERASED, receipt=line.receipt)
        return None if content is None else msgspec.json.decode(content, type=Kept)

    def add(self, key: str, kept: Kept, problem: str) -> Heard:
        """Keeps a reply; gives what may be used of it: nothing, where the subject was erased meanwhile."""
        owner = self._owners[problem]
        field = Field(self._draw(SALT_BYTES), msgspec.json.encode(kept))
        with self._lock:
            record = RecordContents(f"probe:{key}", owner.pseudonym, owner.until, {_FIELD: field})
            refused = self._contents.write_many([record], flush=False)
            line = _Line(
                key=key, input_tokens=kept.input_tokens, output_tokens=kept.output_tokens, receipt=kept.receipt
            )
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._lines[key] = line
        return ERASED if any(one.reason == "subject-erased" for one in refused) else kept.heard

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _read(self, content: bytes) -> None:
        whole = content.rfind(b"\n") + 1
        first, *rest = content[:whole].splitlines() or (b"",)
        if first:
            self._run = msgspec.json.decode(first, type=_Begun).run
            lines = [msgspec.json.decode(line, type=_Line) for line in rest]
            self._lines = {line.key: line for line in lines}
        self._file.truncate(whole)
        self._file.seek(whole)
        if not first:
            self._run = secrets.token_hex(16)
            self._file.write(msgspec.json.encode(_Begun(self._run)) + b"\n")
