"""Traces over HTTP: what a caller gets, what the ledger says, and what an erasure leaves of it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from freehold.config.settings import Ledger
from freehold.errors import UnknownContents
from freehold.gateway.erasures import erase
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.gateway.tracer import Tracer
from freehold.gateway.visit import Visit
from freehold.ledger.contents import Contents
from freehold.ledger.entry import Entry, read_entry
from freehold.ledger.log import Log
from freehold.ledger.subjects import Subjects
from freehold.ledger.tiles import TileReader
from freehold.ledger.verify import verify_log
from freehold.store.callers import create_key
from freehold.store.database import open_database
from freehold.store.events import Event
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from freehold.store.records import Private
from gateway.door_in_process import Answer, Door, running
from store.samples import record

TRACED = """
[vendors.echo]

[workloads.default]
route = ["requested"]

[workloads.late]
route = ["requested"]
trace = true

[workloads.first]
route = ["requested"]
trace = "inline"
"""

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
ON = Ledger(origin="log.example/test")
RIGHT, WRONG = "Take 2 + 2 = 4.", "Take 2 + 2 = 5."


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with running(tmp_path, TRACED) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Door]:
    """One door for the tests that only ask: its two checkers load their libraries once, which takes seconds."""
    async with running(tmp_path_factory.mktemp("shared"), TRACED) as found:
        yield found


def asking(path: str, text: str, *, stream: bool = False, think: bool = False, **more: Any) -> dict[str, Any]:
    """The same question in the dialect of a path; echo repeats it."""
    body: dict[str, Any] = {"model": "echo/echo", "stream": stream}
    if path == RESPONSES:
        return {**body, "input": text, **({"reasoning": {"effort": "low"}} if think else {}), **more}
    body["messages"] = [{"role": "user", "content": text}]
    if path == MESSAGES:
        thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}} if think else {}
        return {**body, "max_tokens": 4096, **thinking, **more}
    return {**body, **({"reasoning_effort": "low"} if think else {}), **more}


async def ask(door: Door, path: str, body: dict[str, Any], workload: str, **headers: str) -> Answer:
    answer = await door.post(path, body, x_freehold_workload=workload, **headers)
    assert answer.status == 200, answer.body
    return answer


async def trace_of(door: Door, receipt_id: str, **headers: str) -> Answer:
    """The answer to the question for a trace, once it is no longer pending."""
    written = -1
    async with asyncio.timeout(60):
        while True:
            journalled = sum(path.stat().st_size for path in (door.data / JOURNAL).iterdir())
            if journalled != written:  # a round for nothing would take time from the checker
                door.write_ledger()
                written = journalled
            answer = await door.get(f"/v1/traces/{receipt_id}", **headers)
            if answer.status != 202:
                return answer
            await asyncio.sleep(0.02)


async def traced(door: Door, path: str, body: dict[str, Any], workload: str, **headers: str) -> Any:
    answer = await ask(door, path, body, workload, **headers)
    return (await trace_of(door, answer.headers["x-freehold-receipt"])).json


def entries(data: Path) -> list[Entry]:
    """Every entry of the log, after the whole log has been verified."""
    folder = LedgerFolder(data)
    read = Log(folder.log, folder.origin(), folder.signers()).read
    head = verify_log(read, folder.verifiers()).opened.checkpoint
    reader = TileReader(read, head.size)
    return [read_entry(leaf) for index in range(-(-head.size // 256)) for leaf in reader.entries(index)]


def everything(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())


# --- every dialect, streamed and whole ---


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("workload", ["late", "first"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
async def test_reasoning_and_answer_are_checked_in_every_dialect(
    shared: Door, path: str, stream: bool, workload: str
) -> None:
    right = await traced(shared, path, asking(path, RIGHT, stream=stream, think=True), workload)
    wrong = await traced(shared, path, asking(path, WRONG, stream=stream, think=True), workload)
    assert [(step["kind"], step["text"], step["verdict"]) for step in right["trace"]] == [
        ("paragraph", "The caller spoke, so I repeat it.", "not_checkable"),
        ("answer", RIGHT, "verified"),
    ]
    assert [(step["text"], step["verdict"]) for step in wrong["trace"]] == [
        ("The caller spoke, so I repeat it.", "not_checkable"),
        (WRONG, "refuted"),
    ]
    assert [trace["verifiers"]["arithmetic/2"] for trace in (right, wrong)] == [{"verified": 1}, {"refuted": 1}]
    shown = "summary" if path == RESPONSES else "shown"
    assert {trace["chain"] for trace in (right, wrong)} <= {shown, "shown"}
    assert right["mode"] == ("inline" if workload == "first" and not stream else "after")
    assert (right["status"], right["coverage"], right["precision"]) == ("checked", 0.5, 1.0)


@pytest.mark.asyncio(loop_scope="module")
async def test_steps_that_a_model_marks_in_its_answer_are_its_chain(shared: Door) -> None:
    said = "<step>2 + 3 = 5</step><step>5 * 4 = 21</step>So it is 21."
    trace = await traced(shared, CHAT, asking(CHAT, said), "late")
    assert [(step["kind"], step["text"], step["verdict"]) for step in trace["trace"]] == [
        ("tag", "2 + 3 = 5", "verified"),
        ("tag", "5 * 4 = 21", "refuted"),
        ("answer", "So it is 21.", "verified"),  # the number stands in the question, which echo repeats
    ]
    assert trace["chain"] == "shown"


@pytest.mark.asyncio(loop_scope="module")
async def test_an_answer_is_held_against_documents_and_schema(shared: Door) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    found = 'Profit rose in March: it "rose by 4.2 % to 31 million euros" says the board.'
    looking = asking(CHAT, "What of profits?")
    looking["messages"] += [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": found},
    ]
    trace = await traced(shared, CHAT, looking, "late")  # echo repeats what the tool gave
    [quoted] = [one for one in trace["trace"][0]["findings"] if one["verifier"] == "quotations"]
    assert (quoted["verdict"], quoted["found"]) == ("verified", "call_1, characters 26 to 59")
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 3}}, "required": ["age"]}
    output = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    trace = await traced(shared, CHAT, asking(CHAT, "How old?", response_format=output), "late")
    assert trace["verifiers"]["schema/1"] == {"verified": 1}


# --- the header ---


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
async def test_an_answer_carries_its_summary_when_asked_and_is_the_same_otherwise(shared: Door, path: str) -> None:
    body = asking(path, WRONG)
    plain = await ask(shared, path, body, "default", x_freehold_trace="1")
    silent = await ask(shared, path, body, "first")
    told = await ask(shared, path, body, "first", x_freehold_trace="1")
    assert ("x-freehold-trace" in plain.headers, "x-freehold-trace" in silent.headers) == (False, False)
    assert plain.body == silent.body == told.body
    assert set(told.headers) - set(plain.headers) == {"x-freehold-trace"}
    summary = msgspec.json.decode(told.headers["x-freehold-trace"])
    assert summary == {
        "status": "checked",
        "chain": "none",
        "steps": 1,
        "coverage": 1.0,
        "precision": summary["precision"],
        "verified": summary["verified"],
        "refuted": 1,
        "unsupported": 0,
        "not_checkable": 0,
        "at": f"/v1/traces/{told.headers['x-freehold-receipt']}",
    }
    del summary["at"]
    trace = (await trace_of(shared, told.headers["x-freehold-receipt"])).json
    assert {name: trace[name] for name in summary} == summary


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("workload", "stream"), [("late", False), ("first", True)])
async def test_an_answer_whose_trace_comes_after_it_says_where_it_will_be(
    shared: Door, workload: str, stream: bool
) -> None:
    body = asking(CHAT, RIGHT, stream=stream)
    answer = await ask(shared, CHAT, body, workload, x_freehold_trace="1")
    about = answer.headers["x-freehold-receipt"]
    said = msgspec.json.decode(answer.headers["x-freehold-trace"])
    assert said == {"status": "pending", "at": f"/v1/traces/{about}"}
    assert (await trace_of(shared, about)).json["status"] == "checked"
    assert "x-freehold-trace" not in (await ask(shared, CHAT, body, workload)).headers
    assert "x-freehold-trace" not in (await ask(shared, CHAT, body, "default", x_freehold_trace="1")).headers


# --- whose trace it is ---


@pytest.mark.asyncio(loop_scope="module")
async def test_a_key_gets_the_traces_of_its_own_project_and_an_admin_all(shared: Door) -> None:
    keys: list[str] = []
    with contextlib.closing(open_database(shared.data)) as db:
        for project in ("ours", "theirs"):
            keys.append(f"Bearer {create_key(db, name='m', project=project)[1]}")
    shared.worker.counters.bump()
    answer = await ask(shared, CHAT, asking(CHAT, RIGHT), "late", authorization=keys[0])
    receipt_id = answer.headers["x-freehold-receipt"]
    await trace_of(shared, receipt_id)
    path = f"/v1/traces/{receipt_id}"
    statuses = [(await shared.get(path, authorization=key)).status for key in (*keys, f"Bearer {shared.key}", "")]
    assert statuses == [200, 404, 200, 401]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_trace_is_pending_until_it_is_in_the_ledger(shared: Door) -> None:
    receipt_id = (await ask(shared, CHAT, asking(CHAT, RIGHT), "first")).headers["x-freehold-receipt"]
    pending = await shared.get(f"/v1/traces/{receipt_id}")
    assert (pending.status, pending.json, pending.headers["retry-after"]) == (
        202,
        {"id": receipt_id, "status": "pending"},
        "1",
    )
    shared.write_ledger()
    assert (await shared.get(f"/v1/traces/{receipt_id}")).status == 200


async def test_a_trace_that_is_still_being_made_is_pending_and_then_unknown(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        return

    monkeypatch.setattr(Tracer, "after", never)
    receipt_id = (await ask(door, CHAT, asking(CHAT, RIGHT), "late")).headers["x-freehold-receipt"]
    door.write_ledger()
    path = f"/v1/traces/{receipt_id}"
    assert (await door.get(path)).status == 202
    monkeypatch.setattr("freehold.gateway.receipts.PENDING_SECONDS", 0)
    assert (await door.get(path)).status == 404


async def test_what_has_no_trace_is_not_found(door: Door) -> None:
    untraced = await ask(door, CHAT, asking(CHAT, RIGHT), "default")
    counted = await ask(door, "/v1/messages/count_tokens", asking(MESSAGES, RIGHT), "late")
    embedded = await ask(door, "/v1/embeddings", {"model": "echo/echo", "input": "a"}, "first")
    refused = await door.post(CHAT, asking(CHAT, RIGHT, stop=5), x_freehold_workload="late")
    assert refused.status == 400
    door.write_ledger()
    ids = [answer.headers["x-freehold-receipt"] for answer in (untraced, counted, embedded, refused)]
    for about in (*ids, "rec_0123", "..%2F..%2Fadmin.key"):
        answer = await door.get(f"/v1/traces/{about}")
        assert (answer.status, answer.json["error"]["code"]) == (404, "not-found"), about
    assert b"freehold_traces_total{" not in (await door.get("/metrics")).body


# --- the ledger ---


async def test_the_entry_stands_behind_the_answers_and_holds_no_words(door: Door) -> None:
    said = "Wanda says 2 + 2 = 5, and she should know."
    answer = await ask(door, CHAT, asking(CHAT, said), "first", x_freehold_subject="Wanda")
    receipt_id = answer.headers["x-freehold-receipt"]
    assert (await trace_of(door, receipt_id)).json["trace"][0]["text"] == said
    first, second = [entry for entry in entries(door.data) if entry.id == receipt_id]
    assert (first.kind, second.kind) == ("answer", "trace")
    assert second.body["subject"] == first.body["subject"]
    assert second.body["refuted"] == 1
    assert second.body["took_us"] > 0
    assert set(second.body["verifiers"]) >= {"arithmetic/2", "quotations/1", "schema/1", "units/2"}
    assert set(second.body) == {
        *("status", "mode", "chain", "took_us", "verifiers", "commitments", "subject"),
        *("steps", "steps_checked", "verified", "refuted", "unsupported", "not_checkable"),
    }
    assert b"Wanda" not in everything(door.data / "ledger")
    receipt = await door.get(f"/v1/receipts/{receipt_id}")
    assert (receipt.status, receipt.body.startswith(b"c2sp.org/tlog-proof@v1\n")) == (200, True)


async def test_an_erasure_takes_the_trace_along_and_leaves_its_counts(door: Door) -> None:
    answer = await ask(door, CHAT, asking(CHAT, WRONG), "late", x_freehold_subject="Jane Roe")
    receipt_id = answer.headers["x-freehold-receipt"]
    before = (await trace_of(door, receipt_id)).json
    erasure = erase(door.data, "Jane Roe", "GDPR Art. 17(1)(b)")
    assert erasure is not None
    assert erasure.records == 2
    after = (await trace_of(door, receipt_id)).json
    assert after == {**{name: value for name, value in before.items() if name != "trace"}, "contents": "gone"}
    with opened(door.data) as contents:
        assert contents.list_by(erasure.pseudonym) == []


def test_a_trace_that_comes_after_the_erasure_is_not_kept_under_a_new_key(tmp_path: Path) -> None:
    salts = {"trace": b"\x01" * 32}
    with (
        contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal,
        contextlib.closing(LedgerWriter(tmp_path, ON)) as writer,
    ):
        journal.append(record(1), Private(subject="Jane", keep_until=2_000_000_000, salts={"request": b"\x02" * 32}))
        writer.round()
        assert erase(tmp_path, "Jane", "GDPR Art. 17(1)(b)") is not None
        late = Private(subject="", keep_until=2_000_000_000, salts=salts, contents={"trace": b"late words"})
        journal.append(Event("trace", "rec_000001", 5, {"status": "checked"}), late)
        writer.round()
    [entry] = [entry for entry in entries(tmp_path) if entry.kind == "trace"]
    assert (entry.id, entry.body) == ("rec_000001", {"status": "checked"})
    with opened(tmp_path) as contents, pytest.raises(UnknownContents):
        contents.read("trace:rec_000001")


def test_a_trace_is_sealed_with_its_answer_whatever_dies_in_between(tmp_path: Path) -> None:
    private = Private(subject="Jane", keep_until=2_000_000_000, salts={"request": b"\x02" * 32})
    sealed = Private(subject="", keep_until=5, salts={"trace": b"\x01" * 32}, contents={"trace": b"words"})
    with contextlib.closing(Journal(tmp_path / JOURNAL, 0, rotate_bytes=1)) as journal:
        journal.append(record(1), private)
        journal.append(Event("trace", "rec_000001", 5, {"status": "checked"}), sealed)  # in a segment of its own
        journal.sync()
    for _ in range(2):
        with contextlib.closing(LedgerWriter(tmp_path, ON)) as writer:
            writer.round()
    assert [entry.kind for entry in entries(tmp_path)] == ["answer", "trace"]
    with opened(tmp_path) as contents:
        answer, trace = contents.read("rec_000001"), contents.read("trace:rec_000001")
    assert trace.subject == answer.subject
    assert (trace.keep_until, trace.fields["trace"].content) == (5, b"words")


async def test_a_sealed_trace_that_was_changed_is_not_shown(door: Door) -> None:
    receipt_id = (await ask(door, CHAT, asking(CHAT, RIGHT), "first")).headers["x-freehold-receipt"]
    assert (await trace_of(door, receipt_id)).status == 200
    for segment in (
        door.data / "ledger" / "contents" / "segments"
    ).iterdir():  # two, when the checker was slow to start
        damaged = bytearray(segment.read_bytes())
        damaged[-1] ^= 1
        segment.chmod(0o600)
        segment.write_bytes(damaged)
    answer = await door.get(f"/v1/traces/{receipt_id}")
    assert (answer.status, answer.json["error"]["code"]) == (500, "contents-damaged")


# --- answers are never broken by it ---


async def test_a_caller_that_leaves_during_an_inline_check_has_its_record_and_no_reservation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Tracer, "inline", never)
    budget = 'budget = { usd = 1 }\n[prices."echo/echo"]\ninput = 1\noutput = 1\n'
    async with running(tmp_path, TRACED + budget) as door:
        body = msgspec.json.encode(asking(CHAT, RIGHT, max_tokens=1000))
        host, port = door.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {CHAT} HTTP/1.1\r\nhost: d\r\nauthorization: Bearer {door.key}\r\nx-freehold-workload: first\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        async with asyncio.timeout(20):
            await began.wait()
            writer.close()
            while door.worker.lifecycle.in_flight:
                await asyncio.sleep(0.01)
        [kept] = door.records()
        assert (kept.status, kept.workload, kept.cost_nano > 0) == ("cancelled", "first", True)
        assert kept.reserved_nano > kept.cost_nano


async def test_a_bug_in_the_tracer_breaks_no_answer(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Visit, "task", broken)
    for workload in ("late", "first"):
        answer = await ask(door, CHAT, asking(CHAT, RIGHT), workload, x_freehold_trace="1")
        assert answer.json["choices"][0]["message"]["content"] == RIGHT
        assert ("x-freehold-trace" in answer.headers) == (workload == "late"), "said before anything was tried"


async def test_what_waits_when_the_worker_ends_is_checked_or_skipped_and_never_silent(tmp_path: Path) -> None:
    async with running(tmp_path, "[door]\ndrain_seconds = 0\n" + TRACED) as door:
        ids = [(await ask(door, CHAT, asking(CHAT, RIGHT), "late")).headers["x-freehold-receipt"] for _ in range(20)]
    with contextlib.closing(LedgerWriter(tmp_path, door.worker.settings.ledger)) as writer:
        writer.round()
    found: Mapping[str, Any] = {entry.id: entry.body for entry in entries(tmp_path) if entry.kind == "trace"}
    assert sorted(found) == sorted(ids)
    assert {body["status"] for body in found.values()} <= {"checked", "skipped"}
    assert {body["reason"] for body in found.values() if body["status"] == "skipped"} <= {"stopping"}


# --- inside ---


@contextlib.contextmanager
def opened(data: Path) -> Generator[Contents]:
    folder = LedgerFolder(data)
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(Contents(folder.contents, subjects)) as contents,
    ):
        yield contents
