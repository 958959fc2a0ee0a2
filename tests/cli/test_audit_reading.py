"""Bodies of every front dialect, read as turns of a conversation; what is not understood is left alone."""

import json
from typing import Any

import pytest

from freehold.cli.audit_reading import read_turns


def events(*bodies: Any) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(body).encode() for body in bodies) + b"data: [DONE]\n\n"


BODIES: list[tuple[Any, list[tuple[str, str]]]] = [
    (
        {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]},
        [("system", "Be kind."), ("user", "Hi")],
    ),
    (
        {
            "system": [{"type": "text", "text": "Be kind."}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "image", "source": {}}]}
            ],
        },
        [("system", "Be kind."), ("user", "See\n[image]")],
    ),
    ({"instructions": "Be kind.", "input": "Hi"}, [("system", "Be kind."), ("user", "Hi")]),
    ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]}, [("user", "Hi")]),
    ({"choices": [{"message": {"role": "assistant", "content": "Yes."}}]}, [("assistant", "Yes.")]),
    ({"type": "message", "content": [{"type": "text", "text": "Yes."}]}, [("assistant", "Yes.")]),
    (
        {"output": [{"type": "reasoning"}, {"content": [{"type": "output_text", "text": "Yes."}]}]},
        [("assistant", "Yes.")],
    ),
    ({"error": {"message": "No such model."}}, [("error", "No such model.")]),
]


@pytest.mark.parametrize(("body", "turns"), BODIES)
def test_a_whole_body(body: Any, turns: list[tuple[str, str]]) -> None:
    assert read_turns(json.dumps(body).encode()) == turns


@pytest.mark.parametrize(
    "stream",
    [
        events(
            {"choices": [{"delta": {"content": "Ye"}}]}, {"choices": [{"delta": {"content": "s."}}]}, {"choices": []}
        ),
        events(
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Ye"}},
            {"type": "ping"},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "s."}},
        ),
        events(
            {"type": "response.output_text.delta", "delta": "Yes."},
            {"type": "response.completed", "response": {"output": []}},
        ),
    ],
)
def test_a_stream_is_its_text_joined(stream: bytes) -> None:
    assert read_turns(stream) == [("assistant", "Yes.")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"plain text",
        b'{"choices": 7}',
        b'{"messages": [7]}',
        b'{"messages": []}',
        b"data: {",
        b'{"messages":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'data: {"choices":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"messages":' + b"9" * 20_000 + b"}",
    ],
)
def test_what_is_not_understood_gives_nothing(body: bytes) -> None:
    assert read_turns(body) == []
