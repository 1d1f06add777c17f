"""Rules of how bytes go to the shards and come back: `sending`, `feeding` and `recent`."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.entries import Entry, Kind
from swftp.storage.zerostor.feeding import AHEAD, PIECE, Ahead, Feeding, Stretch
from swftp.storage.zerostor.recent import Recent
from swftp.storage.zerostor.sending import IN_FLIGHT, INLINE, Sending
from swftp.storage.zerostor.values import Chunk, ObjectId
from tests.storage.bytes import Sink, Source, Waiting, md5

UPLOAD = bytes(16)


def chunk_of(number: int, size: int) -> Chunk:
    """A chunk that nobody stored."""
    return Chunk(ObjectId(UPLOAD, number), size, size, "copy:1", 1, (1,), bytes(16))


class Shards:
    """Stores when told to."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.numbers = itertools.count()
        self.stored: dict[ObjectId, bytes] = {}
        self.waiting: list[Deferred[None]] = []
        self.at_once = at_once
        self.begun = 0

    async def take(self) -> ObjectId:
        return ObjectId(UPLOAD, next(self.numbers))

    async def put(self, obj: ObjectId, views: Sequence[memoryview]) -> Chunk:
        data = b"".join(views)
        self.begun += 1
        if not self.at_once:
            gate: Deferred[None] = Deferred()
            self.waiting.append(gate)
            await gate
        self.stored[obj] = data
        return chunk_of(obj.seq, len(data))


class Pausing(Waiting):
    """Counts how it is held up."""

    pauses = resumes = 0

    def pauseProducing(self) -> None:
        self.pauses += 1

    def resumeProducing(self) -> None:
        self.resumes += 1


