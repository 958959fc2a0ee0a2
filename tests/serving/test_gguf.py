"""The head of a GGUF file: what is read of it, and that no damage gets further than a sentence."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.serving.gguf import Head, NotGguf, read_head
from serving.tiny_models import CONTEXT, TEMPLATE, adapter, bare, thinker


def test_a_model_says_its_architecture_its_context_and_the_template_of_its_chat(tmp_path: Path) -> None:
    assert read_head(thinker(tmp_path / "m.gguf")) == Head(architecture="llama", context=CONTEXT, template=TEMPLATE)


def test_an_adapter_is_told_from_a_model(tmp_path: Path) -> None:
    assert read_head(adapter(tmp_path / "a.gguf", "7")) == Head(architecture="llama", kind="adapter")


def test_every_kind_of_value_is_walked_over(tmp_path: Path) -> None:
    # Written by hand: a byte, a 64-bit number, a double, an array of numbers, one of texts, and then what is asked for.
    numbers = b"\x05\x00\x00\x00" + b"\x02" + bytes(7) + b"\x07\x00\x00\x00\x08\x00\x00\x00"
    texts = b"\x08\x00\x00\x00" + b"\x02" + bytes(7) + b"\x01" + bytes(7) + b"x" + bytes(8)
    pairs = [
        (b"a", b"\x00\x00\x00\x00", b"\x07"),
        (b"b", b"\x0a\x00\x00\x00", bytes(8)),
        (b"c", b"\x0c\x00\x00\x00", bytes(8)),
        (b"d", b"\x09\x00\x00\x00", numbers),
        (b"e", b"\x09\x00\x00\x00", texts),
        (b"general.architecture", b"\x08\x00\x00\x00", b"\x02" + bytes(7) + b"xy"),
        (b"xy.context_length", b"\x04\x00\x00\x00", b"\x00\x01\x00\x00"),
    ]
    head = b"GGUF" + b"\x02\x00\x00\x00" + bytes(8) + bytes([len(pairs)]) + bytes(7)
    head += b"".join(bytes([len(key)]) + bytes(7) + key + kind + value for key, kind, value in pairs)
    path = tmp_path / "m.gguf"
    path.write_bytes(head)
    assert read_head(path) == Head(architecture="xy", context=256)


@pytest.mark.parametrize(
    "content",
    [b"", b"GGU", b"PK\x03\x04 a wheel", b"\x00\x00\x00\x00GGUF", b"GGUF", b"GGUF\x01\x00\x00\x00" + bytes(16)],
)
def test_what_is_no_gguf_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(NotGguf):
        read_head(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return bare(tmp_path_factory.mktemp("gguf") / "m.gguf", template="{{ messages }}").read_bytes()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_cut_and_no_changed_byte_gives_another_error(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(whole[: data.draw(st.integers(5, len(whole)))])
    content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    path.write_bytes(content)
    with contextlib.suppress(NotGguf):
        assert isinstance(read_head(path), Head)
