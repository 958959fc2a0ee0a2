"""Which requests are one conversation, and that its digest tells nothing of its name."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import get
from freehold.gateway.conversations import conversation_of
from freehold.messages import Request

SECRET = b"s" * 32


def chat(*said: str, **more: Any) -> Request:
    """A request in which user and assistant spoke in turn."""
    messages = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(said)]
    return get("openai-chat").read_request(msgspec.json.encode({"model": "m", "messages": messages, **more}))


def responses(**more: Any) -> Request:
    return get("openai-responses").read_request(msgspec.json.encode({"model": "m", "input": "hi", **more}))


def named(request: Request, header: str = "", key: str = "key_1", secret: bytes = SECRET) -> str:
    return conversation_of({"x-freehold-conversation": header} if header else {}, request, key, secret)


def test_a_later_turn_belongs_to_the_conversation_that_opened_alike() -> None:
    first = named(chat("What is due?"))
    assert first == named(chat("What is due?", "Ten euros.", "And when?"))
    assert first != named(chat("What was due?"))
    assert first != named(chat("What is due?"), key="key_2")


def test_another_model_does_not_make_it_another_conversation() -> None:
    assert named(chat("hi", model="a")) == named(chat("hi", model="b"))


def test_the_header_goes_before_everything_else() -> None:
    one = named(chat("hi", metadata={"conversation_id": "m"}), "c1")
    assert one == named(chat("something else"), "c1")
    assert one != named(chat("hi"), "c2")
    assert one != named(chat("hi"), "c1", key="key_2")


def test_metadata_may_name_it() -> None:
    one = named(chat("hi", metadata={"conversation_id": "c1"}))
    assert one == named(chat("other words", metadata={"conversation_id": "c1"}))
    assert one == named(chat("other words"), "c1")


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}])
def test_what_a_responses_request_leans_on_names_it(conversation: Any) -> None:
    one = named(responses(conversation=conversation))
    assert one == named(responses(conversation="conv_1", input="more"))
    assert one != named(responses(conversation="conv_2"))
    assert named(responses(previous_response_id="resp_1")) == named(responses(previous_response_id="resp_1", input="x"))


def test_the_digest_is_keyed() -> None:
    assert named(chat("hi"), "c1") != named(chat("hi"), "c1", secret=b"t" * 32)


@given(st.text(min_size=1).filter(str.strip))
def test_any_name_gives_sixteen_hexadecimal_digits(name: str) -> None:
    digest = named(chat("hi", metadata={"conversation_id": name}))
    assert len(digest) == 16
    assert set(digest) <= set("0123456789abcdef")
