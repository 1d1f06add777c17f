"""What clients behind NAT are told of our address in PASV replies."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from swftp.ftp.reply import Refused
from swftp.ftp.settings import Settings

FRESH = 60.0
"""Seconds for which what a name resolved to is good: addresses of home lines change."""
PATIENCE = (1, 3)
"""Seconds in which a name has to resolve, try by try."""


class PublicAddresses:
    """The process's."""

    def __init__(self, settings: Settings, reactor: Any) -> None:
        """
        :raises ValueError: a network is none.
        """
        self._reactor = reactor
        self._networks = [(ip_network(net, strict=False), name) for net, name in settings.masquerade_networks]
        self._default = settings.masquerade_address
        self._known: dict[str, tuple[str, float]] = {}

    async def of(self, peer: str, host: str) -> str:
        """
        The address for the client at *peer*, who is connected to *host*.

        :raises Refused: its name does not resolve.
        """
        name = self._name(peer) or host
        if _is_address(name):
            return name
        address, until = self._known.get(name, ("", 0.0))
        if self._reactor.seconds() < until:
            return address
        try:
            found = str(await self._reactor.resolve(name, PATIENCE))
        except OSError as error:
            if not address:
                raise Refused(425, "Our address cannot be found at the moment, try again later.") from error
            found = address  # better than none
        self._known[name] = found, self._reactor.seconds() + FRESH
        return found

    def _name(self, peer: str) -> str:
        client: IPv4Address | IPv6Address | None
        try:
            client = ip_address(peer)
        except ValueError:
            client = None
        for network, name in self._networks:
            if client is not None and client in network:
                return name
        return self._default


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False
