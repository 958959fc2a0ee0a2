"""The door's paths: which of them are requests to a model, and what the others show.

A model request goes to the lifecycle in the dialect of its path. The other pages are small, and none of them is needed to
answer a request.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, unquote

import msgspec

from freehold.dialects import get
from freehold.dialects.dialect import Dialect
from freehold.errors import (
    BadInput,
    BodyTimeout,
    BodyTooLarge,
    Draining,
    FreeholdError,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    UnknownPath,
)
from freehold.gateway.callers import require_admin
from freehold.gateway.exchange import Exchange
from freehold.gateway.feedback import Feedback, require_ledger
from freehold.gateway.headers import error_headers
from freehold.gateway.lifecycle import Lifecycle, Parts
from freehold.gateway.pages import explain_route, list_models, show_model
from freehold.gateway.receipts import FRESH, Receipts
from freehold.ledger.tiles import CHECKPOINT
from freehold.store.callers import Key
from freehold.store.grants import Grant, RateDenied
from freehold.store.records import new_id

MODEL_PATHS = {
    "/v1/chat/completions": "openai-chat",
    "/v1/responses": "openai-responses",
    "/v1/messages": "anthropic-messages",
    "/v1/messages/count_tokens": "anthropic-count-tokens",
    "/v1/embeddings": "openai-embeddings",
}
"""The paths that ask a model, and the dialect of each."""

FEEDBACK = "/v1/feedback"
RECORD_TRIES = 15
RECORD_SECONDS = 0.2
"""How often, and with which pause, a record is looked for that may still be on its way into the store: three seconds in all,
where the ledger's writer needs half a one."""

TEXT = b"content-type: text/plain; charset=utf-8\r\n"
BYTES = b"content-type: application/octet-stream\r\n"
METRICS = b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n"

log = logging.getLogger("freehold.door")


