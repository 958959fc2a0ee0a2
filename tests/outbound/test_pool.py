"""Connections kept to upstreams: when one is used again, when a request is repeated, and by which way it goes out."""

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from freehold.errors import VendorTimeout, VendorUnreachable
from freehold.outbound.connection import Response
from freehold.outbound.pool import Endpoint, Pool, endpoint
from outbound.internet import Internet
from outbound.scripted import OK, Line, Upstream, always_ok, certificate, following

ASK = b"POST /v1 HTTP/1.1\r\nhost: upstream\r\ncontent-length: 4\r\n\r\nask!"


@pytest.fixture
async def pool() -> AsyncGenerator[Pool]:
    made = Pool()
    yield made
    made.close()
    await asyncio.sleep(0)


async def ask(pool: Pool, target: Endpoint) -> bytes:
    response = await asyncio.wait_for(pool.send(target, ASK, 5.0), 5)
    return await asyncio.wait_for(response.read(1000), 5)


# --- endpoints ---


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "prefix", "authority"),
    [
        ("https://api.example.com/v1", "api.example.com", 443, True, "/v1", "api.example.com"),
        ("https://api.example.com:8443/v1/", "api.example.com", 8443, True, "/v1", "api.example.com:8443"),
        ("http://127.0.0.1:8000", "127.0.0.1", 8000, False, "", "127.0.0.1:8000"),
        ("http://server", "server", 80, False, "", "server"),
        ("http://server:443", "server", 443, False, "", "server:443"),
        ("http://[::1]:8000/a/b", "::1", 8000, False, "/a/b", "[::1]:8000"),
        ("https://[2001:db8::1]/", "2001:db8::1", 443, True, "", "[2001:db8::1]"),
    ],
)
def test_a_base_url_says_where_to_connect_and_what_the_host_header_says(
    url: str, host: str, port: int, tls: bool, prefix: str, authority: str
) -> None:
    assert endpoint(url) == Endpoint(host=host, port=port, tls=tls, prefix=prefix)
    assert endpoint(url).authority == authority


