"""Bases that others made: their vocabulary, said so that llama.cpp cuts texts as they do, and weights that are only there as a GGUF file.

A byte-level BPE is what it cuts texts with before it looks into its vocabulary, and llama.cpp knows these ways by name and reads no description. The
name is found by trying: a model of no size with this vocabulary is asked to cut texts, and the first name under which all are cut alike is taken. Where there is
none the export is refused. It knows vocabularies and no weights, but for reading them.
"""

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from freehold.errors import ConfigError
from freehold.training.heavy.libraries import library, torch
from freehold.training.tasks.task import seeded

SPLITTINGS = (
    "llama-bpe", "gpt-2", "smollm", "qwen2", "tekken", "deepseek-llm", "gpt-4o", "falcon", "starcoder", "command-r", "default",
)  # fmt: skip
"""llama.cpp's names of ways to cut a text, those first that are met most."""

DRAWN = 400
"""Texts that are drawn, beside those that stand here."""

_PIECES = (
    *(
        "a",
        "Hello",
        " world",
        " WORLD",
        "Größe",
        "日本",
        "мир",
        "1",
        "23",
        " 456",
        "7890",
        "٣",
        "'s",
        "'LL",
        "'",
        "’s",
        ".",
        "!!",
        " (",
        ")",
        '."',
    ),
    *(
        " ",
        "  ",
        "\t",
        "\n",
        "\n\n",
        "\r\n",
        " \n",
        "\u00a0",
        "_",
        "-",
        "--",
        "/",
        "$",
        "🙂",
        "e\u0301",
        "=",
        "{",
        "}",
        "<",
        ">",
        "#",
        "@",
    ),
)

_DIGITS = frozenset({"smollm", "starcoder", "command-r", "refact"})
"""Ways that cut numbers into digits first, and then as GPT-2 does: what `transformers` does not read from a GGUF file."""


def read_gguf(path: Path) -> tuple[Any, Any]:
    """(model, tokenizer) of a GGUF file, its weights widened to float32. Raises ConfigError for what is no model that `transformers` reads so."""
    transformers, where = library("transformers"), {"gguf_file": path.name, "local_files_only": True}
    try:
        with TemporaryDirectory(prefix="freehold-gguf-") as alone:
            # Of a folder `transformers` would take what lies beside the file, such as the tokenizer of another model.
            (Path(alone) / path.name).symlink_to(path.resolve())
            model = transformers.AutoModelForCausalLM.from_pretrained(alone, dtype=torch.float32, **where)
            tokenizer = transformers.AutoTokenizer.from_pretrained(alone, **where)
    except (ValueError, KeyError, OSError, NotImplementedError, struct.error) as error:
        raise ConfigError(
            f"{path} cannot be trained on: {error}.", "Start from a folder of safetensors of the same model."
        ) from None
    del model.config.quantization_config
    plain = type(model)(model.config)  # one that was never quantised, and says so when it is saved
    plain.load_state_dict(model.state_dict())
    plain.tie_weights()
    field = library("gguf").GGUFReader(str(path)).fields.get("tokenizer.ggml.pre")
    if field is not None and field.contents() in _DIGITS:
        pre = library("tokenizers").pre_tokenizers
        bytewise = tokenizer.backend_tokenizer.pre_tokenizer
        tokenizer.backend_tokenizer.pre_tokenizer = pre.Sequence([pre.Digits(individual_digits=True), bytewise])
    return plain, tokenizer


