"""One data connection while its transfer runs: what neither file nor listing can do anything about."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.ftp.data import DataConnection
from swftp.ftp.deflate import PIECE
from swftp.ftp.pipe import Pipe, Terms
from swftp.ftp.receiving import Receiving
from swftp.ftp.sending import Pieces, Sending
from tests.ftp.datacase import FakeReactor, Wire, wire

NO_CHANNEL: Any = None


class PipeCase(SynchronousTestCase):
    """`self.wire` is the connection that `begin` gives to a pipe."""

    def setUp(self) -> None:
        """Time stands still."""
        self.clock = FakeReactor()
        self.terms = Terms(clock=self.clock, stalled=60.0)
        self.connection = DataConnection(NO_CHANNEL)
        self.wire: Wire = wire(self.connection)

    def begin(self, pipe: Pipe) -> Deferred[None]:
        """How it ends."""
        pipe.begin(self.connection)
        return pipe.done


class SendingTests(PipeCase):
    """`Sending`."""

    def test_store_fails(self) -> None:
        """A file that cannot be read to its end ends with a reset, never as if that were its end."""
        reads: list[bytes | Exception] = [b"one", errors.Unavailable()]

        def read(offset: int, length: int) -> bytes:
            found = reads.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        done = self.begin(Sending(self.terms, read))
        self.failureResultOf(done, errors.Unavailable)
        self.assertTrue(self.wire.aborted)

    def test_waits_for_the_store(self) -> None:
        """Where nothing is there yet, it goes on when it is told; the client is not blamed."""
        reads: list[bytes | None] = [b"one", None, b"two", b""]
        pipe = Sending(self.terms, lambda offset, length: reads.pop(0))
        done = self.begin(pipe)
        self.clock.pump([15] * 10)
        self.assertNoResult(done)
        pipe.pump()
        self.successResultOf(done)
        self.assertEqual(self.wire.value(), b"onetwo")

    def test_offsets(self) -> None:
        """What was read before is sent first, and reading goes on behind it."""
        asked: list[int] = []

        def read(offset: int, length: int) -> bytes:
            asked.append(offset)
            return b"" if offset == 108 else b"rest"

        self.successResultOf(self.begin(Sending(self.terms, read, 100, b"head")))
        self.assertEqual((self.wire.value(), asked), (b"headrest", [104, 108]))

    def test_over_before_it_began(self) -> None:
        """A connection that was lost while it was waited for fails the transfer."""
        self.wire.cut()
        done = self.begin(Sending(self.terms, lambda offset, length: b"data"))
        self.failureResultOf(done, errors.Interrupted)

    def test_failed_before_it_began(self) -> None:
        """A transfer that failed before closes what comes for it."""
        pipe = Sending(self.terms, lambda offset, length: b"data")
        pipe.fail(errors.Interrupted())
        self.failureResultOf(self.begin(pipe), errors.Interrupted)
        self.assertTrue(self.wire.aborted)


class ReceivingTests(PipeCase):
    """`Receiving`."""

    def setUp(self) -> None:
        """What was written is in `self.written`; writes wait for what is in `self.waits`."""
        super().setUp()
        self.written: list[tuple[int, bytes]] = []
        self.waits: list[Deferred[None]] = []
        self.error: Exception | None = None

    def write(self, offset: int, parts: Sequence[bytes | memoryview], size: int) -> Deferred[None] | None:
        """As of `Writer`."""
        if self.error is not None:
            raise self.error
        self.written.append((offset, b"".join(parts)))
        return self.waits.pop(0) if self.waits else None

    def test_back_pressure(self) -> None:
        """A client is not read from while its bytes have nowhere to go, and is not blamed for it."""
        wait: Deferred[None] = Deferred()
        self.waits.append(wait)
        done = self.begin(Receiving(self.terms, self.write, 7))
        self.wire.send(b"one")
        self.assertFalse(self.wire.reading)
        self.clock.pump([15] * 10)
        self.assertNoResult(done)
        wait.callback(None)
        self.wire.send(b"two")
        self.wire.end()
        self.successResultOf(done)
        self.assertEqual(self.written, [(7, b"one"), (10, b"two")])

    def test_reads_what_there_is_room_for(self) -> None:
        """How much is read at once is asked whenever reading goes on: with many uploads each reads little."""
        asked: list[int] = []

        def piece() -> int:
            asked.append(len(self.written))
            return 1 << 16

        wait: Deferred[None] = Deferred()
        self.waits.append(wait)
        self.begin(Receiving(self.terms, self.write, piece=piece))
        self.wire.send(b"one")
        wait.callback(None)
        self.assertEqual(asked, [0, 1])

    def test_full(self) -> None:
        """An error of the store ends the transfer at once."""
        done = self.begin(Receiving(self.terms, self.write))
        self.wire.send(b"one")
        self.error = errors.QuotaExceeded()
        self.wire.send(b"two")
        self.failureResultOf(done, errors.QuotaExceeded)
        self.assertTrue(self.wire.aborted)

    def test_fails_while_held(self) -> None:
        """So does one that comes while the client waits."""
        wait: Deferred[None] = Deferred()
        self.waits.append(wait)
        done = self.begin(Receiving(self.terms, self.write))
        self.wire.send(b"one")
        wait.errback(errors.Unavailable())
        self.failureResultOf(done, errors.Unavailable)

    def test_inflated(self) -> None:
        """A little that becomes much is written piece by piece, and nothing more is read before the last has room."""
        waits: list[Deferred[None]] = [Deferred(), Deferred()]
        self.waits.extend(waits)
        data = bytes(2 * PIECE + 1)
        done = self.begin(Receiving(self.terms, self.write, inflated=True))
        self.wire.send(zlib.compress(data))
        for count, wait in enumerate(waits, 1):
            self.assertEqual((len(self.written), self.wire.reading), (count, False))
            wait.callback(None)
        self.assertTrue(self.wire.reading)
        self.wire.end()
        self.successResultOf(done)
        self.assertEqual(b"".join(piece for _, piece in self.written), data)

    def test_nothing_behind_an_error(self) -> None:
        """Of what became much, nothing is written behind the piece that the store refused."""
        tried: list[int] = []

        def write(offset: int, parts: object, size: int) -> None:
            tried.append(offset)
            raise errors.QuotaExceeded()

        done = self.begin(Receiving(self.terms, write, inflated=True))
        self.wire.send(zlib.compress(bytes(2 * PIECE + 1)))
        self.failureResultOf(done, errors.QuotaExceeded)
        self.assertEqual(tried, [0])

    def test_end_while_held(self) -> None:
        """The end may come while bytes have nowhere to go: all of them are written before it is one."""
        waits: list[Deferred[None]] = [Deferred(), Deferred()]
        self.waits.extend(waits)
        pipe = Receiving(self.terms, self.write, text=True)
        done = self.begin(pipe)
        self.wire.send(b"one\r")
        self.connection.dataReceived(b"\ntwo\r")
        self.wire.end()
        self.assertNoResult(done)
        self.assertEqual(len(self.written), 1)
        for wait in waits:
            wait.callback(None)
        self.successResultOf(done)
        self.assertEqual(b"".join(data for _, data in self.written), b"one\ntwo\r")


class PiecesTests(SynchronousTestCase):
    """`Pieces`."""

    def start(self, pieces: AsyncIterator[bytes]) -> tuple[Pieces, list[str]]:
        """And what rings."""
        rings: list[str] = []
        run = Deferred.fromCoroutine
        return Pieces(pieces, lambda: rings.append("ring"), lambda work: (run(work), None)[1]), rings

    def test_gathered(self) -> None:
        """Small pieces are sent together, empty ones are no end."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            yield b""
            yield b"two"

        source, _ = self.start(pieces())
        self.assertEqual([source.read(0, 100), source.read(0, 100)], [b"onetwo", b""])

    def test_waits(self) -> None:
        """Where a page has yet to come, nothing is there, and it rings when it is."""
        page: Deferred[bytes] = Deferred()

        async def pieces() -> AsyncIterator[bytes]:
            yield await page

        source, rings = self.start(pieces())
        self.assertIsNone(source.read(0, 100))
        self.assertEqual(rings, [])
        page.callback(b"late")
        self.assertEqual(rings, ["ring"])
        self.assertEqual(source.read(0, 100), b"late")

    def test_failure(self) -> None:
        """What came before an error is given out before it is raised."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            raise errors.Unavailable

        source, _ = self.start(pieces())
        self.assertEqual(source.read(0, 100), b"one")
        self.assertRaises(errors.Unavailable, source.read, 0, 100)
