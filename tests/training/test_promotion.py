"""The gates before a promotion: terms and contamination again, and a passed trial of these very weights or somebody's word."""

import hashlib

import pytest
from msgspec.structs import replace

from freehold.catalog.terms import Terms
from freehold.errors import Contaminated, NotSigned, PromotionRefused, RowForbidden
from freehold.training.contamination import Sealed
from freehold.training.dataset import Dataset
from freehold.training.lineage import Source, sources_of
from freehold.training.manifest import Manifest
from freehold.training.promotion import PassedTrial, require_promotable
from freehold.training.provenance import Student, pedigree_of_answer
from freehold.training.tasks.apart import digests_of
from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.drawn import Draws
from training.rows import OPENAI, row
from training.versions import manifest
from training.words import KEYS, answered, override, unsigned, word_for

TERMS = Terms.load()
NANO = Student(name="own/nano")
FILES = {"nano.gguf": b"GGUF one"}
WEIGHTS = hashlib.sha256(b"GGUF one").hexdigest()
TRIAL = PassedTrial(trial="trial_1", plan="p" * 64, results="r" * 64, weights=WEIGHTS, place=7)
QUESTION = "A parcel of seven kilograms went to Lisbon on the fourth of March and came back twice, so who pays for both of its ways?"


def made_of(dataset: Dataset, base: str = "") -> Manifest:
    return manifest("nano", FILES, dataset=dataset.digest, sources=sources_of(dataset), base=base)


def test_a_passed_trial_of_these_weights_is_the_evidence() -> None:
    assert require_promotable(manifest("nano", FILES), TRIAL, TERMS, NANO) == {
        "rows": "absent",
        "drawn": "none",
        "sealed": 0,
        "trial": "trial_1",
        "tried": WEIGHTS,
        "plan": "p" * 64,
        "results": "r" * 64,
        "place": 7,
    }


def test_a_trial_of_the_safetensors_beside_the_gguf_file_is_evidence_and_that_is_said() -> None:
    version = manifest("nano", {**FILES, "model.safetensors": b"one", "config.json": b"{}"})
    tensors, config = (hashlib.sha256(content).hexdigest() for content in (b"one", b"{}"))
    assert require_promotable(version, replace(TRIAL, weights=tensors), TERMS, NANO)["tried"] == tensors
    with pytest.raises(
        PromotionRefused, match=f"tried the weights {config[:12]}, and this version has {WEIGHTS[:12]}, "
    ):
        require_promotable(version, replace(TRIAL, weights=config), TERMS, NANO)


def test_a_trial_of_other_weights_is_none() -> None:
    with pytest.raises(PromotionRefused, match=r"trial_1 tried the weights 999999999999, and this version has"):
        require_promotable(manifest("nano", FILES), replace(TRIAL, weights="9" * 64), TERMS, NANO)


def test_without_a_trial_nothing_is_promoted_unless_somebody_answers_for_it_and_signs() -> None:
    version = manifest("nano", FILES)
    with pytest.raises(PromotionRefused, match="has passed, as far as the ledger knows"):
        require_promotable(version, None, TERMS, NANO)
    told = require_promotable(version, answered(version), TERMS, NANO, keys=KEYS)
    assert told == {"rows": "absent", "drawn": "none", "sealed": 0, **word_for(version)}


def test_a_word_that_no_known_key_signed_for_this_version_is_none() -> None:
    version, other = manifest("nano", FILES), manifest("nano", {"nano.gguf": b"GGUF two"})
    word = answered(version)
    for refused, keys in (
        (replace(word, note=""), KEYS),
        (replace(word, by="eve"), KEYS),
        (replace(word, reason="Another."), KEYS),
        (answered(other), KEYS),
        (word, ()),
    ):
        with pytest.raises(NotSigned):
            require_promotable(version, refused, TERMS, NANO, keys=keys)


def test_a_word_needs_a_reason() -> None:
    version = manifest("nano", FILES)
    with pytest.raises(PromotionRefused, match="needs a reason"):
        require_promotable(version, answered(version, " "), TERMS, NANO, keys=KEYS)


def test_rows_that_may_not_teach_are_refused_again_and_no_word_for_the_trial_frees_them() -> None:
    rows = Dataset((row("a"), row("b", pedigree=OPENAI)))
    for evidence in (TRIAL, answered(made_of(rows))):
        with pytest.raises(RowForbidden, match=r"1 of 2 rows may not train own/nano\. .*openai/gpt-5-mini"):
            require_promotable(made_of(rows), evidence, TERMS, NANO, datasets=[rows], keys=KEYS)


def test_without_the_rows_the_sources_of_the_lineage_are_asked() -> None:
    rows = Dataset((row("a"), row("b", pedigree=OPENAI)))
    with pytest.raises(RowForbidden, match=r"Rows by openai/gpt-5-mini may not train own/nano: OpenAI"):
        require_promotable(made_of(rows), TRIAL, TERMS, NANO)


def test_an_override_of_the_terms_in_the_ledger_frees_them() -> None:
    rows = Dataset((row("b", pedigree=OPENAI),))
    word = override(terms="openai-services-agreement", terms_date="2026-01-01", use="distil", student="own/nano")
    assert require_promotable(made_of(rows), TRIAL, TERMS, NANO, datasets=[rows], overrides=[word])["rows"] == "checked"
    assert require_promotable(made_of(rows), TRIAL, TERMS, NANO, overrides=[word])["rows"] == "absent"
    with pytest.raises(RowForbidden, match="The override by ops frees nothing"):
        require_promotable(made_of(rows), TRIAL, TERMS, NANO, overrides=[unsigned(word)])


