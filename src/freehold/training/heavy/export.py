"""Export: weights that were trained here, as one GGUF file for llama.cpp, in half precision or in blocks of 8 or 4 bits.

The folder of safetensors needs no export: it is a plain `LlamaForCausalLM`, which vLLM and others read. It knows our own tokenizer, and bases of others that are
a Llama with a byte-level BPE (`foreign.py`); other ones it refuses, and llama.cpp brings a converter for them. Whether the file says the same as the
weights is `parity.py`'s to tell.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from freehold.errors import ConfigError
from freehold.training.heavy.foreign import say_foreign, splitting_of
from freehold.training.heavy.libraries import library
from freehold.training.heavy.llama import served
from freehold.training.heavy.model import load_model
from freehold.training.heavy.tokenizer import CONTROL, MERGE, SHOWN, TEMPLATE, is_ours

Quantisation = Literal["F32", "F16", "Q8_0", "Q4_0"]
"""F32 is what adapters are compared over, where nothing is rounded; it is never given out."""

ARCHITECTURE = "llama"
SPLITTING = "llama-bpe"


def export_gguf(folder: Path, to: Path, quantisation: Quantisation, name: str) -> None:
    """Writes the weights of a folder as GGUF. What stood at `to` is replaced when all is written. Raises ConfigError for weights that are no plain Llama, and
    for a tokenizer that llama.cpp does not have."""
    model, tokenizer = load_model(folder)
    _require_plain(model)
    splitting = "" if is_ours(tokenizer) else splitting_of(tokenizer, model.config.vocab_size, to.parent, served)
    gguf = library("gguf")
    part = to.with_name(f"{to.name}.part")
    writer = gguf.GGUFWriter(str(part), ARCHITECTURE)
    _describe(writer, gguf, model.config, quantisation, name)
    if splitting:
        say_foreign(writer, gguf, tokenizer, model.config.vocab_size, splitting)
    else:
        _say(writer, gguf, tokenizer)
    kind = gguf.GGMLQuantizationType[quantisation]
    for called, values in tensors(model):
        flat = values.ndim < 2
        wanted = gguf.GGMLQuantizationType.F32 if flat else kind
        data = values if flat else gguf.quants.quantize(values, wanted)
        writer.add_tensor(called, data, raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(to)


def widen_gguf(exported: Path, to: Path) -> None:
    """Writes what a GGUF file has, word for word and number for number, with the numbers as float32: llama.cpp rounds nothing on its way then."""
    gguf = library("gguf")
    reader = gguf.GGUFReader(str(exported))
    writer = gguf.GGUFWriter(str(to), ARCHITECTURE)
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "general.file_type"):
            kind, *inner = field.types
            writer.add_key_value(field.name, field.contents(), kind, sub_type=inner[-1] if inner else None)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(model: Any) -> Iterator[tuple[str, Any]]:
    """(llama.cpp's name, values as numpy float32) of each tensor. Output weights that are tied are not written: llama.cpp takes the embeddings then."""
    config = model.config
    weights = {name: value.detach().float().cpu().numpy() for name, value in model.state_dict().items()}
    yield "token_embd.weight", weights["model.embed_tokens.weight"]
    yield "output_norm.weight", weights["model.norm.weight"]
    if not config.tie_word_embeddings:
        yield "output.weight", weights["lm_head.weight"]
    for layer in range(config.num_hidden_layers):
        for ours, theirs in NAMES.items():
            values = weights[f"model.layers.{layer}.{ours}.weight"]
            if ours in TURNED:
                heads = config.num_attention_heads if ours.endswith("q_proj") else config.num_key_value_heads
                values = turned(values, heads)
            yield f"blk.{layer}.{theirs}.weight", values


def turned(values: Any, heads: int) -> Any:
    """The rows of queries or keys in llama.cpp's order: it turns neighbouring pairs of a head, `transformers` the two halves of it."""
    rows, columns = values.shape
    halves = values.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
TURNED = ("self_attn.q_proj", "self_attn.k_proj")


def _require_plain(model: Any) -> None:
    """Raises ConfigError for what llama.cpp's plain Llama does not compute."""
    config = model.config
    rope: dict[str, Any] = config.rope_parameters if config.model_type == "llama" else {}
    if rope.get("rope_type") != "default" or config.attention_bias or config.mlp_bias:
        raise ConfigError(
            f"These weights are no plain Llama: {config.model_type}{', ' + str(rope['rope_type']) + ' rope' if rope else ''}.",
            "Export it as it is, `--quant safetensors`, and let llama.cpp's own converter make a GGUF file of that.",
        )


def _describe(writer: Any, gguf: Any, config: Any, quantisation: Quantisation, name: str) -> None:
    writer.add_name(name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(float(config.rope_parameters["rope_theta"]))
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(size)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType["ALL_F32" if quantisation == "F32" else f"MOSTLY_{quantisation}"])


def _say(writer: Any, gguf: Any, tokenizer: Any) -> None:
    """The vocabulary, as llama.cpp's byte-level BPE."""
    words: dict[str, int] = tokenizer.get_vocab()
    tokens = sorted(words, key=words.__getitem__)
    kinds = {**dict.fromkeys(CONTROL, gguf.TokenType.CONTROL), **dict.fromkeys(SHOWN, gguf.TokenType.USER_DEFINED)}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(SPLITTING)
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in tokens])
    writer.add_token_merges([" ".join(MERGE)])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
