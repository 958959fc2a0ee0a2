"""May this row train that model for that purpose? Fails closed: what is not known is not permitted.

It knows pedigrees and terms (`catalog/terms.py`), and no text of any row. It exists so that every trainer asks one function, which answers
with the clause, and so that no row can pass that comes, over however many steps, from one that may not.

The rules, in this order; the numbers stand in the code:

1. a row that was set apart for evaluation trains nothing
2. its terms are known, by id and date, and are those of its vendor, its model and the route by which it was had
3. they, and all terms that hold with them, say yes to every right that the use needs
4. every condition of these rights is met by the student
5. a student that is offered to others bears the name that the terms ask for
6. the answer of an own model names its model's lineage among its parents
7. every parent is known and may be used in the same way; nothing is its own ancestor

A no of rule 2, 3, 4 or 5 can be overridden by whoever answers for it: an entry in the ledger with a reason, signed by them, for these terms, this use
and this student alone. It frees the terms, not the rows: a sealed or unknown row stays out, and so does one that names the terms of something else. What nobody
signed, as earlier versions took it, frees nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from sqlite3 import Connection
from typing import Any, Literal

from msgspec import Struct, convert, to_builtins
from msgspec.structs import replace

from freehold.catalog.terms import Contract, Right, Route, Terms
from freehold.ledger.entry import Entry
from freehold.ledger.notes import VerifierKey
from freehold.store.events import keep_event
from freehold.training.word import OVERRIDE, is_worded, judge, require_signed

Use = Literal["train", "distil", "derive", "evaluate", "publish"]
Purpose = Literal["train", "evaluate"]


class Pedigree(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a row comes from. `producer` is `vendor/model`, `freehold/TASK` or `customer/WORKLOAD`; `route` how it was reached;
    `terms` and `terms_date` the contract by id and date, empty where none is known; `purpose` what it was had for; `parents` the hashes of
    the rows, or of the weights, that it was made from."""

    producer: str
    route: Route
    terms: str = ""
    terms_date: str = ""
    purpose: Purpose = "train"
    licence: str = ""
    parents: tuple[str, ...] = ()


class Student(Struct, frozen=True, kw_only=True):
    """Whom the row shall train. `offered` to others, in any form; `base` the weights that it starts from, `vendor/model` or empty;
    `declares` what whoever trains answers for (`under-threshold`, `non-commercial`)."""

    name: str
    kind: Literal["language", "classifier"] = "language"
    offered: bool = True
    base: str = ""
    declares: frozenset[str] = frozenset()


