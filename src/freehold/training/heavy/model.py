"""The model: a plain `LlamaForCausalLM` of a recipe's shape, so that one set of weights goes to llama.cpp, vLLM and whatever else unchanged.

It knows shapes and folders, and nothing of how weights come about.
"""

from pathlib import Path
from typing import Any

from freehold.errors import ConfigError
from freehold.training.heavy.foreign import read_gguf
from freehold.training.heavy.libraries import torch, transformers
from freehold.training.heavy.tokenizer import PAD, STOP, load_tokenizer
from freehold.training.recipe import Shape

GGUF = ".gguf"


def build_model(shape: Shape, tokenizer: Any, seed: int) -> Any:
    """A new model with random weights, the same for the same seed. Embeddings are tied: in a small model they would be a third of it."""
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        rms_norm_eps=1e-5,
        rope_theta=10_000.0,
        tie_word_embeddings=True,
        attention_bias=False,
        mlp_bias=False,
        attention_dropout=0.0,
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(STOP),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    config._attn_implementation = "sdpa"
    return transformers.LlamaForCausalLM(config)


def load_model(folder: Path) -> tuple[Any, Any]:
    """(model, tokenizer) of a folder of weights, or of a GGUF file, in float32. Nothing is fetched."""
    if folder.suffix == GGUF:
        return read_gguf(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32, local_files_only=True)
    return model, load_tokenizer(folder)


def take_over(model: Any, tokenizer: Any, folder: Path) -> None:
    """Gives a new model the weights of a folder's, which has the same shape. A token that both know keeps its embedding; one that is new here keeps the random one
    that it has. Raises ConfigError for weights of another shape."""
    older, known = load_model(folder)
    embeddings, table = model.get_input_embeddings().weight, older.get_input_embeddings().weight
    numbers = known.get_vocab()
    pairs = [(number, numbers[token]) for token, number in tokenizer.get_vocab().items() if token in numbers]
    if _shape_of(model.config) != _shape_of(older.config):
        raise ConfigError(
            f"The weights in {folder} have another shape.", f"Make [shape] theirs: {_shape_of(older.config)}."
        )
    with torch.no_grad():
        model.model.layers.load_state_dict(older.model.layers.state_dict())
        model.model.norm.load_state_dict(older.model.norm.state_dict())
        here, there = map(list, zip(*pairs, strict=True))
        embeddings[here] = table[there]


def _shape_of(config: Any) -> str:
    return f"layers {config.num_hidden_layers}, width {config.hidden_size}, heads {config.num_attention_heads}, inner {config.intermediate_size}"


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes config, weights (safetensors, float32) and tokenizer, as `from_pretrained` and converters read them."""
    model.save_pretrained(str(folder), safe_serialization=True)
    tokenizer.save_pretrained(str(folder))


def parameters_of(model: Any) -> int:
    """How many weights; tied ones count once."""
    return sum(weight.numel() for weight in model.parameters())
