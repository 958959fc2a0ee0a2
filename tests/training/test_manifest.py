"""The manifest: what a version is, byte for byte, and how people name it."""

import hashlib
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import RegistryError
from freehold.training.manifest import File, Named, check_paths, decode, differences, digest_of, encode, named
from training.versions import manifest

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_digest_is_the_hash_of_the_canonical_bytes() -> None:
    content = encode(manifest("nano", {"a.gguf": b"weights"}))
    assert content.startswith(b'{"context":256,"files":[{"path":"a.gguf","sha256":"')
    assert content.endswith(b'"serves":"a.gguf"}\n')
    assert digest_of(manifest("nano", {"a.gguf": b"weights"})) == hashlib.sha256(content).hexdigest()


def test_a_manifest_that_was_changed_is_refused() -> None:
    content = encode(manifest("nano", {"a.gguf": b"weights"}))
    digest = hashlib.sha256(content).hexdigest()
    assert decode(content, digest) == manifest("nano", {"a.gguf": b"weights"})
    with pytest.raises(RegistryError, match=r"was changed: it does not have its digest\."):
        decode(content.replace(b"MIT", b"BSD"), digest)


def test_a_manifest_of_a_later_form_is_refused() -> None:
    fields = msgspec.json.decode(encode(manifest("nano", {}))) | {"format": 2}
    content = msgspec.json.encode(fields)
    with pytest.raises(RegistryError, match=r"has format 2; this reads 1\."):
        decode(content, hashlib.sha256(content).hexdigest())


def test_the_weights_of_a_version_are_those_that_an_engine_serves() -> None:
    assert manifest("nano", {"a.gguf": b"weights"}).weights == hashlib.sha256(b"weights").hexdigest()
    assert manifest("nano", {"model.safetensors": b"other"}).weights == "0" * 64


def test_every_file_of_weights_names_the_weights_and_no_other_file_does() -> None:
    both = {"a.gguf": b"", "model.safetensors": b"abc", "config.json": b"{}", "tokenizer.json": b"{}"}
    # The SHA-256 of nothing and of "abc" (FIPS 180-2, B.1).
    assert manifest("nano", both).all_weights == (EMPTY, ABC)
    assert manifest("nano", {"model.safetensors": b"abc", "config.json": b"{}"}).all_weights == ("0" * 64, ABC)
    several = manifest("nano", {"model-1.safetensors": b"abc", "model-2.safetensors": b"", "lora/x.safetensors": b"x"})
    # sha256sum *.safetensors | sha256sum, as the engine of vLLM names several
    assert several.all_weights[-1] == "72f313fdaf740d11899f74a112071544d5e63067a2d904a8696d2f9aa752a73a"
    assert len(several.all_weights) == 5


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("nano", Named("nano")),
        ("own/nano", Named("nano")),
        ("nano@3", Named("nano", number=3)),
        ("own/nano@99999", Named("nano", number=99999)),
        ("nano@123456", Named("nano", digest="123456")),
        ("nano@sha256:5F0C31", Named("nano", digest="5f0c31")),
        ("smollm2-135m@ab12cd34", Named("smollm2-135m", digest="ab12cd34")),
    ],
)
def test_a_version_is_named_by_number_or_by_digest(text: str, meant: Named) -> None:
    assert named(text) == meant


@pytest.mark.parametrize("text", ["", "@1", "nano@", "nano@x", "nano@abc", "../nano@1", "na no", "nano@1@2"])
def test_what_names_no_version_is_told(text: str) -> None:
    with pytest.raises(RegistryError):
        named(text)


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/../b", "a//b", "./a", "a\\b", "a/"])
def test_a_path_that_leads_out_of_the_version_is_refused(path: str) -> None:
    with pytest.raises(RegistryError, match=re.escape(repr(path))):
        check_paths((File(path, "0" * 64, 0),))


def test_two_files_cannot_have_one_path() -> None:
    with pytest.raises(RegistryError, match="same path"):
        check_paths((File("a", "0" * 64, 0), File("a", "1" * 64, 0)))


def test_what_differs_is_named_and_nothing_else() -> None:
    one = manifest("nano", {"a.gguf": b"one", "config.json": b"{}"})
    other = manifest("nano", {"a.gguf": b"two", "card.md": b""}, licence="Apache-2.0")
    assert {name: value for name, value in differences(one, other).items() if not name.startswith("files.")} == {
        "lineage.licence": ("MIT", "Apache-2.0")
    }
    assert differences(one, other)["files.config.json"] == (hashlib.sha256(b"{}").hexdigest(), None)
    assert set(differences(one, other)) == {"lineage.licence", "files.a.gguf", "files.config.json", "files.card.md"}
    assert differences(one, one) == {}


@given(st.text(max_size=80))
def test_any_text_names_a_version_or_is_refused(text: str) -> None:
    try:
        found = named(text)
    except RegistryError:
        return
    assert "/" not in found.model
    assert found.number is None or not found.digest
