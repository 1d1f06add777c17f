"""What a client costs who says little, says it slowly, or takes no answer."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp.web import site
from swftp.web.site import CONNECTIONS, TIMEOUT
from tests.ftp.tlscase import KeyUpdates, client_context
from tests.functional.ftp import certificate
from tests.web.case import Known, front

ADDRESS = IPv4Address("TCP", "127.0.0.1", 1)
LATER = TIMEOUT + 20
"""Seconds: what is not answered or taken until then is given up."""


class Wire(StringTransport):
    """The server's end of a connection, which keeps what nobody takes, and says so beyond 64 KiB, as TCP does."""

    protocol: Any
    over = taken = False
    reading = True

    def write(self, data: bytes) -> None:
        """As of `ITransport`."""
        super().write(data)
        if len(self.value()) > 65536 and self.producer is not None:
            self.producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """As of `IConsumer`, but may be said twice, as to TCP."""
        self.producer = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        """As of `ITCPTransport`."""

    def pauseProducing(self) -> None:
        """As of `IPushProducer`."""
        self.reading = False

    def resumeProducing(self) -> None:
        """As of `IPushProducer`."""
        self.reading = True

    def loseConnection(self) -> None:
        """As of `ITransport`: when all is sent."""
        if self.taken:
            self._end(ConnectionDone())

    def abortConnection(self) -> None:
        """As of `ITCPTransport`."""
        self._end(ConnectionLost())

    def _end(self, error: Exception) -> None:
        if not self.over:
            self.over = True
            self.protocol.connectionLost(Failure(error))


class SiteTests(SynchronousTestCase):
    """One listener."""

    def setUp(self) -> None:
        """Listen."""
        self.clock = Clock()
        self.site = site(front(Known()), self.clock)

    def connect(self, factory: Any = None) -> Wire:
        """A client."""
        wire = Wire()
        wire.protocol = (factory or self.site).buildProtocol(ADDRESS)
        wire.protocol.makeConnection(wire)
        return wire

    def test_dribble(self) -> None:
        """Who sends a request bit by bit has so long for all of it, not for each bit."""
        wire = self.connect()
        for byte in b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"s" * 100:
            wire.protocol.dataReceived(bytes([byte]))
            self.clock.advance(TIMEOUT / 10)
            if wire.over:
                break
        self.assertTrue(wire.over)
        self.assertLess(self.clock.seconds(), LATER)

    def test_again(self) -> None:
        """Who asks now and then over one connection keeps it."""
        wire = self.connect()
        wire.taken = True
        for _ in range(10):
            wire.clear()
            wire.protocol.dataReceived(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b" 200 ", wire.value())
            self.clock.advance(TIMEOUT - 1)
        self.assertFalse(wire.over)

    def test_not_taken(self) -> None:
        """Who does not take his answer keeps nothing either, whether or not he would ask again."""
        for version in ("1.0", "1.1"):
            wire = self.connect()
            wire.protocol.dataReceived(f"GET / HTTP/{version}\r\nHost: localhost\r\n\r\n".encode())
            self.assertIn(b" 200 ", wire.value())
            self.clock.pump([TIMEOUT, LATER - TIMEOUT])
            self.assertTrue(wire.over, version)

    def test_bounded_head(self) -> None:
        """A head without end is refused before it takes memory."""
        for piece in (b"G" * 1000, b"X-Y: " + b"y" * 1000 + b"\r\n", b"X: y\r\n"):
            wire = self.connect()
            wire.taken = True
            wire.protocol.dataReceived(b"GET / HTTP/1.1\r\n" if piece.endswith(b"\n") else b"")
            sent = 0
            while not wire.over and sent < 200_000:
                wire.protocol.dataReceived(piece)
                sent += len(piece)
            self.assertTrue(wire.over, piece)
            self.assertLess(sent, 40_000)

    def test_many(self) -> None:
        """There are so many connections and no more; who has asked for nothing longest makes room, not who is new."""
        first = self.connect()
        wires = [self.connect() for _ in range(CONNECTIONS - 1)]
        first.protocol.dataReceived(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        probe = self.connect()
        probe.protocol.dataReceived(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertIn(b" 200 ", probe.value())
        self.assertEqual([wire.over for wire in (first, *wires)], [False, True] + [False] * (CONNECTIONS - 2))
        for wire in (first, probe, *wires):
            wire.abortConnection()
        self.assertEqual(len(self.site.open), 0)

    def test_keys_changed(self) -> None:
        """Who has our keys of TLS changed without end, and takes none of our answers, is not read from any more."""
        pem = Path(certificate()).read_bytes()
        tls: Any = TLSMemoryBIOFactory
        options = PrivateCertificate.loadPEM(pem).options()
        wire = self.connect(tls(options, False, self.site, self.clock))
        keylog, context = Path(self.mktemp()), client_context()
        context.keylog_filename = str(keylog)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing)
        for _ in range(4):
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
            if outgoing.pending:
                wire.protocol.dataReceived(outgoing.read())
            incoming.write(wire.value())
            wire.clear()
        updates = KeyUpdates(keylog)
        for _ in range(5000):
            if wire.reading and not wire.over:
                wire.protocol.dataReceived(updates.next())
        self.assertFalse(wire.reading)
        self.assertLess(len(wire.value()), 100_000)
        self.clock.pump([TIMEOUT, LATER - TIMEOUT])
        self.assertTrue(wire.over)
