"""Lineage: sources are counted and duties reach the student, over however many steps."""

from freehold.catalog.terms import Terms
from freehold.training.dataset import Dataset
from freehold.training.lineage import Owed, Source, both, owed_for, sources_of
from freehold.training.provenance import Pedigree, pedigree_of_answer
from training.rows import OPENAI, TASKS, row

TERMS = Terms.load()
LLAMA = pedigree_of_answer("meta/llama-3.2-1b", "2026-06-01", TERMS, route="weights")
GEMMA = pedigree_of_answer("google/gemma-3-270m", "2026-06-01", TERMS, route="weights")
QWEN = pedigree_of_answer("qwen/qwen3-0.6b", "2026-06-01", TERMS, route="weights")
DEEPSEEK = pedigree_of_answer("deepseek/deepseek-chat", "2026-06-01", TERMS)


def test_sources_are_counted_with_their_ancestors() -> None:
    dataset = Dataset((row("a"), row("b"), row("c", pedigree=OPENAI)), {"f" * 64: TASKS})
    assert sources_of(dataset) == (
        Source("freehold/x", "program", "freehold-tasks", "2026-01-01", "", 3),
        Source("openai/gpt-5-mini", "api", "openai-services-agreement", "2026-01-01", "", 1),
    )


def test_a_teacher_passes_its_duties_to_the_student() -> None:
    owed = owed_for(Dataset((row("a"), row("b", pedigree=LLAMA))), None, TERMS)
    assert owed == Owed("Llama", ("Built with Llama",), ("LicenseRef-Llama-4",))


def test_a_base_and_an_ancestor_pass_theirs_too() -> None:
    owed = owed_for(Dataset((row("a"),), {"f" * 64: DEEPSEEK}), GEMMA, TERMS)
    assert owed.notices == (
        "Published content of the model is labelled as made by AI.",
        "Gemma is provided under and subject to the Gemma Terms of Use.",
    )
    assert owed.flowing == ("LicenseRef-Gemma",)
    assert owed.name_prefix == ""


def test_duties_of_two_dates_of_one_contract_are_all_owed() -> None:
    own = b"""
[[contract]]
id = "order"
vendor = "acme"
route = "api"
title = "Order form"
date = "2026-01-01"
source = "contract register, number 17"
sureness = "read"
permits = { distil = "yes" }
duties = { name-prefix = "Acme", notices = ["Built with Acme"] }

[[contract]]
id = "order"
vendor = "acme"
route = "api"
title = "Order form, mended"
date = "2026-06-01"
source = "contract register, number 18"
sureness = "read"
permits = { distil = "yes" }
"""
    rows = [
        row(name, pedigree=Pedigree(producer="acme/m", route="api", terms="order", terms_date=date))
        for name, date in (("a", "2026-01-01"), ("b", "2026-06-01"))
    ]
    assert owed_for(Dataset(tuple(rows)), None, Terms.load(own)) == Owed("Acme", ("Built with Acme",), ())


def test_free_sources_owe_nothing() -> None:
    assert owed_for(Dataset((row("a"),)), QWEN, TERMS) == Owed()


def test_duties_of_two_are_named_once() -> None:
    one, other = Owed("", ("a", "b"), ("X",)), Owed("Llama", ("b", "c"), ())
    assert both(one, other) == Owed("Llama", ("a", "b", "c"), ("X",))
