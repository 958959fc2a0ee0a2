"""One verification as a report: which steps were taken, what each found, what is proven, and what is left unproven.

The checking is `ledger/verify.py`'s, and the steps are numbered as there. This says in words what it returned or raised; a
step counts as passed only when the whole got past it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from freehold.cli.audit import counted, plain, when
from freehold.errors import LedgerError, MalformedEntry, TileMissing
from freehold.ledger.entry import read_entry
from freehold.ledger.notes import VerifierKey
from freehold.ledger.policy import NONE, Policy
from freehold.ledger.tiles import CHECKPOINT, Read
from freehold.ledger.verify import (
    ONE_ENTRY,
    Cosigner,
    LogProof,
    Opened,
    ReceiptProof,
    open_checkpoint,
    verify_log,
    verify_receipt,
)

OWN_KEYS = (
    "The keys were read from the data folder itself. Whoever can write there can put other keys and another log beside "
    "them, so this proves less than keys that you got another way: give those with --key."
)

_ONE_ENTRY = (
    "A receipt proves its own entry and nothing about any other; `freehold audit verify` without a receipt checks all."
)

_AT_RECEIPT = {"malformed-receipt": 1, "too-few-witnesses": 3, "not-included": 5}
_AT_LOG = {
    "rolled-back": 2,
    "tail-removed": 3,
    "tile-changed": 6,
    "entry-changed": 6,
    "entries-swapped": 6,
    "root-mismatch": 6,
}
"""In which step each error can only have been found; the others are told apart below."""

_BUNDLES = "tile/entries/"


class Step(Struct, frozen=True):
    """One numbered step: what is checked, and what was found when it passed."""

    number: int
    checked: str
    found: str = ""


class Failure(Struct, frozen=True):
    """Why it does not hold. `code` names the reason for machines; `step` where it was found, if that is certain."""

    code: str
    message: str
    advice: str = ""
    step: int | None = None


class Report(Struct):
    """What a verification came to. `size`, `index` and `entry` are set as far as it got."""

    what: str
    steps: list[Step] = []
    proven: list[str] = []
    unproven: list[str] = []
    failure: Failure | None = None
    origin: str | None = None
    size: int | None = None
    index: int | None = None
    entry: msgspec.Raw | None = None
    witnesses: list[Cosigner] = []

    @property
    def ok(self) -> bool:
        """Whether everything that was checked holds."""
        return self.failure is None


def check_receipt(
    text: bytes, name: str, keys: Sequence[VerifierKey], policy: Policy | None, own_keys: bool = False
) -> Report:
    """Checks a receipt by its text and the keys alone."""
    report = Report(f"The receipt {name}")
    try:
        proof = verify_receipt(text, keys, policy)
    except LedgerError as error:
        report.failure = _failure(error, _AT_RECEIPT.get(error.code, 2))
        report.steps = _passed(_receipt_steps(None, policy), report.failure)
        return report
    report.steps = _receipt_steps(proof, policy)
    _take(report, proof.opened)
    report.index = proof.index
    report.proven = [
        f"The entry stands at place {proof.index} of the log {report.origin}, byte for byte as shown here.",
        *_vouched(proof.opened),
    ]
    report.unproven = [
        _ONE_ENTRY if sentence == ONE_ENTRY else sentence
        for sentence in (*proof.unproven, *([OWN_KEYS] if own_keys else []))
    ]
    try:
        report.entry = msgspec.Raw(proof.entry) if read_entry(proof.entry) else None
    except MalformedEntry as error:
        report.unproven.append(f"What the entry means: {error.sentence}")
    return report


def check_log(
    read: Read,
    name: str,
    keys: Sequence[VerifierKey],
    policy: Policy | None,
    *,
    older: Iterable[tuple[str, bytes]] = (),
    older_keys: Sequence[VerifierKey] = (),
    own_keys: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Checks every entry of a log. `older` are checkpoints from before, with where they came from; `older_keys`
    may have signed those too, and not the one in force."""
    report = Report(f"The log {name}")
    bundles = 0

    def reading(path: str) -> bytes:
        nonlocal bundles
        if path == CHECKPOINT:
            return note
        data = read(path)
        bundles += path.startswith(_BUNDLES)
        return data

    opening = True
    kept = list(older)
    try:
        note = _checkpoint(read)
        opened = open_checkpoint(note, keys, policy)
        _take(report, opened)
        opening = False
        proof = verify_log(
            reading,
            list(dict.fromkeys([*keys, *older_keys])),
            policy,
            older=[text for _, text in kept],
            origin=opened.checkpoint.origin,
            progress=progress,
        )
    except LedgerError as error:
        report.failure = _failure(error, 1 if opening else _log_step(error, bundles))
        report.steps = _passed(_log_steps(report, len(kept), None, policy), report.failure)
        return report
    report.steps = _log_steps(report, len(kept), proof, policy)
    size = opened.checkpoint.size
    report.proven = [f"The log {report.origin} has all its {counted(size, 'entry')}, in order, as its key signed them."]
    if kept:
        report.proven.append(f"The log continues {counted(len(kept), 'older checkpoint')} that it signed.")
    report.proven += _vouched(opened)
    report.unproven = [*proof.unproven, *([OWN_KEYS] if own_keys else [])]
    return report


