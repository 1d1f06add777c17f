"""
Clients behind a load balancer: the PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt).

The law: only who is trusted is believed, and of him a header is wanted before anything else.  The door gets the TCP
connection itself, not a wrapper of it: all that is counted and refused there is the client's address.  Twisted's own
wrapper trusts everybody, waits for ever, and hangs up on a header that comes in pieces; its parsers are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.protocols.haproxy._v1parser import V1Parser
from twisted.protocols.haproxy._v2parser import V2Parser
from twisted.python.failure import Failure

from swftp import sockets
from swftp.auth.limits import Origin

TIMEOUT = 5.0
"""Seconds in which the header has to come."""
V1_LIMIT = 107
"""Bytes of a header of version 1."""
V2_HEAD = 16
"""Bytes of a header of version 2 that are always there; two of them say how many follow."""
V2_LIMIT = 536
"""Bytes of one altogether, with what a load balancer may tell of TLS."""

log = Logger()


class Unbelievable(ValueError):
    """What came is no header."""


def take(data: bytes) -> tuple[str | None, int] | None:
    """
    The client's address and the bytes of the header that *data* begins with; None: it is not complete.

    The address is None where the load balancer speaks for itself (LOCAL, UNKNOWN: a health check).

    :raises Unbelievable: it is no header.
    """
    if V2Parser.PREFIX.startswith(data[:12]):
        if len(data) < V2_HEAD:
            return None
        size = V2_HEAD + int.from_bytes(data[14:16], "big")
        if size > V2_LIMIT:
            raise Unbelievable("header is too long")
        return (_source(V2Parser.parse, data[:size]), size) if len(data) >= size else None
    if not (data.startswith(b"PROXY ") or b"PROXY ".startswith(data)):
        raise Unbelievable("no PROXY header")
    end = data.find(b"\r\n", 0, V1_LIMIT)
    if end < 0:
        if len(data) >= V1_LIMIT:
            raise Unbelievable("header is too long")
        return None
    return _source(V1Parser.parse, data[:end]), end + 2


def _source(parse: Callable[[bytes], Any], header: bytes) -> str | None:
    if header == b"PROXY UNKNOWN":  # Twisted's parser wants a blank behind it
        return None
    try:
        source = parse(header).source
        if source is None:
            return None
        if source.type != "TCP":
            raise Unbelievable("not of TCP")
        return str(ip_address(source.host))
    except Exception as error:  # whatever a crafted header makes of the parser
        raise Unbelievable("header is malformed") from error


def lacking(data: bytes) -> int:
    """How many bytes may follow *data*, the beginning of a header, of which none can be behind the header."""
    known = len(V2Parser.PREFIX)
    if len(data) < known:
        return known - len(data)
    if not data.startswith(V2Parser.PREFIX):
        return 1  # of version 1, which ends with its line
    if len(data) < V2_HEAD:
        return V2_HEAD - len(data)
    return max(1, V2_HEAD + int.from_bytes(data[14:16], "big") - len(data))


class Proxies:
    """The load balancers of one server."""

    def __init__(self, networks: Iterable[str], clock: IReactorTime) -> None:
        """
        :param networks: of those who are trusted; none: nobody is.
        :raises ValueError: one is no network.
        """
        texts = tuple(networks)
        self._trusted = Origin(texts, ()) if texts else None
        self._clock = clock

    def build(self, build: Callable[[IAddress | None], Any], addr: IAddress | None) -> Any:
        """What *build* makes for the client at *addr*, or what first asks a load balancer there who that is."""
        trusted = self._trusted
        if trusted is None or not trusted.admits(str(getattr(addr, "host", ""))):
            return build(addr)
        return Head(build, addr, self._clock)

    def admit(self, admit: Callable[[str], IProtocol | None], peer: str) -> IProtocol | None:
        """
        The same for a data connection of FTP, of which *admit* decides by the client's address.

        Nothing is read that is behind the header: what the client sends waits in the socket for its transfer.
        """
        kind = IPv6Address if ":" in peer else IPv4Address
        trusted = self._trusted
        if trusted is None or not trusted.admits(peer):
            return admit(peer)

        def build(addr: IAddress | None) -> IProtocol | None:
            return admit(str(getattr(addr, "host", "")))

        return Head(build, kind("TCP", peer, 0), self._clock, exact=True)


class Head(Protocol):
    """One connection of a load balancer, until its header is there."""

    transport: Any

    def __init__(
        self,
        build: Callable[[IAddress | None], IProtocol | None],
        addr: IAddress | None,
        clock: IReactorTime,
        *,
        exact: bool = False,
    ) -> None:
        """
        :param addr: of the load balancer.
        :param exact: read nothing that is behind the header.
        """
        self._exact = exact
        self._build = build
        self._addr = addr
        self._clock = clock
        self._data = b""
        self._late: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """The header is to come; nothing is said before."""
        self._read_on()
        self._late = self._clock.callLater(TIMEOUT, self._give_up)

    def dataReceived(self, data: bytes) -> None:
        """Take the header; all else is the door's."""
        self._data += data
        try:
            taken = take(self._data)
        except Unbelievable as error:
            self._refuse(str(error))
            return
        if taken is not None:
            self._hand_over(*taken)
        else:
            self._read_on()

    def _read_on(self) -> None:
        if self._exact:
            sockets.read_at_once(self.transport, lacking(self._data))

    def _hand_over(self, source: str | None, size: int) -> None:
        transport, rest = self.transport, self._data[size:]
        self._stop()
        if source is not None:
            kind = IPv6Address if ":" in source else IPv4Address
            self._addr = address = kind("TCP", source, 0)
            transport.getPeer = lambda: address
        protocol = self._build(self._addr)
        if protocol is None:
            transport.abortConnection()
            return
        transport.protocol = protocol
        protocol.makeConnection(transport)
        if rest:
            protocol.dataReceived(rest)

    def _give_up(self) -> None:
        self._late = None
        self._refuse("no PROXY header in time")

    def _refuse(self, reason: str) -> None:
        peer = str(getattr(self.transport.getPeer(), "host", ""))
        log.info("{peer}: {reason}", event="proxy_refused", peer=peer, reason=reason)
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """A health check that says nothing, or one that we refused: nothing to tell."""
        self._stop()

    def _stop(self) -> None:
        late, self._late = self._late, None
        if late is not None:
            late.cancel()
