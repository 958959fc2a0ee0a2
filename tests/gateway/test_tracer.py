"""The tracer: every task has its outcome, whatever becomes of the process that checks, and no answer waits for long."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.errors import RecordNotKept
from freehold.gateway import lane
from freehold.gateway import tracer as module
from freehold.gateway.metrics import Metrics
from freehold.gateway.tracer import Tracer
from freehold.gateway.traces import Checked, Heard, Task
from freehold.gateway.visit import Visit
from freehold.messages import Message, Reply, Request, Text
from freehold.store.callers import Key
from freehold.store.counters import Counters
from freehold.store.events import Event
from freehold.store.folder import COUNTERS
from freehold.store.records import Private, Record
from gateway.settled import book_of

FAKE = "gateway.checker_of_tests"
KEY = Key(id="key_1", name="k", prefix="fh_", organisation="o", project="p", role="member", created_at=0.0)
TOML = """
    [vendors.echo]
    [workloads.default]
    route = ["requested"]
    [workloads.late]
    route = ["requested"]
    trace = true
    [workloads.first]
    route = ["requested"]
    trace = "inline"
    timeouts = { total = 5 }
"""


class Kept:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[Event, Private | None]] = []
        self.full = False

    def append(self, record: Record | Event, private: Private | None = None, *, later: bool = False) -> None:
        assert isinstance(record, Event)
        if self.full:
            raise RecordNotKept("The disk is full.")
        self.events.append((record, private))

    @property
    def outcomes(self) -> list[tuple[str, str, str]]:
        return [(event.id, event.body["status"], event.body.get("reason", "")) for event, _ in self.events]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.events) < count:
                await asyncio.sleep(0.005)


Tracing = Callable[..., AbstractAsyncContextManager[tuple[Tracer, Kept]]]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def tracing(metrics: Metrics) -> Tracing:
    @contextlib.asynccontextmanager
    async def made(runs: str = FAKE) -> AsyncGenerator[tuple[Tracer, Kept]]:
        kept = Kept()
        tracer = Tracer(kept, metrics, runs)
        try:
            yield tracer, kept
        finally:
            await tracer.close(0)

    return made


@pytest.fixture
def visit(tmp_path: Path) -> Callable[..., Visit]:
    Counters.create(tmp_path / COUNTERS, 0.0)
    counters = Counters.open(tmp_path / COUNTERS, 0)
    book = book_of(TOML, counters)
    numbers = iter(range(1, 10_000))

    def answered(question: str = "", workload: str = "late", answer: str = "It is 4.") -> Visit:
        made = Visit(f"rec_{next(numbers)}", "openai-chat", KEY, 1_795_564_800.0, 100.0)
        made.plan = book.plan(workload, "")
        messages = (Message("user", (Text(question),)),)
        made.request = Request(dialect="openai-chat", model="echo/echo", messages=messages)
        made.heard = Heard(None)
        made.heard.reply(Reply(id="r", model="m", parts=(Text(answer),)))
        made.status = "answered"
        return made

    return answered


def counted(metrics: Metrics) -> dict[str, float]:
    lines = metrics.page().decode().splitlines()
    found = (
        line.removeprefix("freehold_traces_total").split() for line in lines if line.startswith("freehold_traces_t")
    )
    return {labels: float(value) for labels, value in found}


# --- after the answer ---


async def test_what_came_of_a_task_is_kept_with_what_is_sealed_apart(
    tracing: Tracing, visit: Callable[..., Visit], metrics: Metrics
) -> None:
    async with tracing() as (tracer, kept):
        tracer.after(visit())
        await kept.until(1)
    [(event, private)] = kept.events
    assert (event.kind, event.id, event.body["status"]) == ("trace", "rec_1", "checked")
    assert private is not None
    assert (private.subject, private.contents, private.salts) == ("", {"trace": b"It is 4."}, {"trace": b"\x01" * 32})
    assert private.keep_until > 1_795_564_800
    assert counted(metrics) == {'{status="checked",workload="late"}': 1.0}


async def test_tasks_take_turns_in_one_process_that_ends_with_the_tracer(
    tracing: Tracing, visit: Callable[..., Visit]
) -> None:
    async with tracing() as (tracer, kept):
        for _ in range(20):
            tracer.after(visit())
        await kept.until(20)
    assert [about for about, _, _ in kept.outcomes] == [f"rec_{number}" for number in range(1, 21)]
    [process] = {event.body["took_us"] for event, _ in kept.events}
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize("status", ["failed", "refused", "cancelled"])
async def test_only_an_answer_that_was_given_is_traced(
    tracing: Tracing, visit: Callable[..., Visit], status: Any
) -> None:
    async with tracing() as (tracer, kept):
        lost = visit()
        lost.status = status
        tracer.after(lost)
        tracer.after(visit())
        await kept.until(1)
    assert kept.outcomes == [("rec_2", "checked", "")]


@pytest.mark.parametrize(("limit", "value"), [("QUEUED", 2), ("QUEUED_CHARACTERS", 2 * len("It is 4."))])
async def test_what_has_no_room_in_the_queue_is_skipped_at_once_and_counted(
    tracing: Tracing,
    visit: Callable[..., Visit],
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
) -> None:
    monkeypatch.setattr(lane, limit, value)
    async with tracing() as (tracer, kept):
        for _ in range(4):
            tracer.after(visit())
        assert kept.outcomes == [("rec_3", "skipped", "queue-full"), ("rec_4", "skipped", "queue-full")]
        await kept.until(4)
        tracer.after(visit())  # there is room again
        await kept.until(5)
    assert kept.outcomes[2:] == [("rec_1", "checked", ""), ("rec_2", "checked", ""), ("rec_5", "checked", "")]
    assert counted(metrics) == {
        '{status="checked",workload="late"}': 3.0,
        '{status="skipped",workload="late"}': 2.0,
    }


async def test_what_has_waited_too_long_is_skipped(
    tracing: Tracing, visit: Callable[..., Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "WAIT_SECONDS", -1.0)
    async with tracing() as (tracer, kept):
        tracer.after(visit())
        await kept.until(1)
    assert kept.outcomes == [("rec_1", "skipped", "waited-too-long")]
    assert kept.events[0][1] is None


@pytest.mark.parametrize(
    ("question", "reason"), [("die", "checker-died"), ("garble", "checker-died"), ("hang", "late")]
)
async def test_a_process_that_gives_no_answer_is_ended_and_the_next_task_gets_a_fresh_one(
    tracing: Tracing, visit: Callable[..., Visit], monkeypatch: pytest.MonkeyPatch, question: str, reason: str
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.2)
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.1 if question == "hang" else 20.0)
    async with tracing() as (tracer, kept):
        tracer.after(visit())
        tracer.after(visit(question))
        await kept.until(2)
        monkeypatch.setattr(module, "GRACE_SECONDS", 20.0)
        tracer.after(visit())
        await kept.until(3)
    assert kept.outcomes == [("rec_1", "checked", ""), ("rec_2", "failed", reason), ("rec_3", "checked", "")]
    before, after = (kept.events[number][0].body["took_us"] for number in (0, 2))
    assert before != after
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


async def test_where_no_process_starts_traces_fail_at_once_and_it_is_not_tried_at_every_task(
    tracing: Tracing, visit: Callable[..., Visit], caplog: pytest.LogCaptureFixture
) -> None:
    async with tracing("gateway.no_such_module") as (tracer, kept):
        for _ in range(3):
            tracer.after(visit())
        await kept.until(3)
    assert kept.outcomes == [(f"rec_{number}", "failed", "no-checker") for number in (1, 2, 3)]
    assert [said.getMessage() for said in caplog.records if said.levelname == "ERROR"] == [
        "no process that checks traces could be started; traces fail until one can"
    ]


async def test_a_verifier_that_is_missing_is_said_when_the_process_starts(
    tracing: Tracing, visit: Callable[..., Visit], caplog: pytest.LogCaptureFixture
) -> None:
    async with tracing() as (tracer, kept):
        tracer.after(visit())
        await kept.until(1)
    assert "the verifier units takes no part in traces: not-configured" in caplog.messages


async def test_the_end_skips_what_waits_and_what_comes_later(tracing: Tracing, visit: Callable[..., Visit]) -> None:
    async with tracing() as (tracer, kept):
        for question in ("", "hang", ""):
            tracer.after(visit(question))
        await kept.until(1)
        await tracer.close(0)
        tracer.after(visit())
    assert kept.outcomes == [
        ("rec_1", "checked", ""),
        ("rec_2", "skipped", "stopping"),
        ("rec_3", "skipped", "stopping"),
        ("rec_4", "skipped", "stopping"),
    ]


async def test_the_end_lets_what_waits_finish_for_a_while(tracing: Tracing, visit: Callable[..., Visit]) -> None:
    async with tracing() as (tracer, kept):
        for _ in range(5):
            tracer.after(visit())
        await tracer.close(20)
        assert [status for _, status, _ in kept.outcomes] == ["checked"] * 5


async def test_a_trace_that_cannot_be_kept_is_said_and_stops_nothing(
    tracing: Tracing, visit: Callable[..., Visit], caplog: pytest.LogCaptureFixture
) -> None:
    async with tracing() as (tracer, kept):
        kept.full = True
        tracer.after(visit())
        async with asyncio.timeout(20):
            while "could not be kept: The disk is full." not in caplog.text:
                await asyncio.sleep(0.005)
        kept.full = False
        tracer.after(visit())
        await kept.until(1)
    assert kept.outcomes == [("rec_2", "checked", "")]


async def test_an_answer_that_cannot_be_gathered_is_said_and_stops_nothing(
    tracing: Tracing, visit: Callable[..., Visit], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> Task:
        raise RuntimeError("a bug")

    async with tracing() as (tracer, kept):
        with monkeypatch.context() as patched:
            patched.setattr(Heard, "task", broken)
            tracer.after(visit())
            await tracer.inline(first := visit(workload="first"), 100.0, told=True)
        assert (first.traced, first.summary, kept.events) == (None, b"", [])
    assert caplog.messages == ["the answer rec_1 cannot be traced", "the answer rec_2 cannot be traced"]


# --- before the answer ---


async def test_an_inline_trace_is_the_visits_until_its_record_is_kept(
    tracing: Tracing, visit: Callable[..., Visit]
) -> None:
    async with tracing() as (tracer, kept):
        first = visit(workload="first")
        await tracer.inline(first, 100.0, told=True)
        assert first.traced is not None
        assert (first.traced[0].mode, first.heard, kept.events) == ("inline", None, [])
        assert msgspec.json.decode(first.summary.removeprefix(b"x-freehold-trace: ").strip())["steps"] == 1
        tracer.keep(*first.traced)
    assert kept.outcomes == [("rec_1", "checked", "")]


async def test_a_caller_that_does_not_ask_is_not_told(tracing: Tracing, visit: Callable[..., Visit]) -> None:
    async with tracing() as (tracer, _):
        first = visit(workload="first")
        await tracer.inline(first, 100.0, told=False)
        assert (first.traced is not None, first.summary) == (True, b"")


async def test_other_workloads_are_left_for_later(tracing: Tracing, visit: Callable[..., Visit]) -> None:
    async with tracing() as (tracer, kept):
        later = visit(workload="late")
        await tracer.inline(later, 100.0, told=True)
        assert (later.traced, later.summary, later.heard is not None, kept.events) == (None, b"", True, [])


@pytest.mark.parametrize(("longest", "now"), [(0.1, 100.0), (20.0, 104.9), (20.0, 200.0)])
async def test_an_answer_waits_for_its_trace_only_so_long_and_then_the_trace_follows(
    tracing: Tracing, visit: Callable[..., Visit], monkeypatch: pytest.MonkeyPatch, longest: float, now: float
) -> None:
    monkeypatch.setattr(module, "INLINE_SECONDS", longest)
    async with tracing() as (tracer, kept):
        warm = visit(workload="first")
        with monkeypatch.context() as patched:
            patched.setattr(module, "INLINE_SECONDS", 20.0)
            await tracer.inline(warm, 100.0, told=False)
        assert warm.traced is not None
        slow = visit("slow", workload="first")
        await tracer.inline(slow, now, told=True)
        assert (slow.traced, slow.summary) == (
            None,
            b'x-freehold-trace: {"status":"pending","at":"/v1/traces/rec_2"}\r\n',
        )
        assert kept.events == []
        await kept.until(1)
    assert kept.outcomes == [("rec_2", "checked", "")]


async def test_inline_traces_do_not_wait_behind_those_that_nobody_waits_for(
    tracing: Tracing, visit: Callable[..., Visit]
) -> None:
    async with tracing() as (tracer, kept):
        tracer.after(visit("hang"))
        first = visit(workload="first")
        await tracer.inline(first, 100.0, told=False)
        assert first.traced is not None
        assert kept.events == []


async def test_an_inline_trace_that_fails_is_told_as_failed(tracing: Tracing, visit: Callable[..., Visit]) -> None:
    async with tracing() as (tracer, _):
        first = visit("die", workload="first")
        await tracer.inline(first, 100.0, told=True)
        assert first.traced is not None
        assert first.traced[1] == Checked(
            body={"status": "failed", "mode": "inline", "chain": "none", "reason": "checker-died"}
        )
        assert first.summary == b'x-freehold-trace: {"status":"failed","at":"/v1/traces/rec_1"}\r\n'


async def test_the_real_process_refutes_a_wrong_sum(tracing: Tracing, visit: Callable[..., Visit]) -> None:
    async with tracing(module.CHECKER) as (tracer, kept):
        tracer.warm(inline=False)
        tracer.after(visit("How much is 2 + 2?", answer="2 + 2 = 5"))
        await kept.until(1)
    [(event, private)] = kept.events
    assert event.body["verifiers"]["arithmetic/2"] == {"refuted": 1}
    assert private is not None
    assert b"The value is 4, not 5." in private.contents["trace"]
