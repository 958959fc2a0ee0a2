"""Capture over HTTP: what becomes an item, what it holds, and what it never holds."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.config.settings import RedactPattern
from freehold.dialects import get
from freehold.gateway import capture as module
from freehold.gateway.capture import Capturer, is_sampled
from freehold.gateway.erasures import erase
from freehold.gateway.gathered import Gathered
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.metrics import Metrics
from freehold.gateway.visit import Visit
from freehold.items import Given, Item
from freehold.ledger.contents import Contents
from freehold.ledger.subjects import Subjects
from freehold.messages import Reply, Text, Tool
from freehold.store.callers import Key
from freehold.store.counters import Counters
from freehold.store.database import open_database
from freehold.store.events import Event
from freehold.store.folder import COUNTERS
from freehold.store.items import ItemRow, list_items
from freehold.store.records import Private, Record
from gateway.door_in_process import Answer, Door, running
from gateway.settled import book_of
from store.samples import record

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"

CAPTURED = """
[vendors.echo]

[workloads.default]
route = ["requested"]

[workloads.triage]
route = ["echo/echo"]
capture = {}

[workloads.plain]
route = ["echo/echo"]
capture = { redact = [], keep_days = 1 }

[workloads.none]
route = ["echo/echo"]
capture = { share = 0.0 }

[workloads.own]
route = ["echo/echo"]
capture = { redact = [{ name = "CUSTOMER", pattern = "C-[0-9]{6}" }] }
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with running(tmp_path, CAPTURED) as found:
        yield found


def asking(path: str, text: str, *, stream: bool = False, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"model": "echo/echo", "stream": stream}
    if path == RESPONSES:
        return {**body, "instructions": "Be brief.", "input": text, **more}
    if path == MESSAGES:
        return {
            **body,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 99,
            **more,
        }
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    return {**body, "messages": said, **more}


async def ask(door: Door, body: dict[str, Any], workload: str = "triage", path: str = CHAT, **headers: str) -> Answer:
    answer = await door.post(path, body, x_freehold_workload=workload, **headers)
    assert answer.status == 200, answer.body
    return answer


async def rows(door: Door, count: int) -> list[ItemRow]:
    """The rows of all items, once so many requests have been made into some."""
    async with asyncio.timeout(60):
        while True:
            door.write_ledger()
            with contextlib.closing(open_database(door.data)) as db:
                found = list_items(db)
            if sum(row.seen for row in found) >= count:
                return found
            await asyncio.sleep(0.02)


def opened(data: Path, item: str) -> Item:
    folder = LedgerFolder(data)
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(Contents(folder.contents, subjects)) as contents,
    ):
        content = contents.read(f"item:{item}").fields["item"].content
    assert content is not None
    return msgspec.json.decode(content, type=Item)


# --- what an item holds ---


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
async def test_an_answer_in_any_dialect_becomes_an_item_in_the_words_of_chat(
    door: Door, path: str, stream: bool
) -> None:
    answer = await ask(door, asking(path, "Is claim 7 covered?", stream=stream), path=path)
    [row] = await rows(door, 1)
    item = opened(door.data, row.id)
    [kept] = [one for one in door.records() if one.id == row.id]
    assert row.id == item.id == item.record == answer.headers["x-freehold-receipt"]
    assert item.input["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is claim 7 covered?"},
    ] or item.input["messages"][0] == {"role": "developer", "content": "Be brief."}
    assert item.given == Given(text="Is claim 7 covered?")
    assert (item.workload, item.model, item.conversation) == ("triage", "echo/echo", kept.conversation)
    assert (len(kept.conversation), int(kept.ended_at * 1000)) == (16, item.at)
    assert (item.input_tokens, item.output_tokens) == (kept.input_tokens, kept.output_tokens)
    assert (item.total_ms, item.first_token_ms) == (kept.total_ms, kept.first_token_ms)
    assert set(item.input) <= {"messages", "max_tokens"}
    assert (row.model, row.conversation, row.input_tokens) == (item.model, item.conversation, item.input_tokens)


async def test_an_item_is_redacted_before_anything_of_it_is_written(door: Door) -> None:
    said = "I am ann@example.com, card 4111 1111 1111 1111; again ann@example.com."
    await ask(door, asking(CHAT, said, metadata={"agent": "bob@example.com"}, user="ann@example.com"))
    [row] = await rows(door, 1)
    item = opened(door.data, row.id)
    expected = "I am [EMAIL_1], card [CARD_1]; again [EMAIL_1]."
    assert item.input["messages"][1]["content"] == expected
    assert item.given is not None
    assert (item.given.text, item.metadata) == (expected, {"agent": "[EMAIL_2]"})
    assert "user" not in item.input
    everything = b"".join(path.read_bytes() for path in door.data.rglob("*") if path.is_file())
    assert b"4111 1111" not in everything


