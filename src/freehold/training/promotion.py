"""May this version serve? The gates that run again before a promotion: terms, contamination, and the evidence that it is good enough.

It knows lineages, rows and sealed items; who finds the trial and opens the items is the command line. It exists because weights outlive the
checks that were made when they were trained: terms change, sealed sets grow, and a version may come from elsewhere.

The gates, in this order; the numbers stand in the code:

1 the rows, where they are here, are those of the lineage, and their terms and the base's permit the use; where they are not, the terms of
  the sources that the lineage counts do
2 no row gives away an item that is sealed today
3 a passed trial of these very weights, or somebody who answers for there being none
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from freehold.catalog.terms import Terms
from freehold.errors import PromotionRefused, RowForbidden
from freehold.training.contamination import Gate, Sealed
from freehold.training.dataset import Dataset, admit
from freehold.training.lineage import Lineage, Source
from freehold.training.manifest import Manifest
from freehold.training.provenance import Override, Pedigree, Student, Use, may_use

USES: tuple[Use, ...] = ("train", "distil")
"""What training does with rows."""


class PassedTrial(Struct, frozen=True, kw_only=True):
    """The end of a trial as the ledger holds it: its id, the digests of plan and results, the weights of its candidate, and the place of the
    entry, None while the ledger has not taken it."""

    trial: str
    plan: str
    results: str
    weights: str
    place: int | None


class Answered(Struct, frozen=True):
    """Somebody who answers for a promotion without a passed trial."""

    reason: str
    by: str


def require_promotable(
    manifest: Manifest,
    evidence: PassedTrial | Answered | None,
    terms: Terms,
    student: Student,
    *,
    dataset: Dataset | None = None,
    base: Pedigree | None = None,
    sealed: Iterable[Sealed] = (),
    overrides: Sequence[Override] = (),
) -> dict[str, Any]:
    """Lets the version pass, and gives what the ledger shall hold of why. Raises PromotionRefused, RowForbidden, Contaminated.

    `dataset` are the rows that it was trained on, where they are here; `overrides` those in the ledger."""
    lineage = manifest.lineage
    # 1
    if dataset is None:
        _admit_sources(lineage, student, terms, overrides, base)
    else:
        _admit_rows(lineage, dataset, student, terms, overrides, base)
    # 2
    gate = Gate(sealed)
    if dataset is not None:
        gate.check(dataset.examples)
    checked = {
        "rows": "checked" if dataset is not None else "absent",
        "sealed": gate.size if dataset is not None else 0,
    }
    # 3
    return {**checked, **_evidence(manifest, evidence)}


def use_of(producer: str) -> Use:
    """What training does with rows of a producer: a model's answers are distilled, everything else is trained on."""
    return "train" if producer.partition("/")[0] in ("freehold", "customer") else "distil"


def _admit_rows(
    lineage: Lineage,
    dataset: Dataset,
    student: Student,
    terms: Terms,
    overrides: Sequence[Override],
    base: Pedigree | None,
) -> None:
    if dataset.digest != lineage.dataset:
        raise PromotionRefused(
            f"These rows are not those that {lineage.model} was trained on: their digest is {dataset.digest[:12]}, and the "
            f"lineage says {lineage.dataset[:12] or 'none'}.",
            "Give the file of the run that made the version, or none.",
        )
    for use in USES:
        rows = tuple(one for one in dataset.examples if use_of(one.pedigree.producer) == use)
        if rows:
            admit(Dataset(rows, dataset.pedigrees), student, use, terms, overrides, base)


def _admit_sources(
    lineage: Lineage, student: Student, terms: Terms, overrides: Sequence[Override], base: Pedigree | None
) -> None:
    """The base, where it was trained further, and each counted source by itself. What an own model wrote has all sources that are none among its ancestors: the lineage does not say
    which."""
    if lineage.dataset and (lineage.base or base is not None):
        admit(Dataset(()), student, "derive", terms, overrides, base)
    pedigrees = {_key(source): _pedigree(source) for source in lineage.sources}
    others = tuple(name for name, one in pedigrees.items() if not _needs_parents(one, terms))
    for name, pedigree in pedigrees.items():
        known = pedigrees
        if _needs_parents(pedigree, terms):
            own = Pedigree(
                producer=pedigree.producer, route=pedigree.route, terms=pedigree.terms, terms_date=pedigree.terms_date,
                licence=pedigree.licence, parents=others,
            )  # fmt: skip
            known = {**pedigrees, name: own}
        decision = may_use(name, known, student, use_of(pedigree.producer), terms, overrides)
        if not decision.allowed:
            why = decision.reason.partition(": ")[2] or decision.reason
            raise RowForbidden(f"Rows by {pedigree.producer} may not train {student.name}: {why}")


def _needs_parents(pedigree: Pedigree, terms: Terms) -> bool:
    contract = terms.find(pedigree.terms, pedigree.terms_date)
    return contract is not None and contract.needs_parents


def _evidence(manifest: Manifest, evidence: PassedTrial | Answered | None) -> dict[str, Any]:
    if evidence is None:
        raise PromotionRefused(
            f"No trial of own/{manifest.model} with the weights {manifest.weights[:12]} has passed, as far as the ledger knows."
        )
    if isinstance(evidence, Answered):
        if not evidence.reason.strip() or not evidence.by.strip():
            raise PromotionRefused("An override needs a reason, and somebody who answers for it.")
        return {"override": evidence.reason, "by": evidence.by}
    if evidence.weights != manifest.weights:
        raise PromotionRefused(
            f"{evidence.trial} tried the weights {evidence.weights[:12]}, and this version has {manifest.weights[:12]}."
        )
    return {"trial": evidence.trial, "plan": evidence.plan, "results": evidence.results, "place": evidence.place}


def _key(source: Source) -> str:
    return "\0".join((source.producer, source.route, source.terms, source.terms_date))


def _pedigree(source: Source) -> Pedigree:
    return Pedigree(
        producer=source.producer,
        route=source.route,  # pyright: ignore[reportArgumentType] (written from a pedigree)
        terms=source.terms,
        terms_date=source.terms_date,
        licence=source.licence,
    )
