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
    │   ├── Unbounded         400  unbounded
    │   ├── MethodNotAllowed  405  method-not-allowed
    │   ├── BodyTimeout       408  body-timeout
    │   ├── BodyTooLarge      413  body-too-large
    │   └── OpeningRefused    400  opening-refused
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
    │   ├── UnknownWorkload   404  unknown-workload
    │   ├── UnknownContents   404  unknown-contents
    │   └── SubjectErased     410  subject-erased
    ├── Limited               429  too much, too fast
    │   ├── RateLimited       429  rate-limited
    │   └── BudgetExhausted   429  budget-exhausted
    │       └── QuotaExhausted 429  quota-exhausted
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
    ├── LedgerError           422  a proof, or what it rests on, does not hold
    │   ├── MalformedKey      422  malformed-key
    │   ├── UnknownAlgorithm  422  unknown-algorithm
    │   ├── KeyIdMismatch     422  key-id-mismatch
    │   ├── AmbiguousKey      422  ambiguous-key
    │   ├── MalformedNote     422  malformed-note
    │   ├── MalformedCheckpoint 422  malformed-checkpoint
    │   ├── MalformedReceipt  422  malformed-receipt
    │   ├── MalformedPolicy   422  malformed-policy
    │   ├── MalformedTile     422  malformed-tile
    │   ├── MalformedEntry    422  malformed-entry
    │   ├── LogUnwritable     503  log-unwritable
    │   ├── EntryTooLarge     422  entry-too-large
    │   ├── UnknownSigner     422  unknown-signer
    │   ├── BadSignature      422  bad-signature
    │   ├── WrongOrigin       422  wrong-origin
    │   ├── TooFewWitnesses   422  too-few-witnesses
    │   ├── NotIncluded       422  not-included
    │   ├── NotConsistent     422  not-consistent
    │   ├── RolledBack        422  rolled-back
    │   ├── ForkedHistory     422  forked-history
    │   ├── TailRemoved       422  tail-removed
    │   ├── TileMissing       422  tile-missing
    │   ├── TileChanged       422  tile-changed
    │   ├── EntryChanged      422  entry-changed
    │   ├── EntriesSwapped    422  entries-swapped
    │   └── RootMismatch      422  root-mismatch
    ├── TrainingError         422  what a model shall be trained on may not, or cannot, be used
    │   ├── MalformedDataset  422  malformed-dataset
    │   ├── RowForbidden      422  row-forbidden
    │   ├── Contaminated      422  contaminated
    │   ├── ExportRefused     422  export-refused
    │   ├── PromotionRefused  422  promotion-refused
    │   └── NotSigned         422  not-signed
    ├── InternalError         500  internal-error
    ├── ContentsDamaged       500  contents-damaged
    ├── ConfigError                config-error       (command line only)
    ├── StoreError                 store-error        (command line only)
    ├── CatalogError               catalog-error      (command line only)
    ├── FetchError                 fetch-error        (command line only)
    ├── RegistryError              registry-error     (command line only)
    ├── TrialError                 trial-error        (command line only)
    ├── JourneyError               journey-error      (command line only)
    └── InvalidGrader              invalid-grader     (command line only)

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


class Unbounded(BadInput):
    """A hard budget applies and nothing caps what the request can cost."""

    code = "unbounded"


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


class QuotaExhausted(BudgetExhausted):
    """A project's quota of one model would be passed. Retrying does not help before the period ends or the quota is raised."""

    code = "quota-exhausted"
    default_advice = "Set max_tokens lower, use another model, or wait for the next period."


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
    """No connection, or it broke before the answer was complete."""

    code = "vendor-unreachable"

    def __init__(
        self, sentence: str, advice: str | None = None, *, sent: bool = False, deployment: str | None = None
    ) -> None:
        """`sent` is whether the vendor may have got the request, and so may bill it."""
        super().__init__(sentence, advice, deployment=deployment)
        self.sent = sent


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


# --- the ledger's proofs ---------------------------------------------------------------------------------------------------


class LedgerError(FreeholdError):
    """A proof, or a text that it rests on, does not hold. Nothing that it claims may be believed."""

    code = "ledger-error"
    status = 422


class MalformedKey(LedgerError):
    """A verifier key or a signer key is not written as C2SP signed-note has it."""

    code = "malformed-key"
    default_advice = "Copy the whole key again, from where its owner publishes it."


