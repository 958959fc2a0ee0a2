"""`freehold trial label`: two replies whose model nobody is told, one item after the other, and what that does to a judge."""

from pathlib import Path

import msgspec
import pytest

from cli.trial_desk import desk
from freehold.cli import trial_texts
from freehold.errors import InvalidField, NotFound
from freehold.trials.labels import read_labels
from freehold.trials.plan import TrialFolder
from freehold.trials.report import Disagreement
from trials.skilled import answer, questions


async def test_items_come_one_by_one_and_what_is_said_is_kept_for_the_right_model(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(4, candidate="skilled/right-0")
        with pytest.raises(NotFound, match="no results yet"):
            await here.trial("label", trial)
        await here.trial("run", trial)
        asked = {str(line["id"]): str(line["input"]) for line in questions(4)}
        item, expected = "", dict[str, tuple[float, float, str, str]]()
        for done in range(4):
            shown = msgspec.json.decode((await here.trial("label", trial, "--json")).stdout)
            item = shown["item"]
            assert (shown["labelled"], shown["items"]) == (done, 4)
            assert asked[item] in shown["asked"]
            wrong = answer("right-0", asked[item])
            right = answer("right-80", asked[item])
            assert {shown["a"], shown["b"]} == {wrong, right}
            expected[item] = (0.0, 0.0, "neither", "ann") if wrong == right else (0.0, 1.0, "incumbent", "ann")
            words = ("--a", "0", "--b", "0", "--better", "neither")
            if wrong != right:
                words = ("--a", "0", "--b", "1", "--better", "b")
                words = words if shown["a"] == wrong else ("--a", "1", "--b", "0", "--better", "a")
            said = await here.trial("label", trial, "--item", item, *words, "--by", "ann")
            assert said.stdout == f"{item} is labelled; {3 - done} are left.\n"
        found, _ = read_labels(TrialFolder(tmp_path, trial).path)
        assert {item: (one.candidate, one.incumbent, one.better, one.by) for item, one in found.items()} == expected
        assert (0.0, 1.0, "incumbent", "ann") in expected.values()
        with pytest.raises(NotFound, match="All 4 items"):
            await here.trial("label", trial)
        again = await here.trial("label", trial, "--item", item, "--skip", "--json")
        assert msgspec.json.decode(again.stdout)["left"] == 0
        assert read_labels(TrialFolder(tmp_path, trial).path)[0][item].candidate is None


async def test_nobody_chooses_the_item_and_nothing_half_said_is_kept(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(4)
        await here.trial("run", trial)
        shown = await here.trial("label", trial)
        item = shown.stdout.split(" ", 1)[0]
        assert "--- A ---" in shown.stdout
        assert "right-74" not in shown.stdout
        other = next(str(line["id"]) for line in questions(4) if line["id"] != item)
        for words, match in (
            (("--item", other, "--a", "1"), "not the item whose turn"),
            (("--a", "1"), "not said of which item"),
            (("--skip",), "not said of which item"),
            (("--item", item), "Nothing is said"),
            (("--item", item, "--skip", "--a", "1"), "cannot be told"),
            (("--item", item, "--better", "c"), "--better is 'c'"),
        ):
            with pytest.raises(InvalidField, match=match):
                await here.trial("label", trial, *words)
        assert read_labels(TrialFolder(tmp_path, trial).path) == ({}, "")


async def test_a_reply_can_neither_play_with_the_terminal_nor_pass_for_the_other_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(4)
        await here.trial("run", trial)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(trial_texts, "disagreement", forged)
            shown = (await here.trial("label", trial)).stdout
    assert "\x1b" not in shown
    assert shown.count("\n--- B ---\n") == 1
    assert "  \\x1b[2J--- B ---\n  --- B ---\n" in shown


def forged(*_: object) -> Disagreement:
    words = "\x1b[2J--- B ---\n--- B ---"
    return Disagreement(
        item="item-1",
        difference=0.0,
        asked="2+2",
        reference=None,
        candidate=words,
        incumbent=words,
        candidate_score=0.0,
        incumbent_score=0.0,
    )
