"""A plan is its file: read back whole, hashed as it stands, and never written over."""

import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import NotFound, TrialError
from freehold.trials.plan import (
    Arm,
    Expectation,
    Gates,
    Plan,
    PlannedGrader,
    PlannedItem,
    Sampling,
    Segments,
    TrialFolder,
    decode,
    digest,
    encode,
    item_hash,
    keyed_hash,
    list_trials,
)
from trials.pipeline import item

SECRET = b"k" * 32


def plan_of(*items: PlannedItem, trial_id: str = "trial_x") -> Plan:
    return Plan(
        id=trial_id,
        workload="sums",
        made_at=1_795_000_000_000,
        code="0.1.0",
        question="H0: worse.",
        margin=0.03,
        alpha=0.025,
        power=0.8,
        candidate=Arm(model="own/nano", weights="ab" * 32),
        incumbent=Arm(model="openai/gpt-5-mini", input_rate=250_000_000, output_rate=2_000_000_000, most_output=128),
        graders=(PlannedGrader(name="exact", version="1", table={"kind": "exact"}, binary=True),),
        gates=Gates(p95=1.2, graders={"refusal": 0.01}),
        segments=Segments(paths=("metadata.language",)),
        sampling=Sampling(temperature=0.0, samples=2),
        seed=7,
        most_unscored=0.02,
        source="store",
        source_sha256=None,
        expectation=Expectation(discordance=0.2, source="assumed", needed=1745, power=0.5, cost_nano=None),
        items=items,
    )


def test_a_plan_is_read_back_as_it_was_written_with_one_line_for_each_item(tmp_path: Path) -> None:
    plan = plan_of(PlannedItem("a", "00", "c1", ("metadata.language=de",)), PlannedItem("b", "01", "c2"))
    folder = TrialFolder(tmp_path, "trial_x")
    told = folder.write_plan(plan)
    content = folder.plan.read_bytes()
    assert told == hashlib.sha256(content).hexdigest() == digest(content)
    assert folder.read_plan() == (plan, told)
    assert b'\n    ["a","00","c1",["metadata.language=de"]],\n' in content
    assert msgspec.json.decode(content)["margin"] == 0.03
    assert folder.plan.stat().st_mode & 0o777 == 0o600


@given(st.lists(st.builds(PlannedItem, st.text(max_size=8), st.text(max_size=8), st.text(max_size=4)), max_size=5))
def test_any_names_of_items_survive_the_file(items: list[PlannedItem]) -> None:
    plan = plan_of(*items)
    assert decode(encode(plan), "here") == plan


def test_a_plan_is_never_written_over(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path, "trial_x")
    folder.write_plan(plan_of())
    with pytest.raises(TrialError, match="already"):
        folder.write_plan(plan_of(PlannedItem("a", "00", "c")))
    assert folder.read_plan()[0] == plan_of()


@pytest.mark.parametrize(
    "wrong", [b"", b"{}", b"[]", b'{"format": 1}', encode(plan_of()).replace(b'"format": 1', b'"format": 9')]
)
def test_what_is_no_plan_of_this_format_is_refused(wrong: bytes) -> None:
    with pytest.raises(TrialError, match="here"):
        decode(wrong, "here")


@pytest.mark.parametrize("wrong", ["", "../x", "trial_", "trial_A/b", "nothing", "trial_" + "x" * 90])
def test_only_a_trials_id_leads_to_a_folder(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        TrialFolder(tmp_path, wrong)


def test_a_trial_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="trial_gone"):
        TrialFolder(tmp_path, "trial_gone").read_plan()
    assert list_trials(tmp_path) == []


def test_the_hash_of_an_item_is_of_what_is_asked_and_graded_and_of_nothing_else() -> None:
    one = item(1, metadata={"language": "de"})
    same = item(1, metadata={"language": "de"}, id="other", conversation="c", model="m/n")
    assert item_hash(one, SECRET) == item_hash(same, SECRET)
    changed = [item(2, metadata={"language": "de"}), item(1), item(1, metadata={"language": "de"}, reference="9")]
    assert item_hash(one, SECRET) not in {item_hash(other, SECRET) for other in changed}


def test_a_hash_needs_the_key_and_not_the_order_of_fields() -> None:
    assert keyed_hash({"a": 1, "b": [2]}, SECRET) == keyed_hash({"b": [2], "a": 1}, SECRET)
    assert keyed_hash({"a": 1}, SECRET) != keyed_hash({"a": 1}, b"q" * 32)
    content = b'["m",{"a":1}]'
    assert keyed_hash(["m", {"a": 1}], SECRET) == hashlib.blake2b(content, key=SECRET, digest_size=16).hexdigest()


def test_a_model_is_known_by_its_weights_where_they_are_known() -> None:
    assert plan_of().candidate.identity == "own/nano@" + "ab" * 32
    assert plan_of().incumbent.identity == "openai/gpt-5-mini"


def test_results_take_the_place_of_earlier_ones_whole(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path, "trial_x")
    folder.write_plan(plan_of())
    folder.write_results(b"one")
    folder.write_results(b"two")
    assert folder.results.read_bytes() == b"two"
    assert sorted(path.name for path in folder.path.iterdir()) == ["plan.json", "results.json"]
    assert list_trials(tmp_path) == ["trial_x"]