class SendingTests(SynchronousTestCase):
    """To the shards."""

    def send(self, source: Any, shards: Shards, size: int = 10) -> tuple[Sending, Deferred[Any]]:
        """Begin to send in chunks of *size* bytes."""
        sending = Sending(source, shards.take, shards.put, size, maybeDeferred)
        return sending, Deferred.fromCoroutine(sending.run())

    def test_cut(self) -> None:
        """Chunks are as long as they are to be, wherever the source cuts; the last is what is left."""
        shards = Shards()
        _, done = self.send(Source(b"0123456789abcdefghijXYZ", chunk=7), shards)
        pieces, digest = self.successResultOf(done)
        self.assertEqual(list(shards.stored.values()), [b"0123456789", b"abcdefghij", b"XYZ"])
        self.assertEqual([piece.length for piece in pieces], [10, 10, 3])
        self.assertEqual(digest, md5(b"0123456789abcdefghijXYZ"))

    def test_back_pressure(self) -> None:
        """The source is held up while enough is on its way, and goes on when a chunk is stored."""
        shards, source = Shards(at_once=False), Pausing(b"", known=False)
        _, done = self.send(source, shards)
        for _ in range(IN_FLIGHT):
            self.assertEqual(source.pauses, 0)
            source.consumer.write(bytes(10))
        self.assertEqual((len(shards.waiting), source.pauses, source.resumes), (IN_FLIGHT, 1, 0))
        shards.waiting[0].callback(None)
        self.assertEqual(source.resumes, 1)
        source.consumer.write(bytes(10))
        self.assertEqual((source.pauses, source.resumes), (2, 1))
        source.done.callback(None)
        self.assertNoResult(done)
        for gate in shards.waiting[1:]:
            gate.callback(None)
        self.assertEqual(len(self.successResultOf(done)[0]), IN_FLIGHT + 1)
        self.assertEqual((source.pauses, source.resumes), (2, 1))  # nobody is told anything behind the end

    def test_failed_shard(self) -> None:
        """A chunk that cannot be stored ends it, once nothing is on its way; all that may be there is known."""
        shards, source = Shards(at_once=False), Pausing(b"", known=False)
        sending, done = self.send(source, shards)
        source.consumer.write(bytes(20))
        shards.waiting[0].errback(errors.Unavailable())
        self.assertEqual(source.stops, 1)
        self.assertNoResult(done)
        shards.waiting[1].callback(None)
        self.failureResultOf(done, errors.Unavailable)
        self.assertEqual([type(one) for one in sending.batch.objects.values()], [ObjectId, Chunk])

    def test_any_order(self) -> None:
        """However the chunks come to the shards, they are told in the order of the bytes."""
        shards, source = Shards(at_once=False), Pausing(b"", known=False)
        _, done = self.send(source, shards)
        source.consumer.write(bytes(10) + b"1" * 10 + b"2" * 10)
        source.done.callback(None)
        for number in (2, 0, 1):
            shards.waiting[number].callback(None)
        pieces, _ = self.successResultOf(done)
        self.assertEqual([piece.chunk.obj.seq for piece in pieces], [0, 1, 2])

    def test_nothing_behind_a_failure(self) -> None:
        """When a chunk fails nothing more is begun, but for the one that gets its turn, be all given or not."""
        for ended in (False, True):
            shards, source = Shards(at_once=False), Pausing(b"", known=False)
            sending, done = self.send(source, shards)
            source.consumer.write(bytes(10 * (IN_FLIGHT + 3)))
            if ended:
                source.done.callback(None)
            while shards.waiting:
                shards.waiting.pop(0).errback(errors.Unavailable())
            self.failureResultOf(done, errors.Unavailable)
            self.assertEqual(next(shards.numbers), IN_FLIGHT + 3)  # all have a name, to be abandoned
            source.consumer.write(bytes(20))
            self.assertEqual((sending.size, shards.begun), (10 * (IN_FLIGHT + 3), IN_FLIGHT + 1))
            self.assertEqual(source.stops, 0 if ended else 1)

    def test_failed_behind_the_end(self) -> None:
        """A chunk that fails when all was given is a failure like any other: nothing of it is a whole."""
        for lost in range(3):
            shards, source = Shards(at_once=False), Pausing(b"", known=False)
            _, done = self.send(source, shards)
            source.consumer.write(bytes(25))
            source.done.callback(None)
            for number, gate in enumerate(shards.waiting):
                gate.errback(errors.Unavailable()) if number == lost else gate.callback(None)
            self.failureResultOf(done, errors.Unavailable)

    def test_source_fails_on_the_way(self) -> None:
        """When the source fails nothing more is begun, and what is on its way waited for: it is to be abandoned."""
        shards, source = Shards(at_once=False), Pausing(b"", known=False)
        sending, done = self.send(source, shards)
        source.consumer.write(bytes(10 * (IN_FLIGHT + 2)))
        source.done.errback(errors.Interrupted())
        for gate in list(shards.waiting):
            self.assertNoResult(done)
            gate.callback(None)
        self.failureResultOf(done, errors.Interrupted)
        self.assertEqual((shards.begun, len(sending.batch.objects)), (IN_FLIGHT, IN_FLIGHT + 2))

    def test_not_hashed(self) -> None:
        """Where no checksum is wanted none is computed, but that which the source says is compared."""
        for digest, fails in ((None, False), (md5(b"data"), False), (md5(b"other"), True)):
            shards = Shards()
            sending = Sending(
                Source(b"data", digest=digest), shards.take, shards.put, 10, maybeDeferred, hashed=False
            )
            done = Deferred.fromCoroutine(sending.run())
            if fails:
                self.failureResultOf(done, errors.Damaged)
            else:
                self.assertEqual(self.successResultOf(done)[1], digest)

    def test_hashed_in_order(self) -> None:
        """A little behind much waits until that was hashed in its thread; nothing is said before all of it was."""
        data, threads = bytes(INLINE + 1) + b"a little", list[tuple[Any, Deferred[None]]]()

        def in_thread(work: Any) -> Deferred[None]:
            threads.append((work, Deferred()))
            return threads[-1][1]

        shards = Shards()
        sending = Sending(Source(data), shards.take, shards.put, INLINE + 1, in_thread)
        done = Deferred.fromCoroutine(sending.run())
        self.assertNoResult(done)
        while threads:
            work, fired = threads.pop(0)
            work()
            fired.callback(None)
        self.assertEqual(self.successResultOf(done)[1], md5(data))

    def test_failed_source(self) -> None:
        """A source that fails, is too short or not what its checksum says gives its own error."""
        for source, error in (
            (Source(b"half", error=errors.Interrupted(), length=10), errors.Interrupted),
            (Source(b"short", length=10), errors.Corrupt),
            (Source(b"other", digest=md5(b"this")), errors.Damaged),
        ):
            self.failureResultOf(self.send(source, Shards())[1], error)


