"""What a model said, without what it thought."""

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from freehold.graders.visible import given, without_reasoning
from freehold.items import Given, ToolUse
from freehold.messages import Reasoning, Refusal, Reply, Text, ToolCall

FENCED = "Use this:\n```xml\n<think>\n```\nand this `</think>` too."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>5 or 6? 5.</think>\n\nIt is 6.", "It is 6."),
        ("<think>\nIt is 5", ""),
        ("5 or 6? 5.\n</think>\n\nIt is 6.", "It is 6."),
        ("<THINK>a</THINK> b", "b"),
        ("<thinking>a</thinking>b<thinking>c</thinking>", "b"),
        ("<reasoning effort='high'>a</reasoning> b", "b"),
        ("<think>a <think>b</think> c</think> d", "d"),
        ("Sure. <think>5</think> It is 6.", "Sure.  It is 6."),
        ("◁think▷5◁/think▷6", "6"),
        ("[THINK]5[/THINK]6", "6"),
        ("<|START_THINKING|>5<|END_THINKING|><|START_RESPONSE|>6<|END_RESPONSE|>", "6"),
        ("<|begin_of_thought|>5<|end_of_thought|>\n<|begin_of_solution|>6<|end_of_solution|>", "6"),
        ("<|channel|>analysis<|message|>5<|end|><|start|>assistant<|channel|>final<|message|>6<|return|>", "6"),
        ("<|channel|>analysis<|message|>5 is", ""),
        ("<unused94>thought\n5<unused95>6", "6"),
        ("<seed:think>5</seed:think>6", "6"),
        ("<step>2 + 3 = 5</step>\n<step>5 + 1 = 6</step>\n6", "6"),
        ("The <think> tag is not closed.", "The <think> tag is not closed."),
        (FENCED, FENCED),
        ("  6 \n", "  6 \n"),
        ("<think></think>6", "6"),
        ("let me see\n```python\nx = 5\n```\nso\n</think>\n6", "6"),
    ],
)
def test_reasoning_is_taken_out_of_a_text(text: str, said: str) -> None:
    assert without_reasoning(text) == said


@any_of(st.text(alphabet="ab <think>/`\n[]|", max_size=80))
def test_it_is_gone_after_one_pass_and_no_text_makes_it_raise(text: str) -> None:
    without_reasoning(text)
    assert "zebra" not in without_reasoning(f"<think>zebra</think>{text.replace('think', '')}")


def test_a_text_of_nothing_but_marks_is_done_soon() -> None:
    assert len(without_reasoning("a <think> " * 50_000)) == 500_000
    assert without_reasoning("```a\n<think>\n" * 5_000) is not None


def test_a_reply_in_parts_leaves_its_reasoning_behind() -> None:
    parts = (
        Reasoning(text="5?"),
        Text("<think>5</think>It is "),
        Text("6."),
        ToolCall(id="1", name="add", arguments="{}"),
    )
    reply = Reply(id="1", model="m", parts=parts, finish="tool_calls")
    assert given(reply) == Given(text="It is 6.", tool_uses=(ToolUse("add", "{}"),), finish="tool_calls")


def test_a_refusal_is_something_said() -> None:
    reply = Reply(id="1", model="m", parts=(Refusal("I won't."),), finish="content_filter")
    assert given(reply) == Given(text="I won't.", finish="content_filter")
