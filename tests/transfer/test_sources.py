"""Bytes on their way to a store: whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from hashlib import md5
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IConsumer
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer
from zope.interface.verify import verifyObject

from swftp import errors
from swftp.interfaces import IByteSource
from swftp.transfer.sources import MemorySource, StreamSource

MIB = 1 << 20


@implementer(IConsumer)
class Consumer:
    """Takes bytes; pauses the source after each write if told to."""

    def __init__(self, source: MemorySource | StreamSource, *, pause: bool = False) -> None:
        self.source = source
        self.pause = pause
        self.chunks: list[bytes] = []

    def write(self, data: bytes) -> None:
        """See `IConsumer`."""
        self.chunks.append(data)
        if self.pause:
            self.source.pauseProducing()

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """See `IConsumer`."""

    def unregisterProducer(self) -> None:
        """See `IConsumer`."""


def sent_by(source: MemorySource | StreamSource, consumer: Consumer) -> Deferred[None]:
    """*source*, producing into *consumer*."""
    return source.startProducing(consumer)


class MemorySourceTests(SynchronousTestCase):
    """`MemorySource`."""

    def setUp(self) -> None:
        self.source = MemorySource([b"ab", memoryview(b"xcdx")[1:3]], "digest")

    def test_held(self) -> None:
        """The last block is kept back until it is let go, paused meanwhile or not; the next attempt does not wait."""
        source = MemorySource([b"ab", b"cd"], held=True)
        consumer = Consumer(source)
        done = sent_by(source, consumer)
        self.assertEqual(consumer.chunks, [b"ab"])
        source.pauseProducing()
        source.let_go()
        self.assertNoResult(done)
        source.resumeProducing()
        self.successResultOf(done)
        again = Consumer(source)
        self.successResultOf(sent_by(source, again))
        self.assertEqual((consumer.chunks, again.chunks), ([b"ab", b"cd"],) * 2)

    def test_not_meant(self) -> None:
        """What was kept back is never sent once the source is aborted."""
        source = MemorySource([b"ab"], held=True)
        consumer = Consumer(source)
        done = sent_by(source, consumer)
        source.abort(errors.Interrupted())
        source.let_go()
        self.failureResultOf(done, errors.Interrupted)
        self.assertEqual(consumer.chunks, [])

    def test_interface(self) -> None:
        """It is what storage drivers take."""
        verifyObject(IByteSource, self.source)
        self.assertEqual((self.source.length, self.source.digest, self.source.replayable), (4, "digest", True))

    def test_all_of_it(self) -> None:
        """All blocks, as bytes, then the good end."""
        consumer = Consumer(self.source)
        self.successResultOf(sent_by(self.source, consumer))
        self.assertEqual(consumer.chunks, [b"ab", b"cd"])

    def test_empty(self) -> None:
        """No block is a good end, too."""
        source = MemorySource([])
        self.assertEqual(source.length, 0)
        self.successResultOf(sent_by(source, Consumer(source)))

    def test_pause(self) -> None:
        """Nothing is written while paused."""
        consumer = Consumer(self.source, pause=True)
        done = sent_by(self.source, consumer)
        self.assertEqual(consumer.chunks, [b"ab"])
        self.source.resumeProducing()
        self.assertEqual(consumer.chunks, [b"ab", b"cd"])
        self.assertNoResult(done)
        self.source.resumeProducing()
        self.successResultOf(done)

    def test_again(self) -> None:
        """A new attempt begins at the first byte; the one before is deaf."""
        first = Consumer(self.source, pause=True)
        sent_by(self.source, first)
        self.source.stopProducing()
        self.source.resumeProducing()
        second = Consumer(self.source)
        self.successResultOf(sent_by(self.source, second))
        self.assertEqual((first.chunks, second.chunks), ([b"ab"], [b"ab", b"cd"]))

    def test_abort(self) -> None:
        """An aborted source fails what runs and what is tried later, and never ends well."""
        done = sent_by(self.source, Consumer(self.source, pause=True))
        self.source.abort(errors.Interrupted())
        self.failureResultOf(done, errors.Interrupted)
        self.failureResultOf(sent_by(self.source, Consumer(self.source)), errors.Interrupted)
        self.source.abort(errors.Unavailable())

    def test_release(self) -> None:
        """What was sent for good keeps no byte in memory, and cannot be sent as if it were empty."""
        content = bytearray(b"ab")
        source = MemorySource([memoryview(content)])
        self.successResultOf(sent_by(source, Consumer(source)))
        with self.assertRaises(BufferError):
            content += b"x"  # somebody has a view of it
        source.release()
        content += b"x"
        self.failureResultOf(sent_by(source, Consumer(source)), errors.Interrupted)


class StreamSourceTests(SynchronousTestCase):
    """`StreamSource`."""

    def setUp(self) -> None:
        self.sent: list[int] = []
        self.held: list[Deferred[None]] | None = None
        self.source = StreamSource(self.sent.append, self.offload, self.run_in_background)

    def run_in_background(self, work: Coroutine[Any, Any, object]) -> None:
        self.background = Deferred.fromCoroutine(work)

    def offload(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """At once, or when the test fires what is in `self.held`."""
        if self.held is None:
            return maybeDeferred(function, *args)
        held: Deferred[None] = Deferred()
        self.held.append(held)
        return held.addCallback(lambda _: function(*args))

    def test_sent_once(self) -> None:
        """A store that would send it again gets an error, never the rest of it as if that were all."""
        self.source.put(b"first")
        sent_by(self.source, Consumer(self.source)).addErrback(lambda _: None)
        self.source.stopProducing()
        self.source.put(b"rest")
        consumer = Consumer(self.source)
        self.assertRaises(RuntimeError, sent_by, self.source, consumer)
        self.source.end()
        self.assertEqual(consumer.chunks, [])

    def test_interface(self) -> None:
        """Of unknown length, and not to be repeated."""
        verifyObject(IByteSource, self.source)
        self.assertEqual((self.source.length, self.source.digest), (UNKNOWN_LENGTH, None))
        self.assertFalse(self.source.replayable)

    def test_before_and_after_the_start(self) -> None:
        """What was put before and after the request began comes in order; its cost is told when it is gone."""
        consumer = Consumer(self.source)
        self.source.put(b"a", cost=10)
        self.assertEqual(self.source.queued, 1)
        done = sent_by(self.source, consumer)
        self.source.put(b"bc", cost=20)
        self.assertNoResult(done)
        self.source.end()
        self.successResultOf(done)
        self.assertEqual((consumer.chunks, self.sent, self.source.queued), ([b"a", b"bc"], [10, 20], 0))

    def test_no_end_without_being_told(self) -> None:
        """An empty queue is not the end."""
        done = sent_by(self.source, Consumer(self.source))
        self.assertNoResult(done)
        self.source.abort(errors.Interrupted())
        self.failureResultOf(done, errors.Interrupted)

    def test_paused(self) -> None:
        """While paused bytes queue up, and the end waits for them."""
        consumer = Consumer(self.source, pause=True)
        done = sent_by(self.source, consumer)
        for part in (b"a", b"b", b"c"):
            self.source.put(part)
        self.source.end()
        self.assertEqual((consumer.chunks, self.source.queued), ([b"a"], 2))
        consumer.pause = False
        self.source.resumeProducing()
        self.successResultOf(done)
        self.assertEqual(consumer.chunks, [b"a", b"b", b"c"])

    def test_hashed_beside_the_reactor(self) -> None:
        """Its MD5 is known at the end, and not computed where it would hold up everybody."""
        self.held = []
        done = sent_by(self.source, Consumer(self.source))
        data = [bytes([n]) * MIB for n in range(3)]
        for block in data:
            self.source.put(block)
        self.source.end()
        self.assertNoResult(done)
        while self.held:
            self.held.pop().callback(None)
        self.successResultOf(done)
        self.assertEqual(self.source.digest, md5(b"".join(data)).hexdigest())

    def test_slow_hashing(self) -> None:
        """Where hashing is slower than the store, no more is sent than waits for it; it goes on from there."""
        self.held = []
        consumer = Consumer(self.source)
        done = sent_by(self.source, consumer)
        for _ in range(20):
            self.source.put(bytes(MIB))
        self.source.end()
        self.assertLess(len(consumer.chunks), 10)
        self.assertEqual(self.source.queued, (20 - len(consumer.chunks)) * MIB)
        while self.held:
            self.held.pop().callback(None)
        self.successResultOf(done)
        self.assertEqual(len(consumer.chunks), 20)
        self.assertEqual(self.source.digest, md5(bytes(20 * MIB)).hexdigest())

    def test_aborted_while_hashing(self) -> None:
        """A client that goes while the last bytes are hashed has not sent a file."""
        self.held = []
        done = sent_by(self.source, Consumer(self.source))
        self.source.put(bytes(3 * MIB))
        self.source.end()
        self.source.abort(errors.Interrupted())
        self.failureResultOf(done, errors.Interrupted)
        self.held.pop().callback(None)

    def test_no_thread(self) -> None:
        """A thread pool that is shut down is an error, not a file."""
        self.held = []
        done = sent_by(self.source, Consumer(self.source))
        self.source.put(bytes(3 * MIB))
        self.source.end()
        self.held.pop().errback(RuntimeError("shut down"))
        self.failureResultOf(done, errors.Unavailable)
        self.failureResultOf(self.background, RuntimeError)  # which a session logs
