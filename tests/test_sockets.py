"""Writing to a TCP connection at once, as far as its socket takes it."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from swftp import sockets


class Writers(MemoryReactor):
    """A reactor that lets a connection write only when the test says so."""

    def flush(self) -> None:
        """Let everybody who wants to write do so once."""
        for writer in self.getWriters():
            writer.doWrite()


class SocketCase(SynchronousTestCase):
    """A connection, and its far end."""

    def setUp(self) -> None:
        """A connection on one end of a pair of sockets, the other end to read from."""
        near, self.far = socket.socketpair()
        self.far.setblocking(False)
        self.addCleanup(self.far.close)
        self.addCleanup(near.close)
        self.reactor = Writers()
        self.tcp: Any = Connection(near, Protocol(), self.reactor)  # type: ignore[arg-type]
        self.tcp.connected = True

    def drain(self) -> bytes:
        """What has come."""
        came = []
        while True:
            try:
                came.append(self.far.recv(1 << 20))
            except BlockingIOError:
                return b"".join(came)


class WriteTests(SocketCase):
    """`sockets.write`."""

    def test_at_once(self) -> None:
        """What the socket takes needs no turn of the reactor."""
        sockets.write(self.tcp, bytearray(b"abc"))
        self.assertEqual(self.drain(), b"abc")
        self.assertEqual(self.reactor.getWriters(), [])

    def test_rest(self) -> None:
        """What the socket does not take is written when the reactor says so, whatever became of the buffer."""
        data = bytearray(bytes(range(256)) * 16384)
        wanted = bytes(data)
        sockets.write(self.tcp, data)
        data[:] = bytes(len(data))
        came = self.drain()
        self.assertLess(len(came), len(wanted))
        while self.reactor.getWriters():
            self.reactor.flush()
            came += self.drain()
        self.assertEqual(came, wanted)

    def test_order(self) -> None:
        """Nothing overtakes what waits, though the socket would take it."""
        self.tcp.write(b"first")
        sockets.write(self.tcp, b"second")
        self.assertEqual(self.drain(), b"")
        self.reactor.flush()
        self.assertEqual(self.drain(), b"firstsecond")

    def test_order_after_part(self) -> None:
        """Nor does anything overtake the second half of what went in part."""
        sockets.write(self.tcp, bytes(4 << 20))
        came = self.drain()
        sockets.write(self.tcp, b"last")
        while self.reactor.getWriters():
            self.reactor.flush()
            came += self.drain()
        self.assertEqual(came, bytes(4 << 20) + b"last")

    def test_broken(self) -> None:
        """A connection that broke is left for the reactor to find."""
        self.far.close()
        sockets.write(self.tcp, b"abc")
        self.assertEqual(self.reactor.getWriters(), [self.tcp])

    def test_producer(self) -> None:
        """Who produces faster than the socket takes is told to pause."""
        paused: list[bool] = []

        class Producer:
            def pauseProducing(self) -> None:
                paused.append(True)

        self.tcp.registerProducer(Producer(), True)
        sockets.write(self.tcp, b"abc")
        self.assertEqual(paused, [])
        sockets.write(self.tcp, bytes(4 << 20))
        self.assertEqual(paused, [True])

    def test_other(self) -> None:
        """What is no TCP connection, TLS above all, is written to as it always was."""
        transport = StringTransport()
        sockets.write(transport, bytearray(b"abc"))
        self.assertEqual(transport.value(), b"abc")


class HurryTests(SocketCase):
    """`sockets.Hurry`."""

    def setUp(self) -> None:
        super().setUp()
        self.hurry = sockets.Hurry(self.tcp)
        self.sends: list[bytes] = []
        send = self.tcp.writeSomeData

        def counted(data: bytes) -> Any:
            self.sends.append(bytes(data))
            return send(data)

        self.tcp.writeSomeData = counted

    def test_at_once(self) -> None:
        """What others write leaves at once."""
        self.tcp.write(b"abc")
        self.tcp.writeSequence([b"d", b"ef"])
        self.assertEqual(self.drain(), b"abcdef")
        self.assertEqual(self.reactor.getWriters(), [])

    def test_together(self) -> None:
        """What belongs together leaves as one piece."""
        self.hurry.begin()
        self.tcp.writeSequence([b"head", b": x"])
        self.tcp.write(b"body")
        self.assertEqual(self.sends, [])
        self.hurry.end()
        self.assertEqual(self.sends, [b"head: xbody"])
        self.tcp.write(b"more")
        self.assertEqual(self.sends[1:], [b"more"])

    def test_large(self) -> None:
        """What is large is not copied to be put behind what is small."""
        large = bytes(sockets.TOGETHER + 1)
        self.hurry.begin()
        self.tcp.writeSequence([b"head"])
        self.tcp.write(large)
        self.assertEqual(self.sends, [b"head", large])
        self.hurry.end()
        self.assertEqual(self.drain(), b"head" + large)

    def test_nothing(self) -> None:
        """If nothing was written, nothing leaves."""
        self.hurry.begin()
        self.hurry.end()
        self.assertEqual(self.sends, [])

    def test_other(self) -> None:
        """What is no TCP connection is left as it is."""
        transport = StringTransport()
        hurry = sockets.Hurry(transport)
        hurry.begin()
        transport.write(b"abc")
        hurry.end()
        self.assertEqual(transport.value(), b"abc")


class ReadTests(SocketCase):
    """`sockets.read_at_once`."""

    def test_size(self) -> None:
        """Asked of what is a TCP connection; nothing happens to what is none."""
        sockets.read_at_once(self.tcp, 1234)
        self.assertEqual(self.tcp.bufferSize, 1234)
        sockets.read_at_once(StringTransport(), 1234)
        sockets.read_at_once(None, 1234)


class DrainTests(SocketCase):
    """`sockets.drain`."""

    def test_thrown_away(self) -> None:
        """What nobody read is gone, so that a close is no reset."""
        self.far.sendall(b"x" * 100_000)
        sockets.drain(self.tcp)
        self.assertRaises(BlockingIOError, self.tcp.getHandle().recv, 1)

    def test_nothing_there(self) -> None:
        """It never waits, nor minds that the peer is gone or that there is no socket."""
        sockets.drain(self.tcp)
        self.far.close()
        sockets.drain(self.tcp)
        sockets.drain(StringTransport())

    def test_limit(self) -> None:
        """Nobody keeps us at it."""
        reads = []

        class Endless:
            def recv(self, size: int, flags: int) -> bytes:
                reads.append(size)
                return b"x"

        self.tcp.getHandle = Endless
        sockets.drain(self.tcp)
        self.assertEqual(len(reads), sockets.DRAINED)