class Override(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody's word that a use is permitted though the terms, as they are known here, do not say so. `note` is what they signed (`ledger/word.py`),
    `signed_at` when, ISO 8601; `note` is empty where no signature of theirs holds, and then it frees nothing."""

    terms: str
    terms_date: str
    use: Use
    student: str
    reason: str
    by: str
    signed_at: str = ""
    note: str = ""


class Decision(Struct, frozen=True, kw_only=True):
    """Yes or no, why, and what decided: the row, its producer, and the contract with its clause where there is one. `overridden` holds the
    overrides that it rests on."""

    allowed: bool
    reason: str
    row: str
    producer: str = ""
    terms: str = ""
    overridden: tuple[Override, ...] = ()


def may_use(
    row: str,
    pedigrees: Mapping[str, Pedigree],
    student: Student,
    use: Use,
    terms: Terms,
    overrides: Sequence[Override] = (),
) -> Decision:
    """Whether the row with this hash may be used so. `pedigrees` hold it and all of its ancestors, by hash."""
    needed = rights(use, student)
    rested: dict[Override, None] = {}
    ancestry: dict[str, tuple[str, ...]] = {}
    waiting = [row]
    while waiting:
        name = waiting.pop()
        if name in ancestry:
            continue
        # 7
        pedigree = pedigrees.get(name)
        if pedigree is None:
            return _no(name, None, f"Nothing is known of {_row(name, row)}.")
        refusal = _refused(pedigree, student, use, needed, terms, overrides, rested)
        if refusal is not None:
            return _no(name, pedigree, f"{_row(name, row)} by {pedigree.producer}: {refusal}")
        ancestry[name] = pedigree.parents
        waiting += pedigree.parents
    if _circular(ancestry):
        return _no(row, pedigrees[row], f"{_row(row, row)} is among its own ancestors, or one of them is.")
    reason = "Permitted by an override in the ledger." if rested else "Every ancestor's terms permit it."
    own = pedigrees[row]
    return Decision(
        allowed=True, reason=reason, row=row, producer=own.producer, terms=own.terms, overridden=tuple(rested)
    )


def use_of(producer: str) -> Use:
    """What training does with rows of a producer: a model's answers are distilled, everything else is trained on."""
    return "train" if producer.partition("/")[0] in ("freehold", "customer") else "distil"


def rights(use: Use, student: Student) -> tuple[Right, ...]:
    """What a use needs of the terms."""
    if use in ("derive", "evaluate", "publish"):
        return (use,)
    own: Right = "train-competing" if student.offered else "train-own"
    trains: Right = "train-classifier" if student.kind == "classifier" else own
    return ("distil", trains) if use == "distil" else (trains,)


def pedigree_of_answer(
    model: str, on: str, terms: Terms, *, route: Route = "api", purpose: Purpose = "train", parents: Sequence[str] = ()
) -> Pedigree:
    """The pedigree of an answer that `vendor/model` gave on a day (ISO 8601). Without terms where none are known, and then it is no use for
    training."""
    vendor, _, name = model.partition("/")
    contract = terms.governing(vendor, name, route, on)
    if contract is None:
        return Pedigree(producer=model, route=route, purpose=purpose, parents=tuple(parents))
    return Pedigree(
        producer=model,
        route=route,
        terms=contract.id,
        terms_date=contract.date,
        purpose=purpose,
        licence=contract.licence,
        parents=tuple(parents),
    )


def keep_override(db: Connection, override: Override, keys: Collection[VerifierKey], now: float | None = None) -> None:
    """Notes an override that one of these keys signed, as an event of the store, which the ledger's writer makes an entry of. Only what stands in the
    ledger counts: see `overrides_of`. Raises NotSigned."""
    body = to_builtins(override)
    require_signed(OVERRIDE, body, keys)
    keep_event(db, OVERRIDE, override.student, body, now)


def overrides_of(entries: Iterable[Entry], keys: Collection[VerifierKey]) -> tuple[Override, ...]:
    """The overrides among entries of a ledger, in their order; without its note each that none of these keys signed as it is written."""
    found = [(entry.body, _override(entry.body)) for entry in entries if entry.kind == OVERRIDE]
    return tuple(
        one if judge(OVERRIDE, body, keys).outcome == "signed" else replace(one, note="") for body, one in found
    )


def _override(body: Mapping[str, Any]) -> Override:
    return convert({name: body.get(name, "") for name in Override.__struct_fields__}, Override)


def _refused(
    pedigree: Pedigree,
    student: Student,
    use: Use,
    needed: tuple[Right, ...],
    terms: Terms,
    overrides: Sequence[Override],
    rested: dict[Override, None],
) -> str | None:
    """Why one row by itself may not be used so, None when it may. Adds the override that it rests on to `rested`."""
    # 1
    if pedigree.purpose == "evaluate" and use in ("train", "distil", "derive"):
        return "it was set apart for evaluation."
    # 2
    contract = terms.find(pedigree.terms, pedigree.terms_date)
    refusal = "no terms are known for it." if contract is None else None
    vendor, _, model = pedigree.producer.partition("/")
    if contract is not None and vendor != contract.vendor:
        return f"the terms {contract.id} are not those of {vendor}."
    if contract is not None and not contract.covers(model, pedigree.route):
        return f"the terms {contract.id} are not those of {model} by {pedigree.route}."
    for one in terms.together(contract) if contract is not None else ():
        refusal = refusal or _by_contract(one, student, needed)
    # 6
    if contract is not None and contract.needs_parents and not pedigree.parents:
        return "it is an own model's, and does not name what that was made from."
    if refusal is None:
        return None
    asked = (pedigree.terms, pedigree.terms_date, use, student.name)
    fitting = [one for one in overrides if (one.terms, one.terms_date, one.use, one.student) == asked]
    for override in fitting:
        if is_worded(OVERRIDE, to_builtins(override)):
            rested[override] = None
            return None
    return refusal + "".join(f" {_UNSIGNED.format(by=one.by)}" for one in fitting[-1:])


_UNSIGNED = "The override by {by} frees nothing, since no signature of theirs holds: sign it again, `freehold terms override --sign KEYFILE`."


def _by_contract(contract: Contract, student: Student, needed: tuple[Right, ...]) -> str | None:
    for right in needed:
        # 3
        answer = contract.answer(right)
        if answer != "yes":
            said = contract.says or "It is silent."
            return f"{contract.named}, says {answer} to `{right}`. {said if answer == 'no' else 'Unknown is no.'}"
        # 4
        for condition in contract.conditions.get(right, ()):
            if not _met(condition, student):
                return f"{contract.named}, permits `{right}` only {condition}."
    # 5
    prefix = contract.duties.name_prefix
    trains = any(right.startswith("train") or right in ("distil", "derive") for right in needed)
    if prefix and trains and student.offered and not student.name.rpartition("/")[2].startswith(prefix):
        return f"{contract.named}, asks that the name of a model that is offered begins with {prefix}."
    return None


def _met(condition: str, student: Student) -> bool:
    if condition == "in-house":
        return not student.offered
    if condition == "base-llama":
        return student.base.rpartition("/")[2].lower().startswith("llama")
    return condition in student.declares


def _circular(ancestry: Mapping[str, tuple[str, ...]]) -> bool:
    try:
        TopologicalSorter(ancestry).prepare()
    except CycleError:
        return True
    return False


def _row(name: str, asked: str) -> str:
    return f"{'The row' if name == asked else 'Its ancestor'} {name[:12]}"


def _no(name: str, pedigree: Pedigree | None, reason: str) -> Decision:
    known = pedigree or Pedigree(producer="", route="api")
    return Decision(allowed=False, reason=reason, row=name, producer=known.producer, terms=known.terms)