def test_other_rows_than_those_of_the_lineage_are_refused() -> None:
    rows = Dataset((row("a"),))
    with pytest.raises(PromotionRefused, match="These rows are not those that own/nano was trained on"):
        require_promotable(made_of(rows), TRIAL, TERMS, NANO, datasets=[Dataset((row("b"),))])


def test_an_item_that_was_sealed_since_is_found_in_the_rows() -> None:
    rows = Dataset((row(f"Answer this. {QUESTION} Be brief."),))
    with pytest.raises(Contaminated, match="gives away item_1"):
        require_promotable(made_of(rows), TRIAL, TERMS, NANO, datasets=[rows], sealed=[Sealed("item_1", QUESTION)])
    told = require_promotable(
        made_of(rows),
        TRIAL,
        TERMS,
        NANO,
        datasets=[rows],
        sealed=[Sealed("item_2", "Which colour has the sea in winter, and why?")],
    )
    assert told["sealed"] == 1


def test_a_base_that_may_not_be_changed_is_refused() -> None:
    rows = Dataset((row("a"),))
    qwen = pedigree_of_answer("qwen/qwen3-0.6b", "2026-06-01", TERMS, route="weights")
    student = Student(name="own/nano", base="qwen/qwen3-0.6b")
    version = made_of(rows, "qwen/qwen3-0.6b")
    assert require_promotable(version, TRIAL, TERMS, student, datasets=[rows], base=qwen)["rows"] == "checked"
    assert require_promotable(version, TRIAL, TERMS, student, base=qwen)["rows"] == "absent"
    for given in ([rows], []):
        with pytest.raises(RowForbidden, match="come without a pedigree that is theirs"):
            require_promotable(version, TRIAL, TERMS, student, datasets=given)


def test_what_an_own_model_wrote_needs_other_sources_behind_it() -> None:
    own = Source("own/mini", "api", "own-models", "2026-01-01", "", 10)
    program = Source("freehold/x", "program", "freehold-tasks", "2026-01-01", "", 3)
    assert require_promotable(manifest("nano", FILES, sources=(own, program)), TRIAL, TERMS, NANO)["rows"] == "absent"
    with pytest.raises(RowForbidden, match="does not name what that was made from"):
        require_promotable(manifest("nano", FILES, sources=(own,)), TRIAL, TERMS, NANO)


def test_rows_behind_the_weights_that_it_began_with_are_held_against_sealed_items_too() -> None:
    own, behind = Dataset((row("a"),)), Dataset((row(f"Answer this. {QUESTION} Be brief."),))
    version = manifest("nano", FILES, dataset=own.digest, inherited=(behind.digest,), sources=sources_of(own))
    told = require_promotable(version, TRIAL, TERMS, NANO, datasets=[own])
    assert told["rows"] == "partly"
    assert require_promotable(version, TRIAL, TERMS, NANO, datasets=[own, behind])["rows"] == "checked"
    with pytest.raises(Contaminated, match="gives away item_1"):
        require_promotable(version, TRIAL, TERMS, NANO, datasets=[own, behind], sealed=[Sealed("item_1", QUESTION)])


def test_a_version_whose_rows_tasks_drew_has_none_to_check() -> None:
    version = manifest("nano", FILES, dataset="")
    assert require_promotable(version, TRIAL, TERMS, NANO)["rows"] == "none"


def test_an_adapter_stands_on_what_the_version_that_it_changes_was_made_from() -> None:
    own, behind = Dataset((row("a"),)), Dataset((row("b", pedigree=OPENAI),))
    adapter = manifest("nano", FILES, dataset=own.digest, sources=sources_of(own), base="own/mini@" + "0" * 64)
    clean = manifest("mini", FILES, dataset=own.digest, sources=sources_of(own)).lineage
    assert require_promotable(adapter, TRIAL, TERMS, NANO, datasets=[own], behind=clean)["rows"] == "checked"
    rented = manifest("mini", FILES, dataset=behind.digest, sources=sources_of(behind)).lineage
    with pytest.raises(RowForbidden, match=r"Rows by openai/gpt-5-mini may not train own/nano"):
        require_promotable(adapter, TRIAL, TERMS, NANO, datasets=[own], behind=rented)


def test_a_problem_that_a_task_drew_and_a_sealed_item_asks_stops_it() -> None:
    task = ArithmeticChains()
    learned, others = task.generate(2, 1), [task.generate(2, seed) for seed in range(2, 40)]
    drawn = Draws((b"".join(bytes.fromhex(one)[:8] for one in digests_of(task, learned)),), "checked")
    version = manifest("nano", FILES)
    sealed = [Sealed(f"i{number}", task.render(one)) for number, one in enumerate(others)]
    told = require_promotable(version, TRIAL, TERMS, NANO, drawn=drawn, sealed=sealed)
    assert (told["drawn"], told["sealed"]) == ("checked", 38)
    asked = Sealed("leaked", f"  {task.render(learned).upper()} ")
    with pytest.raises(Contaminated, match=r"own/nano was trained on problems that 1 sealed items ask: leaked\."):
        require_promotable(version, TRIAL, TERMS, NANO, drawn=drawn, sealed=[*sealed, asked])
    behind = Sealed("leaked", f"Add.\n{task.render(learned)}", own=task.render(learned))
    with pytest.raises(Contaminated, match="leaked"):  # the operator's words before it hide nothing
        require_promotable(version, TRIAL, TERMS, NANO, drawn=drawn, sealed=[behind])
    assert (
        require_promotable(version, TRIAL, TERMS, NANO, drawn=Draws((), "absent"), sealed=[asked])["drawn"] == "absent"
    )
