"""Step 1 of a request: who is calling. Keys are in memory; the store is read only when a key was made or revoked."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from freehold.errors import AdminOnly, MissingKey, UnknownKey
from freehold.gateway.exchange import Shown
from freehold.store.callers import Key, digest
from freehold.store.counters import Counters

log = logging.getLogger("freehold.callers")

Keys = Mapping[bytes, Key]

PAUSE_SECONDS = 1.0
"""Between two tries to read the keys from a store in trouble. Without it every request would wait for a try of its own."""


class Callers:
    """The keys of this machine. `load` reads them from the store (slow, called in a thread)."""

    def __init__(self, load: Callable[[], Keys], counters: Counters) -> None:
        self._load = load
        self._counters = counters
        self._generation = counters.generation()
        self._keys: Keys = load()
        self._loading = asyncio.Lock()
        self._not_before = 0.0

    @property
    def stale(self) -> bool:
        """Whether keys were made or revoked since they were read: one look at shared memory."""
        return self._counters.generation() != self._generation

    async def reload(self) -> None:
        """Reads the keys again. When the store cannot be read, the keys that are known stay good: a database in trouble
        must not turn callers away (LiteLLM issue 34479)."""
        async with self._loading:
            loop = asyncio.get_running_loop()
            if not self.stale or loop.time() < self._not_before:
                return
            generation = self._counters.generation()
            try:
                self._keys = await asyncio.to_thread(self._load)
            except Exception:
                log.exception("the keys could not be read again; those read before stay in force")
                self._not_before = loop.time() + PAUSE_SECONDS
                return
            self._generation = generation

    def know(self, headers: Mapping[str, str], now: float, shown: Shown) -> Key:
        """The key that these headers carry; `shown` is of their connection. Raises `MissingKey`, `UnknownKey`, `ExpiredKey`
        or `RevokedKey`."""
        secret = _secret(headers)
        if secret != shown.secret:  # told apart in varying time, but only from what this very connection said before
            shown.secret, shown.digest = secret, digest(secret)
        key = self._keys.get(shown.digest)
        if key is None:
            raise UnknownKey("This key is not known here.")
        key.require_live(now)
        return key


def require_admin(key: Key) -> None:
    """Raises `AdminOnly` for a key without the role admin."""
    if key.role != "admin":
        raise AdminOnly("This is for admins.")


def _secret(headers: Mapping[str, str]) -> str:
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() == "bearer" and secret.strip():
            return secret.strip()
    secret = headers.get("x-api-key", "").strip()
    if not secret:
        raise MissingKey("No key was sent.")
    return secret
