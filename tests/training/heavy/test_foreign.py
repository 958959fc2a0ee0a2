"""Bases that others made: their vocabulary in llama.cpp's words, and weights that are read from a GGUF file."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.training.heavy import foreign
from freehold.training.heavy.export import export_gguf
from freehold.training.heavy.foreign import read_gguf, splitting_of
from freehold.training.heavy.libraries import library, torch, transformers
from freehold.training.heavy.llama import served
from freehold.training.heavy.model import load_model, save_model
from freehold.training.heavy.parity import checked_adapter, checked_export
from freehold.training.heavy.tokenizer import PRE
from freehold.training.heavy.tuning import sft
from freehold.training.recipe import tasks_of
from freehold.training.runs import RunFolder
from training.heavy.tiny import recipe

pytestmark = pytest.mark.filterwarnings("ignore")

TEXT = [
    "Items can be returned within 30 days.", "12+34=46, 12345 is more than 999", "don't  they'll\n\nfür Größe 日本", "DON'T they'LL", "end.\n\nNew!!\n",
] * 20  # fmt: skip
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def tokenizer_with(split: Callable[[Any], list[Any]]) -> Any:
    """A byte-level BPE as others train one, with marks of its own."""
    made = library("tokenizers")
    inner = made.Tokenizer(made.models.BPE())
    inner.pre_tokenizer = made.pre_tokenizers.Sequence(split(made))
    inner.decoder = made.decoders.ByteLevel()
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = made.pre_tokenizers.ByteLevel.alphabet()
    trainer = made.trainers.BpeTrainer(vocab_size=600, special_tokens=marks, initial_alphabet=alphabet)
    inner.train_from_iterator(TEXT, trainer)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=marks[1], eos_token=marks[2], pad_token=marks[0]
    )
    fast.chat_template = TEMPLATE
    return fast


def twice_begun(tokenizer: Any) -> Any:
    """The tokenizer as Llama 3's is: it puts its start token before any text, and its template writes the same one."""
    before = library("tokenizers").processors.TemplateProcessing
    start = tokenizer.bos_token = "<|endoftext|>"
    tokenizer.backend_tokenizer.post_processor = before(single=f"{start} $A", special_tokens=[(start, 0)])
    tokenizer.chat_template = f"{{{{ bos_token }}}}{TEMPLATE}"
    return tokenizer


def digits_first(made: Any) -> list[Any]:
    pre = made.pre_tokenizers
    return [pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)]


def as_llama_3(made: Any) -> list[Any]:
    pre = made.pre_tokenizers
    return [pre.Split(made.Regex(PRE), "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)]


def as_gpt_2(made: Any) -> list[Any]:
    return [made.pre_tokenizers.ByteLevel(add_prefix_space=False)]


def never(made: Any) -> list[Any]:
    return [made.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]


def base(folder: Path, tokenizer: Any, **changes: Any) -> Path:
    """Weights that others made: untied, fewer keys than queries, heads of a width of their own, more rows than tokens."""
    torch.manual_seed(3)
    shape = {
        "vocab_size": len(tokenizer) + 5, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 256, "tie_word_embeddings": False,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "initializer_range": 0.3, **changes,
    }  # fmt: skip
    save_model(transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape)), tokenizer, folder)
    return folder


@pytest.mark.parametrize(("split", "name"), [(as_gpt_2, "gpt-2"), (as_llama_3, "llama-bpe")])
def test_how_a_tokenizer_cuts_texts_is_found_by_trying(
    split: Callable[[Any], list[Any]], name: str, tmp_path: Path
) -> None:
    tokenizer = tokenizer_with(split)
    assert splitting_of(tokenizer, len(tokenizer), tmp_path, served) == name
    assert list(tmp_path.iterdir()) == []


