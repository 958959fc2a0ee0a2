"""Low-rank adapters, kept beside the weights that they are merged into: as PEFT writes them, and as a GGUF file that llama.cpp lays over their base.

It knows files and names of tensors, and loads no model. Whether base and file together say what the merged weights say is `parity.py`'s to tell.
"""

import json
from pathlib import Path
from typing import Any

from freehold.errors import ConfigError
from freehold.training.heavy.export import ARCHITECTURE, NAMES, TURNED, turned
from freehold.training.heavy.libraries import library

VALUES, CONFIG = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model.model.layers."


def save_adapter(model: Any, folder: Path, base: str) -> None:
    """Writes the adapters of PEFT's model, before they are merged. `base` is what they change, by a name that means something elsewhere."""
    model.save_pretrained(str(folder), safe_serialization=True)
    (folder / "README.md").unlink(
        missing_ok=True
    )  # PEFT's own card, which names a folder of this machine and nothing else
    about = json.loads((folder / CONFIG).read_bytes())
    about["base_model_name_or_path"] = base
    (folder / CONFIG).write_text(json.dumps(about, indent=2, sort_keys=True) + "\n")


def export_adapter(folder: Path, config: Any, to: Path, name: str) -> None:
    """Writes the adapters of a folder as GGUF, in float32; `config` is that of the model that they change. Raises ConfigError for one that is no Llama."""
    if config.model_type != ARCHITECTURE:
        raise ConfigError(
            f"{name} changes a {config.model_type}, and only adapters of a Llama are exported.",
            f"llama.cpp's convert_lora_to_gguf.py makes such a file from {folder}.",
        )
    gguf = library("gguf")
    about = json.loads((folder / CONFIG).read_bytes())
    writer = gguf.GGUFWriter(str(to), ARCHITECTURE)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(about["lora_alpha"]))
    writer.add_name(name)
    for called, values in library("safetensors.numpy").load_file(str(folder / VALUES)).items():
        writer.add_tensor(*_renamed(called, values, config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _renamed(called: str, values: Any, config: Any) -> tuple[str, Any]:
    """llama.cpp's name, and the values in its order: of queries and keys the rows of B are turned as those of the weights are."""
    layer, _, rest = called.removeprefix(PREFIX).partition(".")
    ours, _, kind = rest.removesuffix(".weight").rpartition(".lora_")
    if ours in TURNED and kind == "B":
        values = turned(values, config.num_attention_heads if ours.endswith("q_proj") else config.num_key_value_heads)
    return f"blk.{layer}.{NAMES[ours]}.weight.lora_{kind.lower()}", values
