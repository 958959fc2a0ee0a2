"""The seal on reasoning artefacts: which deployment made this opaque text.

Signatures and encrypted reasoning can be read only by the vendor, endpoint, model and key that made them. So that a
stateless door knows where one belongs when the caller sends it back, it hands artefacts out as
`fh1.TAG.PAYLOAD`, where TAG is a keyed digest of the origin. The payload is untouched: sent back to the same origin it is
byte for byte what the vendor made. An artefact without a seal was made before Freehold stood in front: its origin is
unknown. The tag names no vendor and cannot be forged without the door's secret.

Source of the rule: design, section 4; the failures it prevents: LiteLLM issues 32140, 40364, 29733.
"""

import hashlib
import hmac

PREFIX = "fh1."


def tag(secret: bytes, vendor: str, endpoint: str, model: str, key_scope: str) -> str:
    """The tag of one origin: 16 hexadecimal digits of HMAC-SHA256."""
    scope = "\x00".join((vendor, endpoint, model, key_scope)).encode()
    return hmac.new(secret, scope, hashlib.sha256).hexdigest()[:16]


def seal(payload: str, origin: str) -> str:
    """The payload as the caller gets it."""
    return f"{PREFIX}{origin}.{payload}"


def unseal(sealed: str) -> tuple[str | None, str]:
    """(tag of the origin or None when unknown, the payload as the vendor made it)."""
    if sealed.startswith(PREFIX):
        origin, dot, payload = sealed[len(PREFIX) :].partition(".")
        if dot and len(origin) == 16:
            return origin, payload
    return None, sealed
