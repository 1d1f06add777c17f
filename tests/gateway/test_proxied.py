"""Whom a load balancer speaks for, and whether it is believed."""

from __future__ import annotations

import ipaddress
import struct

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp.gateway.proxied import TIMEOUT, V2_LIMIT, Proxies, Unbelievable, lacking, take

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(source: str = "203.0.113.9", command: int = 0x21, kind: int | None = None, more: bytes = b"") -> bytes:
    """A header of version 2."""
    address = ipaddress.ip_address(source)
    other = ipaddress.ip_address("198.51.100.1" if address.version == 4 else "2001:db8::1")
    body = address.packed + other.packed + struct.pack("!2H", 1234, 22) + more
    kind = kind if kind is not None else (0x11 if address.version == 4 else 0x21)
    return SIGNATURE + bytes((command, kind)) + struct.pack("!H", len(body)) + body


GOOD = {
    b"PROXY TCP4 203.0.113.9 198.51.100.1 1234 22\r\n": "203.0.113.9",
    b"PROXY TCP6 2001:db8:0::9 2001:db8::1 1234 22\r\n": "2001:db8::9",
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n": None,
    v2(): "203.0.113.9",
    v2("2001:db8::9"): "2001:db8::9",
    v2(more=b"\x04\x00\x10" + b"t" * 16): "203.0.113.9",
    v2(more=b"x" * (V2_LIMIT - 28)): "203.0.113.9",
    v2(command=0x20): None,
    SIGNATURE + b"\x20\x00\x00\x00": None,
    SIGNATURE + b"\x21\x00\x00\x00": None,
}
"""Header -> whose address it tells."""
BAD = (
    b"SSH-2.0-OpenSSH_9.9\r\n",
    b"USER tester\r\n",
    b"PROXY TCP4 203.0.113.9\r\n",
    b"PROXY TCP4 203.0.113.999 198.51.100.1 1234 22\r\n",
    b"PROXY TCP4 evil.example 198.51.100.1 1234 22\r\n",
    b"PROXY TCP4 203.0.113.9 198.51.100.1 x 22\r\n",
    b"PROXY SCTP 203.0.113.9 198.51.100.1 1234 22\r\n",
    b"PROXY " + b"x" * 200,
    v2(command=0x31),
    v2(command=0x22),
    v2(kind=0x12),
    v2(kind=0x31),
    v2(kind=0xFF),
    v2(more=b"x" * (V2_LIMIT - 27)),
    SIGNATURE + b"\x21\x11\x00\x04abcd",
)


class HeaderTests(SynchronousTestCase):
    """Headers."""

    def test_good(self) -> None:
        """Both versions, with what else they may tell; not a byte too many is taken."""
        for header, source in GOOD.items():
            self.assertEqual(take(header + b"SSH-"), (source, len(header)), header)

    def test_in_pieces(self) -> None:
        """However it is cut, a header is waited for."""
        for header in GOOD:
            for end in range(len(header)):
                self.assertIsNone(take(header[:end]), header[:end])

    def test_exact(self) -> None:
        """A header can be read so that nothing behind it is, in few pieces where it says how long it is."""
        for header in GOOD:
            stream, data, pieces = header + b"data" * 10, b"", 0
            while take(data) is None:
                data, pieces = stream[: len(data) + lacking(data)], pieces + 1
            self.assertEqual(data, header)
            self.assertLess(pieces, 4 if header.startswith(SIGNATURE) else 107)

    def test_bad(self) -> None:
        """What is none is refused, and nothing else happens."""
        for header in BAD:
            self.assertRaises(Unbelievable, take, header)


class Server(Protocol):
    """Notes who has come and what he says."""

    lost = False

    def connectionMade(self) -> None:
        """Who."""
        self.peer = self.transport.getPeer().host  # type: ignore[union-attr]
        self.said = b""

    def dataReceived(self, data: bytes) -> None:
        """What."""
        self.said += data

    def connectionLost(self, reason: Failure | None = None) -> None:  # type: ignore[override]
        """Over."""
        self.lost = True


