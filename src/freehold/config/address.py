"""What a base URL and a proxy may look like. Pure; whether somebody answers there is for others to find out."""

import re
from urllib.parse import urlsplit

from freehold.config.secrets import fits_a_header
from freehold.config.values import shown

_MARK = re.compile(r"[?#]")
"""Where a query or a fragment begins."""


def wrong_address(written: object) -> str | None:
    """What is wrong with a base URL, as the beginning of a sentence; None when it is sound."""
    example = 'must be a URL such as "http://10.0.0.7:8000/v1"'
    if not isinstance(written, str):
        return example
    url = written.strip()
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return example
    if parts.scheme not in ("http", "https") or not parts.hostname or not fits_a_header(url) or " " in url:
        return example
    if parts.username is not None or parts.query or parts.fragment:
        return "must not hold a user name, a query or a fragment"
    return None


def is_proxy(url: str) -> bool:
    """Whether it is `http://HOST:PORT`, with a login or without."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0 and parts.path in ("", "/")
    except ValueError:
        return False


def without_credentials(written: object) -> str:
    """The value for a message, without what stands before an @, in a query or in a fragment: keys stand in all of them."""
    if not isinstance(written, str):
        return shown(written)
    mark = _MARK.search(written)
    end = len(written) if mark is None else mark.end()
    place, behind = written[:end], written[end:]
    if "@" in behind:  # as a part of a password that holds a mark too, or of the query: nobody can say
        return shown("...")
    if "@" in place:
        place = f"...@{place.rpartition('@')[2]}"
    return shown(f"{place}..." if behind else place)
