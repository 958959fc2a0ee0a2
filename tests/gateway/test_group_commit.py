"""Group commit: who waits for the disk waits for a flush that began after its record, together with all others."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from freehold.errors import RecordNotKept
from freehold.gateway.group_commit import GroupCommit
from freehold.store.journal import Journal
from store.samples import record


class Slow(Journal):
    """A journal whose flushes end when the test says so. `begun` counts them; `fails` is what the next one raises."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 0)
        self.begun = 0
        self.threads: set[int] = set()
        self.may_end = threading.Semaphore(0)
        self.fails: RecordNotKept | None = None

    def sync(self) -> None:
        self.begun += 1
        self.threads.add(threading.get_ident())
        assert self.may_end.acquire(timeout=10)
        if self.fails is not None:
            fails, self.fails = self.fails, None
            raise fails
        super().sync()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncGenerator[Slow]:
    opened = Slow(tmp_path)
    yield opened
    opened.may_end.release(100)
    opened.close()


async def begun(journal: Slow, count: int) -> None:
    async with asyncio.timeout(10):
        while journal.begun < count:
            await asyncio.sleep(0.001)


async def turns() -> None:
    """Lets everything happen that can happen now."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_during_a_flush_shares_the_next_one(journal: Slow) -> None:
    commits = GroupCommit(journal)
    first = asyncio.create_task(commits.flushed())
    await begun(journal, 1)
    others = [asyncio.create_task(commits.flushed()) for _ in range(50)]
    await turns()
    assert not first.done()
    journal.may_end.release()
    await first
    await begun(journal, 2)
    await turns()
    assert not any(other.done() for other in others)  # their records may be younger than the first flush
    journal.may_end.release()
    await asyncio.gather(*others)
    assert journal.begun == 2
    commits.close()


async def test_the_loop_goes_on_while_the_disk_is_busy(journal: Slow) -> None:
    commits = GroupCommit(journal)
    waiting = asyncio.create_task(commits.flushed())
    await begun(journal, 1)
    journal.append(record(1))  # the next record is written meanwhile
    assert journal.threads.isdisjoint({threading.get_ident()})
    journal.may_end.release()
    await waiting
    commits.close()


async def test_a_failed_flush_is_told_to_those_that_waited_for_it_and_to_no_others(journal: Slow) -> None:
    commits = GroupCommit(journal)
    journal.fails = RecordNotKept("The disk is broken.")
    early = [asyncio.create_task(commits.flushed())]
    await begun(journal, 1)
    late = [asyncio.create_task(commits.flushed()) for _ in range(3)]
    await turns()
    journal.may_end.release(2)
    told = await asyncio.gather(*early, *late, return_exceptions=True)
    assert [str(one) for one in told[:1]] == ["The disk is broken."]
    assert isinstance(told[0], RecordNotKept)
    assert told[1:] == [None, None, None]
    commits.close()


async def test_a_caller_that_leaves_takes_nobody_along(journal: Slow) -> None:
    commits = GroupCommit(journal)
    leaves, stays = (asyncio.create_task(commits.flushed()) for _ in range(2))
    await begun(journal, 1)
    leaves.cancel()
    await turns()
    journal.may_end.release(2)
    await stays
    assert leaves.cancelled()
    commits.close()


async def test_a_flush_can_begin_with_nobody_waiting_but_only_one_at_a_time(journal: Slow) -> None:
    commits = GroupCommit(journal)
    commits.begin()
    commits.begin()
    await begun(journal, 1)
    commits.begin()
    journal.may_end.release()
    await turns()
    waiting = asyncio.create_task(commits.flushed())
    await begun(journal, 2)
    journal.may_end.release()
    await waiting
    assert journal.begun == 2
    commits.close()


async def test_its_end_waits_for_the_flush_under_way(journal: Slow) -> None:
    commits = GroupCommit(journal)
    commits.begin()
    await begun(journal, 1)
    closing = asyncio.create_task(asyncio.to_thread(commits.close))
    await turns()
    assert not closing.done()
    journal.may_end.release()
    await closing
