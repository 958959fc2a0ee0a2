from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.training import tasks
from freehold.training.heavy.tokenizer import TEMPLATE, build_tokenizer, is_ours, load_tokenizer, prompt_text
from serving import tiny_models

ARITHMETIC = tasks.make({"task": "arithmetic-chains"})
REFUNDS = tasks.make({"task": "refund-policy"})


@pytest.fixture(scope="module", name="words")
def _words() -> Any:
    return build_tokenizer([ARITHMETIC, REFUNDS])


def cut(words: Any, text: str) -> list[str]:
    return words.convert_ids_to_tokens(words(text, add_special_tokens=False)["input_ids"])


def test_one_digit_is_one_token(words: Any) -> None:
    assert cut(words, "123-45=78") == ["1", "2", "3", "-", "4", "5", "=", "7", "8"]


def test_markers_and_roles_are_one_token_each(words: Any) -> None:
    assert cut(words, "<user>1/no_think<assistant><think></think><end>") == [
        "<user>", "1", "/no_think", "<assistant>", "<think>", "</think>", "<end>",
    ]  # fmt: skip


def test_words_of_a_task_are_one_token_with_the_blank_before(words: Any) -> None:
    assert cut(words, "refund limit") == ["refund", "Ġlimit"] or cut(words, " refund limit") == ["Ġrefund", "Ġlimit"]


def test_a_word_of_no_task_is_cut_into_bytes(words: Any) -> None:
    assert cut(words, "zyx") == ["z", "y", "x"]


def test_the_order_of_the_tasks_does_not_change_the_numbers(words: Any) -> None:
    assert build_tokenizer([REFUNDS, ARITHMETIC]).get_vocab() == words.get_vocab()


def test_padding_is_number_0(words: Any) -> None:
    assert words.pad_token_id == 0


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
def test_every_text_comes_back_as_it_was(words: Any, text: str) -> None:
    ids = words(text, add_special_tokens=False)["input_ids"]
    assert words.decode(ids, skip_special_tokens=False) == text


def test_the_template_writes_what_training_writes(words: Any) -> None:
    asked = [{"role": "user", "content": "1+2=?"}]

    def written(**more: Any) -> str:
        return words.apply_chat_template(asked, tokenize=False, add_generation_prompt=True, **more)

    assert written() == prompt_text("1+2=?") == "<user>1+2=?<assistant>"
    assert written(enable_thinking=False) == prompt_text("1+2=?", thinking=False) == "<user>1+2=?/no_think<assistant>"


def test_the_template_ends_every_turn_of_a_conversation(words: Any) -> None:
    turns = [("system", "Add."), ("user", "1+1=?"), ("assistant", "2"), ("user", "2+2=?")]
    messages = [{"role": role, "content": text} for role, text in turns]
    assert words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == (
        "<system>Add.<user>1+1=?<assistant>2<end><user>2+2=?<assistant>"
    )


def test_a_saved_tokenizer_is_the_same(words: Any, tmp_path: Any) -> None:
    words.save_pretrained(str(tmp_path))
    again = load_tokenizer(tmp_path)
    text = "Apply the rules in order; 123+45=?<think>\n  ünï</think>/no_think"
    assert is_ours(again)
    assert again(text, add_special_tokens=False)["input_ids"] == words(text, add_special_tokens=False)["input_ids"]


def test_the_template_is_the_one_that_serving_is_tested_with() -> None:
    assert TEMPLATE == tiny_models.TEMPLATE
