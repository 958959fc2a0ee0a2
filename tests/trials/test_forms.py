"""The forms of others: each is recognised by its shape, and what it says becomes an item."""

from typing import Any

import pytest

from freehold.errors import InvalidField
from freehold.items import Given, Item, ToolUse
from freehold.trials.forms import Columns, given_of, messages_of, read, recognise

USER = {"role": "user", "content": "What is 2 + 2?"}
SYSTEM = {"role": "system", "content": "Be brief."}
CALL = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a":2}'}}

SHAPES: list[tuple[dict[str, Any], str]] = [
    ({"id": "a", "workload": "w", "input": {"messages": [USER]}}, "freehold"),
    ({"input": "{}", "reply": "", "tool_uses": "", "cost_nano": "0"}, "freehold-table"),
    ({"object": "chat.completion", "choices": [{"message": {}}], "messages": [USER]}, "openai-completion"),
    ({"sample": {"input": [USER], "output": []}, "datasource_item": {}}, "openai-eval-run"),
    ({"input": [USER], "ideal": "4"}, "openai-evals"),
    ({"messages": [USER]}, "openai-chat"),
    ({"id": "a", "input": "x", "expectedOutput": "y", "datasetId": "d"}, "langfuse-dataset"),
    ({"input": "x", "output": "y", "sessionId": None, "userId": "u"}, "langfuse-trace"),
    ({"question": "x", "answer": "y"}, "plain"),
    ({"input": "x", "output": "y"}, "plain"),
]


def item(fields: dict[str, Any], **columns: str) -> Item:
    return read(fields, recognise(fields), Columns(**columns), "triage")


@pytest.mark.parametrize(("fields", "form"), SHAPES)
def test_a_form_is_recognised_by_its_shape(fields: dict[str, Any], form: str) -> None:
    assert recognise(fields) == form


def test_our_own_lines_come_back_as_they_were_but_for_the_workload() -> None:
    own = {
        "id": "rec_1",
        "workload": "other",
        "input": {"messages": [USER], "temperature": 0.5},
        "given": {"text": "4"},
        "labels": [{"source": "human", "score": 1.0, "model": "m", "at": 5}],
        "cluster": "rec_1",
        "seen": 3,
    }
    found = item(own)
    assert (found.id, found.workload, found.given) == ("rec_1", "triage", Given(text="4"))
    assert found.input == {"messages": [USER], "temperature": 0.5}
    assert found.labels[0].score == 1.0


def test_a_stored_completion_has_its_question_and_its_reply() -> None:
    found = item(
        {
            "object": "chat.completion",
            "id": "chatcmpl-1",
            "created": 1_700_000_000,
            "model": "gpt-5-mini-2026-01-01",
            "messages": [{**SYSTEM, "id": "chatcmpl-1-0", "content_parts": None}, USER],
            "choices": [
                {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [CALL]}}
            ],
            "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
            "metadata": {"team": "a"},
            "temperature": 0.2,
            "tools": [],
        }
    )
    assert found.input == {"messages": [SYSTEM, USER], "temperature": 0.2}
    assert found.given == Given(tool_uses=(ToolUse(name="add", arguments='{"a":2}'),), finish="tool_calls")
    assert (found.id, found.at, found.model) == ("chatcmpl-1", 1_700_000_000_000, "gpt-5-mini-2026-01-01")
    assert (found.input_tokens, found.output_tokens, found.metadata) == (12, 3, {"team": "a"})


def test_a_result_of_an_eval_has_reply_and_right_answer() -> None:
    found = item(
        {
            "id": "outputitem_1",
            "created_at": 1_700_000_000,
            "datasource_item": {"question": "2 + 2", "ideal": "4", "topic": "sums"},
            "sample": {
                "input": [USER],
                "output": [{"role": "assistant", "content": "4"}],
                "model": "gpt-5-mini",
                "temperature": 1,
                "usage": {"prompt_tokens": 5, "completion_tokens": 1},
            },
        }
    )
    assert found.input == {"messages": [USER], "temperature": 1}
    assert (found.given, found.reference, found.model) == (Given(text="4"), "4", "gpt-5-mini")
    assert found.metadata == {"question": "2 + 2", "topic": "sums"}