def lines_of(report: Report) -> list[str]:
    """The report as people read it."""
    lines = [report.what, ""]
    wide = max((len(step.checked) for step in report.steps), default=0)
    lines += [f"{step.number:>2}  {step.checked:<{wide}}  {step.found or 'ok'}".rstrip() for step in report.steps]
    if report.failure is not None:
        where = "" if report.failure.step is None else f" in step {report.failure.step}"
        lines += ["", f"FAILED{where}, {report.failure.code}: {report.failure.message}"]
        lines += [report.failure.advice] if report.failure.advice else []
        return lines
    lines += ["", "Proven:", *(f"  - {sentence}" for sentence in report.proven)]
    lines += ["", "Not proven:", *(f"  - {sentence}" for sentence in report.unproven)] if report.unproven else []
    return lines


def told(report: Report) -> dict[str, Any]:
    """The report for machines."""
    return {"ok": report.ok, **{name: getattr(report, name) for name in Report.__struct_fields__}}


# --- the steps ---


def _receipt_steps(proof: ReceiptProof | None, policy: Policy | None) -> list[Step]:
    opened = proof.opened if proof else None
    entry = f"{len(proof.entry):,} bytes, carried by the receipt" if proof else ""
    index = f"the proof leads from entry {proof.index} to the signed root" if proof else ""
    return [
        Step(1, "the receipt can be read", "c2sp.org/tlog-proof@v1"),
        Step(2, "a given key signed its checkpoint", _signed(opened)),
        Step(3, "the witnesses make the quorum", _quorum(opened, policy)),
        Step(4, "the entry to look for", entry),
        Step(5, "the entry is in the signed tree", index),
    ]


def _log_steps(report: Report, older: int, proof: LogProof | None, policy: Policy | None) -> list[Step]:
    opened = proof.opened if proof else None
    size = counted(report.size, "entry") if report.size is not None else ""
    continues = f"{older} given, signed by the log, not larger than it is now" if older else "none given"
    begins = f"the log continues {counted(older, 'older checkpoint')}" if older else "nothing to compare"
    return [
        Step(
            1, "a known key signed the checkpoint", "; ".join(filter(None, (_signed(opened), _quorum(opened, policy))))
        ),
        Step(2, "older checkpoints are of this log", continues),
        Step(3, "the newest entries are there", size),
        Step(4, "the tiles lead to a root", "computed"),
        Step(5, "every entry against its tile", f"{size} hashed"),
        Step(6, "the roots against the signed one", "both are the signed root"),
        Step(7, "the roots at older sizes", begins),
    ]


def _passed(steps: list[Step], failure: Failure) -> list[Step]:
    """The steps before the one that failed."""
    return [step for step in steps if failure.step is not None and step.number < failure.step]


def _log_step(error: LedgerError, bundles: int) -> int:
    """`bundles` is how many were read: the newest one in step 3, then all of them in step 5."""
    if error.code in ("tile-missing", "malformed-tile"):
        return 5 if bundles > 1 or (bundles and _BUNDLES in error.sentence) else 4 if bundles else 3
    if error.code == "forked-history":
        return 7 if bundles else 2
    return _AT_LOG.get(error.code, 2)


def _failure(error: LedgerError, step: int | None) -> Failure:
    return Failure(error.code, plain(error.sentence), error.advice, step)  # names of a policy may be any bytes


# --- words ---


def _checkpoint(read: Read) -> bytes:
    try:
        return read(CHECKPOINT)
    except FileNotFoundError:
        raise TileMissing(
            "The log has no checkpoint.", "Is this where the log lies? It has a file `checkpoint`."
        ) from None


def _take(report: Report, opened: Opened) -> None:
    report.origin, report.size = opened.checkpoint.origin, opened.checkpoint.size
    report.witnesses = list(opened.witnesses)


def _signed(opened: Opened | None) -> str:
    if opened is None:
        return ""
    return f"{counted(opened.checkpoint.size, 'entry')}, signed by {', '.join(dict.fromkeys(opened.signers))}"


def _quorum(opened: Opened | None, policy: Policy | None) -> str:
    if opened is None:
        return ""
    asked = "no witness asked for" if policy is None or policy.quorum == NONE else f"quorum {plain(policy.quorum)}"
    names = ", ".join(witness.name for witness in opened.witnesses)
    return f"{asked}, {names} vouched" if names else f"{asked}, none vouched"


def _vouched(opened: Opened) -> list[str]:
    return [
        f"The witness {witness.name} saw the log with {counted(opened.checkpoint.size, 'entry')} and this root"
        + (f" at {when(witness.time * 1000)[:19]} UTC by its own clock" if witness.time else "")
        + ", and vouches that it never saw another history of it."
        for witness in opened.witnesses
    ]
