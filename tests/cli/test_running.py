"""How commands find the running door and talk to it: which address, which key, and what failures are called."""

import asyncio
from pathlib import Path

import pytest

from cli.commands import canned, whole
from freehold.cli.running import Running, find_door, get, post, state_file
from freehold.errors import NotConfigured, StoreError, StreamBroken, VendorRefused, VendorUnreachable
from freehold.serving.launch import free_ports


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FREEHOLD_API_KEY", raising=False)
    monkeypatch.delenv("FREEHOLD_DATA", raising=False)


def running_at(data: Path, content: bytes) -> None:
    state_file(data).parent.mkdir()
    state_file(data).write_bytes(content)


def test_the_door_of_a_data_folder_is_asked_with_its_admin_key(tmp_path: Path) -> None:
    running_at(tmp_path, b'{"url":"http://127.0.0.1:8080","pid":1}')
    (tmp_path / "admin.key").write_text("fh_admin\n")
    assert find_door(None, None, tmp_path) == Running("http://127.0.0.1:8080", "fh_admin")


def test_the_data_folder_may_be_named_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEHOLD_DATA", str(tmp_path))
    running_at(tmp_path, b'{"url":"http://127.0.0.1:8080"}')
    (tmp_path / "admin.key").write_text("fh_admin\n")
    assert find_door(None, None, None).key == "fh_admin"


def test_a_key_that_is_given_goes_before_the_environments_and_that_before_the_admins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "admin.key").write_text("fh_admin\n")
    assert find_door("http://door", None, tmp_path).key == "fh_admin"
    monkeypatch.setenv("FREEHOLD_API_KEY", "fh_environment")
    assert find_door("http://door", None, tmp_path).key == "fh_environment"
    assert find_door("http://door", "fh_given", tmp_path).key == "fh_given"


def test_an_address_that_is_given_needs_no_data_folder(tmp_path: Path) -> None:
    assert find_door("https://models.example.com", "fh_key", tmp_path / "none") == Running(
        "https://models.example.com", "fh_key"
    )


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"{}"])
def test_where_no_door_runs_the_error_says_how_to_start_one(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        running_at(tmp_path, content)
    with pytest.raises(NotConfigured, match="No door is running on the data folder") as caught:
        find_door(None, "fh_key", tmp_path)
    assert caught.value.advice == "Start one with `freehold up`."


def test_without_any_key_the_error_says_where_one_can_stand(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"No key: .*admin\.key cannot be read\.") as caught:
        find_door("http://door", None, tmp_path)
    assert caught.value.advice == "Give one with --key or FREEHOLD_API_KEY."


async def test_a_get_carries_the_key_and_gives_the_json() -> None:
    async with canned(whole(200, b'{"data":[1]}')) as (url, requests):
        assert await asyncio.to_thread(get, Running(f"{url}/base/", "fh_key"), "/v1/models?a=b") == {"data": [1]}
    assert requests[0].startswith(b"GET /base/v1/models?a=b HTTP/1.1\r\n")
    assert b"\r\nauthorization: Bearer fh_key\r\n" in requests[0]


async def test_a_post_carries_json_and_gives_the_answer_to_be_read() -> None:
    async with canned(whole(200, b"hello")) as (url, requests):
        response = await asyncio.to_thread(post, Running(url, "fh_key"), "/v1/responses", {"model": "echo/echo"})
        assert await asyncio.to_thread(response.read) == b"hello"
    assert requests[0].startswith(b"POST /v1/responses HTTP/1.1\r\n")
    assert requests[0].endswith(b'\r\n\r\n{"model":"echo/echo"}')


async def test_what_the_door_refuses_is_told_in_its_own_words() -> None:
    async with canned(whole(404, b'{"error":{"message":"No such model."}}'), whole(429, b'{"error":{}}')) as (url, _):
        with pytest.raises(VendorRefused, match=r"^No such model\.$") as caught:
            await asyncio.to_thread(post, Running(url, "k"), "/v1/responses", {})
        assert caught.value.status == 404
        with pytest.raises(VendorRefused, match=r"The door answered with status 429\."):
            await asyncio.to_thread(get, Running(url, "k"), "/v1/models")


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b'"error"', b'{"error":"text"}', b"\xff"])
async def test_an_error_that_is_not_ours_is_told_by_its_status(body: bytes) -> None:
    async with canned(whole(502, body)) as (url, _):
        with pytest.raises(VendorRefused, match=r"The door answered with status 502\."):
            await asyncio.to_thread(get, Running(url, "k"), "/v1/models")


async def test_a_door_that_is_gone_is_told_with_how_to_start_one() -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(VendorUnreachable, match=f"The door at {url} does not answer: ") as caught:
        await asyncio.to_thread(get, Running(url, "k"), "/v1/models")
    assert "freehold up" in caught.value.advice


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
async def test_what_does_not_speak_http_is_no_door(answer: bytes) -> None:
    async with canned(answer) as (url, _):
        with pytest.raises(VendorUnreachable, match="does not answer"):
            await asyncio.to_thread(get, Running(url, "k"), "/v1/models")


async def test_an_answer_that_is_cut_is_not_taken_for_a_whole_one() -> None:
    async with canned(whole(200, b'{"data":[]}')[:-1]) as (url, _):
        with pytest.raises(StreamBroken, match=r"The door was gone before the answer was whole\."):
            await asyncio.to_thread(get, Running(url, "k"), "/v1/models")