async def test_a_workload_redacts_what_it_says(door: Door) -> None:
    said = "C-123456 is ann@example.com"
    for workload in ("plain", "own"):
        await ask(door, asking(CHAT, said), workload)
    found = {row.workload: opened(door.data, row.id) for row in await rows(door, 2)}
    assert found["plain"].input["messages"][1]["content"] == said
    assert found["own"].input["messages"][1]["content"] == "[CUSTOMER_1] is ann@example.com"


async def test_reasoning_is_no_part_of_a_reply_and_tool_calls_are(door: Door) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    await ask(door, asking(CHAT, "Think.", reasoning_effort="low"))
    [row] = await rows(door, 1)
    item = opened(door.data, row.id)
    assert item.given == Given(text="Think.")
    assert item.input["reasoning_effort"] == "low"
    await ask(door, asking(CHAT, "Look it up.", tools=tools, tool_choice="required", stream=True))
    [_, row] = await rows(door, 2)
    item = opened(door.data, row.id)
    assert item.given is not None
    assert [use.name for use in item.given.tool_uses] == ["look"]
    assert item.given.finish == "tool_calls"
    assert item.input["tools"] == tools


# --- which answers become items ---


async def test_a_repeated_input_is_counted_and_not_kept_again(door: Door) -> None:
    for text in ("Hello there", " Hello  there ", "Something else"):
        await ask(door, asking(CHAT, text))
    await ask(door, asking(CHAT, "Hello there", temperature=0.9), "plain")
    found = await rows(door, 4)
    assert [(row.workload, row.seen) for row in found] == [("triage", 2), ("triage", 1), ("plain", 1)]


async def test_what_a_workload_does_not_capture_costs_nothing_and_leaves_nothing(door: Door) -> None:
    await ask(door, asking(CHAT, "Hello"), "default")
    await ask(door, asking(CHAT, "Hello"), "none")
    await ask(door, asking(CHAT, "Hello"))
    assert [row.workload for row in await rows(door, 1)] == ["triage"]
    conversations = {one.workload: one.conversation for one in door.records()}
    assert (conversations["default"], len(conversations["none"])) == ("", 16)


async def test_what_is_no_whole_question_with_one_reply_is_no_item(door: Door) -> None:
    await door.post(CHAT, asking(CHAT, "Hello", n=2), x_freehold_workload="triage")
    leaning = asking(RESPONSES, "Hello", previous_response_id="resp_1")
    await door.post(RESPONSES, leaning, x_freehold_workload="triage")
    await door.post("/v1/embeddings", {"model": "echo/echo", "input": "Hello"}, x_freehold_workload="triage")
    await ask(door, asking(CHAT, "Last"))
    [row] = await rows(door, 1)
    assert opened(door.data, row.id).given == Given(text="Last")


async def test_a_refused_request_is_no_item(door: Door) -> None:
    answer = await door.post(CHAT, asking(CHAT, "Hello", temperature="hot"), x_freehold_workload="triage")
    assert answer.status == 400
    await ask(door, asking(CHAT, "Last"))
    assert len(await rows(door, 1)) == 1


async def test_a_conversation_is_known_by_its_name_or_by_its_opening(door: Door) -> None:
    first = asking(CHAT, "Hello")
    later = {
        **first,
        "messages": [*first["messages"], {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "And?"}],
    }
    await ask(door, first)
    await ask(door, later)
    await ask(door, asking(CHAT, "Another"), x_freehold_conversation="chat-1")
    await ask(door, asking(CHAT, "And another"), x_freehold_conversation="chat-1")
    names = [row.conversation for row in await rows(door, 4)]
    assert (names[0], names[2]) == (names[1], names[3])
    assert names[0] != names[2]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_conversations_is_kept_and_always_the_same_ones(share: float) -> None:
    names = [f"{number:016x}" for number in range(4000)]
    kept = [name for name in names if is_sampled(name, "triage", share)]
    assert abs(len(kept) - 4000 * share) <= 4 * (4000 * share * (1 - share)) ** 0.5
    assert kept == [name for name in names if is_sampled(name, "triage", share)]


def test_workloads_draw_for_themselves() -> None:
    names = [f"{number:016x}" for number in range(4000)]
    both = [name for name in names if is_sampled(name, "a", 0.5) and is_sampled(name, "b", 0.5)]
    assert 850 < len(both) < 1150


# --- erasure ---


