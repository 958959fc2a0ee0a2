"""Asking a deployment for what it cannot do."""

import pytest

from freehold.dialects.abilities import require
from freehold.dialects.dialect import Traits
from freehold.errors import Unsupported
from freehold.messages import (
    Audio,
    File,
    Image,
    Message,
    OutputFormat,
    Part,
    Request,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
)

ALL = frozenset(
    {
        *("tools", "vision", "audio", "files", "json_schema", "json_object"),
        *("forced_tool_choice", "named_tool_choice", "streaming", "n"),
    }
)


def saying(*parts: Part) -> Request:
    return Request(dialect="openai-chat", model="m", messages=(Message("user", parts),))


ASKING: list[tuple[str, Request]] = [
    ("tools", Request(dialect="d", model="m", tools=(Tool("f"),))),
    ("vision", saying(Text("see"), Image(url="https://x.test/a.png"))),
    ("vision", Request(dialect="d", model="m", messages=(Message("tool", (ToolResult("c", (Image(data="a"),)),)),))),
    ("audio", saying(Audio("UklG", "wav"))),
    ("files", saying(File(data="JVBE"))),
    ("json_schema", Request(dialect="d", model="m", output=OutputFormat("json_schema"))),
    ("json_object", Request(dialect="d", model="m", output=OutputFormat("json_object"))),
    ("forced_tool_choice", Request(dialect="d", model="m", tool_choice=ToolChoice("required"))),
    ("named_tool_choice", Request(dialect="d", model="m", tool_choice=ToolChoice("function", "f"))),
    ("streaming", Request(dialect="d", model="m", stream=True)),
    ("n", Request(dialect="d", model="m", n=2)),
]


@pytest.mark.parametrize(("ability", "request_"), ASKING)
def test_asking_for_a_missing_ability_is_an_error(ability: str, request_: Request) -> None:
    with pytest.raises(Unsupported) as caught:
        require(request_, Traits(no_abilities=frozenset({ability})))
    assert "'m'" in caught.value.sentence
    assert caught.value.param is not None


@pytest.mark.parametrize(("ability", "request_"), ASKING)
def test_the_other_abilities_are_not_missed(ability: str, request_: Request) -> None:
    others = ALL - {ability, "forced_tool_choice"}
    require(request_, Traits(no_abilities=others))


def test_a_document_of_text_needs_no_ability() -> None:
    require(saying(File(text="hello")), Traits(no_abilities=ALL))


def test_a_plain_question_needs_nothing() -> None:
    request = Request(
        dialect="d", model="m", messages=(Message("user", (Text("hi"),)),), n=1, tool_choice=ToolChoice("auto")
    )
    require(request, Traits(no_abilities=ALL))
