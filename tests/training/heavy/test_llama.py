"""llama.cpp's server, asked in this process."""

from pathlib import Path

import pytest

from freehold.errors import ExportRefused
from freehold.training.heavy.llama import served
from serving.tiny_models import thinker


def test_it_answers_while_it_is_open_and_says_what_it_refuses(tmp_path: Path) -> None:
    with served(thinker(tmp_path / "m.gguf"), 64) as ask:
        assert ask("/tokenize", {"content": "4", "add_special": False})["tokens"]
        with pytest.raises(ExportRefused, match=r"llama\.cpp answers 404"):
            ask("/nowhere", {})
