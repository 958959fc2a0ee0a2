from typing import Any

import pytest

from freehold.training.heavy import cache
from freehold.training.heavy.libraries import torch, transformers


def test_gives_what_the_library_gives_over_tokens_and_rows_that_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "FIRST", 3)
    mine, theirs = cache.roomy_cache(), transformers.DynamicCache()
    draws = torch.Generator().manual_seed(0)
    rows = 5

    def states(tokens: int) -> Any:
        return torch.randn((rows, 2, tokens, 4), generator=draws)

    copies = set[int]()
    for step, tokens in enumerate((7, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1)):
        for layer in range(2):
            given = states(tokens), states(tokens)
            for one, other in zip(mine.update(*given, layer), theirs.update(*given, layer), strict=True):
                assert torch.equal(one, other)
            copies.add(mine.layers[layer].keys.data_ptr())
        assert mine.get_seq_length() == theirs.get_seq_length()
        if step in (3, 9):
            kept = torch.tensor([row for row in range(rows) if row != 1])
            mine.batch_select_indices(kept)
            theirs.batch_select_indices(kept)
            rows -= 1
    assert 4 <= len(copies) < 14  # two layers: at first, when the room is used up, and when rows go; not at each token
