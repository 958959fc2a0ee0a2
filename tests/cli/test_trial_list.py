"""`freehold trial list`: every trial with its verdict."""

from pathlib import Path

import msgspec

from cli.trial_desk import desk


async def test_trials_are_listed_with_what_came_of_them(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        first = await here.plan(150, candidate="skilled/right-0")
        second = await here.plan(10)
        await here.trial("run", first)
        rows = msgspec.json.decode((await here.trial("list", "--json")).stdout)
        assert {row["trial"]: (row["candidate"], row["items"], row["verdict"]) for row in rows} == {
            first: ("skilled/right-0", 150, "fail"),
            second: ("skilled/right-74", 10, "running or planned"),
        }
        shown = (await here.trial("list")).stdout
        assert first in shown
        assert second in shown
        assert (await here.trial("list", "--workload", "other", "--json")).stdout == "[]\n"