async def test_an_erasure_takes_items_along(door: Door) -> None:
    await ask(door, asking(CHAT, "About seven"), x_freehold_subject="patient-7")
    await ask(door, asking(CHAT, "About eight"), x_freehold_subject="patient-8")
    seven, _ = await rows(door, 2)
    erased = erase(door.data, "patient-7", "GDPR Art. 17(1)(b)")
    assert erased is not None
    assert erased.records == 2, "the answer's salts, and the item"
    assert [opened(door.data, row.id).given for row in await rows(door, 1)] == [Given(text="About eight")]
    folder = LedgerFolder(door.data)
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(Contents(folder.contents, subjects)) as contents,
    ):
        assert contents.list_by(seven.subject) == []


async def test_an_item_that_is_made_after_its_subject_was_erased_is_not_kept(tmp_path: Path) -> None:
    async with running(tmp_path, CAPTURED) as door:
        await ask(door, asking(CHAT, "About seven"), x_freehold_subject="patient-7")
        async with asyncio.timeout(60):
            while b'{"kind":"item"' not in b"".join(path.read_bytes() for path in (door.data / "journal").iterdir()):
                await asyncio.sleep(0.02)
        assert erase(door.data, "patient-7", "a basis") is not None
        await ask(door, asking(CHAT, "About eight"), x_freehold_subject="patient-8")
        assert [opened(door.data, row.id).given for row in await rows(door, 1)] == [Given(text="About eight")]


# --- what goes wrong ---


class Kept:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, record: Record | Event, private: Private | None = None, *, later: bool = False) -> None:
        assert isinstance(record, Event)
        self.events.append(record)


@pytest.fixture
def visit(tmp_path: Path) -> Callable[[str], Visit]:
    Counters.create(tmp_path / COUNTERS, 0.0)
    book = book_of(CAPTURED, Counters.open(tmp_path / COUNTERS, 0))
    key = Key(id="key_1", name="k", prefix="fh_", organisation="o", project="p", role="member", created_at=0.0)

    def answered(text: str) -> Visit:
        made = Visit("rec_1", "openai-chat", key, 1_795_564_800.0, 100.0)
        made.plan = book.plan("own", "")
        made.request = get("openai-chat").read_request(msgspec.json.encode(asking(CHAT, text)))
        made.gathered = Gathered()
        made.gathered.reply(Reply(id="r", model="m", parts=(Text(text),)))
        made.status, made.recorded = "answered", record(1, workload="own")
        return made

    return answered


def counted(metrics: Metrics) -> dict[str, str]:
    lines = [line for line in metrics.page().decode().splitlines() if line.startswith("freehold_items_total")]
    return {line.split()[0].split('status="')[1].split('"')[0]: line.split()[1] for line in lines}


async def test_what_is_too_large_is_left_out_whole(visit: Callable[[str], Visit]) -> None:
    metrics, kept = Metrics(), Kept()
    capturer = Capturer(kept, metrics, b"s" * 32)
    capturer.after(visit("x" * 600_000))
    capturer.after(visit("short"))
    await capturer.close(30)
    assert len(kept.events) == 1
    assert counted(metrics) == {"skipped": "1.0", "kept": "1.0"}


async def test_a_pattern_that_does_not_come_back_costs_its_item_and_no_answer(
    visit: Callable[[str], Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS", 1.5)
    metrics, kept = Metrics(), Kept()
    capturer = Capturer(kept, metrics, b"s" * 32)
    slow = visit("a" * 60 + "!")
    assert slow.plan is not None
    assert slow.plan.capture is not None
    pattern = RedactPattern(name="CUSTOMER", pattern="(a+)+$")
    slow.plan = msgspec.structs.replace(
        slow.plan, capture=msgspec.structs.replace(slow.plan.capture, redact=(pattern,))
    )
    capturer.after(slow)
    capturer.after(visit("short"))
    await capturer.close(30)
    assert len(kept.events) == 1
    assert counted(metrics) == {"failed": "1.0", "kept": "1.0"}


async def test_a_request_that_chat_cannot_say_is_skipped_and_a_bug_is_survived(
    visit: Callable[[str], Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics, kept = Metrics(), Kept()
    capturer = Capturer(kept, metrics, b"s" * 32)
    strange = visit("Hello")
    assert strange.request is not None
    strange.request.tools = (*strange.request.tools, Tool(name="search", kind="web_search"))
    capturer.after(strange)
    monkeypatch.setattr(module, "material_of", None)
    capturer.after(visit("Hello"))
    await capturer.close(1)
    assert (kept.events, counted(metrics)) == ([], {"skipped": "1.0", "failed": "1.0"})
