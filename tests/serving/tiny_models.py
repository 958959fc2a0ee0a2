"""Models of a few hundred kilobytes that say what a test wants, as GGUF files that llama.cpp really computes with.

The next token depends on the last one alone: the embedding of a token is a direction of its own, one layer of attention adds a direction for
whether `/no_think` was said, and the output weights are the table of what follows what. So an answer is known by heart, and still every part of
the engine is at work: tokenizer, template, sampling, grammar, adapters.
"""

import struct
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH = 64
HEADS = 2
CONTEXT = 512
NO_THINK = WIDTH - 1
"""The direction that says that `/no_think` stands in the text."""

CONTROL = ("<pad>", "<user>", "<assistant>", "<system>", "<end>")
SHOWN = ("<think>", "</think>", "/no_think")

Value = bool | int | float | str | Sequence[str] | Sequence[int]
Tensor = tuple[tuple[int, ...], "array[float]"]

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
"""The own family's template, as a test of its tokenizer holds it: `enable_thinking` writes the control token `/no_think`."""

THINKER = {
    "<assistant>": "<think>",
    "<think>": "1",
    "1": "+",
    "+": "2",
    "2": "=",
    "=": "3",
    "3": "</think>",
    "</think>": "4",
    "4": "5",
    "5": "<end>",
    "7": "<end>",
    "8": "<end>",
}
"""What follows what: it thinks `1+2=3` and answers `45`. Adapters can have it answer 7 or 8."""


def thinker(path: Path, template: str = TEMPLATE) -> Path:
    """A model with the own family's template that thinks `1+2=3` and answers `45`; with `/no_think` in the text it answers at once."""
    states = {token: number for number, token in enumerate(THINKER)}
    embeddings = _zeros(len(TOKENS) * WIDTH)
    outputs = _zeros(len(TOKENS) * WIDTH)
    for token, state in states.items():
        embeddings[PLACE[token] * WIDTH + state] = 1.0
    embeddings[PLACE["/no_think"] * WIDTH + NO_THINK] = 1.0
    for token, following in THINKER.items():
        outputs[PLACE[following] * WIDTH + states[token]] += 1.0
    outputs[PLACE["<think>"] * WIDTH + NO_THINK] = -1.0
    outputs[PLACE["4"] * WIDTH + states["<assistant>"]] = 0.5
    # Attention weighs every token alike, so what it finds is divided by their number; 200 is more than a test asks.
    values, mixed = _zeros(WIDTH * WIDTH), _zeros(WIDTH * WIDTH)
    values[NO_THINK * WIDTH + NO_THINK] = 1.0
    mixed[NO_THINK * WIDTH + NO_THINK] = 200.0
    ones = array("f", [1.0] * WIDTH)
    square, narrow = (WIDTH, WIDTH), 32
    tensors: dict[str, Tensor] = {
        "token_embd.weight": ((WIDTH, len(TOKENS)), embeddings),
        "output.weight": ((WIDTH, len(TOKENS)), outputs),
        "output_norm.weight": ((WIDTH,), ones),
        "blk.0.attn_norm.weight": ((WIDTH,), ones),
        "blk.0.ffn_norm.weight": ((WIDTH,), ones),
        "blk.0.attn_q.weight": (square, _zeros(WIDTH * WIDTH)),
        "blk.0.attn_k.weight": (square, _zeros(WIDTH * WIDTH)),
        "blk.0.attn_v.weight": (square, values),
        "blk.0.attn_output.weight": (square, mixed),
        "blk.0.ffn_gate.weight": ((WIDTH, narrow), _zeros(WIDTH * narrow)),
        "blk.0.ffn_up.weight": ((WIDTH, narrow), _zeros(WIDTH * narrow)),
        "blk.0.ffn_down.weight": ((narrow, WIDTH), _zeros(WIDTH * narrow)),
    }
    return write_gguf(path, {**_DESCRIPTION, "tokenizer.chat_template": template}, tensors)


def adapter(path: Path, answer: str) -> Path:
    """A LoRA adapter of rank 1: after its thinking the model answers `answer`, 7 or 8, instead of 4."""
    down, up = _zeros(WIDTH), _zeros(len(TOKENS))
    down[list(THINKER).index("</think>")] = 1.0
    up[PLACE["4"]], up[PLACE[answer]] = -3.0, 3.0
    about: dict[str, Value] = {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 1.0,
    }
    tensors: dict[str, Tensor] = {
        "output.weight.lora_a": ((WIDTH, 1), down),
        "output.weight.lora_b": ((1, len(TOKENS)), up),
    }
    return write_gguf(path, about, tensors)


def bare(path: Path, *, context: int = CONTEXT, template: str = "", architecture: str = "llama") -> Path:
    """A file with a head and no tensor: enough for everything but an engine."""
    about: dict[str, Value] = {"general.architecture": architecture, f"{architecture}.context_length": context}
    return write_gguf(path, {**about, "tokenizer.chat_template": template}, {})


def write_gguf(path: Path, about: Mapping[str, Value], tensors: Mapping[str, Tensor]) -> Path:
    """A GGUF file of version 3 with 32-bit floats. Source: llama.cpp, "GGUF"."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(about))
    head += b"".join(_text(key) + _value(value) for key, value in about.items())
    data = b""
    for name, (shape, values) in tensors.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        data += values.tobytes()
        data += bytes(-len(data) % 32)
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Value) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
        case _:
            texts = [one for one in value if isinstance(one, str)]
            if texts:
                return struct.pack("<IIQ", 9, 8, len(texts)) + b"".join(map(_text, texts))
            return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)


def _zeros(count: int) -> "array[float]":
    return array("f", bytes(4 * count))


def _signs() -> list[str]:
    """How byte-level BPE writes each byte. Source: GPT-2, `bytes_to_unicode`."""
    shown = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in shown else chr(next(spare)) for byte in range(256)]


TOKENS = (*CONTROL, *SHOWN, *_signs(), "ĠĠ")
PLACE = {token: number for number, token in enumerate(TOKENS)}

_DESCRIPTION: Mapping[str, Value] = {
    "general.architecture": "llama",
    "llama.context_length": CONTEXT,
    "llama.embedding_length": WIDTH,
    "llama.block_count": 1,
    "llama.feed_forward_length": 32,
    "llama.attention.head_count": HEADS,
    "llama.attention.head_count_kv": HEADS,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.dimension_count": WIDTH // HEADS,
    "llama.vocab_size": len(TOKENS),
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "llama-bpe",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [3 if token in CONTROL else 4 if token in SHOWN else 1 for token in TOKENS],
    "tokenizer.ggml.merges": ["Ġ Ġ"],
    "tokenizer.ggml.eos_token_id": PLACE["<end>"],
    "tokenizer.ggml.padding_token_id": PLACE["<pad>"],
    "tokenizer.ggml.add_bos_token": False,
}
