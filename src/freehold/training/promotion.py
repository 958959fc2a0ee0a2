"""May this version serve? The gates that run again before a promotion: terms, contamination, and the evidence that it is good enough.

It knows lineages, rows and sealed items; who finds the trial and opens the items is the command line. It exists because weights outlive the
checks that were made when they were trained: terms change, sealed sets grow, and a version may come from elsewhere.

The gates, in this order; the numbers stand in the code:

1 the terms of every source that the lineage counts, and of the base, permit the use; rows that are here are those of the lineage, its own or
  those behind the weights that it began with, and each by itself may be used
2 no row gives away an item that is sealed today, and no problem that a task drew asks the same
3 a passed trial of these very weights, in any of the files that hold them, or the signed word of who answers for there being none
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from msgspec import Struct

from freehold.catalog.terms import Terms
from freehold.errors import Contaminated, PromotionRefused
from freehold.ledger.notes import VerifierKey
from freehold.training.ancestry import admit_sources
from freehold.training.contamination import Gate, Sealed, texts_of
from freehold.training.dataset import MOST_NAMED, Dataset, admit
from freehold.training.lineage import Lineage
from freehold.training.manifest import Manifest, digest_of
from freehold.training.provenance import Override, Pedigree, Student
from freehold.training.tasks.drawn import Draws, given_away
from freehold.training.word import PROMOTED, require_signed

NOTHING = Draws()


class PassedTrial(Struct, frozen=True, kw_only=True):
    """The end of a trial as the ledger holds it: its id, the digests of plan and results, the weights of its candidate, and the place of the
    entry, None while the ledger has not taken it."""

    trial: str
    plan: str
    results: str
    weights: str
    place: int | None


class Answered(Struct, frozen=True):
    """Somebody who answers for a promotion without a passed trial; `note` is what they signed (`ledger/word.py`) and `signed_at` when."""

    reason: str
    by: str
    signed_at: str
    note: str


def require_promotable(
    manifest: Manifest,
    evidence: PassedTrial | Answered | None,
    terms: Terms,
    student: Student,
    *,
    datasets: Sequence[Dataset] = (),
    drawn: Draws = NOTHING,
    base: Pedigree | None = None,
    sealed: Iterable[Sealed] = (),
    overrides: Sequence[Override] = (),
    behind: Lineage | None = None,
    keys: Collection[VerifierKey] = (),
) -> dict[str, Any]:
    """Lets the version pass, and gives what the ledger shall hold of why. Raises PromotionRefused, RowForbidden, Contaminated, NotSigned.

    `datasets` are rows that it was trained on and `drawn` what tasks drew for it, as far as they are here; `overrides` those in the ledger; `base` and the student's are the weights of
    others that all began with; `behind` is the lineage of the version of ours that an adapter changes; `keys` are those whose word counts."""
    lineage = manifest.lineage
    every = (lineage, *([behind] if behind is not None else []))
    wanted = [digest for one in every for digest in rows_of(one)]
    # 1
    for dataset in datasets:
        _require_own(lineage, wanted, dataset)
        admit(dataset, student, None, terms, overrides, base)
    if student.base and (lineage.dataset or lineage.run):
        admit(Dataset(()), student, "derive", terms, overrides, base)
    for one in every:
        admit_sources(one.sources, student, terms, overrides)
    # 2
    items = list(sealed)
    gate = Gate(items)
    for dataset in datasets:
        gate.check(dataset.examples)
    _undrawn(manifest, drawn, items)
    found = {dataset.digest for dataset in datasets}
    held = gate.size if found or drawn.contents else 0
    checked = {"rows": _checked(wanted, found), "drawn": drawn.known, "sealed": held}
    # 3
    return {**checked, **_evidence(manifest, evidence, keys)}


def rows_of(lineage: Lineage) -> tuple[str, ...]:
    """The digests of all rows that a version rests on: its own, and those behind the weights that it began with and its teacher."""
    return tuple(digest for digest in (lineage.dataset, *lineage.inherited) if digest)


def _require_own(lineage: Lineage, wanted: Sequence[str], dataset: Dataset) -> None:
    if dataset.digest not in wanted:
        raise PromotionRefused(
            f"These rows are not those that {lineage.model} was trained on: their digest is {dataset.digest[:12]}, and the "
            f"lineage says {', '.join(one[:12] for one in wanted) or 'none'}.",
            "Give the file of the run that made the version, or none.",
        )


def _undrawn(manifest: Manifest, drawn: Draws, sealed: Sequence[Sealed]) -> None:
    """Raises Contaminated where a task drew, to learn from, what a sealed item asks."""
    asked = list(given_away(drawn, ((item.id, texts_of([item])) for item in sealed)))
    if asked:
        more = f"; and {len(asked) - MOST_NAMED} more" if len(asked) > MOST_NAMED else ""
        raise Contaminated(
            f"own/{manifest.model} was trained on problems that {len(asked)} sealed items ask: {'; '.join(asked[:MOST_NAMED])}{more}."
        )


def _checked(wanted: Sequence[str], found: set[str]) -> str:
    """`checked` all rows, `partly`, `absent` where none was here, `none` where tasks drew them all, from their training splits."""
    if not wanted:
        return "none"
    return "checked" if found.issuperset(wanted) else "partly" if found else "absent"


def _evidence(
    manifest: Manifest, evidence: PassedTrial | Answered | None, keys: Collection[VerifierKey]
) -> dict[str, Any]:
    if evidence is None:
        raise PromotionRefused(
            f"No trial of own/{manifest.model} with the weights {manifest.weights[:12]} has passed, as far as the ledger knows."
        )
    if isinstance(evidence, Answered):
        if not evidence.reason.strip():
            raise PromotionRefused("An override needs a reason.")
        word = {
            "override": evidence.reason,
            "by": evidence.by,
            "signed_at": evidence.signed_at,
            "note": evidence.note,
        }
        version = {"model": f"own/{manifest.model}", "digest": digest_of(manifest), "weights": manifest.weights}
        require_signed(PROMOTED, {**version, **word}, keys)
        return word
    if evidence.weights not in manifest.all_weights:
        there = ", ".join(one[:12] for one in manifest.all_weights)
        raise PromotionRefused(
            f"{evidence.trial} tried the weights {evidence.weights[:12]}, and this version has {there}."
        )
    return {
        "trial": evidence.trial,
        "tried": evidence.weights,
        "plan": evidence.plan,
        "results": evidence.results,
        "place": evidence.place,
    }
