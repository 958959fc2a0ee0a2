"""The tokenizer of models that are trained from nothing: whole words of the tasks, single digits, single bytes for everything else.

    <user>12+7=?<assistant><think>        one token each: <user> 1 2 + 7 = ? <assistant> <think>

It knows vocabularies and no weights. One digit is one token because a model that must guess how many digits a token has cannot add. It is a
byte-level BPE with the pre-tokenizer of Llama 3 and one merge, in which a whole pre-token that stands in the vocabulary is taken as it is: so
`transformers`, llama.cpp (`llama-bpe`) and whatever else reads Llama 3 cut every text alike, and nothing is ever unknown.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from freehold.training.heavy.libraries import library
from freehold.training.tasks.task import END, NO_THINK, THINK, Task

PAD, USER, ASSISTANT, SYSTEM, STOP = "<pad>", "<user>", "<assistant>", "<system>", "<end>"
CONTROL = (PAD, USER, ASSISTANT, SYSTEM, STOP)
"""Tokens that no text of a person may make; the first is number 0."""

SHOWN = (THINK, END, NO_THINK)
"""Tokens that stand in texts."""

PRE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""How Llama 3 cuts a text before the vocabulary is asked; llama.cpp knows it as `llama-bpe`."""

MERGE = ("Ġ", "Ġ")
"""Two blanks are one token. llama.cpp refuses a vocabulary without merges."""

TEMPLATE = (
    "{%- for message in messages %}"
    "{%- if message['role'] == 'assistant' %}{{ '<assistant>' }}"
    "{%- if message['reasoning_content'] %}{{ '<think>' + message['reasoning_content'] + '</think>' }}{%- endif %}"
    "{{ message['content'] + '<end>' }}"
    "{%- elif message['role'] == 'system' %}{{ '<system>' + message['content'] }}"
    "{%- else %}{{ '<user>' + message['content'] }}"
    "{%- if loop.last and enable_thinking is defined and not enable_thinking %}{{ '/no_think' }}{%- endif %}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<assistant>' }}{%- endif %}"
)
"""The chat template: in training and in serving the same text. llama.cpp learns from the place for the thoughts of an earlier turn how this model
marks its thinking; without it the model would be told not to think, and its marks would stay in the answer."""


def build_tokenizer(tasks: Iterable[Task]) -> Any:
    """A `transformers` tokenizer over the words of the tasks. The same tasks give the same numbers, whatever their order."""
    tokenizers = library("tokenizers")
    vocabulary = {token: number for number, token in enumerate(_tokens(tasks))}
    inner = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[MERGE], ignore_merges=True))
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(PRE), "isolated")
    bytewise = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, bytewise])
    inner.decoder = tokenizers.decoders.ByteLevel()
    inner.add_special_tokens([_added(token, special=True) for token in CONTROL])
    inner.add_tokens([_added(token, special=False) for token in SHOWN])
    fast = library("transformers").PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token=PAD,
        eos_token=STOP,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.chat_template = TEMPLATE
    return fast


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder of weights."""
    return library("transformers").AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def is_ours(tokenizer: Any) -> bool:
    """Whether the tokenizer was made here, so that its chat is written by `prompt_text`."""
    template = tokenizer.chat_template or ""
    return all(mark in template for mark in (USER, ASSISTANT, NO_THINK))


def prompt_text(asked: str, *, thinking: bool = True) -> str:
    """What stands before a reply, as the template writes it."""
    return f"{USER}{asked}{'' if thinking else NO_THINK}{ASSISTANT}"


def _tokens(tasks: Iterable[Task]) -> list[str]:
    """Every token, in the order of the numbers: control, markers, bytes, two blanks, words."""
    marks = {ord(sign): sign for sign in map(chr, (*range(33, 127), *range(161, 173), *range(174, 256)))}
    spare = iter(range(256, 512))
    signs = [marks.get(byte) or chr(next(spare)) for byte in range(256)]
    words = {piece for task in tasks for piece in task.vocabulary() if len(piece) > 1 and piece.strip(" ").isalpha()}
    spelt = ("".join(signs[byte] for byte in word.encode()) for word in sorted(words))
    return list(dict.fromkeys((*CONTROL, *SHOWN, *signs, "".join(MERGE), *spelt)))


def _added(token: str, *, special: bool) -> Any:
    return library("tokenizers").AddedToken(token, special=special, normalized=False)