class UnknownAlgorithm(LedgerError):
    """The key is of a signature type that is not supported here."""

    code = "unknown-algorithm"
    default_advice = "Use a key of type 0x01 (Ed25519), 0x04 (Ed25519 cosignature) or 0x06 (ML-DSA-44 cosignature)."


class KeyIdMismatch(LedgerError):
    """The id in a key is not the hash of its name and public key."""

    code = "key-id-mismatch"
    default_advice = "The key was changed or mistyped: get it again from its owner."


class AmbiguousKey(LedgerError):
    """Two trusted keys have the same name and id."""

    code = "ambiguous-key"
    default_advice = "Remove one of the two keys; if they differ, find out who made the second."


class MalformedNote(LedgerError):
    """The text is not a signed note (C2SP signed-note)."""

    code = "malformed-note"
    default_advice = "Take the note again byte for byte; an editor or a mail program may have changed its line ends."


class MalformedCheckpoint(LedgerError):
    """The text of a note is not a checkpoint (C2SP tlog-checkpoint)."""

    code = "malformed-checkpoint"
    default_advice = "A checkpoint is three lines: the origin, the number of entries, and the root in base64."


class MalformedReceipt(LedgerError):
    """The text is not a receipt (C2SP tlog-proof)."""

    code = "malformed-receipt"
    default_advice = "Take the receipt again byte for byte; its first line is c2sp.org/tlog-proof@v1."


class MalformedPolicy(LedgerError):
    """A trust policy file cannot be used (C2SP tlog-policy); the sentence names the line."""

    code = "malformed-policy"


class MalformedTile(LedgerError):
    """A tile or an entry bundle does not have the form of C2SP tlog-tiles."""

    code = "malformed-tile"
    default_advice = "Take the file again from the log, or from a mirror of it."


class MalformedEntry(LedgerError):
    """An entry cannot be written exactly, or bytes are no entry in canonical form."""

    code = "malformed-entry"
    default_advice = "The ledger that it comes from was not written by Freehold, or was changed."


class LogUnwritable(LedgerError):
    """The files of the ledger cannot be written."""

    code = "log-unwritable"
    status = 503
    default_advice = "Free some space on the disk of the data folder, or make it writable; nothing was lost."


class EntryTooLarge(LedgerError):
    """An entry is longer than a bundle can hold, which is 65,535 bytes."""

    code = "entry-too-large"
    default_advice = "Put the content outside the entry, and a commitment to it inside."


class UnknownSigner(LedgerError):
    """No trusted key of the log has signed."""

    code = "unknown-signer"
    default_advice = "Get the log's verifier key from its operator, by another way than the log itself."


class BadSignature(LedgerError):
    """A signature in the name of a trusted key does not fit the text."""

    code = "bad-signature"
    default_advice = "The text or the signature was changed after signing. Do not use it."


class WrongOrigin(LedgerError):
    """The checkpoint is another log's."""

    code = "wrong-origin"
    default_advice = "Use the verifier key of the log that the receipt names, if that is the log you trust."


class TooFewWitnesses(LedgerError):
    """The witnesses that vouch for the checkpoint do not make the quorum of the policy."""

    code = "too-few-witnesses"
    default_advice = "Ask the log for a receipt with more cosignatures; until then it may show others another history."


class NotIncluded(LedgerError):
    """The inclusion proof does not lead from the entry to the signed root."""

    code = "not-included"
    default_advice = "The entry, its index, the proof or the checkpoint was changed, or they do not belong together."


class NotConsistent(LedgerError):
    """The consistency proof does not show that the newer tree continues the older."""

    code = "not-consistent"
    default_advice = "Ask for the proof again; if the log cannot give one, it has rewritten its history."


class RolledBack(LedgerError):
    """The log shows fewer entries than a checkpoint that it signed before."""

    code = "rolled-back"
    default_advice = "Keep both checkpoints: together they show that entries were taken out."


class ForkedHistory(LedgerError):
    """The log has signed two histories, of which neither continues the other."""

    code = "forked-history"
    default_advice = "Keep both checkpoints: together they prove it, whatever the operator says."


class TailRemoved(LedgerError):
    """The newest entries that the checkpoint signs are gone."""

    code = "tail-removed"
    default_advice = "Restore the files from a copy or a mirror."


class TileMissing(LedgerError):
    """A tile or bundle that the tree must have is gone, wholly or in part."""

    code = "tile-missing"
    default_advice = "Restore the file from a copy or a mirror; tiles can also be made again from the entries."


class TileChanged(LedgerError):
    """A tile was changed; the entries themselves are as signed."""

    code = "tile-changed"
    default_advice = "Restore the file from a copy or a mirror; tiles can also be made again from the entries."


