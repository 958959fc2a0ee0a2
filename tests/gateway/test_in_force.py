"""What was put in force is what a worker reads: whole, with its secrets, and the same digest in every process."""

import contextlib
import os
import threading
from pathlib import Path

import pytest

from freehold.cli.settings import known_vendors
from freehold.config.digest import digest
from freehold.config.reading import read
from freehold.config.settings import Settings
from freehold.errors import StoreError
from freehold.gateway.in_force import InForce

EXAMPLE = Path(__file__).parents[2] / "examples" / "freehold.toml"


def configured(tmp_path: Path, toml: str, **environ: str) -> Settings:
    path = tmp_path / "freehold.toml"
    path.write_text(toml)
    return read(path, environ, known_vendors())


def test_the_settings_come_back_as_they_were_with_their_secrets_and_their_digest(tmp_path: Path) -> None:
    given = configured(tmp_path, EXAMPLE.read_text(), OPENAI_API_KEY="sk-1", ANTHROPIC_API_KEY="sk-2")
    with contextlib.closing(InForce.make(given)) as handed:
        found = InForce(handed.fd).read()
    assert found == given
    assert digest(found) == digest(given)
    assert {vendor.api_key.value for vendor in found.vendors.values() if vendor.api_key} >= {"sk-1", "sk-2"}


def test_what_is_put_later_takes_the_place_of_what_was_there_also_where_it_is_shorter(tmp_path: Path) -> None:
    long = configured(tmp_path, EXAMPLE.read_text(), OPENAI_API_KEY="sk-1", ANTHROPIC_API_KEY="sk-2")
    short = configured(tmp_path, "[vendors.echo]\n")
    with contextlib.closing(InForce.make(long)) as handed:
        handed.put(short)
        assert handed.read() == short
        handed.put(long)
        assert handed.read() == long


def test_whoever_reads_while_it_is_written_gets_one_or_the_other_whole(tmp_path: Path) -> None:
    long = configured(tmp_path, EXAMPLE.read_text(), OPENAI_API_KEY="sk-1", ANTHROPIC_API_KEY="sk-2")
    short = configured(tmp_path, "[vendors.echo]\n")
    with contextlib.closing(InForce.make(long)) as handed:
        ended = threading.Event()

        def writes() -> None:
            while not ended.is_set():
                handed.put(short)
                handed.put(long)

        writer = threading.Thread(target=writes)
        writer.start()
        try:
            assert all(handed.read() in (long, short) for _ in range(100))
        finally:
            ended.set()
            writer.join()


def test_nothing_but_settings_is_ever_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.gateway.in_force.TRIES", 2)
    with contextlib.closing(InForce.make(configured(tmp_path, "[vendors.echo]\n"))) as handed:
        os.pwrite(handed.fd, b"x", 40)
        with pytest.raises(StoreError, match="cannot be read"):
            handed.read()


def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)  # as on a system without it
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    given = configured(tmp_path, "[vendors.echo]\n")
    with contextlib.closing(InForce.make(given)) as handed:
        assert list((tmp_path / "t").iterdir()) == []
        assert handed.read() == given
