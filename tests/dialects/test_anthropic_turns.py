"""A conversation of any front written by Anthropic's rules for turns, judged by the SDK's types of what it sends."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from anthropic.types import MessageParam
from hypothesis import given
from hypothesis import strategies as st

from dialects.judging import judge
from dialects.messages_sdk import ORIGIN, OTHER_ORIGIN, target
from freehold.dialects.anthropic_turns import Turns, wire_id, write_turns
from freehold.dialects.dialect import Target
from freehold.errors import InvalidField, Unsupported
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


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


def result(call: str, *parts: Text | Image | File, **fields: Any) -> Message:
    return Message("tool", (ToolResult(call, parts, **fields),))


HI = user(Text("hi"))


def turns_of(*messages: Message, where: Target | None = None, dialect: str = "openai-chat") -> Turns:
    request = Request(dialect=dialect, model="w", messages=messages)
    return write_turns(request, where or target())


def written(*messages: Message, where: Target | None = None, dialect: str = "openai-chat") -> list[Any]:
    """The turns as JSON, each taken by the SDK's type."""
    turns = json.loads(_dumps(turns_of(*messages, where=where, dialect=dialect).messages))
    for turn in turns:
        judge(MessageParam).validate_python(turn)
    return turns


def _dumps(value: Any) -> str:
    return json.dumps(value, default=lambda raw: json.loads(bytes(raw)))


def block(part: Part, dialect: str = "openai-chat") -> Any:
    """How the part is written in a turn of the user, beside a word."""
    (turn,) = written(user(Text("a"), part), dialect=dialect)
    return turn["content"][1]


# --- turns ---------------------------------------------------------------------------------------------------------------


def test_neighbours_of_one_speaker_are_one_turn() -> None:
    assert written(user(Text("a")), user(Text("b")), assistant(Text("c")), assistant(Text("d")), user(Text("e"))) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]},
        {"role": "user", "content": "e"},
    ]


def test_all_results_stand_in_one_turn_before_the_users_words() -> None:
    calls = assistant(ToolCall("t1", "f", "{}"), ToolCall("t2", "f", '{"a": 1}'))
    turns = written(HI, calls, result("t1", Text("one")), user(Text("quick!")), result("t2", Text("two")))
    assert turns[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
                {"type": "tool_use", "id": "t2", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "t2", "content": "two"},
                {"type": "text", "text": "quick!"},
            ],
        },
    ]


def test_the_operators_words_stand_apart_wherever_they_were_said() -> None:
    turns = turns_of(Message("system", (Text("a"),)), HI, Message("developer", (Text("b", cache="1h"),)))
    assert turns.system == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ]
    assert turns.messages == [{"role": "user", "content": "hi"}]


def test_a_short_system_prompt_is_a_string_and_an_empty_one_is_not_sent() -> None:
    assert turns_of(Message("system", (Text("a"),)), HI).system == "a"
    assert turns_of(Message("system", (Text(" \n"),)), HI).system is None


def test_the_operator_can_only_write() -> None:
    with pytest.raises(Unsupported) as caught:
        turns_of(HI, Message("system", (Image(url="u"),)))
    assert caught.value.param == "messages[1]"


