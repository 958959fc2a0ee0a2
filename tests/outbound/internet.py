"""An internet of one's own: names that resolve to what the test says, and public addresses behind which a server on
loopback stands. The rule about private addresses stays in force; only the cables are changed."""

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any

import pytest

PUBLIC = "93.184.216.34"
ALSO_PUBLIC = "2606:2800:220:1::1"


class Internet:
    """`names` maps a name to its addresses, `servers` an address to a port on loopback. `asked` are the names looked up,
    `reached` the addresses that somebody connected to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self.names: dict[str, Sequence[str]] = {}
        self.servers: dict[str, int] = {}
        self.asked: list[str] = []
        self.reached: list[tuple[str, int]] = []
        self._connect = loop.create_connection
        monkeypatch.setattr(loop, "create_connection", self._create_connection)
        monkeypatch.setattr(loop, "getaddrinfo", self._getaddrinfo)

    async def _getaddrinfo(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        host.encode("idna")  # as the real one does: too long a label, or an empty one, is a UnicodeError
        try:
            addresses: Sequence[str] = [str(ipaddress.ip_address(host))]
        except ValueError:
            addresses = self.names.get(host, ())
        if not addresses:
            raise OSError(-2, "Name or service not known")
        return [(None, None, 6, "", (address, port)) for address in addresses]

    async def _create_connection(self, factory: Any, host: str, port: int, **options: Any) -> Any:
        self.reached.append((host, port))
        return await self._connect(factory, "127.0.0.1", self.servers[host], **options)
