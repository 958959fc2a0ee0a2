"""The watchdog of a stream."""

import asyncio

from freehold.gateway.watchdog import Watchdog


async def test_silence_is_noticed() -> None:
    said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    Watchdog(asyncio.get_running_loop(), 0.01, asyncio.get_running_loop().time() + 60, said.set_result)
    assert "sent nothing" in await asyncio.wait_for(said, 5)


async def test_the_total_time_is_noticed_however_lively_the_stream_is() -> None:
    said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    watchdog = Watchdog(asyncio.get_running_loop(), 60, asyncio.get_running_loop().time() + 0.01, said.set_result)
    watchdog.touch()
    assert "total time" in await asyncio.wait_for(said, 5)


async def test_a_stopped_one_says_nothing() -> None:
    heard: list[str] = []
    Watchdog(asyncio.get_running_loop(), 0.001, asyncio.get_running_loop().time() + 60, heard.append).stop()
    other: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    Watchdog(asyncio.get_running_loop(), 0.01, asyncio.get_running_loop().time() + 60, other.set_result)
    await asyncio.wait_for(other, 5)
    assert heard == []
