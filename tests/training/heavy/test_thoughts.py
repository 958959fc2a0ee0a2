from typing import Any

import pytest

from freehold.training.heavy.libraries import library, transformers
from freehold.training.heavy.thoughts import with_thoughts
from freehold.training.heavy.tokenizer import TEMPLATE
from freehold.vendors.own import mind_of

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nHelp.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
DOTTED = CHATML.replace("message['role']", "message.role").replace("message['content']", "message.content | trim")
TURNS = [
    {"role": "user", "content": "2+3?"},
    {"role": "assistant", "content": "5"},
    {"role": "user", "content": "and 1?"},
]


def written(template: str, turns: Any = TURNS, **more: Any) -> str:
    made: Any = library("tokenizers")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made.Tokenizer(made.models.BPE()))
    tokenizer.chat_template = template
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **more))


@pytest.mark.parametrize("template", [CHATML, DOTTED])
@pytest.mark.parametrize("switch", [True, False])
def test_what_has_no_thoughts_is_written_as_before(template: str, switch: bool) -> None:
    made = with_thoughts(template, switch=switch)
    assert made is not None
    assert written(made) == written(template)
    assert written(made, enable_thinking=True) == written(template)


@pytest.mark.parametrize("template", [CHATML, DOTTED])
def test_thoughts_stand_before_the_answer_and_the_switch_behind_the_last_question(template: str) -> None:
    made = with_thoughts(template, switch=True)
    assert made is not None
    thought = [TURNS[0], {**TURNS[1], "reasoning_content": "three more"}, TURNS[2]]
    told = written(made, thought, enable_thinking=False)
    assert "assistant\n<think>three more</think>5<|im_end|>" in told
    assert told.count("/no_think") == 1
    assert "and 1?/no_think<|im_end|>" in told
    mind = mind_of(made)
    assert (mind.thinks, mind.switch) == (True, "enable_thinking")


def test_without_a_switch_there_is_none_to_turn() -> None:
    made = with_thoughts(CHATML, switch=False)
    assert made is not None
    mind = mind_of(made)
    assert (mind.thinks, mind.switch) == (True, "")
    assert "/no_think" not in written(made, enable_thinking=False)


def test_a_template_that_thinks_stays_and_one_that_writes_its_content_in_several_places_is_not_guessed_at() -> None:
    assert with_thoughts(TEMPLATE, switch=True) == TEMPLATE
    assert with_thoughts("{{ messages[0].content }}", switch=True) is None
    assert with_thoughts("{{ message.content }}{{ message['content'] }}", switch=True) is None
