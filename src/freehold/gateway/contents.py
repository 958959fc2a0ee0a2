"""What was said in one request, as the ledger needs it: salted commitments, and what is kept apart.

Two fields: `request`, the caller's body byte for byte, and `response`, the bytes that the caller was given: one body, or
the events of a stream joined. It knows nothing of where they are kept.
"""

from collections.abc import Callable

from freehold.config.settings import Ledger, Workload
from freehold.ledger.commitments import SALT_BYTES, Running, commit
from freehold.ledger.subjects import filed_as
from freehold.store.records import Private

DAY_SECONDS = 86_400


class Keeping:
    """What a workload keeps: how durably its records are written, and whether contents go with them."""

    __slots__ = ("contents", "durability", "keep_seconds", "logged")

    def __init__(self, ledger: Ledger, workload: Workload | None = None) -> None:
        own = workload
        self.logged = ledger.enabled
        self.durability = own.durability if own is not None and own.durability is not None else ledger.durability
        self.contents = own.contents if own is not None and own.contents is not None else ledger.contents
        days = own.keep_days if own is not None and own.keep_days is not None else ledger.keep_days
        self.keep_seconds = days * DAY_SECONDS


class Said:
    """The contents of one request while it runs."""

    __slots__ = ("_kept", "_request", "_request_salt", "_response")

    def __init__(self, request: bytes, draw: Callable[[int], bytes]) -> None:
        """`request` is the caller's body; `draw` gives bytes that nobody can foresee."""
        salts = draw(2 * SALT_BYTES)
        self._request = request
        self._request_salt = salts[:SALT_BYTES]
        self._response = Running(salts[SALT_BYTES:])
        self._kept: list[bytes] | None = None

    def keep(self) -> None:
        """From now on the response itself is kept too, not only its commitment."""
        if self._kept is None:
            self._kept = []

    def gives(self, data: bytes) -> None:
        """The caller is given these bytes next."""
        self._response.update(data)
        if self._kept is not None:
            self._kept.append(data)

    def commitments(self) -> dict[str, str]:
        """The commitments to both fields, in hexadecimal digits."""
        return {
            "request": commit(self._request_salt, self._request).hex(),
            "response": self._response.commitment().hex(),
        }

    def private(self, subject: str, keep_until: int) -> Private:
        """The salts, and the contents where they are kept."""
        salts = {"request": self._request_salt, "response": self._response.salt}
        if self._kept is None:
            return Private(subject=subject, keep_until=keep_until, salts=salts)
        contents = {"request": self._request, "response": b"".join(self._kept)}
        return Private(subject=subject, keep_until=keep_until, salts=salts, contents=contents)


def subject_of(header: str | None, user: str | None, key_id: str) -> str:
    """Whom the contents are about: the header `x-freehold-subject`, else the request's own `user`, else the caller's key.

    A header has no encoding of its own and comes read as Latin-1 (RFC 9110, section 5.5). Clients send UTF-8, in which `user` and
    who asks for an erasure write the same name."""
    named = (_as_utf8(header) if header else None) or user
    return filed_as(named) if named else f"key:{key_id}"


def _as_utf8(header: str) -> str:
    if header.isascii():
        return header
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header
