"""Messages in a pipe: each comes whole or not at all."""

import io

from freehold.gateway.frames import frame, read_frame


def test_messages_come_one_after_the_other_and_then_none() -> None:
    pipe = io.BytesIO(frame({"a": 1}) + frame("é"))
    assert [read_frame(pipe), read_frame(pipe), read_frame(pipe)] == [b'{"a":1}', '"é"'.encode(), None]


def test_a_message_is_its_length_in_four_bytes_and_its_json() -> None:
    assert frame([1, 2]) == b"\x00\x00\x00\x05[1,2]"


def test_a_message_that_is_cut_is_none() -> None:
    whole = frame({"a": 1})
    assert [read_frame(io.BytesIO(whole[:length])) for length in range(len(whole))] == [None] * len(whole)