@pytest.mark.parametrize("url", ["", "api.example.com", "ftp://example.com", "http://", "https:///v1", "http://a:port"])
def test_what_is_no_base_url_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (a bad port is urlsplit's own sentence)
        endpoint(url)


# --- idle connections ---


async def test_an_idle_connection_is_used_again(pool: Pool) -> None:
    async with following(always_ok) as upstream:
        for _ in range(3):
            assert await ask(pool, endpoint(upstream.url)) == b"ok"
        assert upstream.connections == 1


async def test_requests_at_the_same_time_have_connections_of_their_own(pool: Pool) -> None:
    async with following(always_ok) as upstream:
        target = endpoint(upstream.url)
        assert await asyncio.gather(*(ask(pool, target) for _ in range(5))) == [b"ok"] * 5
        assert upstream.connections == 5
        await asyncio.gather(*(ask(pool, target) for _ in range(5)))
        assert upstream.connections == 5


async def test_endpoints_share_no_connection(pool: Pool) -> None:
    async with following(always_ok) as upstream:
        await ask(pool, endpoint(upstream.url))
        await ask(pool, endpoint(upstream.url + "/v1"))
        assert upstream.connections == 2


async def test_a_connection_with_an_unfinished_answer_is_not_used_for_another(pool: Pool) -> None:
    async def script(line: Line) -> None:
        await line.hear()
        if line.number == 1:
            await line.say(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf")
            await line.left()
        await line.say(OK)
        await line.left()

    async with following(script) as upstream:
        target = endpoint(upstream.url)
        first = await pool.send(target, ASK, 5.0)
        assert await ask(pool, target) == b"ok"
        assert upstream.connections == 2
        first.close()


async def test_a_second_answer_that_begins_within_the_first_is_never_the_next_requests_answer(pool: Pool) -> None:
    async def script(line: Line) -> None:
        await line.hear()
        if line.number == 1:
            await line.say(OK + b"HTTP/1.1 200 OK\r\ncontent-le")
            await line.hear()
            await line.say(b"ngth: 4\r\n\r\nevil")
        await line.say(OK)
        await line.left()

    async with following(script) as upstream:
        assert await ask(pool, endpoint(upstream.url)) == b"ok"
        assert await ask(pool, endpoint(upstream.url)) == b"ok"


async def test_a_connection_that_the_upstream_closed_while_idle_costs_nothing(pool: Pool) -> None:
    async def script(line: Line) -> None:
        await line.hear()
        await line.say(OK)

    async with following(script) as upstream:
        assert await ask(pool, endpoint(upstream.url)) == b"ok"
        await asyncio.sleep(0.05)  # the upstream's end arrives
        assert await ask(pool, endpoint(upstream.url)) == b"ok"
        assert upstream.connections == 2


async def test_a_request_that_meets_a_closing_connection_is_repeated_once(pool: Pool) -> None:
    heard: list[int] = []

    async def script(line: Line) -> None:
        await line.hear()
        heard.append(line.number)
        await line.say(OK)
        if line.number == 1:
            await line.hear()  # the second request arrives, and nothing is answered
            heard.append(line.number)
            return
        await line.left()

    async with following(script) as upstream:
        assert await ask(pool, endpoint(upstream.url)) == b"ok"
        assert await ask(pool, endpoint(upstream.url)) == b"ok"
        assert heard == [1, 1, 2]


async def test_a_request_that_the_upstream_had_time_to_work_on_is_never_repeated(pool: Pool) -> None:
    async def script(line: Line) -> None:
        await line.hear()
        await line.say(OK)
        await line.hear()
        await asyncio.sleep(0.4)

    async with following(script) as upstream:
        assert await ask(pool, endpoint(upstream.url)) == b"ok"
        with pytest.raises(VendorUnreachable) as told:
            await ask(pool, endpoint(upstream.url))
        assert told.value.sent
        assert upstream.connections == 1


async def test_a_request_is_not_repeated_twice(pool: Pool) -> None:
    asked = 0

    async def script(line: Line) -> None:
        nonlocal asked
        await line.hear()
        asked += 1
        if line.number == 1:
            await line.say(OK)
            await line.hear()
            asked += 1

    async with following(script) as upstream:
        assert await ask(pool, endpoint(upstream.url)) == b"ok"
        with pytest.raises(VendorUnreachable):
            await ask(pool, endpoint(upstream.url))
        assert asked == 3


async def test_a_request_over_a_fresh_connection_is_never_repeated(pool: Pool) -> None:
    async def script(line: Line) -> None:
        await line.hear()

    async with following(script) as upstream:
        with pytest.raises(VendorUnreachable) as told:
            await ask(pool, endpoint(upstream.url))
        assert told.value.sent
        assert upstream.connections == 1


async def test_a_request_that_was_answered_in_part_is_never_repeated(pool: Pool) -> None:
    async def script(line: Line) -> None:
        await line.hear()
        await line.say(OK)
        await line.hear()
        await line.say(b"HTTP/1.1 2")

    async with following(script) as upstream:
        assert await ask(pool, endpoint(upstream.url)) == b"ok"
        with pytest.raises(VendorUnreachable):
            await ask(pool, endpoint(upstream.url))
        assert upstream.connections == 1


async def test_connections_that_were_idle_for_long_are_swept_and_others_stay(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = asyncio.Event()

    async def script(line: Line) -> None:
        await line.hear()
        await line.say(OK)
        await line.left()
        left.set()

    async with following(script) as upstream:
        await ask(pool, endpoint(upstream.url))
        pool.sweep()
        assert not left.is_set()
        monkeypatch.setattr("freehold.outbound.pool.IDLE_SECONDS", -1.0)
        pool.sweep()
        await asyncio.wait_for(left.wait(), 5)
        assert await ask(pool, endpoint(upstream.url)) == b"ok"
        assert upstream.connections == 2


async def test_only_so_many_connections_are_kept_idle(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.outbound.pool.MAX_IDLE", 2)
    left = asyncio.Semaphore(0)

    async def script(line: Line) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await always_ok(line)
        left.release()

    async with following(script) as upstream:
        await asyncio.gather(*(ask(pool, endpoint(upstream.url)) for _ in range(5)))
        for _ in range(3):
            await asyncio.wait_for(left.acquire(), 5)
        assert left.locked()


async def test_closing_the_pool_ends_every_connection() -> None:
    left = asyncio.Event()

    async def script(line: Line) -> None:
        await line.hear()
        await line.say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        await line.left()
        left.set()

    async with following(script) as upstream:
        pool = Pool()
        response = await pool.send(endpoint(upstream.url), ASK, 5.0)
        pool.close()
        await asyncio.wait_for(left.wait(), 5)
        assert await response.next() == b"half"
        with pytest.raises(VendorUnreachable):
            await response.next()


# --- who gives up ---


async def test_cancelling_closes_the_connection(pool: Pool) -> None:
    heard, left = asyncio.Event(), asyncio.Event()

    async def script(line: Line) -> None:
        await line.hear()
        heard.set()
        await line.left()
        left.set()

    async with following(script) as upstream:
        asking = asyncio.create_task(pool.send(endpoint(upstream.url), ASK, 5.0))
        await asyncio.wait_for(heard.wait(), 5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(left.wait(), 5)


async def test_an_answer_past_its_limit_is_a_timeout_and_closes_the_connection(pool: Pool) -> None:
    left = asyncio.Event()

    async def script(line: Line) -> None:
        await line.hear()
        await line.left()
        left.set()

    async with following(script) as upstream:
        limit = asyncio.get_running_loop().time() + 0.2
        with pytest.raises(VendorTimeout):
            await asyncio.wait_for(pool.send(endpoint(upstream.url), ASK, 5.0, limit), 5)
        await asyncio.wait_for(left.wait(), 5)


async def test_a_body_past_its_limit_is_a_timeout_unless_the_limit_was_lifted(pool: Pool) -> None:
    async def script(line: Line) -> None:
        await line.hear()
        await line.say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        await asyncio.sleep(0.3)
        await line.say(b"whole")

    async def read(*, lifted: bool) -> bytes:
        limit = asyncio.get_running_loop().time() + 0.05
        response: Response = await pool.send(endpoint(upstream.url), ASK, 5.0, limit)
        if lifted:
            response.unlimited()
        return await asyncio.wait_for(response.read(100), 5)

    async with following(script) as upstream:
        with pytest.raises(VendorTimeout):
            await read(lifted=False)
        assert await read(lifted=True) == b"halfwhole"


async def test_a_limit_ends_with_the_answer_that_it_was_for(pool: Pool) -> None:
    async with following(always_ok) as upstream:
        target = endpoint(upstream.url)
        limit = asyncio.get_running_loop().time() + 0.05
        assert await (await pool.send(target, ASK, 5.0, limit)).read(10) == b"ok"
        await asyncio.sleep(0.3)
        assert await ask(pool, target) == b"ok"
        assert upstream.connections == 1


async def test_a_refused_connection_is_unreachable_and_names_the_host(pool: Pool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(VendorUnreachable, match=r"Cannot connect to 127\.0\.0\.1") as told:
        await ask(pool, endpoint(f"http://127.0.0.1:{port}"))
    assert not told.value.sent


async def test_a_name_that_does_not_exist_is_unreachable(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(VendorUnreachable, match=r"Cannot connect to nowhere\.example: Name or service not known"):
        await ask(pool, endpoint("http://nowhere.example"))


async def test_a_connection_that_takes_too_long_is_a_timeout_and_is_left(pool: Pool) -> None:
    left = asyncio.Event()

    async def script(line: Line) -> None:
        await line.left()
        left.set()

    async with following(script) as upstream:
        # A TLS greeting that is never answered: the connection does not stand before TLS does.
        with pytest.raises(VendorTimeout, match=r"No connection to 127\.0\.0\.1 within 0\.05 seconds"):
            await pool.send(endpoint(f"https://127.0.0.1:{upstream.port}"), ASK, 0.05)
        await asyncio.wait_for(left.wait(), 5)


# --- TLS ---


async def test_an_upstream_is_trusted_by_the_authority_of_its_ca_file(pool: Pool, tmp_path: Path) -> None:
    context, authority = certificate(tmp_path, "IP:127.0.0.1")
    async with following(always_ok, context) as upstream:
        target = endpoint(upstream.url, ca_file=authority)
        assert await ask(pool, target) == b"ok"
        assert await ask(pool, target) == b"ok"
        assert upstream.connections == 1


async def test_an_upstream_that_nobody_vouches_for_is_refused(pool: Pool, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "IP:127.0.0.1")
    async with following(always_ok, context) as upstream:
        with pytest.raises(VendorUnreachable, match=r"TLS with 127\.0\.0\.1 failed"):
            await ask(pool, endpoint(upstream.url))


async def test_a_certificate_for_another_name_is_refused(pool: Pool, tmp_path: Path) -> None:
    context, authority = certificate(tmp_path, "DNS:other.example")
    async with following(always_ok, context) as upstream:
        with pytest.raises(VendorUnreachable, match="TLS"):
            await ask(pool, endpoint(upstream.url, ca_file=authority))


async def test_plain_http_on_a_tls_endpoint_is_unreachable(pool: Pool) -> None:
    async def script(line: Line) -> None:
        await line.reader.read(100)
        await line.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with following(script) as upstream:
        with pytest.raises(VendorUnreachable):
            await ask(pool, endpoint(f"https://127.0.0.1:{upstream.port}"))


# --- proxies ---


class Proxy:
    """A proxy that tunnels every CONNECT to one upstream. `heads` are the requests it got."""

    def __init__(self, to: Upstream, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.heads: list[str] = []
        self._to = to
        self._answer = answer

    async def __call__(self, line: Line) -> None:
        self.heads.append((await line.hear()).decode())
        await line.say(self._answer)
        if not self._answer.startswith(b"HTTP/1.1 2"):
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", self._to.port)
        try:
            await asyncio.gather(_carry(line.reader, writer), _carry(reader, line.writer))
        finally:
            writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_proxy_is_asked_for_a_tunnel_also_for_plain_http(pool: Pool) -> None:
    async with following(always_ok) as upstream, following(proxy := Proxy(upstream)) as standing:
        target = endpoint("http://inner.example:8000/v1", proxy=standing.url)
        assert await ask(pool, target) == b"ok"
        assert await ask(pool, target) == b"ok"
    assert proxy.heads == ["CONNECT inner.example:8000 HTTP/1.1\r\nHost: inner.example:8000\r\n\r\n"]


async def test_a_proxy_without_a_port_is_at_that_of_http(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    internet = Internet(monkeypatch)
    async with following(always_ok) as upstream, following(Proxy(upstream)) as standing:
        internet.servers |= {"proxy.example": standing.port, "127.0.0.1": upstream.port}
        assert await ask(pool, endpoint("http://inner.example", proxy="http://proxy.example")) == b"ok"
    assert internet.reached[0] == ("proxy.example", 80)


async def test_tls_goes_through_the_tunnel_and_checks_the_upstream_not_the_proxy(pool: Pool, tmp_path: Path) -> None:
    context, authority = certificate(tmp_path, "DNS:inner.example")
    async with following(always_ok, context) as upstream, following(proxy := Proxy(upstream)) as standing:
        assert await ask(pool, endpoint("https://inner.example/v1", proxy=standing.url, ca_file=authority)) == b"ok"
        with pytest.raises(VendorUnreachable, match="TLS"):
            await ask(pool, endpoint("https://other.example/v1", proxy=standing.url, ca_file=authority))
    assert [head.split(" ")[1] for head in proxy.heads] == ["inner.example:443", "other.example:443"]


async def test_a_proxy_gets_its_credentials(pool: Pool) -> None:
    async with following(always_ok) as upstream, following(proxy := Proxy(upstream)) as standing:
        named = standing.url.replace("http://", "http://ada:lovelace@")
        assert await ask(pool, endpoint("http://inner.example", proxy=named)) == b"ok"
    # RFC 7617, section 2: Basic and the base64 of user:password.
    assert "\r\nProxy-Authorization: Basic YWRhOmxvdmVsYWNl\r\n" in proxy.heads[0]


async def test_credentials_with_signs_of_their_own_are_percent_encoded_in_the_url_only(pool: Pool) -> None:
    async with following(always_ok) as upstream, following(proxy := Proxy(upstream)) as standing:
        named = standing.url.replace("http://", "http://a%40b:p%3Aw%2F@")
        await ask(pool, endpoint("http://inner.example", proxy=named))
    assert f"Basic {base64.b64encode(b'a@b:p:w/').decode()}\r\n" in proxy.heads[0]


async def test_an_ipv6_address_is_asked_for_in_brackets(pool: Pool) -> None:
    async with following(always_ok) as upstream, following(proxy := Proxy(upstream)) as standing:
        await ask(pool, endpoint("http://[2001:db8::1]:8000", proxy=standing.url))
    assert proxy.heads[0].startswith("CONNECT [2001:db8::1]:8000 HTTP/1.1\r\nHost: [2001:db8::1]:8000\r\n")


async def test_any_answer_in_the_two_hundreds_opens_a_tunnel(pool: Pool) -> None:
    async with (
        following(always_ok) as upstream,
        following(Proxy(upstream, b"HTTP/1.1 204 Go on\r\nvia: us\r\n\r\n")) as standing,
    ):
        assert await ask(pool, endpoint("http://inner.example", proxy=standing.url)) == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\n\r\n",
    ],
)
async def test_what_a_proxy_says_when_it_refuses_is_told(pool: Pool, answer: bytes) -> None:
    said = answer.split(b"\r\n")[0].decode()
    async with following(always_ok) as upstream, following(Proxy(upstream, answer)) as standing:
        with pytest.raises(VendorUnreachable, match=f"The proxy refused the connection: {said}"):
            await ask(pool, endpoint("http://inner.example", proxy=standing.url))
        assert upstream.connections == 0


async def test_a_proxy_that_hangs_up_is_unreachable(pool: Pool) -> None:
    async def script(line: Line) -> None:
        await line.hear()

    async with following(script) as standing:
        with pytest.raises(VendorUnreachable, match="proxy closed the connection"):
            await ask(pool, endpoint("http://inner.example", proxy=standing.url))


async def test_a_proxy_that_never_answers_is_a_timeout_and_is_left(pool: Pool) -> None:
    left = asyncio.Event()

    async def script(line: Line) -> None:
        await line.hear()
        await line.left()
        left.set()

    async with following(script) as standing:
        with pytest.raises(VendorTimeout):
            await pool.send(endpoint("http://inner.example", proxy=standing.url), ASK, 0.05)
        await asyncio.wait_for(left.wait(), 5)
