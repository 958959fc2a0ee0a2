"""Lineage: what a model was made from and what it owes for it, as the card and the bill of materials tell it.

It knows datasets and terms, and neither form. It exists so that both papers say the same, and so that a duty (a name, a notice, terms that
flow down) cannot be forgotten between a source and the last student of its students.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from freehold.catalog.terms import Contract, Terms
from freehold.catalog.weights import digest
from freehold.training.dataset import Dataset
from freehold.training.provenance import Override, Pedigree

LINEAGE = "lineage.json"
"""The file of a lineage, beside the weights that it tells of."""

ARCHITECTURE = "LlamaForCausalLM"
ADAPTER_ARCHITECTURE = f"low-rank adapters of a {ARCHITECTURE}"


class Source(Struct, frozen=True, order=True):
    """Rows of one producer under one contract, ancestors among them."""

    producer: str
    route: str
    terms: str
    terms_date: str
    licence: str
    rows: int


class Owed(Struct, frozen=True):
    """What the model owes: the beginning of its name when it is offered, notices to show, and the licences whose terms hold for it and
    for what is made from it."""

    name_prefix: str = ""
    notices: tuple[str, ...] = ()
    flowing: tuple[str, ...] = ()


class Measured(Struct, frozen=True):
    """One result on held-out items: 0 to 1, with its interval, and how many items."""

    name: str
    value: float
    low: float
    high: float
    items: int


class Lineage(Struct, frozen=True, kw_only=True):
    """One version of a model. `parameters` is 0 where nobody counted them, and then the architecture is not known either. `weights` is the SHA-256 of its weights, `created` an ISO 8601 moment (UTC), `licence` an SPDX expression
    chosen by its owner, `base` the weights of others that it starts from (`vendor/model`, empty for from scratch), `start` the run of ours that it
    goes on from, `dataset` the digest of its rows (empty where tasks drew them), `inherited` those of the rows behind its start and its teacher,
    `sealed` how many sealed items no row gives away, and no problem that a task drew asks."""

    model: str
    weights: str
    created: str
    task: str
    parameters: int
    licence: str
    base: str
    run: str
    code: str
    dataset: str
    sources: tuple[Source, ...]
    owed: Owed
    sealed: int
    measured: tuple[Measured, ...] = ()
    overrides: tuple[Override, ...] = ()
    architecture: str = ARCHITECTURE
    limits: tuple[str, ...] = ()
    start: str = ""
    inherited: tuple[str, ...] = ()


def sources_of(dataset: Dataset) -> tuple[Source, ...]:
    """Who made the rows and what they were made from, counted."""
    counts = Counter(
        (one.producer, one.route, one.terms, one.terms_date, one.licence) for one in dataset.pedigrees.values()
    )
    return tuple(sorted(Source(*about, rows) for about, rows in counts.items()))


def owed_for(dataset: Dataset, base: Pedigree | None, terms: Terms) -> Owed:
    """All duties of all sources together. Two names to begin with cannot both be borne: the first by id is named, and
    `provenance.py` refuses the rows of the other."""
    pedigrees = [*dataset.pedigrees.values(), *([base] if base is not None else [])]
    contracts = _contracts(pedigrees, terms)
    prefixes = [one.duties.name_prefix for one in contracts if one.duties.name_prefix]
    notices = dict.fromkeys(notice for one in contracts for notice in one.duties.notices)
    flowing = dict.fromkeys(one.licence for one in contracts if one.duties.flows_down and one.licence)
    return Owed(prefixes[0] if prefixes else "", tuple(notices), tuple(flowing))


def both(one: Owed, other: Owed) -> Owed:
    """The duties of two together."""
    notices = dict.fromkeys((*one.notices, *other.notices))
    flowing = dict.fromkeys((*one.flowing, *other.flowing))
    return Owed(one.name_prefix or other.name_prefix, tuple(notices), tuple(flowing))


def lineage_beside(weights: Path) -> Lineage | None:
    """The lineage that lies beside a file of weights; None where there is none, or that of other weights."""
    try:
        found = msgspec.json.decode(weights.with_name(LINEAGE).read_bytes(), type=Lineage)
        return found if found.weights == digest(weights) else None
    except (OSError, msgspec.MsgspecError):
        return None


def _contracts(pedigrees: Iterable[Pedigree], terms: Terms) -> list[Contract]:
    found = (terms.find(one.terms, one.terms_date) for one in pedigrees)
    every = {
        (together.id, together.date): together for one in found if one is not None for together in terms.together(one)
    }
    return [every[name] for name in sorted(every)]
