"""Callers that never give up, and processes that are killed under them: the load of the ledger's drill.

The moments of the kills are drawn from a seed: after how many answers, how much later within a round of the ledger's
writer, and which process. Every answer that came whole is kept with what was asked.
"""

import asyncio
import os
import random
import signal
from collections import Counter, deque
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cli.house_running import PATIENCE, Cut, House, Line, house, until
from cli.ledger_reading import checkpoint
from gateway.door_in_process import Answer

Victim = Literal["worker", "ledger", "supervisor"]

VICTIMS: tuple[Victim, ...] = ("worker", "ledger", "supervisor")
CALLERS = 32
WORDS = "the claim is approved and paid"
ROUND = 0.2
"""Seconds between two rounds of the ledger's writer; a kill falls anywhere within."""

SAID = [{"role": "user", "content": WORDS}]
ASKED: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("/v1/chat/completions", {"model": "echo/echo", "messages": SAID}, 200),
    ("/v1/chat/completions", {"model": "echo/echo", "messages": SAID, "stream": True}, 200),
    ("/v1/messages", {"model": "echo/echo", "max_tokens": 50, "messages": SAID, "stream": True}, 200),
    ("/v1/responses", {"model": "echo/echo", "input": WORDS, "stream": True}, 200),
    ("/v1/messages", {"model": "echo/echo", "max_tokens": 50, "messages": SAID}, 200),
    ("/v1/chat/completions", {"model": "down", "messages": SAID}, 503),
    ("/v1/chat/completions", {"model": "nobody/knows", "messages": SAID}, 404),
)
"""Whole and streamed, in three dialects, answered, failed and refused: path, body and status."""

LEAVING = b"not taking requests now"
"""What a worker says that is ending. No step of a request has been taken then, so it has no record."""


class Whole(NamedTuple):
    """An answer that its caller received to its last byte."""

    kind: int
    answer: Answer

    @property
    def receipt(self) -> str:
        return self.answer.headers["x-freehold-receipt"]


class Drill:
    """One run: `count` whole answers, with kills under way."""

    def __init__(self, folder: Path, toml: str, count: int, seed: int) -> None:
        self._folder = folder
        self._toml = toml
        self._count = count
        draw = self._draw = random.Random(seed)
        kills = max(6, count // 250)
        moments = sorted(draw.sample(range(count // 20, count - count // 20), kills))
        victims: list[Victim] = [VICTIMS[number % 3] for number in range(kills)]
        draw.shuffle(victims)
        self._moments: deque[tuple[int, Victim]] = deque(zip(moments, victims, strict=True))
        self._door: House | None = None
        self.whole: list[Whole] = []
        self.cut = 0
        self.turned_away = 0
        self.kills: Counter[str] = Counter()
        self.older: list[bytes] = []

    async def run(self) -> Path:
        """Runs it to its end; gives the data folder, in which everything journaled is in the ledger."""
        callers = [asyncio.create_task(self._call(number)) for number in range(CALLERS)]
        again = True
        while again:
            async with house(self._folder, self._toml, "--workers", "2") as door:
                self._door = door
                again = await self._life(door, callers)
                self._door = None
        # A writer that was killed a moment before the end may not have come back for a last round; the next start has it.
        async with house(self._folder, self._toml) as door:
            assert await door.end() == 0
        return door.data

    async def _life(self, door: House, callers: list[asyncio.Task[None]]) -> bool:
        """One life of a supervisor. Gives whether it was killed."""
        while self._moments:
            after, victim = self._moments.popleft()
            await self._answers(after, callers)
            await asyncio.sleep(self._draw.random() * ROUND)
            if (published := checkpoint(door.data)) is not None:
                self.older.append(published)
            await self._kill(door, victim)
            self.kills[victim] += 1
            if victim == "supervisor":
                return True
        await asyncio.gather(*callers)
        assert await door.end() == 0
        return False

    async def _answers(self, count: int, callers: list[asyncio.Task[None]]) -> None:
        """Waits until so many answers have come; a caller that fails is told at once."""

        def there() -> bool:
            for caller in callers:
                if caller.done():
                    caller.result()
            return len(self.whole) >= count

        await until(there, f"{count} answers have come")

    async def _kill(self, door: House, victim: Victim) -> None:
        if victim == "supervisor":
            self._door = None
            assert await door.end(signal.SIGKILL) == -signal.SIGKILL
            return
        if victim == "ledger":
            await until(door.ledger_writer, "the ledger's writer runs")
            pid = door.ledger_writer()
        else:
            await until(door.workers, "a worker runs")
            pid = self._draw.choice(sorted(door.workers().values()))
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    async def _call(self, number: int) -> None:
        """One caller: one kept connection as long as it lasts, one question after another."""
        line: Line | None = None
        while len(self.whole) < self._count:
            path, body, _ = ASKED[number % len(ASKED)]
            door = await self._running()
            try:
                line = line or await door.line()
                answer = await line.ask(door.key, body, path)
            except (Cut, ConnectionError):
                self.cut += 1
                if line is not None:
                    line.close()
                    line = None
                await asyncio.sleep(0.01)
                continue
            if LEAVING in answer.body:
                self.turned_away += 1
                continue
            self.whole.append(Whole(number % len(ASKED), answer))
            number += CALLERS
        if line is not None:
            line.close()

    async def _running(self) -> House:
        async with asyncio.timeout(PATIENCE):
            while self._door is None:
                await asyncio.sleep(0.01)
        return self._door
