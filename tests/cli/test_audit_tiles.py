"""Where a log is read from: a folder, or an address, which is believed nothing and asked politely."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from cli.commands import canned, whole
from freehold.cli.audit_tiles import LogFolder, RemoteLog, open_source
from freehold.errors import FetchError, InvalidField, VendorUnreachable


def test_a_folder_gives_its_files_and_kept_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    for name in ("checkpoint", "checkpoints/2026-11-25", "checkpoints/2026-11-24", "checkpoints/.2026-11-26"):
        (tmp_path / name).write_text(name)
    source = open_source(str(tmp_path))
    assert isinstance(source, LogFolder)
    assert source("checkpoint") == b"checkpoint"
    assert [path.name for path in source.kept()] == ["2026-11-24", "2026-11-25"]
    with pytest.raises(FileNotFoundError):
        source("tile/0/000")


@pytest.mark.parametrize("where", ["nowhere", "ftp://log.example/x", "http://"])
def test_what_is_neither_is_told(where: str) -> None:
    with pytest.raises(InvalidField):
        open_source(where)


async def test_an_address_is_asked_for_each_file_below_it() -> None:
    async with canned(whole(200, b"head"), whole(404, b"no")) as (url, requests):

        def read() -> bytes:
            with contextlib.closing(RemoteLog(f"{url}/ledger/", "secret")) as source:
                assert source.kept() == []
                data = source("checkpoint")
                with pytest.raises(FileNotFoundError):
                    source("tile/0/000")
                return data

        assert await asyncio.to_thread(read) == b"head"
    assert [request.split(b"\r\n")[0] for request in requests] == [
        b"GET /ledger/checkpoint HTTP/1.1",
        b"GET /ledger/tile/0/000 HTTP/1.1",
    ]
    assert b"\r\nauthorization: Bearer secret\r\n" in requests[0]


@pytest.mark.parametrize(("status", "said"), [(403, "is not open to everybody"), (500, "answers with status 500")])
async def test_a_server_that_refuses_is_told(status: int, said: str) -> None:
    async with canned(whole(status, b"")) as (url, requests):

        def read() -> None:
            with contextlib.closing(RemoteLog(url)) as source:
                source("checkpoint")

        with pytest.raises(FetchError, match=said):
            await asyncio.to_thread(read)
    assert b"authorization" not in requests[0]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(FetchError, match="cannot be read: Is a directory"):
        LogFolder(tmp_path)("checkpoint")


@pytest.mark.parametrize("bearer", ["K\u20ac", "a\r\nb", "\udcff"])
def test_what_is_no_key_is_not_sent(bearer: str) -> None:
    with pytest.raises(InvalidField, match="characters that no key has"):
        RemoteLog("http://127.0.0.1:9", bearer)


async def test_nobody_there_is_told() -> None:
    async with canned() as (url, _):
        pass

    def read() -> None:
        with contextlib.closing(RemoteLog(url)) as source:
            source("checkpoint")

    with pytest.raises(VendorUnreachable, match="Cannot connect to"):
        await asyncio.to_thread(read)
