"""`freehold witness`: a C2SP tlog-witness. It cosigns the checkpoints of logs that somebody else runs, one history for each.

What it decides is `ledger/witness.py`'s, what it remembers `ledger/witness_state.py`'s. This is its HTTP side:

    POST /add-checkpoint    the protocol
    GET  /                  its verifier key, and how much of each log it has vouched for
"""

import asyncio
import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from freehold.gateway.exchange import Exchange
    from freehold.ledger.notes import SignerKey, VerifierKey
    from freehold.ledger.witness import Answer, WitnessedLog
    from freehold.ledger.witness_state import WitnessState

BODY_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 75.0
DRAIN_SECONDS = 5.0
KEY = "witness.key"
ALGORITHMS = {"ed25519": 0x04, "ml-dsa-44": 0x06}

log = logging.getLogger("freehold.witness")


def witness(
    data: Annotated[Path, typer.Option(help="The witness's own folder: its key, and what it vouched for. Keep it.")],
    log: Annotated[
        list[str],
        typer.Option(help="The verifier key of a log to watch; may be given again, also for one log's two keys."),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8090,
    name: Annotated[
        str | None,
        typer.Option(help="The witness's name, such as witness.example/audit; set once, at the first start."),
    ] = None,
    algorithm: Annotated[
        Literal["ed25519", "ml-dsa-44"], typer.Option(help="Type of the key that the first start makes.")
    ] = "ed25519",
    json: Annotated[bool, typer.Option("--json", help="What it prints at the start, as JSON.")] = False,
) -> None:
    """Watches logs and cosigns each checkpoint that continues the last one it cosigned, and no other (C2SP tlog-witness).

    Run it on a machine that the log's operator does not own: then the operator cannot show two histories. Prints
    `ready http://HOST:PORT` and its verifier key on stdout; the operator adds both under `[ledger.witnesses]`, and auditors
    the key to their policy. Its folder is its memory: if it is lost, start again under a new name. SIGTERM ends it."""
    from freehold.ledger.notes import parse_verifier_key
    from freehold.ledger.witness_state import WitnessState

    logging.basicConfig(stream=sys.stderr, level="INFO", format="%(asctime)s witness %(levelname)s %(message)s")
    keys = [parse_verifier_key(key) for key in log]
    signer = own_key(data, name, ALGORITHMS[algorithm])
    with contextlib.closing(WitnessState(data)) as state:
        serving = Witness(signer, keys, state)

        def ready(url: str) -> None:
            if json:
                from freehold.cli.audit import print_json

                print_json({"url": url, "key": str(signer.verifier)})
                sys.stdout.flush()
            else:
                print(f"ready {url}\n{signer.verifier}", flush=True)

        asyncio.run(serve(serving, host, port, ready))


class Witness:
    """The witness of some logs: answers requests, one at a time, in whichever thread asks."""

    def __init__(self, signer: "SignerKey", keys: "Sequence[VerifierKey]", state: "WitnessState") -> None:
        self._signer = signer
        self._keys: dict[str, tuple[VerifierKey, ...]] = {}
        for key in dict.fromkeys(keys):
            self._keys[key.name] = (*self._keys.get(key.name, ()), key)
        self._state = state
        self._lock = threading.Lock()

    def add_checkpoint(self, body: bytes) -> "Answer":
        """The answer to one request. When it vouches, what it vouched for is on the disk. Raises StoreError when that cannot
        be written: then it has not vouched."""
        from freehold.ledger.witness import add_checkpoint

        with self._lock:
            while True:
                now = int(time.time())
                answer = add_checkpoint(body, self._find, [self._signer], now)
                if answer.state is None or answer.origin is None or answer.replaces is None:
                    return answer
                if self._state.replace(answer.origin, answer.replaces, answer.state, now):
                    log.info("vouched for %s with %d entries", answer.origin, answer.state.size)
                    return answer

    def about(self) -> bytes:
        """Who this is and what it has vouched for, for people."""
        with self._lock:
            sizes = {origin: self._state.latest(origin).size for origin in self._keys}
        lines = [f"{self._signer.verifier}", "", *(f"{size} {origin}" for origin, size in sizes.items())]
        return "\n".join([*lines, ""]).encode()

    def _find(self, origin: str) -> "WitnessedLog | None":
        from freehold.ledger.witness import WitnessedLog

        keys = self._keys.get(origin)
        return None if keys is None else WitnessedLog(keys, self._state.latest(origin))


async def serve(witness: Witness, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answers over HTTP until SIGTERM or SIGINT. Raises StoreError when the port is taken."""
    from freehold.gateway.http import Clock, Limits, Server
    from freehold.gateway.supervisor import listen
    from freehold.gateway.worker import BACKLOG
    from freehold.ledger.witness import MAX_BODY

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock, everyone = Clock(), set[Server]()
    limits = Limits(max_body=MAX_BODY, body_seconds=BODY_SECONDS, keep_alive_seconds=KEEP_ALIVE_SECONDS)
    listening = listen(host, port, BACKLOG)
    server = await loop.create_server(lambda: Server(handler(witness), limits, clock, everyone), sock=listening)
    ready(f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}")
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1)
        clock.tick()
        for connection in list(everyone):
            connection.expire(loop.time())
    server.close()
    for connection in list(everyone):
        connection.drain()
    deadline = loop.time() + DRAIN_SECONDS
    while everyone and loop.time() < deadline:  # noqa: ASYNC110 (connections end on their own)
        await asyncio.sleep(0.02)
    for connection in list(everyone):
        connection.abort()


def handler(witness: Witness) -> "Callable[[Exchange], Awaitable[None]]":
    """What answers each request."""
    from freehold.errors import StoreError
    from freehold.ledger.witness import TEXT_TYPE

    def say(exchange: "Exchange", status: int, body: bytes, kind: str = TEXT_TYPE, headers: bytes = b"") -> None:
        exchange.answer(status, body, headers, b"content-type: %s\r\n" % kind.encode())

    async def handle(exchange: "Exchange") -> None:
        if exchange.problem is not None:
            say(exchange, exchange.problem, b"The request cannot be read.\n")
        elif exchange.path.rstrip("/") == "" and exchange.method in ("GET", "HEAD"):
            say(exchange, 200, await asyncio.to_thread(witness.about))
        elif exchange.path != "/add-checkpoint":
            say(exchange, 404, b"A witness serves POST /add-checkpoint.\n")
        elif exchange.method != "POST":
            say(exchange, 405, b"A witness serves POST /add-checkpoint.\n", headers=b"allow: POST\r\n")
        else:
            try:
                answer = await asyncio.to_thread(witness.add_checkpoint, exchange.body)
            except StoreError as error:
                log.error("nothing was vouched for: %s", error.message)
                say(exchange, 503, b"The witness cannot remember now, so it does not vouch.\n")
                return
            say(exchange, answer.status, answer.body, answer.content_type)

    return handle


def own_key(folder: Path, name: str | None, algorithm: int) -> "SignerKey":
    """The witness's key, made with mode 0600 at the first start. Raises ConfigError when it has another name, StoreError when
    others may read it or the folder cannot be used."""
    import secrets

    from freehold.errors import ConfigError, StoreError
    from freehold.ledger.folder import alone, flush_folder, make_private, write_private
    from freehold.ledger.notes import generate_signer_key, parse_signer_key

    path = make_private(folder) / KEY
    with alone(folder / ".witness.lock"):
        if not path.exists():
            made = generate_signer_key(name or f"witness.invalid/{secrets.token_hex(6)}", algorithm)
            draft = path.with_name(f".{KEY}")
            try:
                draft.unlink(missing_ok=True)
                write_private(draft, f"{made.encoded()}\n".encode())
                draft.rename(path)  # whole or not at all, whenever a death comes
                flush_folder(folder)
            except OSError as error:
                raise StoreError(
                    f"No key can be kept in {folder}: {error.strerror}.", "Free some space on its disk."
                ) from error
    if path.stat().st_mode & 0o077:
        raise StoreError(
            f"Others may read {path}.", "Begin anew in another folder, under a new name: the key may be known."
        )
    key = parse_signer_key(path.read_text().strip())
    if name not in (None, key.name):
        raise ConfigError(
            f"The witness in {folder} is called {key.name!r}, not {name!r}.",
            "Leave --name away, or name another folder.",
        )
    return key