@pytest.mark.parametrize("empty", ["", " ", "\n\t"])
def test_no_text_block_is_empty(empty: str) -> None:
    where = target()
    assert written(
        user(Text("a"), Text(empty)), assistant(Text(empty), Refusal(empty)), user(Text("b")), where=where
    ) == [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert written(HI, result("t", Text(empty)))[0]["content"][0] == {"type": "tool_result", "tool_use_id": "t"}
    assert where.dropped == []


@pytest.mark.parametrize("messages", [(), (Message("system", (Text("a"),)),), (user(Text("")), assistant())])
def test_a_conversation_without_a_word_is_an_error(messages: tuple[Message, ...]) -> None:
    with pytest.raises(InvalidField) as caught:
        turns_of(*messages)
    assert caught.value.param == "messages"


def test_a_speakers_name_is_named_as_dropped_once() -> None:
    where = target()
    written(Message("user", (Text("a"),), name="ann"), Message("user", (Text("b"),), name="bob"), where=where)
    assert where.dropped == ["name"]


_texts = st.text("a \n", max_size=3).map(Text)
_parts = st.lists(_texts | st.just(ToolCall("t", "f", "{}")), max_size=3).map(tuple)
_messages = st.lists(
    st.builds(Message, st.sampled_from(["user", "assistant", "system"]), st.lists(_texts, max_size=3).map(tuple))
    | st.builds(Message, st.just("assistant"), _parts)
    | st.just(Message("tool", (ToolResult("t", (Text("r"),)),))),
    max_size=8,
)


@given(_messages)
def test_speakers_always_take_turns_and_results_come_first(messages: list[Message]) -> None:
    try:
        turns = written(*messages)
    except InvalidField:
        assert not any(message.role == "tool" for message in messages)
        return
    roles = [turn["role"] for turn in turns]
    assert all(role != following for role, following in pairwise(roles))
    for turn in turns:
        content = turn["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        assert blocks
        kinds = [one["type"] == "tool_result" for one in blocks]
        assert kinds == sorted(kinds, reverse=True)
        assert all(one["text"].strip() for one in blocks if one["type"] == "text")
    said = [
        part.text for m in messages for part in m.parts if isinstance(part, Text) and m.role in ("user", "assistant")
    ]
    told = [
        one["text"]
        for turn in turns
        for one in (
            [{"type": "text", "text": turn["content"]}] if isinstance(turn["content"], str) else turn["content"]
        )
        if one["type"] == "text"
    ]
    assert told == [text for text in said if text.strip()]


# --- artefacts -----------------------------------------------------------------------------------------------------------


def test_an_artefact_goes_back_to_its_maker_byte_for_byte() -> None:
    where = target()
    parts = (
        Reasoning(text="Hm – ü.", opaque="SIG+/==", origin=ORIGIN),
        Reasoning(opaque="DATA+/==", origin=ORIGIN, redacted=True),
        Reasoning(opaque="OMITTED", origin=ORIGIN),
        ToolCall("t", "f", "{}"),
    )
    assert written(HI, assistant(*parts), result("t", Text("r")), where=where)[1]["content"][:3] == [
        {"type": "thinking", "thinking": "Hm – ü.", "signature": "SIG+/=="},
        {"type": "redacted_thinking", "data": "DATA+/=="},
        {"type": "thinking", "thinking": "", "signature": "OMITTED"},
    ]
    assert where.dropped == []


@pytest.mark.parametrize(
    ("part", "dialect"),
    [
        (Reasoning(text="Hm.", opaque="SIG", origin=OTHER_ORIGIN), "openai-chat"),
        (Reasoning(text="Hm.", opaque="SIG", origin=OTHER_ORIGIN), "anthropic-messages"),
        (Reasoning(opaque="DATA", origin=OTHER_ORIGIN, redacted=True), "anthropic-messages"),
        (Reasoning(text="Hm.", opaque="SIG"), "openai-responses"),
        (Reasoning(text="Hm."), "openai-chat"),
        (Reasoning(text="Hm."), "anthropic-messages"),
    ],
)
def test_an_artefact_of_another_maker_stays_behind_and_is_named(part: Reasoning, dialect: str) -> None:
    where = target()
    assert written(HI, assistant(part, Text("a")), where=where, dialect=dialect)[1] == {
        "role": "assistant",
        "content": "a",
    }
    assert where.dropped == ["reasoning"]


@pytest.mark.parametrize("dialect", ["anthropic-messages", "anthropic-count-tokens"])
def test_an_artefact_from_before_freehold_passes_in_anthropics_own_dialect(dialect: str) -> None:
    (_, turn) = written(HI, assistant(Reasoning(text="Hm.", opaque="SIG")), dialect=dialect)
    assert turn["content"] == [{"type": "thinking", "thinking": "Hm.", "signature": "SIG"}]


def test_a_vendor_that_signs_nothing_gets_its_chain_back() -> None:
    where = target(returns_reasoning=True)
    (_, turn) = written(HI, assistant(Reasoning(text="Hm.")), where=where)
    assert turn["content"] == [{"type": "thinking", "thinking": "Hm.", "signature": ""}]
    assert where.dropped == []


# --- calls and results ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given_id", ["toolu_01A09q90qw90lq917835lq9", "call-1", "x", "A_-9"])
def test_an_id_in_anthropics_alphabet_stays(given_id: str) -> None:
    assert wire_id(given_id) == given_id


@pytest.mark.parametrize(
    ("given_id", "wanted"),
    [
        # the digests were computed with `printf %s ID | sha256sum`
        ("functions.weather:0", "functions_weather_0_c8cf4471"),
        ("functions.weather:1", "functions_weather_1_8883eeee"),
        ("", "_e3b0c442"),
    ],
)
def test_an_id_of_another_alphabet_gets_a_digest(given_id: str, wanted: str) -> None:
    assert wire_id(given_id) == wanted


@given(st.text(max_size=12), st.text(max_size=12))
def test_ids_fit_the_alphabet_and_stay_apart(one: str, other: str) -> None:
    for made in (wire_id(one), wire_id(other)):
        assert made
        assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert (wire_id(one) == wire_id(other)) == (one == other)


def test_a_call_and_its_result_keep_the_same_id() -> None:
    turns = written(HI, assistant(ToolCall("f:0", "f", "{}")), result("f:0", Text("r")))
    assert turns[1]["content"][0]["id"] == turns[2]["content"][0]["tool_use_id"] != "f:0"


@pytest.mark.parametrize("arguments", ["", " ", "{}"])
def test_a_call_without_arguments_has_an_empty_object(arguments: str) -> None:
    assert written(HI, assistant(ToolCall("t", "f", arguments)))[1]["content"][0]["input"] == {}


@pytest.mark.parametrize("arguments", ["[]", "null", '"a"', "{", '{"a":1} x', "[" * 5000])
def test_arguments_that_are_no_object_are_an_error(arguments: str) -> None:
    with pytest.raises(InvalidField) as caught:
        turns_of(HI, assistant(ToolCall("t", "f", arguments)))
    assert caught.value.param == "messages[1]"


def test_arguments_pass_as_the_model_wrote_them() -> None:
    turn = turns_of(HI, assistant(ToolCall("t", "f", '{"n": 1.50, "big": 12345678901234567890}'))).messages[1]
    assert bytes(turn["content"][0]["input"]) == b'{"n": 1.50, "big": 12345678901234567890}'


def test_a_result_holds_pictures_and_says_that_it_failed() -> None:
    picture = Image(media_type="image/png", data="iVBORw0KGgo=")
    (turn,) = written(result("t", Text("half"), picture, is_error=True, cache="5m"))
    assert turn["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [
                {"type": "text", "text": "half"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                },
            ],
            "is_error": True,
            "cache_control": {"type": "ephemeral"},
        }
    ]


