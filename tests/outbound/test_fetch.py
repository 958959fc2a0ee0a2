"""Fetching by URL: public addresses only, whatever the name says, and never more than was agreed."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from freehold.errors import BadInput, ForbiddenAddress
from freehold.outbound.fetch import fetch
from outbound.internet import ALSO_PUBLIC, PUBLIC, Internet
from outbound.scripted import Line, Script, Upstream, certificate, following

PNG = b"\x89PNG\r\n\x1a\n"
PICTURE = b"HTTP/1.1 200 OK\r\nContent-Type: image/png; charset=x\r\ncontent-length: 8\r\n\r\n" + PNG
KINDS = ("image/", "application/pdf")


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    found = Internet(monkeypatch)
    found.names["pictures.example.com"] = [PUBLIC]
    return found


class Site:
    """A site at `PUBLIC` that answers everything alike and keeps the requests."""

    def __init__(self, said: bytes, then: Script | None = None) -> None:
        self.heads: list[bytes] = []
        self.said = said
        self._then = then

    async def __call__(self, line: Line) -> None:
        self.heads.append(await line.hear())
        await line.say(self.said)
        if self._then is not None:
            await self._then(line)


@pytest.fixture
async def site(internet: Internet) -> AsyncGenerator[Site]:
    made = Site(PICTURE)
    async with following(made) as upstream:
        internet.servers[PUBLIC] = upstream.port
        yield made


async def test_a_public_url_gives_its_media_type_and_content(internet: Internet, site: Site) -> None:
    assert await fetch("http://pictures.example.com/a%20b.png?size=2#part", KINDS) == ("image/png", PNG)
    assert site.heads == [
        b"GET /a%20b.png?size=2 HTTP/1.1\r\nHost: pictures.example.com\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ]
    assert internet.reached == [(PUBLIC, 80)]


async def test_a_port_in_the_url_is_the_one_that_is_asked(internet: Internet, site: Site) -> None:
    await fetch("http://pictures.example.com:8080", KINDS)
    assert internet.reached == [(PUBLIC, 8080)]
    assert site.heads[0].startswith(b"GET / HTTP/1.1\r\nHost: pictures.example.com:8080\r\n")


async def test_https_checks_the_name_and_not_the_address(
    internet: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = certificate(tmp_path, "DNS:pictures.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    internet.names["other.example.com"] = [PUBLIC]
    async with following(Site(PICTURE), context) as upstream:
        internet.servers[PUBLIC] = upstream.port
        assert await fetch("https://pictures.example.com/a.png", KINDS) == ("image/png", PNG)
        assert internet.reached == [(PUBLIC, 443)]
        with pytest.raises(BadInput, match="could not be fetched"):
            await fetch("https://other.example.com/a.png", KINDS)


async def test_a_certificate_that_nobody_vouches_for_is_not_taken(internet: Internet, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "DNS:pictures.example.com")
    async with following(Site(PICTURE), context) as upstream:
        internet.servers[PUBLIC] = upstream.port
        with pytest.raises(BadInput, match="could not be fetched"):
            await fetch("https://pictures.example.com/a.png", KINDS)


# --- what is not public ---


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["192.168.1.1"],
        ["172.31.255.255"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["224.0.0.1"],
        ["::1"],
        ["::"],
        ["fe80::1%eth0"],
        ["fd00::1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:10.0.0.7"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        [PUBLIC, "127.0.0.1"],
        [ALSO_PUBLIC, "fd00::1"],
    ],
)
async def test_a_name_that_resolves_to_a_private_address_is_refused_before_anything_is_sent(
    internet: Internet, addresses: list[str]
) -> None:
    internet.names["inside.example.com"] = addresses
    with pytest.raises(ForbiddenAddress):
        await fetch("http://inside.example.com/a.png", KINDS)
    assert internet.reached == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/a", "http://[::ffff:10.0.0.7]/", "http://localhost/", "file:///etc"])
async def test_a_private_url_is_not_even_looked_up(internet: Internet, url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        await fetch(url, KINDS)
    assert (internet.asked, internet.reached) == ([], [])


async def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_mind(internet: Internet, site: Site) -> None:
    await fetch("http://pictures.example.com/a.png", KINDS)
    assert internet.asked == ["pictures.example.com"]
    assert internet.reached == [(PUBLIC, 80)]  # the address that was judged, not the name


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(internet: Internet, site: Site, status: int) -> None:
    site.said = b"HTTP/1.1 %d X\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n" % status
    with pytest.raises(BadInput, match=f"status {status}"):
        await fetch("http://pictures.example.com/a.png", KINDS)
    assert len(internet.reached) == 1


# --- what cannot be had ---


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n", "answered with status 404"),
        (PICTURE.replace(b"image/png", b"text/html"), "gave text/html, which is not what was announced"),
        (PICTURE.replace(b"Content-Type", b"x-type"), "gave no content type"),
        (PICTURE[:-1], "could not be fetched"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "could not be fetched"),
        (b"", "could not be fetched"),
    ],
    ids=["status", "kind", "no kind", "half", "no http", "nothing"],
)
async def test_what_is_not_the_content_is_refused_with_a_reason(site: Site, said: bytes, sentence: str) -> None:
    site.said = said
    with pytest.raises(BadInput, match=sentence):
        await fetch("http://pictures.example.com/a.png", KINDS)


async def test_a_content_that_ends_with_the_connection_is_taken(site: Site) -> None:
    site.said = b"HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\n\r\n%PDF"
    assert await fetch("http://pictures.example.com/a.pdf", KINDS) == ("application/pdf", b"%PDF")


@pytest.mark.parametrize("framing", [b"content-length: 9999999\r\n", b""])
async def test_a_content_beyond_the_cap_is_refused_as_soon_as_it_is(
    internet: Internet, monkeypatch: pytest.MonkeyPatch, framing: bytes
) -> None:
    monkeypatch.setattr("freehold.outbound.fetch.MAX_BYTES", 100_000)
    left = asyncio.Event()

    async def endless(line: Line) -> None:
        try:
            while True:
                await line.say(b"x" * 10_000)
        finally:
            left.set()

    async with following(
        Site(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n" + framing + b"\r\n", endless)
    ) as server:
        internet.servers[PUBLIC] = server.port
        with pytest.raises(BadInput):
            await fetch("http://pictures.example.com/a.png", KINDS)
        await asyncio.wait_for(left.wait(), 5)


async def test_a_content_of_exactly_the_cap_is_taken(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.outbound.fetch.MAX_BYTES", 8)
    assert (await fetch("http://pictures.example.com/a.png", KINDS))[1] == PNG


async def test_an_answer_that_does_not_come_is_given_up(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.outbound.fetch.TOTAL_SECONDS", 0.05)
    left = asyncio.Event()

    async def silent(line: Line) -> None:
        await line.left()
        left.set()

    async with following(silent) as server:
        internet.servers[PUBLIC] = server.port
        with pytest.raises(BadInput, match=r"within 0\.05 seconds"):
            await fetch("http://pictures.example.com/a.png", KINDS)
        await asyncio.wait_for(left.wait(), 5)


async def test_cancelling_ends_the_connection(internet: Internet) -> None:
    heard, left = asyncio.Event(), asyncio.Event()

    async def silent(line: Line) -> None:
        await line.hear()
        heard.set()
        await line.left()
        left.set()

    server: Upstream
    async with following(silent) as server:
        internet.servers[PUBLIC] = server.port
        fetching = asyncio.create_task(fetch("http://pictures.example.com/a.png", KINDS))
        await asyncio.wait_for(heard.wait(), 5)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await asyncio.wait_for(left.wait(), 5)


@pytest.mark.parametrize(
    "url",
    [
        "http://nowhere.example.com/a.png",
        "http://a..example.com/a.png",
        f"http://{'a' * 64}.example.com/a.png",
        "http://pictures.example.com/a b.png",
        "http://pictures.example.com/a\x0bb.png",
        "http://pictures.example.com/bücher.png",
        "http://pictures.example.com/a?q=\x00",
    ],
)
async def test_a_url_that_cannot_be_asked_is_bad_input_and_no_failure_of_ours(site: Site, url: str) -> None:
    with pytest.raises(BadInput):
        await fetch(url, KINDS)
    assert site.heads == []
