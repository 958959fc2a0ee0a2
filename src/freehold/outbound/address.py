"""Which addresses a caller's URL may name: public ones only.

A picture given by URL is fetched by the vendor, or, for an upstream inside one's own network, by the door. Either way a
URL that names a private address would turn the model into a window onto that network (server-side request forgery).
Names are judged here; what a name resolves to is judged again at the moment of connecting (see `fetch.py`).
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from freehold.errors import ForbiddenAddress

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa", ".lan", ".intranet", ".corp")

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that IANA has given out of IPv6. What Python calls global besides are forms in which an IPv4 address may hide
(`::127.0.0.1`, `::ffff:0:127.0.0.1`), local NAT64 (RFC 8215) and the old site-local addresses."""

_OF_PROVIDERS = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("168.63.129.16/32"))
"""Look public and lead to the machine's own provider: protocol assignments (RFC 6890; Oracle's metadata at 192.0.0.192), Azure's WireServer."""


def check_url(url: str) -> None:
    """Raises `ForbiddenAddress` unless the URL is http(s) and names a host that may be public."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        raise ForbiddenAddress("A URL in the request cannot be read.") from None
    if parts.scheme not in ("http", "https"):
        raise ForbiddenAddress(
            f"A URL in the request has the scheme {parts.scheme[:20]!r}; only http and https are taken."
        )
    if not host or parts.username is not None:
        raise ForbiddenAddress("A URL in the request has no host, or carries a user name.")
    host = host.rstrip(".").lower()
    address = _literal(host)
    if address is not None:
        if not is_public(address):
            raise ForbiddenAddress("A URL in the request names an address that is not public.")
    elif host == "localhost" or "." not in host or host.endswith(_LOCAL_SUFFIXES):
        raise ForbiddenAddress("A URL in the request names a host of a local network.")


def is_elsewhere(url: str, homes: Iterable[str]) -> bool:
    """Whether the server at `url` stands outside the domains of these URLs (`openai.com` for `https://api.openai.com`).
    Such a one may stand in one's own network, whatever its name: a name does not tell where it leads."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    for home in homes:
        own = (urlsplit(home).hostname or "").rstrip(".").lower()
        above = own.partition(".")[2]
        domain = above if "." in above else own
        if host == domain or (domain and host.endswith(f".{domain}")):
            return False
    return True


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the address is globally reachable unicast, also when an IPv4 address hides in an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and int(address) >> 32 == 0x0064FF9B << 64:  # NAT64, RFC 6052
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if inner is not None and not is_public(inner):
            return False
        if address not in _GLOBAL_UNICAST and address.ipv4_mapped is None:
            return False
    elif any(address in network for network in _OF_PROVIDERS):
        return False
    return address.is_global and not address.is_multicast


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that the text means, in any of the forms that resolvers accept (`127.1`, `0x7f000001`, `017700000001`)."""
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        pass
    pieces = host.split(".")
    if len(pieces) > 4:
        return None
    values: list[int] = []
    for piece in pieces:
        try:
            values.append(int(piece, 16) if piece[:2] == "0x" else int(piece, 8) if piece[:1] == "0" else int(piece))
        except ValueError:
            return None
    *heads, last = values
    if any(not 0 <= head <= 255 for head in heads) or not 0 <= last < 256 ** (4 - len(heads)):
        return None
    number = last
    for position, head in enumerate(heads):
        number += head << (8 * (3 - position))
    return ipaddress.IPv4Address(number)
