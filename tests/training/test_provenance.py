"""May this row train that model: by example, and for every contract, use and ancestry by an oracle of another make."""

import tomllib
from importlib import resources
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from msgspec.structs import replace

from freehold.catalog.terms import Terms
from freehold.errors import NotSigned
from freehold.gateway.entries import event_entry
from freehold.ledger.entry import Entry, read_entry
from freehold.store.database import open_database
from freehold.store.events import Event, keep_event, take_events
from freehold.training.provenance import (
    Override,
    Pedigree,
    Student,
    Use,
    keep_override,
    may_use,
    overrides_of,
    pedigree_of_answer,
    rights,
    use_of,
)
from training.words import KEYS, override, unsigned

TERMS = Terms.load()
OURS = Student(name="own/micro")
IN_HOUSE = Student(name="own/micro", offered=False)
CLASSIFIER = Student(name="own/router", kind="classifier", offered=False)

OPENAI = pedigree_of_answer("openai/gpt-5-mini", "2026-06-01", TERMS)
ANTHROPIC = pedigree_of_answer("anthropic/claude-haiku-4-5", "2026-06-01", TERMS)
DEEPSEEK = pedigree_of_answer("deepseek/deepseek-chat", "2026-06-01", TERMS)
LLAMA = pedigree_of_answer("meta/llama-3.2-1b", "2026-06-01", TERMS, route="weights")
MISTRAL = pedigree_of_answer("mistral/mistral-medium-2508", "2026-10-01", TERMS)
TASKS = pedigree_of_answer("freehold/refund-policy", "2026-06-01", TERMS, route="program")
CUSTOMER = pedigree_of_answer("customer/claims", "2026-06-01", TERMS, route="customer")


def decide(pedigree: Pedigree, student: Student = OURS, use: Use = "train", **others: Pedigree) -> Any:
    return may_use("row", {"row": pedigree, **others}, student, use, TERMS)


def test_a_rented_answer_is_refused_by_name_with_its_clause() -> None:
    decision = decide(OPENAI)
    assert not decision.allowed
    assert decision.reason == (
        "The row row by openai/gpt-5-mini: OpenAI Services Agreement 3.3(e)-(f), 2026-01-01, says no to `train-competing`. "
        "Output is not to be used to develop models that compete with OpenAI's products; classifiers and embeddings that are "
        "not distributed are excepted."
    )


@pytest.mark.parametrize(
    ("pedigree", "student", "use", "allowed"),
    [
        (OPENAI, IN_HOUSE, "train", False),
        (OPENAI, CLASSIFIER, "train", True),
        (OPENAI, Student(name="own/router", kind="classifier"), "train", False),
        (OPENAI, OURS, "evaluate", True),
        (ANTHROPIC, CLASSIFIER, "train", False),
        (ANTHROPIC, OURS, "evaluate", True),
        (DEEPSEEK, OURS, "distil", True),
        (DEEPSEEK, OURS, "publish", True),
        (MISTRAL, IN_HOUSE, "distil", True),
        (MISTRAL, OURS, "distil", False),
        (LLAMA, OURS, "distil", False),
        (LLAMA, IN_HOUSE, "distil", True),
        (LLAMA, Student(name="own/Llama-claims"), "distil", True),
        (LLAMA, Student(name="own/Llama-claims"), "derive", True),
        (TASKS, OURS, "distil", True),
        (CUSTOMER, OURS, "train", True),
        (CUSTOMER, OURS, "publish", False),
        (Pedigree(producer="groq/llama", route="api"), OURS, "train", False),
        (Pedigree(producer="groq/llama", route="api"), OURS, "evaluate", False),
    ],
)
def test_uses_are_decided_by_the_terms(pedigree: Pedigree, student: Student, use: Use, allowed: bool) -> None:
    assert decide(pedigree, student, use).allowed is allowed


