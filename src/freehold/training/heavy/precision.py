"""Whether this machine computes in bfloat16 by itself, or would only act as if it did, slower than in float32.

It knows what torch says of the hardware, and measures nothing: `pretrain` does, where it asks which one is faster.
"""

from typing import Any

from freehold.training.heavy.libraries import torch

NATIVE = ("avx512_bf16", "amx_bf16")
"""What of a CPU, in torch's words, makes bfloat16 the faster one."""


def has_bfloat16() -> bool:
    """Whether the GPU, or where there is none the CPU, computes in bfloat16. Of a CPU torch before 2.13 cannot tell, and it counts as one that does not."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    able: dict[str, Any] = torch.cpu.get_capabilities()
    return any(able.get(name) for name in NATIVE)
