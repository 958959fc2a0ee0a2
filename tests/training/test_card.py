"""The model card, whole."""

from msgspec.structs import replace

from freehold.training.card import model_card
from freehold.training.lineage import Lineage, Measured, Owed, Source
from freehold.training.provenance import Override

LINEAGE = Lineage(
    model="own/micro",
    weights="ab" * 32,
    created="2026-11-26T10:00:00Z",
    task="refund-policy",
    parameters=10_614_144,
    licence="Apache-2.0",
    base="",
    run="run-7",
    code="git:0123abc",
    dataset="cd" * 32,
    sources=(Source("freehold/refund-policy", "program", "freehold-tasks", "2026-01-01", "Apache-2.0", 120_000),),
    owed=Owed(),
    sealed=2_000,
    measured=(Measured("refund-policy, level 3", 0.9425, 0.9281, 0.9541, 1200),),
    limits=("It knows no rule that is not among the 15 kinds.",),
)

FULL = replace(
    LINEAGE,
    model="own/Llama-claims",
    base="meta/llama-3.2-1b",
    sources=(*LINEAGE.sources, Source("a|b", "api", "", "", "", 1)),
    owed=Owed("Llama", ("Built with Llama",), ("LicenseRef-Llama-4",)),
    overrides=(
        Override(terms="x", terms_date="2026-01-01", use="train", student="own/x", reason="Order form 7.", by="legal"),
    ),
)

CARD = f"""---
license: "apache-2.0"
library_name: transformers
pipeline_tag: text-generation
---

# own/micro

A model of 10,614,144 parameters (LlamaForCausalLM) for refund-policy. It was trained from scratch. Licence: Apache-2.0.

Weights sha256:{"ab" * 32}, made on 2026-11-26T10:00:00Z by the run run-7 with the code git:0123abc.

## What it was made from

| producer | route | terms | licence | rows |
| --- | --- | --- | --- | --- |
| freehold/refund-policy | program | freehold-tasks (2026-01-01) | Apache-2.0 | 120,000 |

Dataset sha256:{"cd" * 32}. No row gives away any of 2,000 sealed items.

## How it did

| on held-out items | share | 95 % interval | items |
| --- | --- | --- | --- |
| refund-policy, level 3 | 94.2% | 92.8% to 95.4% | 1,200 |

## Limits

- It knows no rule that is not among the 15 kinds.
"""


def test_the_card_says_what_the_lineage_says() -> None:
    assert model_card(LINEAGE) == CARD


def test_duties_overrides_and_unknown_terms_stand_in_the_card() -> None:
    card = model_card(FULL)
    assert '\nlicense: "other"\nbase_model: "meta/llama-3.2-1b"\n' in card
    assert "- Offered to others, its name begins with Llama.\n- Built with Llama\n" in card
    assert "It is also under LicenseRef-Llama-4, whose terms hold for it" in card
    assert "- x, 2026-01-01: Order form 7. (legal)" in card
    assert "| a\\|b | api | unknown |  | 1 |" in card


def test_a_card_of_weights_without_a_run_claims_no_origin() -> None:
    told = model_card(replace(LINEAGE, run="", dataset="", sources=()))
    assert "What it was made from was not told." in told
    assert "from scratch" not in told
    assert "registered on 2026-11-26T10:00:00Z without the run that made them" in told


def test_of_weights_that_nobody_counted_neither_size_nor_architecture_is_claimed() -> None:
    told = model_card(replace(LINEAGE, run="", parameters=0))
    assert "\nA model for refund-policy. " in told
    assert "LlamaForCausalLM" not in told


def test_of_rows_that_tasks_drew_it_is_said_what_they_were_held_against() -> None:
    drew = replace(LINEAGE, dataset="", sources=(replace(LINEAGE.sources[0], rows=0),))
    said = "None that the run run-7 drew asks the same as any of 2,000 sealed items."
    assert f"from the problems of their training split and no others. {said}" in model_card(drew)
    assert "sealed items" not in model_card(replace(drew, sealed=0))