def test_one_that_llama_cpp_does_not_know_and_one_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"llama\.cpp knows no way to cut texts"):
        splitting_of(tokenizer_with(never), 400, tmp_path, served)
    made = library("tokenizers")
    words = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made.Tokenizer(made.models.WordLevel({"a": 0}, unk_token="a"))
    )
    with pytest.raises(ConfigError, match="no byte-level BPE"):
        splitting_of(words, 1, tmp_path, served)
    assert list(tmp_path.iterdir()) == []


def test_a_tuned_base_of_others_says_in_llama_cpp_what_its_weights_say(tmp_path: Path) -> None:
    start = base(tmp_path / "base", tokenizer_with(digits_first))
    run = tmp_path / "run"
    run.mkdir()
    sft(
        recipe(
            stage="sft", start=str(start), shape=None, learning__steps=40, learning__length=128, learning__rate=1e-2
        ),
        run,
    )
    mix = tasks_of(recipe())
    found = checked_export(run / "model", tmp_path / "m.gguf", "F16", "own/tiny", mix, 24, strings=300, items=8)
    assert (found.strings, found.splits, found.items) == (300, 0, 8)
    assert found.same + found.rounded == 8


def test_weights_are_read_from_a_gguf_file_with_the_way_it_cuts_texts(tmp_path: Path) -> None:
    folder = base(tmp_path / "base", tokenizer_with(digits_first))
    before, known = load_model(folder)
    export_gguf(folder, tmp_path / "m.gguf", "F32", "own/tiny")
    after, words = load_model(tmp_path / "m.gguf")
    asked = known(TEXT, add_special_tokens=False)["input_ids"]
    assert words(TEXT, add_special_tokens=False)["input_ids"] == asked
    with torch.no_grad():
        one, other = (model(input_ids=torch.tensor([asked[1]])).logits for model in (before, after))
    assert (one - other).abs().max() < 1e-4
    save_model(after, words, tmp_path / "again")
    assert "quantization_config" not in (tmp_path / "again" / "config.json").read_text()


def test_a_gguf_file_is_read_for_itself_whatever_lies_beside_it(tmp_path: Path) -> None:
    """Another model, with another vocabulary and no template."""
    words, other = tokenizer_with(digits_first), tokenizer_with(as_llama_3)
    other.chat_template = None
    export_gguf(base(tmp_path / "base", words), tmp_path / "alone.gguf", "F32", "own/tiny")
    beside = base(tmp_path / "beside", other, hidden_size=64)
    shutil.copy(tmp_path / "alone.gguf", beside / "m.gguf")
    (one, cut), (two, again) = (read_gguf(path) for path in (tmp_path / "alone.gguf", beside / "m.gguf"))
    assert again(TEXT)["input_ids"] == cut(TEXT)["input_ids"]
    assert again.chat_template == cut.chat_template == TEMPLATE
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())


def test_adapters_are_learned_and_exported_over_a_base_that_is_a_gguf_file(tmp_path: Path) -> None:
    start = tmp_path / "base.gguf"
    export_gguf(base(tmp_path / "base", tokenizer_with(digits_first)), start, "F32", "own/tiny")
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    changes = {"learning__steps": 40, "learning__length": 128, "learning__rate": 2e-2, "lora": {"rank": 4, "alpha": 8}}
    sft(recipe(stage="sft", start=str(start), shape=None, **changes), run.path)
    mix = tasks_of(recipe())
    found = checked_adapter(run, start, tmp_path / "a.gguf", "own/tiny", mix, 24, strings=100, items=8)
    assert (found.splits, found.items, found.same) == (0, 8, 8)
    assert not list(tmp_path.glob("a.gguf.*"))


def test_what_is_no_plain_llama_is_refused(tmp_path: Path) -> None:
    biased = base(tmp_path / "base", tokenizer_with(as_llama_3), attention_bias=True)
    with pytest.raises(ConfigError, match="no plain Llama"):
        export_gguf(biased, tmp_path / "m.gguf", "F16", "own/tiny")
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(ConfigError, match="cannot be trained on"):
        read_gguf(tmp_path / "x.gguf")
    assert set(foreign._DIGITS) & set(foreign.SPLITTINGS)  # pyright: ignore[reportPrivateUsage]
