"""`freehold trial status`: how far a trial is, and whether its plan holds."""

from pathlib import Path

import msgspec
import pytest

from cli.trial_desk import desk
from freehold.errors import NotFound
from freehold.trials.plan import TrialFolder
from freehold.trials.samples import Sample


async def test_the_status_counts_what_is_answered_and_finds_the_entries(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        with pytest.raises(NotFound):
            await here.trial("status")
        trial = await here.plan(20)
        before = msgspec.json.decode((await here.trial("status", "--json")).stdout)
        assert (before["answered"], before["answers_wanted"], before["verdict"]) == (0, 40, None)
        assert before["plan_holds"]
        assert before["planned_entry"] is not None
        await here.trial("run", trial)
        after = msgspec.json.decode((await here.trial("status", trial, "--json")).stdout)
        assert (after["answered"], after["failed"], after["spent_usd"]) == (40, 0, 20 * (18 + 9) / 1e6)
        assert after["ended_entry"] > before["planned_entry"]
        assert "answers: 40 of 40, 0 failed" in (await here.trial("status")).stdout
        log = TrialFolder(tmp_path, trial).samples
        first, _, others = log.read_bytes().partition(b"\n")
        broke = msgspec.structs.replace(msgspec.json.decode(first, type=Sample), lost_nano=1_000_000)
        log.write_bytes(msgspec.json.encode(broke) + b"\n" + others)
        again = msgspec.json.decode((await here.trial("status", trial, "--json")).stdout)
        assert again["spent_usd"] == pytest.approx(after["spent_usd"] + 0.001)  # as the run counts it
        path = TrialFolder(tmp_path, trial).plan
        path.write_bytes(path.read_bytes().replace(b'"seed": 0', b'"seed": 1'))
        assert "NOT the one that was noted" in (await here.trial("status")).stdout
