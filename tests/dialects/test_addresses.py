"""Addresses in parts that nobody here can read, and words that only look like one."""

from typing import Any

import msgspec
import pytest

from freehold.dialects import get
from freehold.dialects.addresses import addresses

INSIDE = "http://169.254.169.254/latest/meta-data/"
PICTURE = {"type": "image_url", "image_url": {"url": "https://pictures.example.com/a.png"}}
WORDS = {"type": "text", "text": INSIDE}


def in_chat(*content: Any, role: str = "user", **more: Any) -> list[str]:
    body = {"model": "m", "messages": [{"role": role, "content": list(content), **more}]}
    return addresses(get("openai-chat").read_request(msgspec.json.encode(body)))


def in_responses(*items: Any) -> list[str]:
    return addresses(get("openai-responses").read_request(msgspec.json.encode({"model": "m", "input": list(items)})))


@pytest.mark.parametrize(
    "part",
    [
        {"type": "video_url", "video_url": {"url": INSIDE}},
        {"type": "audio_url", "audio_url": {"url": INSIDE}},
        {"type": "newer", "sources": [{"from": INSIDE}]},
        {"type": "newer", "newer": INSIDE},
    ],
)
def test_an_address_in_a_part_of_an_unknown_type_is_found(part: dict[str, Any]) -> None:
    assert in_chat(WORDS, part, PICTURE) == [INSIDE]
    assert in_responses({"role": "user", "content": [part]}) == [INSIDE]


def test_an_address_is_found_however_its_json_is_written() -> None:
    body = rb'{"model":"m","messages":[{"role":"user","content":[{"type":"video_url","video_url":{"url":"http:\/\/10.0.0.1"}}]}]}'
    assert addresses(get("openai-chat").read_request(body)) == ["http://10.0.0.1"]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "HTTPS://example.com/v", " ftp://example.com/v"])
def test_any_scheme_is_an_address(address: str) -> None:
    assert in_chat({"type": "video_url", "video_url": {"url": address}}) == [address]


def test_a_picture_that_a_tool_gave_is_found_in_an_item_of_an_unknown_type() -> None:
    shot = {"type": "computer_screenshot", "image_url": INSIDE}
    assert in_responses({"type": "computer_call_output", "call_id": "c", "output": shot}) == [INSIDE]
    printed = [{"type": "output", "stdout": INSIDE}]
    assert in_responses({"type": "shell_call_output", "call_id": "c", "output": printed}) == []


@pytest.mark.parametrize(
    "part",
    [
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {"type": "newer", "text": "see http://example.com"},
        {"type": "newer"},
    ],
)
def test_what_names_no_address_is_none(part: dict[str, Any]) -> None:
    assert in_chat(part) == []


def test_what_can_be_read_is_told_elsewhere() -> None:
    assert in_chat(WORDS, PICTURE) == []
    assert in_responses({"role": "user", "content": [{"type": "input_image", "image_url": INSIDE}]}) == []
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [{"type": "newer", "url": INSIDE}]}],
    }
    assert addresses(get("anthropic-messages").read_request(msgspec.json.encode(body))) == []