class ProxiesTests(SynchronousTestCase):
    """Load balancers in 10.0.0.0/24."""

    def setUp(self) -> None:
        """Nobody has come."""
        self.clock = Clock()
        self.proxies = Proxies(("10.0.0.0/24",), self.clock)
        self.servers: list[Server] = []
        self.lines: list[object] = []
        globalLogPublisher.addObserver(self.lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.lines.append)

    def connect(self, peer: str = "10.0.0.5") -> tuple[Protocol, StringTransport]:
        """A connection from *peer*."""

        def build(addr: IAddress | None) -> Server:
            self.servers.append(Server())
            return self.servers[-1]

        address = IPv4Address("TCP", peer, 4000)
        transport = StringTransport(peerAddress=address)
        protocol = transport.protocol = self.proxies.build(build, address)
        protocol.makeConnection(transport)
        return protocol, transport

    def data(self, peer: str) -> tuple[IProtocol | None, list[str]]:
        """What is made of a data connection of FTP from *peer*, and whom it is said to be from."""
        found: list[str] = []

        def admit(address: str) -> Server:
            found.append(address)
            return Server()

        return self.proxies.admit(admit, peer), found

    def test_data(self) -> None:
        """A data connection of a load balancer is that of the client in its header; any other that of who made it."""
        made, found = self.data("10.0.0.5")
        transport = StringTransport(peerAddress=IPv4Address("TCP", "10.0.0.5", 4000))
        assert made is not None
        made.makeConnection(transport)
        self.assertEqual(found, [])
        made.dataReceived(v2())
        self.assertEqual(found, ["203.0.113.9"])
        self.assertEqual(self.data("192.0.2.1")[1], ["192.0.2.1"])
        self.assertEqual(self.data("2001:db8::1")[1], ["2001:db8::1"])

    def test_header(self) -> None:
        """The server sees the client, and every byte behind the header; it is not built before."""
        for header, source in GOOD.items():
            self.servers.clear()
            protocol, transport = self.connect()
            for byte in header[:-1]:
                protocol.dataReceived(bytes((byte,)))
            self.assertEqual(self.servers, [])
            protocol.dataReceived(header[-1:] + b"SSH-2.0")
            (server,) = self.servers
            self.assertEqual((server.peer, server.said), (source or "10.0.0.5", b"SSH-2.0"))
            self.assertIs(transport.protocol, server)
            self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.lines, [])

    def test_not_believed(self) -> None:
        """Who is not trusted is spoken to as he is, whatever he sends."""
        protocol, _ = self.connect("192.0.2.7")
        protocol.dataReceived(v2())
        (server,) = self.servers
        self.assertEqual((server.peer, server.said), ("192.0.2.7", v2()))

    def test_nobody_trusted(self) -> None:
        """By default nobody is."""
        self.proxies = Proxies((), self.clock)
        self.connect()
        self.assertEqual(len(self.servers), 1)

    def test_no_header(self) -> None:
        """Of a load balancer a header is wanted: without one nothing is said, and one line logged."""
        for header in BAD:
            self.lines.clear()
            protocol, transport = self.connect()
            protocol.dataReceived(header)
            self.assertTrue(transport.disconnected)
            self.assertEqual((self.servers, len(self.lines), transport.value()), ([], 1, b""))

    def test_in_time(self) -> None:
        """It has five seconds."""
        _, transport = self.connect()
        self.clock.advance(TIMEOUT - 0.1)
        self.assertFalse(transport.disconnected)
        self.clock.advance(0.2)
        self.assertTrue(transport.disconnected)

    def test_probe(self) -> None:
        """A health check that connects and goes is nothing to log, and leaves no timer."""
        protocol, _ = self.connect()
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.lines, self.servers, self.clock.getDelayedCalls()), ([], [], []))
