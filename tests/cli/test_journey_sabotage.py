"""A sabotaged copy of a model: rows change places, and nothing else does."""

import struct
from pathlib import Path

import pytest

from freehold.cli.journey_sabotage import Matrix, matrices, sabotage
from freehold.errors import JourneyError

F32, F16, STRANGE = 0, 1, 30


def text(word: str) -> bytes:
    return struct.pack("<Q", len(word)) + word.encode()


def gguf(tensors: list[tuple[str, tuple[int, ...], int, bytes]]) -> bytes:
    """A GGUF file with these tensors, a value of each sort, and an alignment of 64."""
    values = text("general.alignment") + struct.pack("<II", 4, 64)
    values += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    values += text("tokenizer.tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("bc")
    values += text("some.numbers") + struct.pack("<IIQ3H", 9, 2, 3, 1, 2, 3)
    infos, data = b"", b""
    for name, shape, kind, content in tensors:
        infos += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += content + bytes(-len(content) % 64)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 4) + values + infos
    return head + bytes(-len(head) % 64) + data


ROWS = [bytes([row, row + 100, row, row]) for row in range(9)]
MATRIX = b"".join(ROWS)
NORM = struct.pack("<3f", 1.0, 2.0, 3.0)
TENSORS = [
    ("token_embd.weight", (2, 9), F16, MATRIX),
    ("blk.0.attn_norm.weight", (3,), F32, NORM),
    ("blk.0.ffn_down.weight", (2, 9), F16, MATRIX),
]


def test_it_finds_the_matrices_where_they_stand() -> None:
    content = gguf(TENSORS)
    embeddings, down = matrices(content)
    assert down == Matrix("blk.0.ffn_down.weight", down.at, 4, 9)
    assert content[down.at : down.at + 36] == content[embeddings.at : embeddings.at + 36] == MATRIX


def test_rows_change_places_and_everything_else_stays(tmp_path: Path) -> None:
    before = gguf(TENSORS)
    (tmp_path / "good.gguf").write_bytes(before)
    assert sabotage(tmp_path / "good.gguf", tmp_path / "bad.gguf") == 1
    after = (tmp_path / "bad.gguf").read_bytes()
    _, down = matrices(before)
    shuffled = [after[down.at + 4 * row : down.at + 4 * row + 4] for row in range(9)]
    assert sorted(shuffled) == ROWS
    assert shuffled != ROWS
    assert after[: down.at] == before[: down.at]
    assert after[down.at + 36 :] == before[down.at + 36 :]


def test_the_same_seed_sabotages_alike(tmp_path: Path) -> None:
    (tmp_path / "good.gguf").write_bytes(gguf(TENSORS))
    for name in ("a", "b"):
        sabotage(tmp_path / "good.gguf", tmp_path / name, seed=4)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gguf([("blk.0.x", (2, 9), STRANGE, MATRIX)]), "holds no matrix"),
        (gguf([("token_embd.weight", (2, 9), F16, MATRIX)]), "holds no matrix"),
        (b"no model", "cannot be read as GGUF"),
        (gguf(TENSORS)[:60], "cannot be read as GGUF"),
    ],
)
def test_where_there_is_nothing_to_shuffle_it_says_so(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(JourneyError, match=said):
        sabotage(tmp_path / "x.gguf", tmp_path / "bad.gguf")
    assert not (tmp_path / "bad.gguf").exists()
