"""Weights that have a name: what stands in the table, and where they are kept."""

from pathlib import Path

from freehold.catalog.weights import FETCHED, NAMED, Piece, Weights, digest, kept_at, locate

CONTENT = b"GGUF" + bytes(range(256))
TINY = Weights(
    name="tiny",
    file="Tiny.gguf",
    pieces=(Piece("tiny-weights", "1.0", "tiny_weights/Tiny.gguf"),),
    sha256="00" * 32,
    size=len(CONTENT),
    licence="Apache-2.0",
    context=128,
)


def test_a_gguf_file_of_ones_own_is_found_at_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(CONTENT)
    assert locate(str(tmp_path / "mine.gguf"), tmp_path) == tmp_path / "mine.gguf"
    assert locate(str(tmp_path / "none.gguf"), tmp_path) is None
    assert locate(str(tmp_path), tmp_path) is None


def test_weights_that_are_only_half_here_are_not_located(tmp_path: Path) -> None:
    path = kept_at(TINY, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:-1])
    assert locate("tiny", tmp_path, {"tiny": TINY}) is None


def test_the_digest_is_sha_256_of_the_whole_file(tmp_path: Path) -> None:
    # FIPS 180-2, appendix B.1 and B.3.
    (tmp_path / "abc").write_bytes(b"abc")
    assert digest(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "million").write_bytes(b"a" * 1_000_000)
    assert digest(tmp_path / "million") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


def test_what_is_named_has_all_that_a_person_must_know_before_fetching() -> None:
    for name, known in NAMED.items():
        assert known.name == name
        assert len(bytes.fromhex(known.sha256)) == 32
        assert known.file.endswith(".gguf")
        assert known.size > 0
        assert known.licence
        assert known.context >= 128


def test_what_does_not_come_with_the_package_is_fetched() -> None:
    assert set(NAMED) - set(FETCHED) == {"nano", "nano-refund"}
    for name in FETCHED:
        assert kept_at(NAMED[name], Path("cache")) == Path("cache/weights") / NAMED[name].file
