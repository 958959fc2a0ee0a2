import json

from freehold.dialects.responses_output import Call, MessageItem, Thought, Words, delta_prefix


def test_a_prefix_and_a_text_make_a_whole_event() -> None:
    prefix = delta_prefix("response.output_text.delta", {"item_id": 'm"1'})
    assert prefix == (
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"m\\"1","delta":'
    )


def test_a_message_gathers_texts_and_refusals_in_their_places() -> None:
    item = MessageItem("msg_1", 2)
    first, second = Words(item, refusal=False), None
    assert [kind for kind, _ in first.begin()] == ["response.content_part.added"]
    second = Words(item, refusal=True)
    assert [fields["content_index"] for _, fields in second.begin()] == [1]
    assert item.open == 2
    first.pieces += ["a", "b"]
    second.pieces += ["no"]
    assert list(second.done()) == [
        ("response.refusal.done", {"item_id": "msg_1", "output_index": 2, "content_index": 1, "refusal": "no"}),
        (
            "response.content_part.done",
            {
                "item_id": "msg_1",
                "output_index": 2,
                "content_index": 1,
                "part": {"type": "refusal", "refusal": "no"},
            },
        ),
    ]
    assert [kind for kind, _ in first.done()] == ["response.output_text.done", "response.content_part.done"]
    assert item.open == 0
    assert item.whole("completed") == {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [
            {"type": "output_text", "text": "ab", "annotations": [], "logprobs": []},
            {"type": "refusal", "refusal": "no"},
        ],
    }


def test_a_call_is_told_whole_when_it_is_done() -> None:
    call = Call("fc_1", 1, "call_1", "f")
    call.pieces += ['{"a"', ":1}"]
    assert list(call.done()) == [
        (
            "response.function_call_arguments.done",
            {"item_id": "fc_1", "output_index": 1, "name": "f", "arguments": '{"a":1}'},
        )
    ]
    assert call.open == 0
    assert call.whole("incomplete")["status"] == "incomplete"


def test_a_thought_announces_each_of_its_two_texts_once() -> None:
    thought = Thought("rs_1", 0)
    told = [*thought.add("a", summary=True), *thought.add("b", summary=True), *thought.add("c", summary=False)]
    assert [kind for kind, _ in told] == [
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.delta",
        "response.content_part.added",
        "response.reasoning_text.delta",
    ]
    thought.opaque = "sealed"
    assert [kind for kind, _ in thought.done()] == [
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.reasoning_text.done",
        "response.content_part.done",
    ]
    assert thought.whole("completed") == {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "ab"}],
        "content": [{"type": "reasoning_text", "text": "c"}],
        "encrypted_content": "sealed",
    }


def test_a_thought_that_nobody_can_read_has_only_its_seal() -> None:
    thought = Thought("rs_1", 0)
    thought.opaque = "sealed"
    assert list(thought.done()) == []
    assert json.loads(json.dumps(thought.whole("completed"))) == {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [],
        "encrypted_content": "sealed",
    }
