"""URLs inside a request: judged for every vendor, and fetched here for those that stand in one's own network.

A vendor on the public internet fetches a picture from where it stands, and sees nothing of ours. An engine or a server
in our own network would fetch it from inside: for those the door fetches, from public addresses only, and hands over the
content.
"""

import asyncio
import base64

from msgspec.structs import replace

from freehold.dialects.addresses import addresses
from freehold.errors import Unsupported
from freehold.messages import File, Image, Part, Request, ToolResult
from freehold.outbound.address import check_url
from freehold.outbound.fetch import fetch

MAX_URLS = 20


def check_urls(request: Request) -> None:
    """Raises `ForbiddenAddress` when the request names an address that is not public."""
    for url in _urls(request):
        check_url(url)
    for url in addresses(request):
        if url.lstrip()[:4].lower() == "http":  # a vendor may know other schemes (`gs://`), which lead into no network
            check_url(url.strip())


async def inline_urls(request: Request) -> Request:
    """The request with the content of every URL in its place.

    Raises `ForbiddenAddress` or `BadInput` for what cannot be had, `Unsupported` past 20 URLs and for one in a part that we
    cannot read, since nothing could take its place there.
    """
    if addresses(request):
        raise Unsupported(
            "A URL in a part of a type that is not known here cannot be handed to a server in one's own network.",
            "Send the content itself, as a data: URL.",
        )
    urls = list(dict.fromkeys(_urls(request)))
    if not urls:
        return request
    if len(urls) > MAX_URLS:
        raise Unsupported(f"The request names {len(urls)} URLs; at most {MAX_URLS} are fetched.")
    fetching = [asyncio.create_task(fetch(url, ("image/", "application/pdf", "text/"))) for url in urls]
    try:
        got = dict(zip(urls, await asyncio.gather(*fetching), strict=True))
    finally:
        for task in fetching:  # one that failed makes the others useless
            task.cancel()
    messages = tuple(
        replace(message, parts=tuple(_inline(part, got) for part in message.parts)) for message in request.messages
    )
    return replace(request, messages=messages)


def _inline(part: Part, got: dict[str, tuple[str, bytes]]) -> Part:
    if isinstance(part, ToolResult):
        return replace(part, parts=tuple(_inline(inner, got) for inner in part.parts))
    if isinstance(part, Image | File) and part.url is not None and part.url in got:
        media_type, content = got[part.url]
        return replace(part, url=None, media_type=media_type, data=base64.b64encode(content).decode("ascii"))
    return part


def _urls(request: Request) -> list[str]:
    found: list[str] = []
    for message in request.messages:
        for part in message.parts:
            found += _urls_of(part)
    return found


def _urls_of(part: Part) -> list[str]:
    if isinstance(part, ToolResult):
        return [url for inner in part.parts for url in _urls_of(inner)]
    return [part.url] if isinstance(part, Image | File) and part.url is not None else []