class FeedingTests(SynchronousTestCase):
    """From the shards."""

    def setUp(self) -> None:
        self.ahead = Ahead(100)
        self.asked: list[int] = []
        self.gates: dict[int, Deferred[bytes]] = {}

    async def get(self, chunk: Chunk) -> bytes:
        """Gives when told to."""
        self.asked.append(chunk.obj.seq)
        gate = self.gates[chunk.obj.seq] = Deferred()
        return await gate

    def feed(self, sink: Sink, count: int) -> Deferred[None]:
        """Begin to feed the middle of *count* chunks of ten bytes."""

        async def stretches() -> AsyncIterator[Stretch]:
            for number in range(count):
                yield chunk_of(number, 10), 1, 8

        entry = Entry(name="f", kind=Kind.FILE, size=8 * count)
        return Deferred.fromCoroutine(Feeding(sink, self.get, self.ahead).run(entry, stretches()))

    def test_order(self) -> None:
        """A few chunks are asked for ahead, and given in order, however they come."""
        sink = Sink()
        done = self.feed(sink, 5)
        self.assertEqual(self.asked, list(range(AHEAD + 1)))
        self.gates[1].callback(b"bBBBBBBBBb")
        self.assertEqual(sink.data, b"")
        self.gates[0].callback(b"aAAAAAAAAa")
        self.assertEqual(sink.data, b"A" * 8 + b"B" * 8)
        for number in range(2, 5):
            self.gates[number].callback(b"cCCCCCCCCc")
        self.successResultOf(done)
        self.assertEqual(len(sink.data), 40)

    def test_short_chunk(self) -> None:
        """A chunk that is shorter than it should be is an error, never an end."""
        done = self.feed(Sink(), 1)
        self.gates[0].callback(b"abc")
        self.failureResultOf(done, errors.Corrupt)

    def test_failed_chunk(self) -> None:
        """A chunk that cannot be read ends it with its error; nothing is left without somebody who hears of it."""
        sink = Sink()
        done = self.feed(sink, 3)
        for number in range(3):
            self.gates[number].errback(errors.Unavailable())
        self.failureResultOf(done, errors.Unavailable)
        self.assertTrue(sink.finished)
        self.assertEqual(self.ahead.kept, 0)

    def test_slow_sinks(self) -> None:
        """However many sinks want nothing for now, what is kept for them is bounded; each gets all of its bytes."""
        sizes = [3 * PIECE, PIECE + 1, 2 * PIECE]
        chunks = [bytes([n]) * size for n, size in enumerate(sizes)]
        self.ahead = Ahead(4 * PIECE)

        async def get(chunk: Chunk) -> bytes:
            self.asked.append(chunk.obj.seq)
            return chunks[chunk.obj.seq]

        async def stretches() -> AsyncIterator[Stretch]:
            for number, size in enumerate(sizes):
                yield chunk_of(number, size), 0, size

        sinks = [Sink(lambda sink: sink.producer.pauseProducing()) for _ in range(4)]
        entry = Entry(name="f", kind=Kind.FILE, size=sum(sizes))
        done = [Deferred.fromCoroutine(Feeding(sink, get, self.ahead).run(entry, stretches())) for sink in sinks]
        begun = len(self.asked)
        self.assertLess(begun, 3 * len(sinks))
        while any(not sink.finished for sink in sinks):
            self.assertLessEqual(self.ahead.kept, 4 * PIECE)
            for sink in sinks:
                sink.producer.resumeProducing()
        for one in done:
            self.successResultOf(one)
        self.assertEqual({sink.data for sink in sinks}, {b"".join(chunks)})
        self.assertEqual(self.ahead.kept, 0)

    def feed_one(self, sink: Sink, size: int) -> Deferred[None]:
        """Begin to feed one chunk of *size* bytes, which comes at once."""

        async def get(chunk: Chunk) -> bytes:
            self.asked.append(chunk.obj.seq)
            return bytes(size)

        async def stretches() -> AsyncIterator[Stretch]:
            yield chunk_of(0, size), 0, size

        entry = Entry(name="f", kind=Kind.FILE, size=size)
        return Deferred.fromCoroutine(Feeding(sink, get, self.ahead).run(entry, stretches()))

    def test_kept_or_fetched_again(self) -> None:
        """The chunk of a sink that pauses in it is kept, and counted once, where there is room; else let go of."""
        size = 3 * PIECE
        for room, asked in ((10 * size, 1), (size - 1, 3)):
            self.ahead, self.asked = Ahead(room), []
            sink = Sink(lambda sink: sink.producer.pauseProducing())
            done = self.feed_one(sink, size)
            while not sink.finished:
                self.assertEqual(self.ahead.kept, size if asked == 1 else 0)
                sink.producer.resumeProducing()
            self.successResultOf(done)
            self.assertEqual((len(sink.data), len(self.asked), self.ahead.kept), (size, asked, 0))

    def test_stopped_in_a_chunk(self) -> None:
        """A sink that wants no more gets no more of the chunk that is there."""
        sink = Sink(lambda sink: (sink.producer.stopProducing(), sink.producer.pauseProducing()))
        self.failureResultOf(self.feed_one(sink, 3 * PIECE), errors.Interrupted)
        self.assertEqual(len(sink.data), PIECE)

    def test_paused_twice(self) -> None:
        """A sink may say more than once that it wants nothing for now, and goes on when it says so once."""
        sink = Sink(lambda sink: sink.producer.pauseProducing())
        done = self.feed(sink, 2)
        for number in range(2):
            self.gates[number].callback(bytes(10))
        sink.producer.pauseProducing()
        self.assertEqual(len(sink.data), 8)
        sink.producer.resumeProducing()
        self.assertEqual(len(sink.data), 16)
        self.successResultOf(done)

    def test_stopped_while_paused(self) -> None:
        """A sink that goes away while it wants nothing ends it, whatever it says afterwards."""
        sink = Sink(lambda sink: sink.producer.pauseProducing())
        done = self.feed(sink, 2)
        self.gates[0].callback(bytes(10))
        self.assertNoResult(done)
        sink.producer.stopProducing()
        sink.producer.pauseProducing()
        self.failureResultOf(done, errors.Interrupted)
        self.assertEqual((len(sink.data), self.ahead.kept), (8, 0))

    def test_stopped(self) -> None:
        """A sink that wants no more in the middle of a chunk gets no more, and nothing is kept for it."""
        sink = Sink(lambda sink: sink.producer.stopProducing())
        done = self.feed(sink, 2)
        self.gates[0].callback(bytes(10))
        self.failureResultOf(done, errors.Interrupted)
        self.assertEqual((len(sink.data), self.ahead.kept), (8, 0))