# --- content -------------------------------------------------------------------------------------------------------------

PLAIN = base64.b64encode("Rain – né".encode()).decode()


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (
            Text("b", cache="1h"),
            {"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ),
        (Refusal("No."), {"type": "text", "text": "No."}),
        (
            Image(url="https://example.com/a.jpg", cache="5m"),
            {
                "type": "image",
                "source": {"type": "url", "url": "https://example.com/a.jpg"},
                "cache_control": {"type": "ephemeral"},
            },
        ),
        (
            File(url="https://example.com/b.pdf", filename="b.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://example.com/b.pdf"}, "title": "b.pdf"},
        ),
        (
            File(text="Rain."),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Rain."}},
        ),
        (
            File(media_type="text/csv", data=PLAIN),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Rain – né"}},
        ),
        *(
            (
                file,
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": file.data},
                    **({"title": file.filename} if file.filename else {}),
                },
            )
            for file in (
                File(media_type="application/pdf", data="AAAA"),
                File(data="JVBERi0xLjQ="),
                File(data="AAAA", filename="Trip.PDF"),
            )
        ),
    ],
)
def test_each_kind_of_content_has_its_block(part: Part, wanted: Any) -> None:
    assert block(part) == wanted


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        ("/9j/4AAQ", "image/jpeg"),
        ("iVBORw0KGgo=", "image/png"),
        ("R0lGODlh", "image/gif"),
        ("UklGRiIA", "image/webp"),
    ],
)
def test_a_picture_that_does_not_say_its_type_is_known_by_its_first_bytes(data: str, media_type: str) -> None:
    wanted = {"type": "base64", "media_type": media_type, "data": data}
    assert block(Image(data=data))["source"] == wanted
    for said in ("image/jpg", "image/png", "application/octet-stream"):  # Chat and Responses do not mind
        assert block(Image(media_type=said, data=data))["source"] == wanted


def test_a_picture_of_unknown_bytes_is_what_it_says_and_jpg_is_jpeg() -> None:
    assert block(Image(media_type="image/jpg", data="AAAA"))["source"]["media_type"] == "image/jpeg"
    assert block(Image(media_type="image/gif", data="AAAA"))["source"]["media_type"] == "image/gif"


@pytest.mark.parametrize("part", [Image(data="Qk02AAAA"), File(media_type="text/plain", data="%"), Image(), File()])
def test_content_that_cannot_be_read_is_an_error(part: Part) -> None:
    with pytest.raises(InvalidField) as caught:
        turns_of(HI, user(part))
    assert caught.value.param == "messages[1]"


@pytest.mark.parametrize(
    "part",
    [
        Audio(data="AAAA", format="wav"),
        Opaque("openai-responses", "computer_call_output"),
        File(media_type="application/zip", data="AAAA"),
        File(data="AAAA", filename="a.bin"),
        Image(file_id="file-1"),
        File(file_id="file-1"),
    ],
)
def test_content_that_anthropic_cannot_be_sent_is_an_error_and_never_left_out(part: Part) -> None:
    with pytest.raises(Unsupported) as caught:
        turns_of(HI, user(Text("a"), part))
    assert caught.value.param == "messages[1]"


def test_an_uploaded_file_goes_by_its_id_in_anthropics_own_dialect() -> None:
    assert block(File(file_id="file_1"), "anthropic-messages")["source"] == {"type": "file", "file_id": "file_1"}
    assert block(Image(file_id="file_1"), "anthropic-messages")["source"] == {"type": "file", "file_id": "file_1"}
