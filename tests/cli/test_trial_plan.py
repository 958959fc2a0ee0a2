"""`freehold trial plan`: what it writes, says and refuses."""

from pathlib import Path

import msgspec
import pytest

from cli.trial_desk import desk
from freehold.errors import InvalidField, TrialError, UnknownModel, UnknownWorkload
from freehold.trials.plan import Gates, TrialFolder
from trials.skilled import write_questions


async def test_a_plan_says_what_it_needs_can_show_and_costs(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        items = write_questions(tmp_path / "items.jsonl", 50)
        said = await here.trial(
            "plan", "sums", "--candidate", "skilled/right-74", "--items", str(items), "--config", str(here.config)
        )
        assert said.exit_code == 0
        assert "skilled/right-74 is worse than skilled/right-80 by 3 points or more" in said.stdout
        assert "It needs 1,745 items and has 50: 1,695 too few." in said.stdout
        assert (
            "An equal candidate passes with a chance of 7%.\n" in said.stdout
        )  # Phi(0.03 sqrt(50/0.2) - 1.96) = Phi(-1.486)
        assert "Asking both models costs about $0.08; with the 1,745 items needed about $" in said.stdout
        gate = ("--gate", "refusal=0.02")
        said = await here.trial(
            "plan",
            "sums",
            "--candidate",
            "skilled/right-74",
            "--items",
            str(items),
            *gate,
            "--config",
            str(here.config),
        )
        # The chance of refusal is Phi(0.02 sqrt(50/0.05) - 1.96) = Phi(-1.328).
        assert "%, which takes every gate: quality 7%; refusal 9%.\n" in said.stdout
        assert here.vendor.asked.total() == 0


async def test_the_plan_holds_everything_that_was_asked_for(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(
            20, "--margin", "0.05", "--alpha", "0.05", "--power", "0.9", "--segments", "metadata.language",
            "--gate", "p95=1.2", "--gate", "cost=1", "--gate", "safety=refusal:0.02", "--samples", "2", "--temperature", "0",
            "--seed", "7", "--max-tokens", "16", "--fresh",
        )  # fmt: skip
        plan, _ = TrialFolder(tmp_path, trial).read_plan()
        assert (plan.margin, plan.alpha, plan.power, plan.seed) == (0.05, 0.05, 0.9, 7)
        assert plan.gates == Gates(p95=1.2, cost=1.0, graders={"refusal": 0.02})
        assert (plan.sampling.samples, plan.sampling.temperature, plan.sampling.max_tokens) == (2, 0.0, 16)
        assert plan.sampling.fresh
        assert (plan.segments.paths, plan.segments.margin) == (("metadata.language",), 0.1)
        assert (plan.candidate.model, plan.candidate.input_rate) == ("skilled/right-74", 500_000_000)
        assert (plan.incumbent.model, plan.incumbent.output_rate) == ("skilled/right-80", 4_000_000_000)
        assert [(grader.name, grader.table) for grader in plan.graders] == [
            ("exact", {"kind": "exact"}),
            ("refusal", {"kind": "refusal"}),
        ]
        assert len(plan.items) == 20
        assert {segment for one in plan.items for segment in one.segments} == {
            "metadata.language=de", "metadata.language=en", "metadata.language=fr",
        }  # fmt: skip


async def test_a_price_that_nobody_knows_is_said(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        items = write_questions(tmp_path / "items.jsonl", 5)
        said = await here.trial(
            "plan", "sums", "--candidate", "skilled/right-75", "--items", str(items), "--config", str(here.config)
        )
        assert "What it costs is unknown: nobody says the price of skilled/right-75." in said.stdout


async def test_what_cannot_be_planned_is_refused(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        items = str(write_questions(tmp_path / "items.jsonl", 5))
        config = ("--config", str(here.config))
        with pytest.raises(UnknownWorkload):
            await here.trial("plan", "nothing", "--candidate", "skilled/right-74", "--items", items, *config)
        with pytest.raises(UnknownModel):
            await here.trial("plan", "sums", "--candidate", "gone/away", "--items", items, *config)
        with pytest.raises(TrialError, match="default asks for what callers name") as refused:
            await here.trial("plan", "default", "--candidate", "skilled/right-74", "--items", items, *config)
        assert refused.value.advice == "Give --incumbent."
        with pytest.raises(TrialError, match="has no graders"):
            await here.trial("plan", "bare", "--candidate", "skilled/right-74", "--items", items, *config)
        with pytest.raises(TrialError, match="in the trial split"):
            await here.trial("plan", "sums", "--candidate", "skilled/right-74", *config)
        for gate in ("p95", "p95=fast", "cost=-1"):
            with pytest.raises(InvalidField):
                await here.trial(
                    "plan", "sums", "--candidate", "skilled/right-74", "--items", items, "--gate", gate, *config
                )
        with pytest.raises(TrialError, match="No item has `language`, so no segment is judged by it"):
            await here.trial("plan", "sums", "--candidate", "skilled/right-74", "--items", items, "--segments",
                             "metadata.language,language", *config)  # fmt: skip
        assert msgspec.json.decode((await here.trial("list", "--json")).stdout) == []
