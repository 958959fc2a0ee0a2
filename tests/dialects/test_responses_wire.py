import json
from typing import Any

import msgspec
import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from dialects.judging import judge
from dialects.responses_sdk import FIXTURES, check_response, checked_events, fixture
from freehold.dialects.responses_wire import WireItem, WirePart, WireRequest, WireResponse


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("reply_*.json")))
def test_every_fixture_of_a_reply_is_what_the_sdk_takes(name: str) -> None:
    check_response(json.loads(fixture(name)))


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("stream_*.sse")))
def test_every_fixture_of_a_stream_is_what_the_sdk_takes(name: str) -> None:
    assert checked_events(fixture(name))[0]["type"] == "response.created"


def test_the_fixture_of_a_request_is_what_the_sdk_sends() -> None:
    judge(ResponseCreateParamsStreaming).validate_python(json.loads(fixture("request.json")))


NOT_OURS: list[dict[str, Any]] = [
    {"type": "mcp_call", "id": "mcp_1", "arguments": "{}", "name": "n", "server_label": "s", "output": "x"},
    {"type": "tool_search_call", "arguments": {"any": 1}},
    {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot", "image_url": "u"}},
    {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "", "stderr": "", "outcome": {}}]},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
    {"type": "newer_than_this_code", "content": {"deep": [1, 2]}, "summary": "short", "extra": [None]},
]


@pytest.mark.parametrize("item", NOT_OURS)
def test_items_that_are_not_ours_are_decoded_whatever_they_hold(item: dict[str, Any]) -> None:
    request = msgspec.json.decode(json.dumps({"model": "m", "input": [item]}), type=WireRequest)
    assert isinstance(request.input, list)
    assert request.input[0].type == item["type"]
    response = msgspec.json.decode(json.dumps({"id": "r", "output": [item]}), type=WireResponse)
    assert response.output is not None
    assert response.output[0].type == item["type"]


def test_what_is_not_said_is_not_written() -> None:
    item = WireItem("message", role="user", content=[WirePart("input_text", text="")])
    assert msgspec.json.encode(item) == (
        b'{"type":"message","role":"user","content":[{"type":"input_text","text":""}]}'
    )
