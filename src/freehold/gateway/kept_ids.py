"""The ids of what a vendor keeps, as callers get them: bound to who may use them, and to the account that keeps it.

Behind the door many projects share one account of a vendor, and the vendor tells none of them apart: whoever names a stored
response goes on from it, whoever it belongs to. So the id of a response leaves the door as

    resp_fh1.ACCOUNT.SEAL.ID

where ACCOUNT is the tag of the account (`dialects/origin.py`) and SEAL a keyed digest of the account, the caller's
organisation and project, and the vendor's ID. Only that project can send it back, and only to that account. Nothing is
stored for it here, and no key of a vendor stands in it.
"""

import hashlib
import hmac
from typing import Final

from msgspec import Struct

PREFIX: Final = "resp_fh1."
SEAL_DIGITS: Final = 32
"""Hexadecimal digits of HMAC-SHA256 that stand in an id: 128 bits."""


class Keeper(Struct, frozen=True):
    """One account at one vendor; `secret` is the door's."""

    secret: bytes
    account: str

    def seal(self, owner: str, native: str) -> str:
        """The vendor's id as the project `owner` gets it. The same id gets the same seal each time."""
        return f"{PREFIX}{self.account}.{self._seal(owner, self.account, native)}.{native}"

    def open(self, owner: str, text: str) -> str | None:
        """The vendor's id, where this account gave it to this owner; else None."""
        account, native = self._opened(owner, text)
        return native if account == self.account else None

    def knows(self, owner: str, text: str) -> bool:
        """Whether this door gave it to this owner, from whatever account."""
        return self._opened(owner, text)[0] is not None

    def _opened(self, owner: str, text: str) -> tuple[str | None, str]:
        if not text.startswith(PREFIX):
            return None, ""
        account, _, rest = text[len(PREFIX) :].partition(".")
        seal, _, native = rest.partition(".")
        given, made = seal.encode("utf-8", "replace"), self._seal(owner, account, native).encode()
        return (account, native) if hmac.compare_digest(given, made) else (None, "")

    def _seal(self, owner: str, account: str, native: str) -> str:
        said = "\x00".join(("kept", account, owner, native)).encode("utf-8", "surrogatepass")
        return hmac.new(self.secret, said, hashlib.sha256).hexdigest()[:SEAL_DIGITS]
