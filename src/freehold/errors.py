"""Every error that Freehold raises on purpose, as one tree. Each has a stable code, an HTTP status and advice.

    FreeholdError
    ├── BadInput              400  the request cannot be understood
    │   ├── MalformedBody     400  malformed-body
    │   ├── InvalidField      400  invalid-field
    │   ├── BadHeader         400  bad-header
    │   ├── ForbiddenAddress  400  forbidden-address
    │   ├── Unsupported       400  unsupported
    │   ├── ContextTooLong    400  context-too-long
    │   ├── UnpricedModel     400  unpriced-model
    │   ├── MethodNotAllowed  405  method-not-allowed
    │   ├── BodyTimeout       408  body-timeout
    │   └── BodyTooLarge      413  body-too-large
    ├── Unauthenticated       401  we do not know who is calling
    │   ├── MissingKey        401  missing-key
    │   ├── UnknownKey        401  unknown-key
    │   ├── ExpiredKey        401  expired-key
    │   └── RevokedKey        401  revoked-key
    ├── Forbidden             403  known, but not allowed
    │   ├── OutOfScope        403  out-of-scope
    │   ├── AdminOnly         403  admin-only
    │   └── Blocked           403  blocked
    ├── NotFound              404  no such thing
    │   ├── UnknownPath       404  unknown-path
    │   ├── UnknownModel      404  unknown-model
    │   └── UnknownWorkload   404  unknown-workload
    ├── Limited               429  too much, too fast
    │   ├── RateLimited       429  rate-limited
    │   └── BudgetExhausted   429  budget-exhausted
    ├── Unavailable           503  try again later
    │   ├── DoorFull          503  door-full
    │   ├── Draining          503  draining
    │   ├── EngineDown        503  engine-down
    │   ├── NotConfigured     503  not-configured
    │   └── RecordNotKept     503  record-not-kept
    ├── VendorError           502  the vendor's side failed
    │   ├── VendorRefused     (its own status)  vendor-refused
    │   ├── VendorUnreachable 502  vendor-unreachable
    │   ├── VendorGarbled     502  vendor-garbled
    │   ├── VendorTimeout     504  vendor-timeout
    │   └── StreamBroken      502  stream-broken
    ├── InternalError         500  internal-error
    ├── ConfigError                config-error       (command line only)
    ├── StoreError                 store-error        (command line only)
    ├── CatalogError               catalog-error      (command line only)
    └── FetchError                 fetch-error        (command line only)

Pure. It knows no dialect: `dialects/` turn these into each caller's own error body.
"""

from typing import ClassVar


