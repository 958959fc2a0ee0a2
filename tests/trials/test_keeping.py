"""What is handed over is written before whoever handed it over goes on."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from freehold.errors import TrialError
from freehold.items import Given
from freehold.trials.keeping import Keeper
from freehold.trials.samples import Kept, Replies, Sample, SampleLog

KEPT = Kept(given=Given(text="hi"), model="a/b", at=1, ms=1.0)


class Shelf(Replies):
    """Replies in memory; those of `gone` are of an erased subject."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gone: set[str] = set()

    def keep(self, replies: Sequence[tuple[str, str, int, Kept]], *, flush: bool = False) -> set[str]:
        self.batches.append([key for key, *_ in replies])
        return {key for key, *_ in replies if key in self.gone}


def sample(key: str) -> Sample:
    return Sample(key=key, item="i", role="candidate", number=0, status="answered")


async def test_many_at_once_share_a_write_and_each_is_there_when_its_wait_ends(tmp_path: Path) -> None:
    log = SampleLog(tmp_path / "samples.log")
    shelf = Shelf()
    keeper = Keeper(shelf, log)

    async def one(key: str) -> None:
        assert await keeper.keep(sample(key), KEPT, "p", 1)
        assert f'"key":"{key}"'.encode() in (tmp_path / "samples.log").read_bytes()

    await asyncio.gather(*(one(f"k{at}") for at in range(50)))
    await keeper.close()
    assert sorted(key for batch in shelf.batches for key in batch) == sorted(f"k{at}" for at in range(50))
    assert len(shelf.batches) < 50
    log.close()


async def test_a_reply_comes_before_its_line_and_an_erased_one_is_told(tmp_path: Path) -> None:
    log = SampleLog(tmp_path / "samples.log")
    shelf = Shelf()
    shelf.gone = {"k1"}
    keeper = Keeper(shelf, log)
    told = await asyncio.gather(*(keeper.keep(sample(key), KEPT, "p", 1) for key in ("k1", "k2")))
    assert told == [False, True]
    await keeper.close()
    log.close()


async def test_what_cannot_be_written_is_an_error_for_each_of_its_batch(tmp_path: Path) -> None:
    log = SampleLog(tmp_path / "samples.log")

    class Full(Shelf):
        def keep(self, replies: Sequence[tuple[str, str, int, Kept]], *, flush: bool = False) -> set[str]:
            raise TrialError("The disk is full.")

    keeper = Keeper(Full(), log)
    found = await asyncio.gather(
        *(keeper.keep(sample(f"k{at}"), KEPT, "p", 1) for at in range(3)), return_exceptions=True
    )
    assert [type(one) for one in found] == [TrialError] * 3
    assert log.samples == {}
    with pytest.raises(TrialError):
        await keeper.keep(sample("k9"), KEPT, "p", 1)
    log.close()
