"""A trial from plan to results through a real door: its verdicts, and what deaths, limits and erasures do to it."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from freehold.cli.trial_opening import Shelf, shelf
from freehold.errors import BudgetExhausted, TrialError
from freehold.gateway.erasures import erase
from freehold.trials.labels import Better, Said, drawn, keep_label
from freehold.trials.plan import Gates, Plan, Sampling, TrialFolder
from freehold.trials.results import Results
from freehold.trials.run import body_of, check_bounded
from freehold.trials.samples import read_samples
from gateway.door_in_process import Door, running
from trials.pipeline import HOUSE, arm, item, planned, ran
from trials.skilled import Skilled, answer, is_right, questions, skilled, write_questions
from trials.test_plan import plan_of

FEW = 40


@contextlib.asynccontextmanager
async def asked_here(folder: Path) -> AsyncGenerator[tuple[Door, Skilled, Shelf]]:
    """A door, the vendor behind it, and its data folder opened."""
    async with skilled() as vendor, running(folder, HOUSE.format(base_url=vendor.base_url)) as door:
        with shelf(folder) as opened:
            yield door, vendor, opened


async def test_an_equal_candidate_passes_and_a_worse_one_fails(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", 400)
    async with asked_here(tmp_path) as (door, vendor, opened):
        equal = planned(
            opened, items, arm("skilled/right-80-b"), arm("skilled/right-80"), id="trial_equal", margin=0.06
        )
        passed = await ran(opened, equal, door)
        assert passed.verdict.outcome == "pass"
        assert (passed.asked, passed.cached) == (800, 0)
        worse = planned(opened, items, arm("skilled/right-60"), arm("skilled/right-80"), id="trial_worse", margin=0.08)
        failed = await ran(opened, worse, door)
        assert failed.verdict.outcome == "fail"
        assert (failed.asked, failed.cached) == (400, 400)  # the incumbent was asked once
        assert max(vendor.asked.values()) == 1


async def test_a_run_goes_on_where_it_was_cut_off_and_asks_nothing_twice(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", FEW)
    async with asked_here(tmp_path) as (door, vendor, opened):
        plan = planned(opened, items, arm("skilled/right-74"), arm("skilled/right-80"))
        with pytest.raises(BudgetExhausted, match="are left"):
            await ran(opened, plan, door, most_nano=30 * 18_000, concurrency=4)
        before = vendor.asked.total()
        assert 20 < before < 40
        results = await ran(opened, plan, door, concurrency=4)
        assert vendor.asked.total() == 2 * FEW
        assert max(vendor.asked.values()) == 1
        assert results.asked == 2 * FEW
        assert results.spent_nano == 2 * FEW * 18_000  # 10 tokens read at 1 dollar a million and 2 written at 4


async def test_a_hard_limit_is_never_passed(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", FEW)
    async with asked_here(tmp_path) as (door, _, opened):
        plan = planned(opened, items, arm("skilled/right-74"), arm("skilled/right-80"))
        for most in (400_000, 500_000, 600_000):
            with pytest.raises(BudgetExhausted):
                await ran(opened, plan, door, most_nano=most)
            log = read_samples((TrialFolder(opened.data, plan.id).samples).read_bytes(), "log").values()
            assert 0 < sum(sample.cost_nano or 0 for sample in log) <= most


async def test_a_busy_door_is_asked_again_until_it_answers(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", FEW)
    async with asked_here(tmp_path) as (door, vendor, opened):
        vendor.busy = 8
        plan = planned(opened, items, arm("skilled/right-74"), arm("skilled/right-80"))
        results = await ran(opened, plan, door, concurrency=4)
        assert results.asked == 2 * FEW
        assert [row for row in results.rows if row.candidate.scores["exact"] is None] == []


async def test_what_a_model_cannot_answer_is_unscored_and_voids_the_trial(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", FEW)
    async with asked_here(tmp_path) as (door, vendor, opened):
        vendor.mute = {str(questions(FEW)[number]["input"]) for number in (3, 5)}
        plan = planned(opened, items, arm("skilled/right-80-b"), arm("skilled/right-80"))
        results = await ran(opened, plan, door)
        assert results.verdict.outcome == "inconclusive"
        assert results.verdict.void == "5.0% of the items could not be scored by `exact`, and 2% may be"
        assert results.verdict.against is not None
        assert results.rows[3].candidate.scores == {"exact": None}
        assert results.rows[3].candidate.reasons["exact"].startswith("no answer: 400: Too long.")
        before = vendor.asked.total()
        written = TrialFolder(opened.data, plan.id).results.read_bytes()
        assert await ran(opened, plan, door) == results
        assert vendor.asked.total() == before  # asking again would not help
        assert TrialFolder(opened.data, plan.id).results.read_bytes() == written


async def test_a_model_that_never_answers_ends_the_run_early(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", 100)
    async with asked_here(tmp_path) as (door, vendor, opened):
        plan = planned(opened, items, arm("echo/down"), arm("skilled/right-80"))
        with pytest.raises(TrialError, match=r"echo/down does not answer: 503: echo/down is always down\."):
            await ran(opened, plan, door, concurrency=4)
        assert vendor.asked.total() < 100


async def test_an_erased_subject_takes_its_replies_along(tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    lines = questions(FEW)
    for number, line in enumerate(lines):
        line["subject"] = f"person-{number}"
    items.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    async with asked_here(tmp_path) as (door, vendor, opened):
        plan = planned(opened, items, arm("skilled/right-74"), arm("skilled/right-80"))
        first = await ran(opened, plan, door)
        key = first.rows[3].candidate.keys[0]
        kept = opened.replies.find(key)
        assert kept is not None
        assert kept.given.text == answer("right-74", str(lines[3]["input"]))
        erased = erase(opened.data, "person-3", "GDPR Art. 17(1)(b)")
        assert erased is not None
        assert erased.records >= 2
        assert opened.replies.find(key) is None
        again = await ran(opened, plan, door)
        assert again.rows[3].missing == "erased"
        assert again.rows[3].candidate.scores["exact"] is None
        assert vendor.asked.total() == 2 * FEW  # it is not asked anew


async def test_captured_replies_count_where_they_were_asked_in_the_same_way(tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    lines = questions(FEW)
    for line in lines:
        line |= {
            "model": "skilled/right-80",
            "given": {"text": line["reference"]},
            "total_ms": 12.5,
            "cost_nano": 18_000,
        }
    items.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    async with asked_here(tmp_path) as (door, _, opened):
        reusing = planned(
            opened, items, arm("skilled/right-74"), arm("skilled/right-80"), sampling=Sampling(reuse=True)
        )
        results = await ran(opened, reusing, door)
        assert (results.asked, results.captured) == (FEW, FEW)
        assert all(row.incumbent.scores == {"exact": 1.0} for row in results.rows)
        assert results.rows[0].incumbent.ms == ()  # it was timed on another day
        assert results.rows[0].incumbent.cost_nano == 18_000
        hotter = planned(
            opened, items, arm("skilled/right-74"), arm("skilled/right-80"), id="trial_hot",
            sampling=Sampling(reuse=True, temperature=1.0),
        )  # fmt: skip
        assert (await ran(opened, hotter, door)).captured == 0


async def test_several_samples_are_averaged_and_asked_apart(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", 5)
    async with asked_here(tmp_path) as (door, vendor, opened):
        plan = planned(opened, items, arm("skilled/right-0"), arm("skilled/right-100"), sampling=Sampling(samples=3))
        results = await ran(opened, plan, door)
        assert results.asked == 30
        assert set(vendor.asked.values()) == {3}
        assert [(row.candidate.scores, len(row.candidate.ms)) for row in results.rows] == [({"exact": 0.0}, 3)] * 5


def test_a_hard_limit_needs_every_price() -> None:
    plan = plan_of()
    check_bounded(plan, None)
    with pytest.raises(TrialError, match="own/nano"):
        check_bounded(plan, 1)


def test_both_models_are_asked_the_items_own_body_but_for_the_plans_parameters() -> None:
    one = item(
        1, input={"messages": [], "model": "x", "stream": True, "n": 2, "temperature": 1, "max_completion_tokens": 9}
    )
    assert body_of(one, Sampling()) == {"messages": [], "temperature": 1, "max_completion_tokens": 9}
    assert body_of(one, Sampling(temperature=0.0, max_tokens=5)) == {
        "messages": [],
        "temperature": 0.0,
        "max_tokens": 5,
    }


async def test_what_a_grader_must_ask_is_asked_through_the_door_once_and_kept(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", 6)
    async with asked_here(tmp_path) as (door, _, opened):
        plan = planned(
            opened, items, arm("skilled/right-0"), arm("skilled/right-100"),
            tables=({"kind": "embedding", "model": "echo/echo"},), judges=(arm("echo/echo"),),
        )  # fmt: skip
        assert not plan.graders[0].judge  # a measure, not an opinion
        results = await ran(opened, plan, door)
        assert [row.incumbent.scores["embedding"] for row in results.rows] == [pytest.approx(1.0)] * 6
        assert all((row.candidate.scores["embedding"] or 0) < 0.999 for row in results.rows)
        log = read_samples(TrialFolder(opened.data, plan.id).samples.read_bytes(), "log").values()
        judgements = [sample for sample in log if sample.role == "judge"]
        assert len(judgements) > 6
        assert len([record for record in door.records() if record.operation == "embed"]) == len(judgements)
        await ran(opened, plan, door)
        assert len([record for record in door.records() if record.operation == "embed"]) == len(judgements)


JUDGE = {"kind": "judge", "models": ["skilled/judge-95"], "rubric": "The sum is right.", "reference": False}
DUEL = {"kind": "pairwise", "models": ["skilled/judge-95"], "rubric": "The right sum is better.", "reference": False}


def label(opened: Shelf, plan: Plan, results: Results, count: int, candidate: str, incumbent: str) -> None:
    """A person who can add labels the first items in the order that was drawn."""
    asked = {str(line["id"]): str(line["input"]) for line in questions(len(plan.items))}
    for name in drawn(plan, results.rows)[:count]:
        mine, theirs = is_right(candidate, asked[name]), is_right(incumbent, asked[name])
        better: Better = "neither" if mine == theirs else "candidate" if mine else "incumbent"
        said = Said(item=name, at=1, candidate=float(mine), incumbent=float(theirs), better=better)
        keep_label(TrialFolder(opened.data, plan.id).path, said)


async def test_a_judge_is_believed_once_people_have_labelled_replies_of_both_models(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", 300)
    async with asked_here(tmp_path) as (door, vendor, opened):
        plan = planned(
            opened, items, arm("skilled/right-80-b"), arm("skilled/right-80"), margin=0.16,
            tables=({"kind": "exact"}, JUDGE), gates=Gates(graders={"judge": 0.2}), judges=(arm("skilled/judge-95"),),
        )  # fmt: skip
        before = await ran(opened, plan, door)
        assert (before.calibrations, before.labels) == ((), "")
        assert [gate.outcome for gate in before.verdict.gates] == ["pass", "inconclusive"]
        assert "freehold trial label trial_test" in before.verdict.gates[1].reason
        asked = vendor.asked.total()
        label(opened, plan, before, 200, "right-80-b", "right-80")
        after = await ran(opened, plan, door)
        assert after.verdict.outcome == "pass"
        assert vendor.asked.total() == asked  # what the judge said of these replies was kept
        found = {one.model: one for one in after.calibrations}
        assert set(found) == {"", "skilled/right-80-b", "skilled/right-80"}
        mine = found["skilled/right-80-b"]
        assert mine.m0 + mine.m1 == 200
        assert 0.85 < mine.q0 <= 1
        assert 0.9 < mine.q1 <= 1
        assert after.verdict.gates[1].method == "judge-corrected, 400 labels"
        assert after.verdict.gates[1].estimate == pytest.approx(after.verdict.gates[0].estimate, abs=0.06)
        assert len(after.labels) == 64


async def test_a_judge_of_pairs_asks_in_both_orders_and_is_set_right_by_people(tmp_path: Path) -> None:
    items = write_questions(tmp_path / "items.jsonl", 200)
    async with asked_here(tmp_path) as (door, vendor, opened):
        plan = planned(
            opened, items, arm("skilled/right-60"), arm("skilled/right-90"), margin=0.05, tables=(DUEL,),
            judges=(arm("skilled/judge-95"),),
        )  # fmt: skip
        before = await ran(opened, plan, door)
        assert before.verdict.outcome == "inconclusive"
        label(opened, plan, before, 80, "right-60", "right-90")
        asked = vendor.asked.total()
        after = await ran(opened, plan, door)
        assert after.verdict.outcome == "fail"
        assert after.verdict.gates[0].method == "prediction-powered, people on 80 of 200 items"
        assert vendor.asked.total() == asked
        compared = [row.flips["pairwise"] for row in after.rows if row.flips]
        differing = sum(is_right("right-60", str(line["input"])) != is_right("right-90", str(line["input"]))
                        for line in questions(200))  # fmt: skip
        assert sum(one.asked for one in compared) >= differing


async def test_captured_replies_with_labels_calibrate_a_judge_that_is_a_gate(tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    lines = questions(60)
    for number, line in enumerate(lines):
        text = str(line["reference"]) if number % 2 else "7000"
        label = {"source": "human", "score": float(number % 2), "model": "skilled/right-80", "at": 1}
        line |= {"model": "skilled/right-80", "given": {"text": text}, "labels": [label]}
    items.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    async with asked_here(tmp_path) as (door, _, opened):
        plan = planned(
            opened, items, arm("skilled/right-80-b"), arm("skilled/right-80"),
            tables=({"kind": "exact"}, JUDGE), gates=Gates(graders={"judge": 0.2}), judges=(arm("skilled/judge-95"),),
        )  # fmt: skip
        results = await ran(opened, plan, door)
        assert {(one.grader, one.model, one.m0, one.m1) for one in results.calibrations} == {
            ("judge", "", 30, 30),
            ("judge", "skilled/right-80", 30, 30),
        }
        assert results.verdict.gates[1].method.startswith("judge-corrected, 120 labels")