class Door:
    """The handler of every request of one worker. `ready` says whether this worker takes requests."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        parts: Parts,
        receipts: Receipts,
        feedback: Feedback,
        clock: Callable[[], float],
    ) -> None:
        self._lifecycle = lifecycle
        self._parts = parts
        self._receipts = receipts
        self._feedback = feedback
        self._clock = clock
        self._fronts = {path: get(name) for path, name in MODEL_PATHS.items()}
        self._pages: dict[str, Callable[[Exchange], Awaitable[None]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/v1/models": self._models,
            "/v1/routes/explain": self._explain,
            "/ledger/key": self._ledger_key,
        }
        self._prefixes: dict[str, Callable[[Exchange], Awaitable[None]]] = {
            "/v1/models/": self._model,
            "/v1/receipts/": self._receipt,
            "/v1/traces/": self._trace,
            "/ledger/": self._ledger,
        }
        self.ready = False

    def handle(self, exchange: Exchange) -> Awaitable[None]:
        """Answers one request, whatever it is."""
        front = self._fronts.get(exchange.path)
        if front is not None and exchange.method == "POST" and exchange.problem is None and self.ready:
            return self._lifecycle.serve(exchange, front)
        return self._answer(exchange, front)

    async def _answer(self, exchange: Exchange, front: Dialect | None) -> None:
        try:
            await self._other(exchange, front)
        except FreeholdError as error:
            self._refuse(exchange, front or self._guess(exchange), error)

    async def _other(self, exchange: Exchange, front: Dialect | None) -> None:
        if exchange.problem is not None:
            raise _problem(exchange.problem)
        page = self._pages.get(exchange.path)
        if front is not None or exchange.path == FEEDBACK:
            if exchange.method != "POST":
                raise MethodNotAllowed(f"{exchange.path} takes POST.")
            if not self.ready:
                raise Draining("This server is not taking requests now.", retry_after=1)
            await self._take_feedback(exchange)
            return
        if page is None:
            page = next((one for start, one in self._prefixes.items() if exchange.path.startswith(start)), None)
        if page is None:
            raise UnknownPath(
                f"There is nothing at {exchange.path[:200]}.", f"Models answer at {', '.join(MODEL_PATHS)}."
            )
        if exchange.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(f"{exchange.path} takes GET.")
        await page(exchange)

    # --- pages ---

    async def _healthz(self, exchange: Exchange) -> None:
        exchange.answer(200, b"ok\n", content_type=TEXT)

    async def _readyz(self, exchange: Exchange) -> None:
        exchange.answer(200 if self.ready else 503, b"ready\n" if self.ready else b"not ready\n", content_type=TEXT)

    async def _metrics(self, exchange: Exchange) -> None:
        who = self._parts.book().settings.door.metrics
        if who == "admin" or (who == "local" and not _is_loopback(exchange.peer)):
            require_admin(await self._know(exchange))
        exchange.answer(200, self._parts.metrics.page(), content_type=METRICS)

    async def _models(self, exchange: Exchange) -> None:
        key = await self._know(exchange)
        exchange.answer(200, msgspec.json.encode(list_models(self._parts.book(), key)))

    async def _model(self, exchange: Exchange) -> None:
        key = await self._know(exchange)
        name = unquote(exchange.path.removeprefix("/v1/models/"))  # the SDKs write the slash in a name as %2F
        exchange.answer(200, msgspec.json.encode(show_model(self._parts.book(), key, name)))

    async def _explain(self, exchange: Exchange) -> None:
        key = await self._know(exchange)
        if self._parts.canaries.stale:
            await self._parts.canaries.reload()
        asked = {name: values[-1] for name, values in parse_qs(exchange.query).items()}
        exchange.answer(200, msgspec.json.encode(explain_route(self._parts.book(), key, asked, self._parts.canaries)))

    async def _receipt(self, exchange: Exchange) -> None:
        key = await self._know(exchange)
        about = unquote(exchange.path.removeprefix("/v1/receipts/"))
        receipt = await asyncio.to_thread(self._receipts.receipt, about, key, self._clock())
        if receipt is None:
            exchange.answer(202, msgspec.json.encode({"id": about, "status": "pending"}), b"retry-after: 1\r\n")
        else:
            exchange.answer(200, receipt.encode(), FRESH, content_type=TEXT)

    async def _trace(self, exchange: Exchange) -> None:
        key = await self._know(exchange)
        about = unquote(exchange.path.removeprefix("/v1/traces/"))
        traces = self._parts.book().traces
        trace = await asyncio.to_thread(self._receipts.trace, about, key, self._clock(), traces)
        if trace is None:
            exchange.answer(202, msgspec.json.encode({"id": about, "status": "pending"}), b"retry-after: 1\r\n")
        else:
            exchange.answer(200, trace, FRESH)

    async def _take_feedback(self, exchange: Exchange) -> None:
        key = await self._know(exchange)
        book = self._parts.book()
        require_ledger(logged=book.keeping.logged)
        self._count(key)
        said = self._feedback.read(exchange.body)
        for _ in range(RECORD_TRIES):
            record = await asyncio.to_thread(self._feedback.find, said, key, self._clock())
            if record is not None:
                break
            await asyncio.sleep(RECORD_SECONDS)
        else:
            raise NotFound(f"The answer {said.id} is on its way to the store.", "Try again.", retry_after=1)
        label = self._feedback.keep(said, record, key, book.keep_days(record.workload))
        exchange.answer(202, msgspec.json.encode({"id": label, "about": record.id, "status": "accepted"}))

    def _count(self, key: Key) -> None:
        """Counts a request against the rates of its key and project. Raises RateLimited."""
        payers, now = self._parts.book().payers(key, ""), self._clock()
        if not payers.rates:
            return
        outcome = self._parts.counters.acquire((), payers.rates, 0, 0, now)
        if isinstance(outcome, RateDenied):
            raise RateLimited(
                f"{payers.rate_names[outcome.index]} may use {outcome.limit} {outcome.measure} per minute.",
                retry_after=outcome.retry_after,
            )
        if isinstance(outcome, Grant):
            self._parts.counters.settle_all([(outcome, 0, 0)], now)

    async def _ledger_key(self, exchange: Exchange) -> None:
        exchange.answer(200, await asyncio.to_thread(self._receipts.verifier_keys), FRESH, content_type=TEXT)

    async def _ledger(self, exchange: Exchange) -> None:
        path = exchange.path.removeprefix("/ledger/")
        if self._receipts.holds_entries(path) and self._parts.book().settings.ledger.entries == "admin":
            require_admin(await self._know(exchange))
        data, kept = await asyncio.to_thread(self._receipts.file, path)
        exchange.answer(200, data, kept, content_type=TEXT if path == CHECKPOINT else BYTES)

    async def _know(self, exchange: Exchange) -> Key:
        callers = self._parts.callers
        if callers.stale:
            await callers.reload()
            self._parts.book().forget_payers()
        return callers.know(exchange.headers, self._clock(), exchange.shown)

    # --- errors ---

    def _guess(self, exchange: Exchange) -> Dialect:
        """The dialect of a caller whose path has none: Anthropic's SDK always sends its version."""
        anthropic = "anthropic-version" in exchange.headers
        return self._fronts["/v1/messages" if anthropic else "/v1/chat/completions"]

    def _refuse(self, exchange: Exchange, front: Dialect, error: FreeholdError) -> None:
        record_id = new_id(self._clock())
        self._parts.metrics.turned_away(error.code)
        headers = error_headers(error, record_id, recorded=False)
        if isinstance(error, MethodNotAllowed):  # RFC 9110, section 15.5.6
            headers += b"allow: POST\r\n" if exchange.path in (*self._fronts, FEEDBACK) else b"allow: GET, HEAD\r\n"
        exchange.answer(error.status, front.write_error(error, record_id), headers)


def _problem(status: int) -> FreeholdError:
    """The error behind a status that the server decided on before the request was whole."""
    if status == 413:
        return BodyTooLarge("The body is larger than this server takes.")
    if status == 408:
        return BodyTimeout("The request did not arrive in time.", "Send the whole request at once.")
    if status == 431:
        error: FreeholdError = BadInput(
            "The headers are larger than this server takes.", "Send fewer or shorter headers."
        )
        error.status = 431
        return error
    return MalformedBody("This is not an HTTP request that can be understood.", "Send HTTP/1.1 as RFC 9112 says.")


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
