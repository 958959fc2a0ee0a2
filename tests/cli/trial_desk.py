"""A door in the test's loop with skilled models behind it, and the commands of `freehold trial` on its data folder."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from cli.commands import Said, run_beside
from freehold.cli.running import state_file
from gateway.door_in_process import Door, running
from trials.skilled import Skilled, skilled, write_questions

TOML = """
[vendors.echo]

[vendors.skilled]
speaks = "openai-chat"
base_url = "{base_url}"

[workloads.default]
route = ["requested"]

[workloads.sums]
route = ["skilled/right-80"]
graders = [{{ kind = "exact" }}, {{ kind = "refusal" }}]

[workloads.bare]
route = ["skilled/right-80"]

[prices."skilled/right-80"]
input = 1.0
output = 4.0

[prices."skilled/right-74"]
input = 0.5
output = 2.0

[prices."skilled/right-80-cached"]
input = 1.0
output = 4.0
cache_read = 0.1
"""


class Desk:
    """The door, the vendor, and where their files are."""

    def __init__(self, door: Door, vendor: Skilled, folder: Path) -> None:
        self.door = door
        self.vendor = vendor
        self.data = folder
        self.config = folder / "freehold.toml"
        self._done = asyncio.Event()

    async def trial(self, *words: str) -> Said:
        """A `freehold trial` command in a thread beside the door; the ledger's writer goes round before it, and during a run."""
        await asyncio.to_thread(self.door.write_ledger)
        writing = asyncio.create_task(self._rounds()) if words[0] == "run" else None
        try:
            return await run_beside("trial", *words, "--data", str(self.data))
        finally:
            if writing is not None:
                self._done.set()
                await writing

    async def _rounds(self) -> None:
        self._done.clear()
        while not self._done.is_set():
            await asyncio.to_thread(self.door.write_ledger)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._done.wait(), 0.2)

    async def plan(self, count: int, *words: str, candidate: str = "skilled/right-74") -> str:
        """Plans a trial on so many sums; gives its id."""
        items = write_questions(self.data / f"items-{count}.jsonl", count)
        said = await self.trial(
            "plan",
            "sums",
            "--candidate",
            candidate,
            "--items",
            str(items),
            "--config",
            str(self.config),
            "--json",
            *words,
        )
        assert said.exit_code == 0, said.stderr
        await asyncio.to_thread(self.door.write_ledger)
        return str(msgspec.json.decode(said.stdout)["trial"])


@contextlib.asynccontextmanager
async def desk(folder: Path) -> AsyncGenerator[Desk]:
    """Everything, until the block ends."""
    async with skilled() as vendor, running(folder, TOML.format(base_url=vendor.base_url)) as door:
        state_file(folder).parent.mkdir(exist_ok=True)
        state_file(folder).write_bytes(msgspec.json.encode({"url": door.url, "pid": 0}))
        yield Desk(door, vendor, folder)
