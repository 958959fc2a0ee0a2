"""What a request needs, and how long it is at most."""

import msgspec

from freehold.gateway.needs import HIDDEN_TOKENS, IMAGE_TOKENS, measure
from freehold.messages import File, Image, Message, OutputFormat, ReasoningAsk, Request, Text, Tool, ToolResult


def asking(*parts: Text | Image | File, **fields: object) -> Request:
    request = Request(dialect="openai-chat", model="m", messages=(Message("user", parts),))
    return msgspec.structs.replace(request, **fields)


def test_a_plain_request_needs_nothing_and_is_bounded_by_its_bytes() -> None:
    needs = measure(asking(Text("hello")), 400)
    assert needs.abilities() == ()
    assert needs.bound == 400
    assert needs.likely == 100


def test_an_inline_picture_counts_as_a_picture_and_not_by_its_bytes() -> None:
    needs = measure(asking(Text("see"), Image(data="A" * 1000)), 1100)
    assert needs.vision
    assert needs.bound == 100 + IMAGE_TOKENS


def test_a_picture_inside_a_tool_result_is_seen() -> None:
    message = Message("tool", (ToolResult("c1", (Image(url="https://example.com/a.png"),)),))
    assert measure(Request(dialect="openai-chat", model="m", messages=(message,)), 50).vision


def test_a_document_by_reference_has_no_bound() -> None:
    needs = measure(asking(File(file_id="file_1")), 50)
    assert needs.files
    assert needs.bound is None


def test_tools_leave_room_for_the_vendors_own_instructions() -> None:
    needs = measure(asking(Text("hi"), tools=(Tool("f"),)), 100)
    assert needs.abilities() == ("tools",)
    assert needs.bound == 100 + HIDDEN_TOKENS


def test_a_schema_and_thinking_are_needs() -> None:
    needs = measure(asking(Text("hi"), output=OutputFormat("json_schema"), reasoning=ReasoningAsk(effort="high")), 100)
    assert needs.json_schema
    assert needs.reasoning


def test_effort_none_is_no_thinking() -> None:
    assert not measure(asking(Text("hi"), reasoning=ReasoningAsk(effort="none")), 100).reasoning
