"""What a witness decides (C2SP tlog-witness): whether a checkpoint continues the last one it vouched for. Pure.

It knows no sockets, no clock and no disk. Who serves it must keep the new state durably before sending the answer, and must
set it only where the old one still stands, as one step: otherwise two requests at once could take the log back. It exists
so that a party who does not own the log can hold its operator to a single history.

`add_checkpoint` does this, and the numbers stand in its code:

1. read the request                                                     otherwise 400
2. find the log by its origin                                           otherwise 404
3. check that a trusted key of that log signed the checkpoint           otherwise 403
4. the old size is no more than the new one                             otherwise 400
5. the old size is the one vouched for last                             otherwise 409, with that size
6. an empty tree has the empty root; the proof leads from old to new    otherwise 422
7. vouch for it: 200, with a cosignature by each of our keys
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from freehold.errors import BadSignature, LedgerError, MalformedCheckpoint, MalformedNote, NotConsistent, UnknownSigner
from freehold.ledger.checkpoints import Checkpoint, parse_checkpoint
from freehold.ledger.lines import MOST, decimal, hash_from_base64, to_base64
from freehold.ledger.merkle import EMPTY_ROOT, check_consistency
from freehold.ledger.notes import (
    SignerKey,
    VerifierKey,
    add_signatures,
    open_note,
    parse_note,
    parse_signature_lines,
)

MAX_BODY: Final = 1 << 18
"""Bytes of the longest request that is read: 63 hashes and as many post-quantum signatures as anyone sends."""

MAX_PROOF: Final = 63
SIZE_TYPE: Final = "text/x.tlog.size"
TEXT_TYPE: Final = "text/plain; charset=utf-8"


class Vouched(msgspec.Struct, frozen=True):
    """The tree that a witness vouched for last: nothing yet, for a log it never saw."""

    size: int = 0
    root: bytes = EMPTY_ROOT


class WitnessedLog(msgspec.Struct, frozen=True):
    """A log that this witness watches: the keys it trusts for it, and the last tree it vouched for."""

    keys: tuple[VerifierKey, ...]
    latest: Vouched = Vouched()


class Request(msgspec.Struct, frozen=True):
    """A request to vouch for a checkpoint. `note` is the signed checkpoint, verbatim."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: str


class Answer(msgspec.Struct, frozen=True):
    """What to answer. With `state` set, put it in the place of `replaces` for `origin`, durably, before answering.

    When another state stands there by then, the answer is void: decide again.
    """

    status: int
    body: bytes
    content_type: str = TEXT_TYPE
    origin: str | None = None
    replaces: Vouched | None = None
    state: Vouched | None = None


def add_checkpoint(
    body: bytes,
    find: Callable[[str], WitnessedLog | None],
    signers: Sequence[SignerKey],
    time: int,
) -> Answer:
    """The answer to POST /add-checkpoint. `find(origin)` gives a watched log; `time` is in seconds since 1970.

    Raises ValueError for a time that a witness may not state, or signers that cannot vouch.
    """
    if not 0 < time <= MOST or not signers or not all(signer.verifier.cosigns for signer in signers):
        raise ValueError("a witness states a time after 1970, and has at least one key, all of cosignature types")
    # 1. the request
    try:
        request = parse_request(body)
    except LedgerError as error:
        return _refusal(400, error)
    checkpoint = request.checkpoint
    # 2. the log
    log = find(checkpoint.origin)
    if log is None:
        return Answer(404, b"This witness does not watch a log of that origin.\n", origin=checkpoint.origin)
    latest = log.latest
    # 3. its signature
    try:
        open_note(request.note, log.keys)
    except (BadSignature, UnknownSigner) as error:
        return _refusal(403, error)
    except MalformedCheckpoint as error:
        return _refusal(400, error)
    # 4. the sizes
    if request.old > checkpoint.size:
        return Answer(400, b"The old size is larger than the checkpoint's.\n", origin=checkpoint.origin)
    # 5. where we stand
    if request.old != latest.size:
        return Answer(409, b"%d\n" % latest.size, SIZE_TYPE, origin=checkpoint.origin)
    # 6. the proof; a tree of no entries continues only the empty one, and must have its root
    try:
        check_consistency(request.old, latest.root, checkpoint.size, checkpoint.root, request.proof)
    except NotConsistent as error:
        return _refusal(422, error)
    # 7. the cosignatures
    try:
        lines = "".join(signer.sign(checkpoint_text(request.note), time).line for signer in signers)
    except LedgerError as error:
        return _refusal(400, error)
    state = Vouched(checkpoint.size, checkpoint.root)
    return Answer(200, lines.encode(), origin=checkpoint.origin, replaces=latest, state=state)


def parse_request(body: bytes) -> Request:
    """Reads a request. Raises MalformedNote or MalformedCheckpoint, whatever part of it is not as specified."""
    if len(body) > MAX_BODY:
        raise MalformedNote(f"The request has {len(body):,} bytes, and at most {MAX_BODY:,} are read.")
    try:
        head, gap, note = body.decode().partition("\n\n")
        first, *lines = head.split("\n")
        if not gap or not first.startswith("old ") or len(lines) > MAX_PROOF:
            raise ValueError("it is `old SIZE`, at most 63 hashes, an empty line, and a checkpoint")
        old = decimal(first.removeprefix("old "))
        proof = tuple(hash_from_base64(line) for line in lines)
    except ValueError as error:
        raise MalformedNote(f"The request cannot be read: {error}.") from None
    return Request(old, proof, parse_checkpoint(checkpoint_text(note)), note)


def write_request(old: int, proof: Iterable[bytes], note: str) -> bytes:
    """The body that asks a witness to vouch for a checkpoint. `proof` is the consistency proof from `old` entries."""
    return "\n".join((f"old {old}", *map(to_base64, proof), "", note)).encode()


def take_cosignatures(note: str, answer: bytes, keys: Iterable[VerifierKey]) -> str:
    """The checkpoint with the cosignatures of a witness's answer that `keys` made; others are left out, as specified.

    Raises MalformedNote for an answer that is not signature lines, BadSignature for one that does not fit this checkpoint,
    UnknownSigner when no line is by one of the keys.
    """
    try:
        offered = parse_signature_lines(answer.decode())
    except UnicodeDecodeError:
        raise MalformedNote("The witness's answer is not UTF-8.") from None
    text = checkpoint_text(note)
    candidate = text + "\n" + "".join(signature.line for signature in offered)
    opened = open_note(candidate, keys)
    return add_signatures(note, [verified.signature for verified in opened.verified])


def checkpoint_text(note: str) -> str:
    """The text of a note, without its signatures, none of which is checked. Raises MalformedNote."""
    return parse_note(note).text


def _refusal(status: int, error: LedgerError) -> Answer:
    return Answer(status, f"{error.sentence}\n".encode())
