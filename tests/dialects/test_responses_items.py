from typing import Any

import msgspec
import pytest

from dialects.responses_sdk import ORIGIN, OTHER_ORIGIN, target
from freehold.dialects.responses_items import write_items
from freehold.errors import Unsupported
from freehold.messages import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
)

CHAT = Request(dialect="openai-chat", model="m")
MESSAGES = Request(dialect="anthropic-messages", model="m")


def items(*messages: Message, request: Request = CHAT, **traits: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """The items as JSON, and what was named as dropped."""
    vendor = target(**traits)
    written = write_items(messages, request, vendor)
    return msgspec.json.decode(msgspec.json.encode(written)), vendor.dropped


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


def test_a_single_text_goes_as_a_string() -> None:
    written, dropped = items(Message("system", (Text("a"),)), user(Text("b")), assistant(Text("c")))
    assert written == [
        {"type": "message", "role": "system", "content": "a"},
        {"type": "message", "role": "user", "content": "b"},
        {"type": "message", "role": "assistant", "content": "c"},
    ]
    assert dropped == []


def test_several_parts_go_in_order() -> None:
    picture = Image(media_type="image/jpeg", data="/9j/", detail="low")
    written, _ = items(user(Text("a"), picture, Image(url="https://e.com/i"), Text("b")))
    assert written[0]["content"] == [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": "data:image/jpeg;base64,/9j/", "detail": "low"},
        {"type": "input_image", "image_url": "https://e.com/i", "detail": "auto"},
        {"type": "input_text", "text": "b"},
    ]


def test_files_go_as_data_as_an_address_or_as_text() -> None:
    written, _ = items(
        user(
            File(media_type="application/pdf", data="JVBE"),
            File(media_type="application/pdf", data="JVBE", filename="a.pdf"),
            File(url="https://e.com/f"),
            File(file_id="file_1"),
            File(text="plain", filename="a.txt"),
            File(text="plain"),
        )
    )
    assert written[0]["content"] == [
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "document.pdf"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://e.com/f"},
        {"type": "input_file", "file_id": "file_1"},
        {"type": "input_text", "text": "a.txt\n\nplain"},
        {"type": "input_text", "text": "plain"},
    ]


def test_a_turn_becomes_items_in_the_order_in_which_it_was_made() -> None:
    written, dropped = items(
        assistant(
            Reasoning(summary=("s",), opaque="sig+/==", origin=ORIGIN, id="rs_1"),
            Text("a"),
            Text("b"),
            ToolCall("c1", "f", '{"x":1}'),
            Refusal("no"),
        )
    )
    assert written == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "s"}],
            "encrypted_content": "sig+/==",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "a", "annotations": []},
                {"type": "output_text", "text": "b", "annotations": []},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"x":1}'},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ]
    assert dropped == []


def test_an_artefact_without_a_summary_still_has_the_field() -> None:
    written, _ = items(assistant(Reasoning(opaque="x", origin=ORIGIN)))
    assert written == [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]


@pytest.mark.parametrize("origin", [OTHER_ORIGIN, None])
def test_an_artefact_of_another_origin_stays_behind_and_is_named(origin: str | None) -> None:
    written, dropped = items(assistant(Reasoning(text="hm", opaque="x", origin=origin), ToolCall("c", "f", "{}")))
    assert written == [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]
    assert dropped == ["reasoning"]


def test_an_artefact_of_unknown_origin_goes_back_within_the_dialect() -> None:
    mine = Request(dialect="openai-responses", model="m")
    written, dropped = items(assistant(Reasoning(opaque="x", id="rs_1")), request=mine)
    assert written == [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}]
    assert dropped == []


def test_a_readable_chain_goes_only_to_vendors_that_want_it() -> None:
    turn = assistant(Reasoning(text="hm"), Text("a"))
    assert items(turn)[1] == ["reasoning"]
    written, dropped = items(turn, returns_reasoning=True)
    assert written[0] == {
        "type": "reasoning",
        "id": "rs_fh_0",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }
    assert dropped == []


def test_of_a_foreign_artefact_only_the_chain_goes_to_vendors_that_want_it() -> None:
    turn = assistant(Reasoning(text="hm", opaque="x", origin=OTHER_ORIGIN, id="rs_1"), Text("a"))
    written, dropped = items(turn, returns_reasoning=True)
    assert written[0] == {
        "type": "reasoning",
        "id": "rs_fh_0",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }
    assert dropped == ["reasoning"]


def test_an_id_that_the_door_made_up_is_no_vendors() -> None:
    written, _ = items(assistant(Reasoning(opaque="x", origin=ORIGIN, id="rs_fh_12_0")))
    assert written == [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]


def test_results_go_each_as_an_item() -> None:
    results = Message(
        "tool",
        (
            ToolResult("c1", (Text("22"),)),
            ToolResult("c2", ()),
            ToolResult("c3", (Text("a"), Image(url="https://e.com/i")), is_error=True),
        ),
    )
    written, dropped = items(results)
    assert written == [
        {"type": "function_call_output", "call_id": "c1", "output": "22"},
        {"type": "function_call_output", "call_id": "c2", "output": ""},
        {
            "type": "function_call_output",
            "call_id": "c3",
            "output": [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "https://e.com/i", "detail": "auto"},
            ],
        },
    ]
    assert dropped == ["is_error"]


@pytest.mark.parametrize(("wanted", "role"), [(None, "developer"), ("system", "system")])
def test_the_operators_role_is_the_one_that_the_vendor_knows(wanted: str | None, role: str) -> None:
    written, _ = items(Message("developer", (Text("a"),)), system_role=wanted)
    assert written[0]["role"] == role


def test_names_and_cache_marks_are_named_once() -> None:
    turns = [Message("user", (Text("a", "5m"),), "ann"), Message("user", (Text("b", "1h"),), "bob")]
    written, dropped = items(*turns)
    assert [item["content"] for item in written] == ["a", "b"]
    assert dropped == ["name", "cache_control"]


@pytest.mark.parametrize(
    "message",
    [
        user(Audio("UklG", "wav")),
        user(Opaque("openai-chat", "video")),
        assistant(Opaque("openai-chat", "audio")),
        assistant(Image(url="https://e.com/i")),
        user(ToolCall("c", "f", "{}")),
        Message("tool", (Opaque("openai-chat", "function"),)),
    ],
)
def test_what_responses_cannot_say_is_an_error(message: Message) -> None:
    with pytest.raises(Unsupported) as caught:
        items(message)
    assert caught.value.param == "messages"


@pytest.mark.parametrize("part", [Image(file_id="file_1"), File(file_id="file_1")])
def test_the_id_of_a_file_elsewhere_is_an_error(part: Image | File) -> None:
    with pytest.raises(Unsupported):
        items(user(part), request=MESSAGES)
    assert items(user(part), request=CHAT)[0][0]["content"][0]["file_id"] == "file_1"
