from pathlib import Path
from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.training.heavy.export import export_gguf, tensors, turned, widen_gguf
from freehold.training.heavy.libraries import library
from freehold.training.heavy.model import load_model
from training.heavy.tiny import trained

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("run") / "run", learning__steps=2) / "model"


def read(path: Path) -> Any:
    return library("gguf").GGUFReader(str(path))


def test_the_file_says_what_the_folder_says(folder: Path, tmp_path: Path) -> None:
    export_gguf(folder, tmp_path / "m.gguf", "F16", "own/tiny")
    found = read(tmp_path / "m.gguf")

    def value(key: str) -> Any:
        return found.fields[key].contents()

    assert value("general.architecture") == "llama"
    assert value("tokenizer.ggml.pre") == "llama-bpe"
    assert (value("llama.block_count"), value("llama.embedding_length"), value("llama.context_length")) == (2, 32, 128)
    assert value("tokenizer.ggml.tokens")[:8] == [
        "<pad>", "<user>", "<assistant>", "<system>", "<end>", "<think>", "</think>", "/no_think",
    ]  # fmt: skip
    assert value("tokenizer.ggml.token_type")[:9] == [3, 3, 3, 3, 3, 4, 4, 4, 1]
    assert value("tokenizer.ggml.eos_token_id") == 4
    assert "<assistant>" in value("tokenizer.chat_template")
    assert len(found.tensors) == 2 + 2 * 9


@pytest.mark.parametrize(("kind", "kinds"), [("F16", {0, 1}), ("Q8_0", {0, 8}), ("Q4_0", {0, 2})])
def test_matrices_are_written_in_the_wanted_kind_and_gains_in_full(
    folder: Path, tmp_path: Path, kind: Any, kinds: set[int]
) -> None:
    export_gguf(folder, tmp_path / "m.gguf", kind, "own/tiny")
    found = {one.name: int(one.tensor_type) for one in read(tmp_path / "m.gguf").tensors}
    assert set(found.values()) == kinds
    assert {found[name] for name in found if "norm" in name} == {0}


def test_half_precision_keeps_each_weight_to_a_thousandth(folder: Path, tmp_path: Path) -> None:
    export_gguf(folder, tmp_path / "m.gguf", "F16", "own/tiny")
    written = {one.name: one.data for one in read(tmp_path / "m.gguf").tensors}
    for name, values in tensors(load_model(folder)[0]):
        assert written[name].shape == values.shape
        assert abs(written[name].astype("float32") - values).max() < 1e-3


def test_a_file_made_wide_says_the_same_with_the_same_numbers_in_full(folder: Path, tmp_path: Path) -> None:
    export_gguf(folder, tmp_path / "m.gguf", "F16", "own/tiny")
    widen_gguf(tmp_path / "m.gguf", tmp_path / "wide.gguf")
    half, wide = read(tmp_path / "m.gguf"), read(tmp_path / "wide.gguf")
    apart = {"general.file_type"}
    assert wide.fields["general.file_type"].contents() == 0
    said = {name: field.contents() for name, field in wide.fields.items() if not name.startswith("GGUF.")}
    assert said.keys() - apart == {name for name in half.fields if not name.startswith("GGUF.")} - apart
    assert all(half.fields[name].contents() == value for name, value in said.items() if name not in apart)
    numbers = {one.name: one.data for one in half.tensors}
    assert [(one.name, int(one.tensor_type)) for one in wide.tensors] == [(one.name, 0) for one in half.tensors]
    assert all((one.data == numbers[one.name].astype("float32")).all() for one in wide.tensors)


def test_halves_of_a_head_become_neighbouring_pairs() -> None:
    numpy = library("numpy")
    rows = numpy.arange(8)[:, None]
    assert turned(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_weights_of_others_with_a_tokenizer_of_another_kind_are_refused(folder: Path, tmp_path: Path) -> None:
    model, words = load_model(folder)
    words.chat_template = "{{ messages }}"
    words.backend_tokenizer.pre_tokenizer = library("tokenizers").pre_tokenizers.Whitespace()
    model.save_pretrained(str(tmp_path))
    words.save_pretrained(str(tmp_path))
    with pytest.raises(ConfigError, match="no byte-level BPE"):
        export_gguf(tmp_path, tmp_path / "m.gguf", "F16", "own/tiny")
    assert not list(tmp_path.glob("*.gguf*"))