def test_conditions_are_met_only_where_somebody_answers_for_them() -> None:
    kimi = pedigree_of_answer("moonshot/kimi-k3", "2026-06-01", TERMS, route="weights")
    assert "only under-threshold" in decide(kimi, OURS, "distil").reason
    declared = Student(name="own/micro", declares=frozenset({"under-threshold"}))
    assert decide(kimi, declared, "distil").allowed
    older = pedigree_of_answer("meta/llama-3-8b", "2026-06-01", TERMS, route="weights")
    assert not decide(older, Student(name="own/Llama-x"), "distil").allowed
    assert decide(older, Student(name="own/Llama-x", base="meta/Llama-3-8b"), "distil").allowed


def test_a_row_with_a_forbidden_ancestor_is_forbidden_and_the_ancestor_is_named() -> None:
    child = Pedigree(
        producer="freehold/x", route="program", terms="freehold-tasks", terms_date="2026-01-01", parents=("p",)
    )
    middle = Pedigree(
        producer="deepseek/deepseek-chat",
        route="api",
        terms="deepseek-open-platform-terms",
        terms_date="2026-04-29",
        parents=("q",),
    )
    decision = decide(child, p=middle, q=ANTHROPIC)
    assert not decision.allowed
    assert (decision.row, decision.producer) == ("q", "anthropic/claude-haiku-4-5")
    assert decide(child, p=middle, q=CUSTOMER).allowed


def test_an_unknown_parent_a_circle_and_a_sealed_row_are_forbidden() -> None:
    lost = Pedigree(
        producer="customer/x", route="customer", terms="customer-data", terms_date="2026-01-01", parents=("z",)
    )
    assert "Nothing is known" in decide(lost).reason
    one, two = (replace(CUSTOMER, parents=parents) for parents in (("b",), ("a",)))
    assert "own ancestors" in decide(replace(CUSTOMER, parents=("a", "b")), a=one, b=two).reason
    sealed = replace(TASKS, purpose="evaluate")
    assert "set apart for evaluation" in decide(sealed).reason
    assert decide(sealed, use="evaluate").allowed


def test_an_own_models_answer_is_as_free_as_its_lineage() -> None:
    alone = pedigree_of_answer("own/nano", "2026-06-01", TERMS)
    assert "does not name" in decide(alone).reason
    made = pedigree_of_answer("own/nano", "2026-06-01", TERMS, parents=("run",))
    assert decide(made, run=TASKS).allowed
    assert not decide(made, run=OPENAI).allowed


def test_terms_of_another_vendor_another_model_or_another_route_do_not_serve() -> None:
    borrowed = Pedigree(producer="openai/gpt-5", route="api", terms="echo", terms_date="2026-01-01")
    assert decide(borrowed).reason.endswith("the terms echo are not those of openai.")
    generous = replace(borrowed, terms="gpt-oss-weights", terms_date="2025-08-05", route="weights")
    assert decide(generous).reason.endswith("the terms gpt-oss-weights are not those of gpt-5 by weights.")
    hosted = replace(generous, producer="openai/GPT-OSS-20b", route="api")
    assert decide(hosted).reason.endswith("the terms gpt-oss-weights are not those of GPT-OSS-20b by api.")
    assert decide(replace(hosted, route="weights")).allowed
    freed = replace(OVERRIDE, terms="gpt-oss-weights", terms_date="2025-08-05")
    assert not may_use("row", {"row": generous}, OURS, "train", TERMS, (freed,)).allowed


# --- overrides ---

OVERRIDE = override(
    terms="openai-services-agreement", terms_date="2026-01-01", use="train", student="own/micro", reason="Order form 7."
)


def taken(db: Connection) -> list[Entry]:
    found: list[Event] = []
    take_events(db, found.extend)
    return [read_entry(event_entry(event)) for event in found]