class FreeholdError(Exception):
    """Base of the tree. `sentence` says what happened, `advice` what to do; both are safe to show a caller."""

    code: ClassVar[str] = "internal-error"
    status: int = 500
    default_advice: ClassVar[str] = ""

    def __init__(
        self,
        sentence: str,
        advice: str | None = None,
        *,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """`param` names the field at fault. `retry_after` is in seconds."""
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = self.default_advice if advice is None else advice
        self.param = param
        self.retry_after = retry_after

    @property
    def message(self) -> str:
        """The sentence and the advice, as a person reads them."""
        return f"{self.sentence} {self.advice}".strip()


# --- the request cannot be understood ------------------------------------------------------------------------------


class BadInput(FreeholdError):
    code = "bad-input"
    status = 400


class MalformedBody(BadInput):
    """The body is not JSON, or not UTF-8."""

    code = "malformed-body"
    default_advice = "Send one JSON object, encoded as UTF-8."


class InvalidField(BadInput):
    """A field has the wrong type or a value out of range; `param` names it."""

    code = "invalid-field"


class BadHeader(BadInput):
    """A header is malformed or holds what headers may not hold."""

    code = "bad-header"


class ForbiddenAddress(BadInput):
    """A URL in the request points at a private, local or otherwise unreachable-by-policy address."""

    code = "forbidden-address"
    default_advice = "Use a public https URL, or send the content itself as base64."


class Unsupported(BadInput):
    """The chosen deployment cannot do what is asked, and dropping it in silence would change the answer."""

    code = "unsupported"


class ContextTooLong(BadInput):
    """The input is longer than the window of every deployment in the route."""

    code = "context-too-long"
    default_advice = "Shorten the input, or add a model with a larger context window to the route."


class UnpricedModel(BadInput):
    """A hard budget applies and the catalog has no price for the model."""

    code = "unpriced-model"
    default_advice = "Give the model a price under [prices] in freehold.toml, or use a model whose price is known."


class MethodNotAllowed(BadInput):
    """The path exists, and not with this method."""

    code = "method-not-allowed"
    status = 405


class BodyTimeout(BadInput):
    """The body did not arrive in time."""

    code = "body-timeout"
    status = 408


class BodyTooLarge(BadInput):
    code = "body-too-large"
    status = 413
    default_advice = "Send less, or raise door.max_body_mb in freehold.toml."


# --- who is calling ------------------------------------------------------------------------------------------------


class Unauthenticated(FreeholdError):
    code = "unauthenticated"
    status = 401


class MissingKey(Unauthenticated):
    code = "missing-key"
    default_advice = "Send `Authorization: Bearer KEY` or `x-api-key: KEY`."


class UnknownKey(Unauthenticated):
    code = "unknown-key"
    default_advice = "Check the key; `freehold keys list` shows the beginnings of the keys that exist."


class ExpiredKey(Unauthenticated):
    code = "expired-key"
    default_advice = "Ask an admin for a new key: `freehold keys create`."


class RevokedKey(Unauthenticated):
    code = "revoked-key"
    default_advice = "Ask an admin for a new key: `freehold keys create`."


class Forbidden(FreeholdError):
    code = "forbidden"
    status = 403


class OutOfScope(Forbidden):
    """The key may not use this workload or model."""

    code = "out-of-scope"


class AdminOnly(Forbidden):
    code = "admin-only"
    default_advice = "Use a key with the role admin."


class Blocked(Forbidden):
    """A safeguard stopped the request or the answer."""

    code = "blocked"


# --- no such thing ---------------------------------------------------------------------------------------------------


class NotFound(FreeholdError):
    code = "not-found"
    status = 404


class UnknownPath(NotFound):
    """The door has no such path."""

    code = "unknown-path"


class UnknownModel(NotFound):
    """No deployment and no workload has this name."""

    code = "unknown-model"


class UnknownWorkload(NotFound):
    """No workload has this name."""

    code = "unknown-workload"


# --- too much, too fast ----------------------------------------------------------------------------------------------


class Limited(FreeholdError):
    code = "limited"
    status = 429


class RateLimited(Limited):
    code = "rate-limited"
    default_advice = "Wait as long as Retry-After says, then try again."


class BudgetExhausted(Limited):
    """A hard budget would be passed. Retrying does not help before the period ends or the budget is raised."""

    code = "budget-exhausted"
    default_advice = "Set max_tokens lower, raise the budget in freehold.toml, or wait for the next period."


# --- try again later ---------------------------------------------------------------------------------------------------


class Unavailable(FreeholdError):
    code = "unavailable"
    status = 503


class DoorFull(Unavailable):
    code = "door-full"
    default_advice = "Try again in a moment; door.max_in_flight in freehold.toml sets how many are taken at once."


class Draining(Unavailable):
    code = "draining"
    default_advice = "This server is stopping; try again, another will answer."


class EngineDown(Unavailable):
    """The engine of an own model is not answering; it is being restarted."""

    code = "engine-down"
    default_advice = "The engine is restarted by itself; try again in a few seconds."


class NotConfigured(Unavailable):
    """Nothing that could answer is configured."""

    code = "not-configured"


class RecordNotKept(Unavailable):
    """The record of the answer could not be written, so the answer is not given."""

    code = "record-not-kept"
    default_advice = "Free some space on the disk of the data folder, or make it writable."


# --- the vendor's side failed --------------------------------------------------------------------------------------------


class VendorError(FreeholdError):
    """`deployment` is who failed. `native` is the vendor's own code for it, where it gave one."""

    code = "vendor-error"
    status = 502

    def __init__(
        self,
        sentence: str,
        advice: str | None = None,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        deployment: str | None = None,
        native: str | None = None,
    ) -> None:
        super().__init__(sentence, advice, param=param, retry_after=retry_after)
        self.deployment = deployment
        self.native = native


class VendorRefused(VendorError):
    """The vendor answered with an error. `status` is its own; `kind` its error type, `native` its error code."""

    code = "vendor-refused"

    def __init__(
        self,
        sentence: str,
        advice: str | None = None,
        *,
        status: int,
        kind: str | None = None,
        native: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        deployment: str | None = None,
    ) -> None:
        super().__init__(sentence, advice, param=param, retry_after=retry_after, deployment=deployment, native=native)
        self.status = status
        self.kind = kind
        self.should_retry = should_retry


class VendorUnreachable(VendorError):
    """No connection, or it broke before the first byte of an answer."""

    code = "vendor-unreachable"


class VendorGarbled(VendorError):
    """The answer is not what the dialect says: wrong content type, broken JSON, impossible framing."""

    code = "vendor-garbled"


class VendorTimeout(VendorError):
    """Connect, first-token, idle or total time ran out."""

    code = "vendor-timeout"
    status = 504

    def __init__(
        self, sentence: str, advice: str | None = None, *, sent: bool = True, deployment: str | None = None
    ) -> None:
        """`sent` is whether the vendor may have got the request, and so may bill it."""
        super().__init__(sentence, advice, deployment=deployment)
        self.sent = sent


class StreamBroken(VendorError):
    """The stream ended before the vendor said that it was finished."""

    code = "stream-broken"


# --- ours ----------------------------------------------------------------------------------------------------------------


class InternalError(FreeholdError):
    """A bug. The log has the trace; the caller gets the request's id."""

    code = "internal-error"
    default_advice = "Please report it with the request's id."


class ConfigError(FreeholdError):
    """freehold.toml cannot be used. The sentence names the file and the line."""

    code = "config-error"


class StoreError(FreeholdError):
    """The data folder cannot be used."""

    code = "store-error"


class CatalogError(FreeholdError):
    """The catalog cannot be read or built."""

    code = "catalog-error"


class FetchError(FreeholdError):
    """A model's weights could not be fetched or do not have the right checksum."""

    code = "fetch-error"