def say_foreign(writer: Any, gguf: Any, tokenizer: Any, size: int, splitting: str) -> None:
    """Writes a byte-level BPE of `size` tokens under llama.cpp's name of its splitting. Raises ConfigError for a tokenizer of another kind."""
    inner = _byte_level(tokenizer)
    words: dict[str, int] = tokenizer.get_vocab()
    added = {one["content"]: one["special"] for one in inner["added_tokens"]}
    tokens = {number: token for token, number in words.items()}
    types = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(splitting)
    writer.add_token_list([tokens.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types(
        [
            types.UNUSED
            if number not in tokens
            else types.NORMAL
            if tokens[number] not in added
            else types.CONTROL
            if added[tokens[number]]
            else types.USER_DEFINED
            for number in range(size)
        ]
    )
    merges = inner["model"]["merges"]
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])
    for add, number in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ):
        if number is not None:
            add(number)
    first = tokenizer("a")["input_ids"][0]
    writer.add_add_bos_token(tokenizer.bos_token_id is not None and first == tokenizer.bos_token_id)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def splitting_of(tokenizer: Any, size: int, folder: Path, served: Callable[[Path, int], Any]) -> str:
    """llama.cpp's name of the way in which a tokenizer cuts texts; `served` runs a file, `folder` is where it may lie. Raises ConfigError where there
    is none."""
    texts = list(_telling())
    wanted = tokenizer(texts, add_special_tokens=False)["input_ids"]
    path = folder / "vocabulary.gguf"
    for name in SPLITTINGS:
        try:
            _write_empty(path, tokenizer, size, name)
            if _cut(path, texts, served) == wanted:
                return name
        finally:
            path.unlink(missing_ok=True)
    raise ConfigError(
        "llama.cpp knows no way to cut texts as this tokenizer does.",
        f"Tried were {', '.join(SPLITTINGS)}. Export it as it is, `--quant safetensors`, for vLLM.",
    )


def _byte_level(tokenizer: Any) -> dict[str, Any]:
    """What a fast tokenizer says of itself. Raises ConfigError for one that is no byte-level BPE."""
    inner: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str()) if tokenizer.is_fast else {}
    if inner.get("model", {}).get("type") != "BPE" or '"ByteLevel"' not in json.dumps(inner.get("pre_tokenizer")):
        raise ConfigError(
            "Its tokenizer is no byte-level BPE.",
            "Export it as it is, `--quant safetensors`, and let llama.cpp's own converter make a GGUF file of that.",
        )
    return inner


def _write_empty(path: Path, tokenizer: Any, size: int, splitting: str) -> None:
    """A model with this vocabulary, of one layer that computes nothing."""
    gguf = library("gguf")
    width = 32
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(size)
    say_foreign(writer, gguf, tokenizer, size, splitting)
    half = torch.zeros(size, width, dtype=torch.float16).numpy()
    writer.add_tensor("token_embd.weight", half)
    writer.add_tensor("output_norm.weight", torch.ones(width).numpy())
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", torch.zeros(width, width).numpy())
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", torch.ones(width).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _cut(path: Path, texts: Sequence[str], served: Callable[[Path, int], Any]) -> list[list[int]]:
    with served(path, 64) as ask:
        return [
            ask("/tokenize", {"content": text, "add_special": False, "parse_special": True})["tokens"] for text in texts
        ]


def _telling() -> Iterator[str]:
    """Texts in which ways to cut differ: numbers, blanks, ends of lines, contractions, capitals, signs, other scripts; and pieces of these, thrown together."""
    rng = seeded("splitting")
    for _ in range(DRAWN):
        yield "".join(rng.choice(_PIECES) for _ in range(rng.randrange(2, 12)))
    yield from (
        "12345 1,234.5678",
        "a1b22c333d4444",
        "x  y   z\n\n\tq \r\n w",
        "don't DON'T they'LL I'm",
        "HelloWorld helloWORLD",
    )
    yield from (
        "$19.99 (20% off)...!!! #1/2-3+4",
        "für Größe naïve",
        "日本語 12３４ 한국어",
        "Привет мир 2026",
        "  leading",
        "trailing  ",
    )
    yield from (
        "🙂🙃 e\u0301",
        "a\u00a0b\u200bc",
        "__init__ == self.x[0] -> {y: 1}",
        "2026-11-27T16:21:42Z",
        "I've we'd you're",
    )
