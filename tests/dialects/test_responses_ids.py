"""The ids of stored responses in answers: exchanged where they stand, and nothing else is touched."""

import pytest

from freehold.dialects.responses_ids import seal_ids

CREATED = b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1","previous_response_id": "resp_0","status":"in_progress","output":[]}}\n\n'


def marked(native: str) -> str:
    return f"<{native}>"


def test_a_whole_reply_gets_the_ids_of_itself_and_of_the_one_before() -> None:
    raw = b'{ "id" : "resp_1", "object":"response", "previous_response_id":"resp_0", "output":[{"id":"msg_1","type":"message"}]}'
    assert (
        seal_ids(raw, marked)
        == b'{ "id" : "<resp_1>", "object":"response", "previous_response_id":"<resp_0>", "output":[{"id":"msg_1","type":"message"}]}'
    )


def test_an_event_that_carries_the_response_does_too() -> None:
    assert seal_ids(CREATED, marked) == CREATED.replace(b"resp_1", b"<resp_1>").replace(b"resp_0", b"<resp_0>")


@pytest.mark.parametrize(
    "raw",
    [
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_1","delta":"resp_1"}\n\n',
        b"data: [DONE]\n\n",
        b'data: {"response": "not an object"}\n\n',
        b'{"id": 7, "output": []}',
        b'{"output": []}',
        b'{"id": "broken',
        b"",
    ],
)
def test_what_names_no_response_stays_byte_for_byte(raw: bytes) -> None:
    assert seal_ids(raw, marked) == raw


def test_an_id_inside_a_text_is_no_id() -> None:
    raw = rb'{"id":"resp_1","output":[{"type":"message","content":[{"type":"output_text","text":"{\"id\":\"resp_1\"} \\"}]}]}'
    assert seal_ids(raw, marked) == raw.replace(b'{"id":"resp_1"', b'{"id":"<resp_1>"', 1)


def test_an_escaped_id_is_found_all_the_same() -> None:
    assert seal_ids(rb'{"id":"resp_\u0031"}', marked) == b'{"id":"<resp_1>"}'
