"""URLs in a request: found wherever they stand, judged for every vendor, and replaced by their content for some."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from freehold.dialects import get
from freehold.errors import BadInput, ForbiddenAddress, Unsupported
from freehold.gateway.inputs import check_urls, inline_urls
from freehold.messages import File, Image, Message, Part, Request, Text, ToolResult
from gateway.door_in_process import running
from gateway.misbehaving import misbehaving
from outbound.internet import PUBLIC, Internet
from outbound.scripted import Line, following

SITE = "http://pictures.example.com"
A, B = f"{SITE}/a.png", f"{SITE}/b.png"
INSIDE = "http://169.254.169.254/latest/meta-data/"


def asking(*parts: Part) -> Request:
    """A request in which these parts come last, after words that name a URL without meaning one."""
    return Request(
        dialect="openai-chat",
        model="m",
        messages=(Message("user", (Text(f"See {INSIDE}"),)), Message("user", parts)),
    )


class Site(Internet):
    """The site at pictures.example.com: each path is a picture whose content is the path. `/never` never answers (`heard`
    when it was asked, `left` when it was given up), `/missing` is missing, once somebody waits for `/never`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch)
        self.names["pictures.example.com"] = [PUBLIC]
        self.heard = asyncio.Event()
        self.left = asyncio.Event()


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Site]:

    async def script(line: Line) -> None:
        path = (await line.hear()).split(b" ")[1]
        if path == b"/never":
            site.heard.set()
            await line.left()
            site.left.set()
            return
        if path == b"/missing":
            await site.heard.wait()
            await line.say(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n")
            return
        await line.say(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: %d\r\n\r\n" % len(path) + path)

    site = Site(monkeypatch)
    async with following(script) as upstream:
        site.servers[PUBLIC] = upstream.port
        yield site


@pytest.mark.parametrize(
    "part",
    [
        Image(url=INSIDE),
        File(url=INSIDE),
        ToolResult("c1", (Text("here"), Image(url=INSIDE))),
        ToolResult("c1", (File(url="http://[::ffff:127.0.0.1]/"),)),
    ],
)
def test_a_private_url_is_refused_wherever_it_stands(part: Part) -> None:
    with pytest.raises(ForbiddenAddress):
        check_urls(asking(Image(url=A), part))


def test_public_urls_and_contents_without_one_pass() -> None:
    check_urls(asking(Image(url=A), Image(data="AAAA"), File(file_id="file_1"), File(text="words")))


async def test_a_request_without_urls_is_the_same_request(internet: Site) -> None:
    request = asking(Text("hi"), Image(data="AAAA"))
    assert await inline_urls(request) is request


async def test_every_url_gives_way_to_its_content_and_nothing_else_changes(internet: Site) -> None:
    request = asking(
        Text("words"),
        Image(url=A, detail="low", cache="5m"),
        Image(data="AAAA", media_type="image/gif"),
        ToolResult("c1", (Text("and"), File(url=B, filename="b.png")), is_error=True),
    )
    inlined = await inline_urls(request)
    # The base64 of "/a.png" and "/b.png".
    assert inlined.messages[1].parts == (
        Text("words"),
        Image(data="L2EucG5n", media_type="image/png", detail="low", cache="5m"),
        Image(data="AAAA", media_type="image/gif"),
        ToolResult("c1", (Text("and"), File(data="L2IucG5n", media_type="image/png", filename="b.png")), is_error=True),
    )
    assert replace(inlined, messages=request.messages) == request
    assert request.messages[1].parts[1] == Image(url=A, detail="low", cache="5m")


async def test_a_url_that_stands_twice_is_fetched_once(internet: Site) -> None:
    inlined = await inline_urls(asking(Image(url=A), Image(url=A)))
    assert len(internet.reached) == 1
    assert inlined.messages[1].parts == (Image(data="L2EucG5n", media_type="image/png"),) * 2


async def test_twenty_urls_are_fetched_and_twenty_one_are_too_many(internet: Site) -> None:
    pictures = [Image(url=f"{SITE}/{number}") for number in range(21)]
    await inline_urls(asking(*pictures[:20]))
    assert len(internet.reached) == 20
    with pytest.raises(Unsupported, match="21 URLs; at most 20"):
        await inline_urls(asking(*pictures))
    assert len(internet.reached) == 20


async def test_a_name_that_turns_out_to_be_private_is_refused(internet: Site) -> None:
    internet.names["inside.example.com"] = ["10.0.0.7"]
    request = asking(Image(url="http://inside.example.com/a.png"))
    check_urls(request)  # the name alone looks public
    with pytest.raises(ForbiddenAddress):
        await inline_urls(request)
    assert internet.reached == []


async def test_one_url_that_cannot_be_had_ends_the_fetching_of_the_others(internet: Site) -> None:
    request = asking(Image(url=f"{SITE}/never"), Image(url=f"{SITE}/missing"))
    with pytest.raises(BadInput, match="404"):
        await asyncio.wait_for(inline_urls(request), 5)
    await asyncio.wait_for(internet.left.wait(), 5)


async def test_cancelling_ends_the_fetching(internet: Site) -> None:
    inlining = asyncio.create_task(inline_urls(asking(Image(url=f"{SITE}/never"))))
    await asyncio.wait_for(internet.heard.wait(), 5)
    inlining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await inlining
    await asyncio.wait_for(internet.left.wait(), 5)


# --- a part that cannot be read ------------------------------------------------------------------------------------------


def video(url: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "video_url", "video_url": {"url": url}}]}


def showing(url: str) -> Request:
    return get("openai-chat").read_request(msgspec.json.encode({"model": "m", "messages": [video(url)]}))


def test_a_private_url_is_refused_in_a_part_that_cannot_be_read_too() -> None:
    with pytest.raises(ForbiddenAddress):
        check_urls(showing(INSIDE))
    check_urls(showing("https://videos.example.com/a.mp4"))
    check_urls(showing("gs://bucket/a.mp4"))


@pytest.mark.parametrize("url", ["https://videos.example.com/a.mp4", "file:///etc/passwd"])
async def test_what_cannot_be_fetched_in_its_place_is_not_handed_to_ones_own_network(url: str) -> None:
    with pytest.raises(Unsupported, match="cannot be handed"):
        await inline_urls(showing(url))
    request = showing("data:video/mp4;base64,AAAA")
    assert await inline_urls(request) is request


async def test_a_server_of_ones_own_is_never_handed_a_url(tmp_path: Path) -> None:
    async with misbehaving() as upstream:
        settings = f'[vendors.rack]\nlike = "openai-compatible"\nbase_url = "{upstream.base_url}"\n'
        async with running(tmp_path, settings) as door:
            asked = {"model": "rack/good", "messages": [video("https://videos.example.com/a.mp4")]}
            assert (await door.post("/v1/chat/completions", asked)).status == 400
            assert not upstream.asked
            asked["messages"] = [video("data:video/mp4;base64,AAAA")]
            assert (await door.post("/v1/chat/completions", asked)).status == 200