class EntryChanged(LedgerError):
    """An entry was changed after it was signed."""

    code = "entry-changed"
    default_advice = "Restore the bundle from a copy or a mirror."


class EntriesSwapped(LedgerError):
    """Entries stand in another order than was signed."""

    code = "entries-swapped"
    default_advice = "Restore the bundles from a copy or a mirror."


class RootMismatch(LedgerError):
    """Neither the entries nor the tiles lead to the signed root."""

    code = "root-mismatch"
    default_advice = "Compare with a copy: history was rewritten after signing, or the checkpoint is another log's."


# --- what a model is trained on ---------------------------------------------------------------------------------------------


class TrainingError(FreeholdError):
    """What a model shall be trained on may not, or cannot, be used. Nothing is trained."""

    code = "training-error"
    status = 422


class MalformedDataset(TrainingError):
    """A line of a dataset is not a row, or was changed after it was written."""

    code = "malformed-dataset"
    default_advice = "Make the dataset again; rows are not edited by hand, because their hashes stand in the lineage."


class RowForbidden(TrainingError):
    """The terms of a row, or of one of its ancestors, do not permit the use, or are not known."""

    code = "row-forbidden"
    default_advice = (
        "Leave the rows out and have their inputs answered by a teacher that may: `freehold traces make`. "
        "A use that you answer for is overridden with `freehold terms override --sign KEYFILE`."
    )


class Contaminated(TrainingError):
    """Rows give away items of a sealed evaluation set, or a task drew what one asks, so what the model scores there would mean nothing."""

    code = "contaminated"
    default_advice = "Leave out the rows that are named, or evaluate on other items."


class ExportRefused(TrainingError):
    """An exported model does not say what the weights say that it was made from. Nothing is left of it."""

    code = "export-refused"
    default_advice = "Export with less compression (F16), or tell us: the two should never differ there."


class PromotionRefused(TrainingError):
    """A version of an own model has no passed trial, or what it was made from may not be used so. It is not served."""

    code = "promotion-refused"
    default_advice = (
        "Run a trial of this version and promote it when it has passed, or answer for it: "
        "`freehold models promote NAME@VERSION --override REASON --sign KEYFILE`."
    )


class NotSigned(TrainingError):
    """Somebody answers for what is not permitted otherwise, and no key that is known as theirs has signed that. It opens nothing."""

    code = "not-signed"
    default_advice = (
        "Make a key, once, and name it in the configuration: `freehold people create NAME --out NAME.key >> freehold.toml`. "
        "Then give the same command `--sign NAME.key`."
    )


# --- ours ----------------------------------------------------------------------------------------------------------------


class InternalError(FreeholdError):
    """A bug. The log has the trace; the caller gets the request's id."""

    code = "internal-error"
    default_advice = "Please report it with the request's id."


# --- contents of the ledger and their subjects -----------------------------------------------------------------------------


class OpeningRefused(BadInput):
    """A salt and a content do not open the commitment that stands in the ledger."""

    code = "opening-refused"
    default_advice = "Ask for the salt and the content of this very field and record, byte for byte as they were given."


class UnknownContents(NotFound):
    """No contents are kept under this record's id: there never were any, or their time has run out."""

    code = "unknown-contents"
    default_advice = "Check the record's id and how long its workload keeps contents; the ledger's entry itself stays."


class SubjectErased(NotFound):
    """The key of the data subject is destroyed, so nothing of it can be opened, by anyone."""

    code = "subject-erased"
    status = 410
    default_advice = "It cannot be undone. The ledger holds an entry that says when it was erased, and why."


class ContentsDamaged(FreeholdError):
    """A stored blob is not what was written: a changed bit, or the blob of another record."""

    code = "contents-damaged"
    default_advice = "Restore the segment that is named from a backup, and find out what changed it."


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


class RegistryError(FreeholdError):
    """A version of an own model cannot be registered, found or read as it stands."""

    code = "registry-error"


class TrialError(FreeholdError):
    """A trial cannot be planned, run or reported as it stands."""

    code = "trial-error"


class JourneyError(FreeholdError):
    """A stage of a journey cannot be gone through. What the stages before it left is kept."""

    code = "journey-error"
    default_advice = "The same command goes on from there."


class InvalidGrader(FreeholdError):
    """A grader cannot be made from its table: an unknown kind or option, or a value that it cannot use; `param` names it."""

    code = "invalid-grader"
