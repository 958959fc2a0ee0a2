"""What of an answer is checked, and what may be told of the outcome: by an entry, a sealed document, a header."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from freehold.errors import Blocked
from freehold.gateway import traces
from freehold.gateway.traces import (
    Heard,
    Task,
    body_of,
    document_of,
    documents_of,
    header_line,
    question_of,
    schema_of,
    shown,
    unchecked,
)
from freehold.ledger.entry import read_entry, write_entry
from freehold.messages import (
    Chunk,
    File,
    Message,
    OutputFormat,
    Part,
    PartEnd,
    Reasoning,
    ReasoningDelta,
    ReasoningSeal,
    Refusal,
    RefusalDelta,
    Reply,
    Request,
    Text,
    TextDelta,
    ToolCall,
    ToolCallStart,
    ToolResult,
)
from freehold.reasoning.trace import Claim, Finding, Step, Trace

ASKED = Request(dialect="openai-chat", model="m", messages=(Message("user", (Text("How much is 2 + 2?"),)),))


def task_of(heard: Heard, request: Request = ASKED) -> Task:
    return heard.task("rec_1", request, "after", "triage", 1_800_000_000)


def whole(*parts: Part) -> Task:
    heard = Heard(None)
    heard.reply(Reply(id="r", model="m", parts=parts))
    return task_of(heard)


def streamed(*chunks: Chunk) -> Task:
    heard = Heard(None)
    for chunk in chunks:
        heard.chunk(chunk)
    return task_of(heard)


def read(task: Task) -> tuple[str, str, str]:
    return task.chain_is, task.chain, task.answer


# --- the chain and the answer ---


@pytest.mark.parametrize(
    ("parts", "is_read"),
    [
        ((Reasoning("Two and two."), Text("4")), ("shown", "Two and two.", "4")),
        ((Reasoning("One."), Text("It is "), Reasoning("Two."), Text("4")), ("shown", "One.\n\nTwo.", "It is 4")),
        ((Reasoning("", ("Added", "them")), Text("4")), ("summary", "Added\n\nthem", "4")),
        ((Reasoning("Chain", ("Summary",)), Text("4")), ("shown", "Chain", "4")),
        ((Reasoning(opaque="sealed"), Text("4")), ("hidden", "", "4")),
        ((Reasoning(redacted=True, opaque="sealed"), Text("4")), ("hidden", "", "4")),
        ((Text("4"),), ("none", "", "4")),
        ((Refusal("I will not."),), ("none", "", "I will not.")),
        ((Reasoning("I call."), ToolCall("c", "add", "{}")), ("shown", "I call.", "")),
        ((), ("none", "", "")),
        (
            (Text("<step>2 + 2 = 4</step><step>So 4.</step> 4"),),
            ("shown", "<step>2 + 2 = 4</step><step>So 4.</step>", " 4"),
        ),
        ((Text("<think>2 + 2 = 4</think>It is 4"),), ("shown", "2 + 2 = 4", "It is 4")),
        ((Text("Say <think>a</think>"),), ("none", "", "Say <think>a</think>")),
        ((Reasoning("Chain"), Text("<step>4</step>")), ("shown", "Chain", "<step>4</step>")),
    ],
)
def test_the_chain_is_what_the_vendor_shows_of_it_and_the_answer_its_text(
    parts: tuple[Part, ...], is_read: tuple[str, str, str]
) -> None:
    assert read(whole(*parts)) == is_read


@pytest.mark.parametrize(
    ("chunks", "is_read"),
    [
        (
            (
                ReasoningDelta(0, "Two "),
                ReasoningDelta(0, "and two."),
                PartEnd(0),
                TextDelta(1, "It "),
                TextDelta(1, "is 4"),
            ),
            ("shown", "Two and two.", "It is 4"),
        ),
        (
            (ReasoningDelta(0, "One."), TextDelta(1, "It is "), ReasoningDelta(2, "Two."), TextDelta(3, "4")),
            ("shown", "One.\n\nTwo.", "It is 4"),
        ),
        ((ReasoningDelta(0, "Added", summary=True), TextDelta(1, "4")), ("summary", "Added", "4")),
        ((ReasoningSeal(0, "sealed", redacted=True), TextDelta(1, "4")), ("hidden", "", "4")),
        ((ReasoningDelta(0, "Two."), ReasoningSeal(0, "sealed"), TextDelta(1, "4")), ("shown", "Two.", "4")),
        ((RefusalDelta(0, "I will"), RefusalDelta(0, " not.")), ("none", "", "I will not.")),
        ((ToolCallStart(0, "c", "add"),), ("none", "", "")),
    ],
)
def test_a_stream_reads_as_the_same_answer_in_one_piece(
    chunks: tuple[Chunk, ...], is_read: tuple[str, str, str]
) -> None:
    assert read(streamed(*chunks)) == is_read


def test_the_watch_behind_hears_everything_and_may_block() -> None:
    class Watch:
        def __init__(self) -> None:
            self.heard: list[object] = []

        def chunk(self, chunk: Chunk) -> None:
            self.heard.append(chunk)
            raise Blocked("No.")

        def reply(self, reply: Reply) -> None:
            self.heard.append(reply)

    watch = Watch()
    heard = Heard(watch)
    with pytest.raises(Blocked):
        heard.chunk(TextDelta(0, "secret"))
    heard.reply(reply := Reply(id="r", model="m"))
    assert watch.heard == [TextDelta(0, "secret"), reply]


def test_what_is_too_long_is_cut_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_CHAIN", 5)
    monkeypatch.setattr(traces, "MAX_DOCUMENTS", 7)
    request = replace(ASKED, messages=(Message("system", (Text("the rules"),)), *ASKED.messages))
    heard = Heard(None)
    heard.reply(Reply(id="r", model="m", parts=(Reasoning("thoughts"), Text("words"))))
    task = task_of(heard, request)
    assert (task.chain, task.answer, task.documents, task.cut) == (
        "thoug",
        "words",
        {"system": "the rul"},
        ("chain", "documents"),
    )


@given(st.text(st.characters(), max_size=50))
@example("half \ud83d of a pair")
def test_whatever_was_said_goes_through_a_pipe_with_its_offsets(said: str) -> None:
    task = whole(Reasoning(said), Text(said))
    assert msgspec.json.decode(msgspec.json.encode(task), type=Task) == task
    if task.chain_is == "shown" and task.answer:
        assert (len(task.chain), len(task.answer)) == (len(said), len(said))


# --- what it is held against ---


def test_the_question_is_what_the_user_said_since_the_last_answer() -> None:
    called = Message("assistant", (ToolCall("c", "look", "{}"),))
    messages = (
        Message("user", (Text("Old."),)),
        Message("assistant", (Text("Answered."),)),
        Message("user", (Text("New, "), Text("in two parts"))),
        Message("user", (Text("and two turns."),)),
        called,
        Message("tool", (ToolResult("c", (Text("found"),)),)),
    )
    assert question_of(replace(ASKED, messages=messages)) == "New, \n\nin two parts\n\nand two turns."
    assert question_of(replace(ASKED, messages=())) == ""


def test_documents_are_what_the_system_said_what_tools_gave_and_text_files() -> None:
    messages = (
        Message("system", (Text("Rule one."),)),
        Message("developer", (Text("Rule two."),)),
        Message(
            "user", (Text("Q"), File(text="A report.", filename="report-7"), File(text="Nameless."), File(url="x"))
        ),
        Message("tool", (ToolResult("call_9", (Text("Row 1"), File(text="Row 2")), is_error=False),)),
        Message("tool", (ToolResult("call_9", (Text("again"),)),)),
        Message("tool", (ToolResult("call_10", ()),)),
    )
    assert documents_of(replace(ASKED, messages=messages)) == (
        {
            "system": "Rule one.\n\nRule two.",
            "report-7": "A report.",
            "file": "Nameless.",
            "call_9": "Row 1\n\nRow 2\n\nagain",
        },
        False,
    )


def test_the_schema_is_the_one_that_was_asked_for() -> None:
    assert schema_of(ASKED) is None
    follows = OutputFormat("json_schema", Raw(b'{"type":"string"}'))
    assert schema_of(replace(ASKED, output=follows)) == '{"type":"string"}'
    assert schema_of(replace(ASKED, output=OutputFormat("json_object"))) == '{"type":"object"}'


# --- what is told ---

TASK = whole(Reasoning("2 + 2 = 4. So it is."), Text("5"))
STEPS = (
    Step(0, "2 + 2 = 4.", 0, 10, "sentence"),
    Step(1, "So it is.", 11, 20, "sentence"),
    Step(2, "5", 0, 1, "answer"),
)
RIGHT = Finding(0, "verified", "sums", "2", Claim("2 + 2 = 4", 0, 9), "4", "It is.", ("4",))
WRONG = Finding(2, "refuted", "naïve", "1", Claim("5", 0, 1), "4", "It is 4.")
TRACE = Trace(STEPS, (RIGHT, WRONG))
BODY = body_of(TASK, TRACE, ["sums/2", "idle/1", "naïve/1"], {"algebra": "not-configured"}, 1234)


def test_an_entry_holds_counts_verifiers_and_times_and_no_contents() -> None:
    assert BODY == {
        "status": "checked",
        "mode": "after",
        "chain": "shown",
        "steps": 3,
        "steps_checked": 2,
        "verified": 1,
        "refuted": 1,
        "unsupported": 0,
        "not_checkable": 0,
        "verifiers": {"idle/1": {}, "na\\xefve/1": {"refuted": 1}, "sums/2": {"verified": 1}},
        "missing": {"algebra": "not-configured"},
        "took_us": 1234,
    }
    assert read_entry(write_entry("trace", "rec_1", 5, BODY)).body == BODY


def test_what_was_cut_is_said_in_the_entry_and_nothing_missing_is_not() -> None:
    body = body_of(replace(TASK, cut=("chain",)), Trace((), ()), [], {}, 1)
    assert body["cut"] == ["chain"]
    assert "missing" not in body
    assert body["verifiers"] == {}


def test_the_document_has_every_step_with_its_verdict_and_findings() -> None:
    told: dict[str, Any] = msgspec.json.decode(document_of("rec_1", BODY, TRACE))
    assert (told["id"], told["coverage"], told["precision"], told["steps"]) == ("rec_1", 0.6667, 0.5, 3)
    assert [(step["text"], step["verdict"], len(step["findings"])) for step in told["trace"]] == [
        ("2 + 2 = 4.", "verified", 1),
        ("So it is.", "not_checkable", 0),
        ("5", "refuted", 1),
    ]
    assert told["trace"][2]["findings"] == [
        {
            "verdict": "refuted",
            "verifier": "naïve",
            "version": "1",
            "claim": {"text": "5", "start": 0, "end": 1},
            "found": "4",
            "reason": "It is 4.",
            "derived": [],
        }
    ]


def test_a_document_that_is_too_long_keeps_what_is_wrong_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_SEALED", 100)
    told = msgspec.json.decode(document_of("rec_1", BODY, TRACE))
    assert [step["index"] for step in told["trace"]] == [2]
    assert (told["cut"], told["steps"], told["verified"]) == (["trace"], 3, 1)


def test_what_an_entry_tells_leaves_out_what_leads_to_the_subject() -> None:
    told = shown("rec_1", {**BODY, "commitments": {"trace": "ab"}, "subject": "cd"})
    assert told == {"id": "rec_1", "coverage": 0.6667, "precision": 0.5, **BODY}
    skipped = unchecked(TASK, "skipped", "queue-full")
    assert shown("rec_1", skipped) == {
        "id": "rec_1",
        "status": "skipped",
        "mode": "after",
        "chain": "shown",
        "reason": "queue-full",
    }


def test_the_header_is_one_line_of_ascii_json_and_says_where_the_whole_is() -> None:
    assert header_line("rec_1", BODY) == (
        b'x-freehold-trace: {"status":"checked","chain":"shown","steps":3,"coverage":0.6667,"precision":0.5,'
        b'"verified":1,"refuted":1,"unsupported":0,"not_checkable":0,"at":"/v1/traces/rec_1"}\r\n'
    )
    assert header_line("rec_1", None) == b'x-freehold-trace: {"status":"pending","at":"/v1/traces/rec_1"}\r\n'
    failed = header_line("rec_1", unchecked(TASK, "failed", "late"))
    assert failed == b'x-freehold-trace: {"status":"failed","at":"/v1/traces/rec_1"}\r\n'


def test_shares_of_nothing_are_null_and_not_a_number() -> None:
    told = shown("rec_1", body_of(TASK, Trace((), ()), [], {}, 1))
    assert (told["coverage"], told["precision"]) == (None, None)
