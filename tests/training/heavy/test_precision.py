from typing import Any

import pytest

from freehold.training.heavy import tuning
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.precision import has_bfloat16
from training.heavy.tiny import recipe

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is asked before the CPU")


@pytest.mark.parametrize(
    ("able", "native"),
    [
        ({"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": False}, True),
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": True}, True),
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": False, "avx2": True}, False),
        ({"architecture": "aarch64", "neon": True}, False),
    ],
)
def test_a_cpu_is_asked_whether_it_computes_in_bfloat16(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, Any], native: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert has_bfloat16() is native


def test_a_torch_that_cannot_tell_of_a_cpu_counts_as_one_on_a_cpu_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not has_bfloat16()


def test_tuning_asks_only_where_the_recipe_leaves_it_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for native in (True, False):
        monkeypatch.setattr(tuning, "has_bfloat16", lambda native=native: native)
        found = {
            name: tuning.arguments(recipe(learning__precision=name), tmp_path)["bf16"]
            for name in ("float32", "bfloat16", "auto")
        }
        assert found == {"float32": False, "bfloat16": True, "auto": native}
