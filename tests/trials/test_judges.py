"""Judges beside the rounds: asked once, so many at a time, and nobody waits for them."""

import asyncio
import logging

import pytest

from freehold.config.settings import Budget, Judging
from freehold.graders.grader import Answer, Ask
from freehold.trials import judges as room
from freehold.trials.judges import Judges

RULES = Judging(budget=(Budget(nano=10**9),), seconds=5.0, concurrency=2)


def asks(*numbers: int) -> list[Ask]:
    return [Ask(operation="chat", body={"model": "m", "messages": [number]}) for number in numbers]


class Bench:
    """A judge that answers when it is let, and the judges that ask it."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.most = self.now = 0
        self.gate = asyncio.Event()
        self.judges = Judges(self._ask, lambda workload: RULES if workload == "judged" else None)

    async def _ask(self, workload: str, ask: Ask) -> Answer:
        number = ask.body["messages"][0]
        self.asked.append(number)
        self.now += 1
        self.most = max(self.most, self.now)
        await self.gate.wait()
        self.now -= 1
        if number < 0:
            raise ValueError("no such number")
        return str(number)

    async def done(self, *numbers: int) -> list[Answer]:
        self.gate.set()
        async with asyncio.timeout(5):
            while (found := self.judges.answers("judged", asks(*numbers))) is None:
                await asyncio.sleep(0.01)
        return found


async def test_answers_are_none_until_all_are_there_and_each_question_is_asked_once() -> None:
    bench = Bench()
    assert bench.judges.answers("judged", asks(1, 2)) is None
    assert bench.judges.answers("judged", asks(2, 1, 3)) is None
    assert await bench.done(2, 1, 3) == ["2", "1", "3"]
    assert sorted(bench.asked) == [1, 2, 3]
    assert bench.judges.answers("judged", []) == []


async def test_no_more_are_under_way_than_the_workload_says() -> None:
    bench = Bench()
    bench.judges.answers("judged", asks(*range(6)))
    await asyncio.sleep(0.05)
    assert bench.asked == [0, 1]
    assert len(await bench.done(*range(6))) == 6
    assert bench.most == 2


async def test_a_judge_that_cannot_be_asked_gives_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    with caplog.at_level(logging.ERROR):
        assert await bench.done(-1, 4) == [None, "4"]
    assert "a judge of judged could not be asked" in caplog.text


async def test_from_another_thread_they_are_asked_in_their_own_loop() -> None:
    bench = Bench()
    bench.gate.set()
    assert await asyncio.to_thread(bench.judges.answers, "judged", asks(7)) is None
    assert await bench.done(7) == ["7"]


async def test_old_answers_are_forgotten_and_what_is_under_way_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", 3)
    bench = Bench()
    await bench.done(1, 2, 3)
    bench.gate.clear()
    bench.judges.answers("judged", asks(4, 5))
    assert await bench.done(4, 5) == ["4", "5"]
    await bench.done(1)
    assert bench.asked == [1, 2, 3, 4, 5, 1]


async def test_what_is_under_way_is_given_up_at_the_end() -> None:
    bench = Bench()
    bench.judges.answers("judged", asks(1))
    await asyncio.sleep(0.01)
    await bench.judges.close()
    assert bench.judges.seconds("judged") == 5.0
    assert bench.judges.seconds("other") is None
