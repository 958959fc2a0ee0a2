"""The process that makes items: what it keeps of a request, what stands for a picture, and the pipe."""

import base64
import hashlib
import io
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from freehold.errors import InvalidField
from freehold.gateway.frames import frame, read_frame
from freehold.gateway.item_maker import Made, Maker, Material, serve
from freehold.items import Item, ToolUse

BODY = {"model": "", "messages": [{"role": "user", "content": "I am ann@example.com"}], "stream": True, "user": "u"}
MATERIAL = Material(
    id="rec_1",
    workload="triage",
    at=1000,
    keep_until=2000,
    model="echo/echo",
    body=Raw(msgspec.json.encode({**BODY, "temperature": 0.5, "metadata": {"a": "b"}, "service_tier": "flex"})),
    text="Hello ann@example.com",
    tool_uses=(ToolUse(name="send", arguments='{"to": 4111111111111111}'),),
    finish="tool_calls",
    metadata={"team": "bob@example.com"},
    conversation="ab" * 8,
    cost_nano=7,
    total_ms=1.5,
    first_token_ms=0.5,
    input_tokens=3,
    output_tokens=4,
    rules=("email", "card"),
    patterns={},
)


def made(material: Material) -> Item:
    return msgspec.json.decode(Maker().make(material).item, type=Item)


def test_an_item_is_the_question_the_reply_and_what_it_cost_and_not_who_asked() -> None:
    item = made(MATERIAL)
    assert item.input == {"messages": [{"role": "user", "content": "I am [EMAIL_1]"}], "temperature": 0.5}
    assert item.given is not None
    assert (item.given.text, item.given.finish) == ("Hello [EMAIL_1]", "tool_calls")
    assert item.given.tool_uses == (ToolUse(name="send", arguments='{"to": "[CARD_1]"}'),)
    assert item.metadata == {"team": "[EMAIL_2]"}
    assert (item.id, item.record, item.workload, item.at, item.model) == ("rec_1", "rec_1", "triage", 1000, "echo/echo")
    assert (item.cost_nano, item.total_ms, item.first_token_ms, item.input_tokens, item.output_tokens) == (
        7,
        1.5,
        0.5,
        3,
        4,
    )
    assert (item.conversation, item.subject) == ("ab" * 8, "")


PIXEL = base64.b64encode(b"not really a picture").decode()
DIGEST = hashlib.sha256(b"not really a picture").hexdigest()


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            {"type": "text", "text": f"[image image/png sha256:{DIGEST} 20 bytes]"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
            {"type": "text", "text": f"[audio audio/wav sha256:{DIGEST} 20 bytes]"},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PIXEL}"}},
            {"type": "text", "text": f"[file application/pdf sha256:{DIGEST} 20 bytes]"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ),
    ],
)
def test_a_picture_is_kept_by_type_and_digest_and_an_address_as_it_is(
    part: dict[str, Any], expected: dict[str, Any]
) -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "See."}, part]}]}
    item = made(replace(MATERIAL, body=Raw(msgspec.json.encode(body))))
    assert item.input["messages"][0]["content"][1] == expected


def test_the_digest_is_of_the_input_as_it_is_kept() -> None:
    other = replace(
        MATERIAL, body=Raw(msgspec.json.encode({"messages": [{"role": "user", "content": "I am  bob@example.com"}]}))
    )
    assert Maker().make(MATERIAL).digest == Maker().make(other).digest
    assert Maker().make(MATERIAL).digest != Maker().make(replace(MATERIAL, rules=())).digest


def test_what_is_too_large_is_left_out() -> None:
    assert Maker().make(replace(MATERIAL, text="x" * (1 << 20))) == Made(reason="too-large")


def test_a_rule_that_there_is_not_is_an_error() -> None:
    with pytest.raises(InvalidField):
        Maker().make(replace(MATERIAL, rules=("nothing",)))


def test_it_answers_until_the_pipe_closes() -> None:
    out = io.BytesIO()
    serve(io.BytesIO(frame(MATERIAL) + frame(replace(MATERIAL, id="rec_2")) + b"\x00"), out)
    out.seek(0)
    assert read_frame(out) == b'"ready"'
    answers = [msgspec.json.decode(read_frame(out) or b"", type=Made) for _ in range(2)]
    assert [msgspec.json.decode(one.item, type=Item).id for one in answers] == ["rec_1", "rec_2"]
    assert read_frame(out) is None


def test_the_process_ends_when_its_pipe_closes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "freehold.gateway.item_maker"],
        input=frame(MATERIAL),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(frame("ready"))
    assert b"[EMAIL_1]" in done.stdout


def test_metadata_is_redacted_by_its_names_too() -> None:
    item = made(
        replace(MATERIAL, rules=("email", "secret"), metadata={"password": "hunter2222", "id": "bob@example.com"})
    )
    assert item.metadata == {"password": "[SECRET_1]", "id": "[EMAIL_2]"}
