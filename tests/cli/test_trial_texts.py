"""Texts to read: what was asked and said, tools included."""

from freehold.cli.trial_texts import asked_of, text_of
from freehold.items import Given, ToolUse


def test_one_question_is_its_text_and_a_conversation_is_its_turns() -> None:
    assert asked_of({"messages": [{"role": "user", "content": "hi"}]}) == "hi"
    turns = [{"role": "system", "content": "be brief"}, {"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert asked_of({"messages": turns}) == "system: be brief\n\nuser: hi"
    assert asked_of({"prompt": 1}) == "{'prompt': 1}"


def test_a_reply_is_its_text_and_the_tools_that_it_called() -> None:
    assert text_of(Given(text="hi", tool_uses=(ToolUse("look", '{"a":1}'),))) == 'hi\nlook({"a":1})'
    assert text_of(Given(tool_uses=(ToolUse("look", "{}"),))) == "look({})"
