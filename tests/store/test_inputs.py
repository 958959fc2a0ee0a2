"""When two inputs count as the same."""

from typing import Any

import pytest

from freehold.store.inputs import content_key, input_digest


def asking(text: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}], **more}


BASE = asking("What is  2 + 2?")
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}


@pytest.mark.parametrize(
    "other",
    [
        asking(" What\nis 2 + 2? "),
        asking([{"type": "text", "text": "What is 2 + 2?"}]),
        asking("What is 2 + 2?", temperature=0.7, max_tokens=5, seed=1, tools=None),
        {"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}]},
    ],
)
def test_how_it_is_written_and_sampled_makes_no_difference(other: dict[str, Any]) -> None:
    assert input_digest(other) == input_digest(BASE)


@pytest.mark.parametrize(
    "other",
    [
        asking("What is 2 + 3?"),
        asking("what is 2 + 2?"),
        asking("What is 2 + 2?", tools=[{"type": "function", "function": {"name": "add"}}]),
        asking("What is 2 + 2?", response_format={"type": "json_object"}),
        {"messages": list(reversed(BASE["messages"]))},
        {"messages": BASE["messages"][1:]},
        asking([{"type": "text", "text": "What is 2 + 2?"}, {"type": "text", "text": "Now."}]),
    ],
)
def test_what_is_asked_makes_a_difference(other: dict[str, Any]) -> None:
    assert input_digest(other) != input_digest(BASE)


def test_ids_of_calls_are_made_up_anew_each_time() -> None:
    def turns(call_id: str, result: str = "4") -> dict[str, Any]:
        call, answer = {**CALL, "id": call_id}, {"role": "tool", "tool_call_id": call_id, "content": result}
        return {"messages": [*BASE["messages"], {"role": "assistant", "tool_calls": [call]}, answer]}

    assert input_digest(turns("call_1")) == input_digest(turns("call_2"))
    assert input_digest(turns("call_1")) != input_digest(turns("call_1", "5"))


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert input_digest(asking("caf\u00e9")) == input_digest(asking("cafe\u0301"))


def test_the_key_is_another_under_another_secret_and_has_16_bytes() -> None:
    digest = input_digest(BASE)
    assert content_key(digest, b"a" * 32) == content_key(digest, b"a" * 32)
    assert content_key(digest, b"a" * 32) != content_key(digest, b"b" * 32)
    assert len(content_key(digest, b"a" * 32)) == 16