def test_the_last_turn_of_a_fine_tuning_example_is_what_is_right() -> None:
    found = item({"messages": [SYSTEM, USER, {"role": "assistant", "content": "4", "weight": 1}]})
    assert (found.input, found.reference, found.given) == ({"messages": [SYSTEM, USER]}, "4", None)
    calling = item({"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}], "tools": [{"type": "function"}]})
    assert calling.reference == {"tool_calls": [{"name": "add", "arguments": '{"a":2}'}]}
    assert calling.input == {"messages": [USER], "tools": [{"type": "function"}]}
    assert item({"messages": [USER]}).reference is None


def test_an_eval_may_have_several_right_answers() -> None:
    assert item({"input": [SYSTEM, USER], "ideal": ["4", "four"]}).reference == ["4", "four"]


@pytest.mark.parametrize(
    ("asked", "right", "messages", "reference"),
    [
        ("What is 2 + 2?", "4", [USER], "4"),
        ({"messages": [USER]}, {"role": "assistant", "content": "4"}, [USER], "4"),
        ('[{"role":"user","content":"What is 2 + 2?"}]', '{"sum":4}', [USER], {"sum": 4}),
        ({"a": 2, "b": 2}, {"sum": 4}, [{"role": "user", "content": '{"a":2,"b":2}'}], {"sum": 4}),
    ],
)
def test_a_langfuse_dataset_item_may_hold_anything(asked: Any, right: Any, messages: Any, reference: Any) -> None:
    fields = {
        "id": "i1",
        "input": asked,
        "expectedOutput": right,
        "metadata": '{"k":1}',
        "createdAt": "2026-11-01T00:00:00Z",
    }
    found = item(fields)
    assert (found.input, found.reference) == ({"messages": messages}, reference)
    assert (found.id, found.metadata, found.at) == ("i1", {"k": 1}, 1_793_491_200_000)


def test_a_langfuse_trace_has_its_session_its_user_and_its_price() -> None:
    found = item(
        {
            "id": "t1",
            "timestamp": "2026-11-01T00:00:00.000Z",
            "input": [USER],
            "output": {"role": "assistant", "content": "4"},
            "sessionId": "s1",
            "userId": "u1",
            "totalCost": 0.000123,
            "latency": 1.5,
            "model": "gpt-5-mini",
            "usageDetails": {"input": 9, "output": 1},
            "metadata": None,
        }
    )
    assert (found.given, found.conversation, found.subject) == (Given(text="4"), "s1", "u1")
    assert (found.cost_nano, found.total_ms, found.input_tokens, found.output_tokens) == (123_000, 1500.0, 9, 1)


def test_a_plain_object_is_read_by_usual_names_or_by_those_that_are_given() -> None:
    found = item({"id": "7", "question": "2 + 2", "answer": "4", "topic": "sums", "empty": ""})
    assert (found.id, found.input) == ("7", {"messages": [{"role": "user", "content": "2 + 2"}]})
    assert (found.reference, found.metadata) == ("4", {"topic": "sums"})
    named = item(
        {"frage": "2 + 2", "loesung": "4", "antwort": "5", "wer": "ann", "faden": "f", "question": "no"},
        question="frage",
        reference="loesung",
        reply="antwort",
        subject="wer",
        conversation="faden",
    )
    assert (named.reference, named.given, named.subject, named.conversation) == ("4", Given(text="5"), "ann", "f")
    assert named.metadata == {"question": "no"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"answer": "4"},
        {"messages": []},
        {"question": ""},
        {"input": "x", "reply": "", "tool_uses": "", "cost_nano": "z"},
    ],
)
def test_what_asks_nothing_is_no_item(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidField):
        item(fields)


def test_a_column_that_is_not_there_is_said() -> None:
    with pytest.raises(InvalidField, match="no field 'frage'"):
        item({"question": "x"}, question="frage")


def test_messages_and_replies_come_in_many_shapes() -> None:
    assert messages_of(USER) == [USER]
    assert messages_of([1, 2]) == [{"role": "user", "content": "[1,2]"}]
    assert messages_of(7) == [{"role": "user", "content": "7"}]
    assert messages_of([]) == messages_of("") == messages_of(None) == []
    assert given_of("") is None
    assert given_of(
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": [{"type": "text", "text": "y"}]}]
    ) == Given(text="y")
    assert given_of({"sum": 4}) == Given(text='{"sum":4}')
    assert given_of({"role": "assistant", "content": None, "refusal": "No."}) == Given(text="No.")