class RecentTests(SynchronousTestCase):
    """Chunks that were read a moment ago."""

    def setUp(self) -> None:
        self.fetches = 0

    def fetch(self, data: bytes) -> Any:
        """Counts."""

        async def fetched() -> bytes:
            self.fetches += 1
            return data

        return fetched

    def test_kept(self) -> None:
        """What was read is there for the next reader, as long as there is room; what was used last stays longest."""

        async def work() -> None:
            recent = Recent(30)
            for number in (0, 1, 2, 0, 3):
                await recent.get(chunk_of(number, 10), self.fetch(bytes(10)))
            self.assertEqual(self.fetches, 4)
            await recent.get(chunk_of(0, 10), self.fetch(bytes(10)))
            self.assertEqual(self.fetches, 4)
            await recent.get(chunk_of(1, 10), self.fetch(bytes(10)))
            self.assertEqual(self.fetches, 5)

        self.successResultOf(Deferred.fromCoroutine(work()))

    def test_together(self) -> None:
        """Who asks for what is on its way waits for it; a failure is told to all, and not remembered."""
        recent, gate = Recent(30), Deferred[bytes]()

        async def slow() -> bytes:
            self.fetches += 1
            return await gate

        asked = [Deferred.fromCoroutine(recent.get(chunk_of(0, 10), slow)) for _ in range(3)]
        self.assertEqual(self.fetches, 1)
        gate.errback(errors.Unavailable())
        for one in asked:
            self.failureResultOf(one, errors.Unavailable)
        good = Deferred.fromCoroutine(recent.get(chunk_of(0, 10), self.fetch(b"x")))
        self.assertEqual(self.successResultOf(good), b"x")