def test_an_override_counts_only_from_the_ledger_and_is_named(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    keep_override(db, OVERRIDE, KEYS, now=1_800_000_000)
    entries = taken(db)
    assert [(entry.kind, entry.id, entry.at) for entry in entries] == [
        ("training.override", "own/micro", 1_800_000_000_000)
    ]
    found = overrides_of(entries, KEYS)
    assert found == (OVERRIDE,)
    decision = may_use("row", {"row": OPENAI}, OURS, "train", TERMS, found)
    assert (decision.allowed, decision.overridden) == (True, (OVERRIDE,))
    assert decision.reason == "Permitted by an override in the ledger."


@pytest.mark.parametrize("one", [unsigned(OVERRIDE), replace(OVERRIDE, reason="Another."), replace(OVERRIDE, by="eve")])
def test_an_override_that_nobody_signed_as_it_is_written_is_not_noted_and_frees_nothing(
    one: Override, tmp_path: Path
) -> None:
    db = open_database(tmp_path)
    with pytest.raises(NotSigned):
        keep_override(db, one, KEYS)
    assert taken(db) == []
    refused = may_use("row", {"row": OPENAI}, OURS, "train", TERMS, (one,))
    assert not refused.allowed
    assert (
        f"The override by {one.by} frees nothing, since no signature of theirs holds: sign it again" in refused.reason
    )
    assert may_use("row", {"row": OPENAI}, OURS, "train", TERMS, (one, OVERRIDE)).overridden == (OVERRIDE,)


def test_unsigned_ones_that_the_ledger_has_from_before_are_read_and_free_nothing(tmp_path: Path) -> None:
    db = open_database(tmp_path)
    keep_event(db, "training.override", OVERRIDE.student, to_builtins(unsigned(OVERRIDE)))
    keep_override(db, OVERRIDE, KEYS)
    entries = taken(db)
    before, now = overrides_of(entries, KEYS)
    assert (before, now) == (unsigned(OVERRIDE), OVERRIDE)
    assert not may_use("row", {"row": OPENAI}, OURS, "train", TERMS, (before,)).allowed
    gone = overrides_of(entries, ())  # whoever signed is no longer in the configuration
    assert [one.note for one in gone] == ["", ""]
    assert not may_use("row", {"row": OPENAI}, OURS, "train", TERMS, gone).allowed


@pytest.mark.parametrize(
    ("pedigree", "student", "use"),
    [
        (ANTHROPIC, OURS, "train"),
        (OPENAI, Student(name="own/other"), "train"),
        (OPENAI, OURS, "distil"),
        (
            replace(OPENAI, terms_date="2027-01-01"),
            OURS,
            "train",
        ),
    ],
)
def test_an_override_reaches_no_further_than_it_says(pedigree: Pedigree, student: Student, use: Use) -> None:
    assert not may_use("row", {"row": pedigree}, student, use, TERMS, (OVERRIDE,)).allowed


def test_an_override_frees_neither_a_sealed_row_nor_an_ancestor_of_other_terms() -> None:
    sealed = replace(OPENAI, purpose="evaluate")
    assert not may_use("row", {"row": sealed}, OURS, "train", TERMS, (OVERRIDE,)).allowed
    child = replace(OPENAI, parents=("p",))
    assert not may_use("row", {"row": child, "p": ANTHROPIC}, OURS, "train", TERMS, (OVERRIDE,)).allowed


# --- no forbidden row ever passes ---

RAW: list[dict[str, Any]] = tomllib.loads(
    resources.files("freehold.catalog").joinpath("data", "terms.toml").read_text()
)["contract"]
BY_ID = {contract["id"]: contract for contract in RAW}

names = st.sampled_from([*BY_ID, "", "no-such-terms"])
students = st.builds(
    Student,
    name=st.sampled_from(["own/micro", "own/Llama-micro"]),
    kind=st.sampled_from(["language", "classifier"]),
    offered=st.booleans(),
    base=st.sampled_from(["", "meta/Llama-3-8b", "qwen/qwen3-0.6b"]),
    declares=st.frozensets(st.sampled_from(["under-threshold", "non-commercial"])),
)
uses: st.SearchStrategy[Use] = st.sampled_from(["train", "distil", "derive", "evaluate", "publish"])


@st.composite
def families(draw: st.DrawFn) -> dict[str, Pedigree]:
    """Up to 6 rows; the parents of each are among those after it, and now and then unknown."""
    rows: dict[str, Pedigree] = {}
    count = draw(st.integers(1, 6))
    for place in range(count):
        terms_id = draw(names)
        contract = BY_ID.get(terms_id, {"vendor": "somebody", "date": "2026-01-01"})
        parents = draw(st.lists(st.sampled_from([*(str(n) for n in range(place + 1, count)), "unknown"]), max_size=2))
        own = f"{contract['vendor']}/{model_of(contract)}"
        rows[str(place)] = Pedigree(
            producer=draw(st.sampled_from([own, own, own, f"{contract['vendor']}/x", "openai/gpt-5"])),
            route=draw(st.sampled_from([contract.get("route", "api")] * 3 + ["api", "weights"])),
            terms=terms_id,
            terms_date=draw(st.sampled_from([contract["date"], contract["date"], contract["date"], "1999-01-01"])),
            purpose=draw(st.sampled_from(["train", "train", "train", "evaluate"])),
            parents=tuple(parents) if draw(st.booleans()) else (),
        )
    return rows


def model_of(contract: dict[str, Any]) -> str:
    """A model that a contract of the raw file is about."""
    return str(contract.get("models", ["*"])[0]).replace("*", "1")


def forbidden(row: str, rows: dict[str, Pedigree], student: Student, use: Use) -> bool:
    """The oracle: from the raw file, the wording of the rules, and recursion."""
    if row not in rows:
        return True
    pedigree = rows[row]
    if pedigree.purpose == "evaluate" and use in ("train", "distil", "derive"):
        return True
    contract = BY_ID.get(pedigree.terms)
    if contract is None or pedigree.terms_date != contract["date"]:
        return True
    vendor, model = pedigree.producer.split("/")
    if (vendor, pedigree.route) != (contract["vendor"], contract["route"]):
        return True
    if not any(model.startswith(pattern.removesuffix("*")) for pattern in contract.get("models", ["*"])):
        return True
    if contract.get("needs-parents") and not pedigree.parents:
        return True
    for one in [contract, *(BY_ID[name] for name in contract.get("also", []))]:
        for right in rights(use, student):
            if one["permits"].get(right) != "yes":
                return True
            for condition in one.get("conditions", {}).get(right, []):
                met = {
                    "in-house": not student.offered,
                    "base-llama": "Llama" in student.base,
                }.get(condition, condition in student.declares)
                if not met:
                    return True
        prefix = one.get("duties", {}).get("name-prefix")
        if prefix and student.offered and use in ("train", "distil", "derive") and f"/{prefix}" not in student.name:
            return True
    return any(forbidden(parent, rows, student, use) for parent in pedigree.parents)


@given(rows=families(), student=students, use=uses)
@settings(max_examples=250, deadline=None)
def test_no_forbidden_row_ever_passes_and_no_other_is_refused(
    rows: dict[str, Pedigree], student: Student, use: Use
) -> None:
    for row in rows:
        decision = may_use(row, rows, student, use, TERMS)
        assert decision.allowed is not forbidden(row, rows, student, use)
        assert decision.reason


@pytest.mark.parametrize("contract", RAW, ids=lambda contract: contract["id"])
def test_every_contract_that_forbids_is_refused_by_name(contract: dict[str, Any]) -> None:
    pedigree = Pedigree(
        producer=f"{contract['vendor']}/{model_of(contract)}",
        route=contract["route"],
        terms=contract["id"],
        terms_date=contract["date"],
        parents=("p",),
    )
    for student in (OURS, IN_HOUSE, CLASSIFIER):
        decision = may_use("row", {"row": pedigree, "p": TASKS}, student, "distil", TERMS)
        if not decision.allowed:
            assert contract["title"] in decision.reason or contract.get("also")
            assert contract["date"] in decision.reason or contract.get("also")


def test_rights_are_those_of_the_use_and_the_student() -> None:
    assert rights("train", OURS) == ("train-competing",)
    assert rights("train", IN_HOUSE) == ("train-own",)
    assert rights("distil", CLASSIFIER) == ("distil", "train-classifier")
    assert rights("publish", OURS) == ("publish",)


@pytest.mark.parametrize(
    ("producer", "use"),
    [("freehold/x", "train"), ("customer/claims", "train"), ("openai/gpt-5-mini", "distil"), ("own/mini", "distil")],
)
def test_answers_of_models_are_distilled_and_everything_else_is_trained_on(producer: str, use: str) -> None:
    assert use_of(producer) == use
