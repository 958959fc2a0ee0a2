from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.training.dataset import Example, Turn
from freehold.training.heavy.taught import as_tokens, asked_of
from freehold.training.provenance import Pedigree
from training.heavy.test_foreign import TEMPLATE, digits_first, tokenizer_with

OURS = Pedigree(producer="freehold/arithmetic-chains", route="program", terms="freehold-tasks", terms_date="2026-01-01")


@pytest.fixture(name="words")
def _words() -> Any:
    return tokenizer_with(digits_first)


def test_a_row_is_asked_as_the_template_writes_it_and_cut_before_the_reply(words: Any) -> None:
    row = Example(turns=(Turn("system", "Add."), Turn("user", "1+2=?")), reply="3", pedigree=OURS)
    asked = "<|im_start|>system\nAdd.<|im_end|>\n<|im_start|>user\n1+2=?<|im_end|>\n<|im_start|>assistant\n"
    assert asked_of(row, words) == asked
    (one,) = as_tokens([row], words)
    assert words.decode(one.ids[: one.reply]) == asked
    assert words.decode(one.ids[one.reply :]) == "3<|im_end|>"


def test_where_the_template_has_a_switch_a_reply_without_steps_is_asked_with_it_off(words: Any) -> None:
    words.chat_template = TEMPLATE + "{% if enable_thinking is false %}/no_think{% endif %}"
    rows = [
        Example(turns=(Turn("user", "1+2=?"),), reply=reply, pedigree=OURS)
        for reply in ("3", "<think>\n1+2=3\n</think>\n3")
    ]
    assert [asked_of(row, words).endswith("/no_think") for row in rows] == [True, False]


def test_a_tokenizer_without_a_template_is_refused(words: Any) -> None:
    words.chat_template = None
    with pytest.raises(ConfigError, match="no chat template"):
        asked_of(Example(turns=(Turn("user", "1+2=?"),), reply="3", pedigree=OURS), words)
