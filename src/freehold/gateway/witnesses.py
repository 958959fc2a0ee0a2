"""Asking witnesses to vouch for the log: the caller's side of C2SP tlog-witness.

A witness holds the log to one history: it cosigns a checkpoint only when that continues the last one it saw. Here is which
witness has seen how much, and how each is asked; what it decides is in `ledger/witness.py`, whoever runs that. A witness
that is away, slow or refuses holds nothing up: the checkpoint then lacks its line, and `freehold audit verify` says so.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from freehold.errors import FreeholdError, StoreError, TileMissing
from freehold.ledger.checkpoints import parse_checkpoint
from freehold.ledger.lines import decimal
from freehold.ledger.merkle import consistency_proof
from freehold.ledger.notes import VerifierKey, parse_note, parse_verifier_key
from freehold.ledger.tiles import Read, TileReader
from freehold.ledger.witness import SIZE_TYPE, take_cosignatures, write_request
from freehold.outbound.connection import Response
from freehold.outbound.pool import Endpoint, Pool, endpoint

CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 3.0
"""One that is slower counts as away: all wait for the slowest, and a checkpoint that is cosigned late is old by then."""

PAUSE_SECONDS = 30.0
"""How long a witness that gave no cosignature is left alone."""

MAX_ANSWER = 64 * 1024

log = logging.getLogger("freehold.ledger")


class Witnesses:
    """The witnesses of one log. Made inside the event loop."""

    def __init__(self, configured: Mapping[str, str], read: Read) -> None:
        """`configured` maps verifier key lines to URLs; `read` reads the log's files. Raises LedgerError for a bad key,
        StoreError for a bad URL."""
        self._read = read
        self._pool = Pool()
        self._witnesses = [_Witness(parse_verifier_key(key), _endpoint(url)) for key, url in configured.items()]

    async def cosign(self, note: str) -> str:
        """The checkpoint with the cosignatures of all witnesses that vouch for it now; they are asked at the same time."""
        head = parse_checkpoint(parse_note(note).text)
        reader = TileReader(self._read, head.size)
        answers = await asyncio.gather(*(self._ask(witness, note, head.size, reader) for witness in self._witnesses))
        for witness, answer in zip(self._witnesses, answers, strict=True):
            if answer is not None:
                try:
                    note = take_cosignatures(note, answer, [witness.key])
                    witness.vouched()
                except FreeholdError as error:
                    witness.failed(error.sentence)
        return note

    def close(self) -> None:
        self._pool.close()

    async def _ask(self, witness: "_Witness", note: str, size: int, reader: TileReader) -> bytes | None:
        """The witness's cosignature lines, None when it gives none."""
        now = asyncio.get_running_loop().time()
        if now < witness.again_at:
            return None
        for _ in range(2):
            if witness.seen > size:
                witness.failed(f"it has seen {witness.seen} entries, and the log has {size}")
                return None
            try:
                proof = consistency_proof(witness.seen, size, reader.hashes)
                response, body = await self._post(witness.at, write_request(witness.seen, proof, note))
            except TileMissing:  # the log has grown meanwhile, and its next checkpoint is asked about in a moment
                return None
            except FreeholdError as error:
                witness.failed(error.sentence)
                return None
            if response.status == 200:
                witness.seen = size
                return body
            if response.status != 409 or not response.headers.get("content-type", "").startswith(SIZE_TYPE):
                witness.failed(f"it answers {response.status}: {body[:200].decode('utf-8', 'replace').strip()}")
                return None
            try:
                witness.seen = decimal(body.decode("ascii", "replace").strip())
            except ValueError as error:
                witness.failed(f"it answers 409, and {error}")
                return None
        # As a log that is no continuation of what it saw is answered, where both are of one size (C2SP tlog-witness).
        witness.failed(f"it has seen {witness.seen} entries, and does not go on from them to the {size} of the log")
        return None

    async def _post(self, at: Endpoint, body: bytes) -> tuple[Response, bytes]:
        head = (
            f"POST {at.prefix}/add-checkpoint HTTP/1.1\r\nhost: {at.authority}\r\nuser-agent: freehold\r\n"
            f"content-type: text/plain\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        limit = asyncio.get_running_loop().time() + ANSWER_SECONDS
        response = await self._pool.send(at, head.encode() + body, CONNECT_SECONDS, limit)
        return response, await response.read(MAX_ANSWER)


class Cosigning:
    """Has checkpoints cosigned beside whoever makes them, one after the other. What is offered meanwhile is skipped, but for
    the newest. Made inside the event loop."""

    def __init__(self, witnesses: Witnesses, cosigned: Callable[[str], None]) -> None:
        """`cosigned` is given each checkpoint to which a witness added something."""
        self._witnesses = witnesses
        self._cosigned = cosigned
        self._next: str | None = None
        self._asking: asyncio.Task[None] | None = None

    def offer(self, note: str) -> None:
        """Has this checkpoint, the newest, cosigned as soon as those before it are through."""
        self._next = note
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())

    async def finish(self) -> None:
        """Waits for what is on its way, and lets go of all connections."""
        if self._asking is not None:
            await self._asking
        self._witnesses.close()

    async def _ask(self) -> None:
        while self._next is not None:
            note, self._next = self._next, None
            try:
                cosigned = await self._witnesses.cosign(note)
                if cosigned != note:
                    self._cosigned(cosigned)
            except FreeholdError as error:
                log.error("a checkpoint is without its cosignatures: %s", error.message)
            except Exception:
                log.exception("a checkpoint is without its cosignatures")


class _Witness:
    """One witness: its key, where it is, and how many entries it has vouched for."""

    def __init__(self, key: VerifierKey, at: Endpoint) -> None:
        self.key = key
        self.at = at
        self.seen = 0
        self.again_at = 0.0
        self._away = False

    def vouched(self) -> None:
        """Notes that it gave a cosignature that holds."""
        self.again_at = 0.0
        self._away = False

    def failed(self, why: str) -> None:
        """Says once that it gives no cosignature, until it gives one again."""
        if not self._away:
            log.warning("the witness %s does not vouch for the ledger: %s", self.key.name, why)
        self._away = True
        self.again_at = asyncio.get_running_loop().time() + PAUSE_SECONDS


def _endpoint(url: str) -> Endpoint:
    try:
        return endpoint(url)
    except ValueError as error:
        raise StoreError(f"The witness's address cannot be used: {error}.", "Write ledger.witnesses anew.") from None
