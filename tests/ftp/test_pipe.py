"""One data connection while its transfer runs: what neither file nor listing can do anything about."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.ftp.data import DataConnection
from swftp.ftp.deflate import PIECE
from swftp.ftp.pipe import Pipe, Terms
from swftp.ftp.receiving import Receiving
from swftp.ftp.sending import GATHER, Pieces, Sending
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

        pipe = Sending(self.terms, read, 100, b"head")
        self.successResultOf(self.begin(pipe))
        self.assertEqual((self.wire.value(), asked, pipe.moved), (b"headrest", [104, 108], 8))

    def test_told_while_it_reads(self) -> None:
        """A reader that says in the middle of an answer that there is more is not asked in the middle of it."""
        reads = [b"one", b"two", b""]

        def read(offset: int, length: int) -> bytes:
            pipe.pump()
            return reads.pop(0)

        pipe = Sending(self.terms, read)
        self.successResultOf(self.begin(pipe))
        self.assertEqual(self.wire.value(), b"onetwo")

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
    """`Pieces`, for a connection that takes them front to back and is told when it is worth asking again."""

    def setUp(self) -> None:
        """Pages that the test gives, through `self.coming`."""
        self.coming: list[Deferred[bytes | None]] = []
        self.rung = 0
        self.failures: list[Failure] = []
        self.pieces = Pieces(self.made(), self.ring, self.run_beside)

    def ring(self) -> None:
        """It is worth asking again."""
        self.rung += 1

    def run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        """As a session does it."""
        Deferred.fromCoroutine(work).addErrback(self.failures.append)

    async def made(self) -> AsyncIterator[bytes]:
        """What comes."""
        while True:
            self.coming.append(Deferred())
            piece = await self.coming[-1]
            if piece is None:
                return
            yield piece

    def read(self) -> bytes | None:
        """What is here."""
        return self.pieces.read(0, 1)

    def test_one_after_the_other(self) -> None:
        """Each is asked for once, when the one before was taken, and rung for when it is there."""
        for number in range(3):
            self.assertIsNone(self.read())
            self.assertIsNone(self.read())
            self.assertEqual((len(self.coming), self.rung), (number + 1, number))
            self.coming[-1].callback(b"%d" % number * GATHER)
            self.assertEqual(self.rung, number + 1)
            self.assertEqual(self.read(), b"%d" % number * GATHER)
        self.assertIsNone(self.read())
        self.coming[-1].callback(None)
        self.assertEqual((self.read(), self.read(), self.failures), (b"", b"", []))

    def test_small_pieces_are_gathered(self) -> None:
        """Until they are worth sending, or there are no more; empty ones are not the end."""
        self.assertIsNone(self.read())
        for piece in (b"a", b"", b"b", b"c" * GATHER):
            self.assertEqual(self.rung, 0)
            self.coming[-1].callback(piece)
        self.assertEqual(len(self.coming), 4)
        self.assertEqual(self.read(), b"ab" + b"c" * GATHER)
        self.assertIsNone(self.read())
        self.coming[-1].callback(b"d")
        self.coming[-1].callback(None)
        self.assertEqual((self.read(), self.read()), (b"d", b""))

    def test_error(self) -> None:
        """What came before it is given, then it is raised, again and again: nothing more is asked for."""
        for wrong, kind, logged in (
            (errors.NotFound(), errors.NotFound, 0),
            (ZeroDivisionError(), errors.Unavailable, 1),
        ):
            self.setUp()
            self.assertIsNone(self.read())
            self.coming[-1].callback(b"a")
            self.coming[-1].errback(wrong)
            self.assertEqual((self.read(), self.rung), (b"a", 1))
            for _ in range(2):
                self.assertRaises(kind, self.read)
            self.assertEqual((len(self.failures), self.rung), (logged, 1))
