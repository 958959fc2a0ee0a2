"""The watchdog of a stream."""

import asyncio

import pytest

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


async def test_while_the_caller_is_waited_for_the_vendor_is_not_silent_and_afterwards_it_may_be() -> None:
    loop = asyncio.get_running_loop()
    said: asyncio.Future[str] = loop.create_future()
    watchdog = Watchdog(loop, 0.05, loop.time() + 60, said.set_result)
    await watchdog.wait(asyncio.sleep(0.3), lambda: None)
    assert not said.done()
    assert "sent nothing" in await asyncio.wait_for(said, 5)


@pytest.mark.parametrize("left", [0.05, -1.0], ids=["while it waits", "before it waits"])
async def test_the_total_time_ends_the_waiting_for_a_caller(left: float) -> None:
    loop = asyncio.get_running_loop()
    reading: asyncio.Future[None] = loop.create_future()
    watchdog = Watchdog(loop, 60, loop.time() + left, lambda _: None)
    await asyncio.wait_for(watchdog.wait(reading, lambda: reading.set_result(None)), 5)
    watchdog.stop()


async def test_a_caller_who_reads_on_in_time_is_not_given_up() -> None:
    loop = asyncio.get_running_loop()
    given_up: list[str] = []
    said: asyncio.Future[str] = loop.create_future()
    watchdog = Watchdog(loop, 60, loop.time() + 0.1, said.set_result)
    await watchdog.wait(asyncio.sleep(0), lambda: given_up.append("caller"))
    assert "total time" in await asyncio.wait_for(said, 5)
    await asyncio.sleep(0.05)
    assert given_up == []
