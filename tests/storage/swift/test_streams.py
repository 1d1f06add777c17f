"""Streams whose MD5 their source computes: the driver compares it, and computes none itself."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from tests.storage.bytes import Source, Waiting, md5
from tests.storage.swift.scripted import ScriptedCase

FILE = resolve("/c/f")


class Hashing(Source):
    """Knows its MD5 when it has ended."""

    hashes = True

    def startProducing(self, consumer: Any) -> Deferred[None]:
        done = super().startProducing(consumer)
        self.digest = md5(b"what was hashed")
        return done


class Paced(Waiting):
    """Goes at the pace that it is told."""

    going = True

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        self.going = False

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        self.going = True


class PaceTests(ScriptedCase):
    """Who waits for whom."""

    def setUp(self) -> None:
        """An upload that is on its way."""
        super().setUp()
        self.swift.expect("PUT /c/f", 201, headers={"Etag": md5(b"data")})
        self.source = Paced(b"", known=False, replayable=False)
        self.storing = self.begin(self.storage.store(FILE, self.source, Attributes(), replaces=None))
        self.source.consumer.write(b"da")
        self.turn()

    def test_slow_store(self) -> None:
        """A connection that takes no more stops the source until it does."""
        self.swift.wires[0].producer.pauseProducing()
        self.assertFalse(self.source.going)
        self.swift.wires[0].producer.resumeProducing()
        self.assertTrue(self.source.going)
        self.source.consumer.write(b"ta")
        self.source.done.callback(None)
        self.turn()
        self.assertEqual(self.successResultOf(self.storing).size, 4)

    def test_store_that_takes_little(self) -> None:
        """Who takes a little now and then is waited for."""
        producer = self.swift.wires[0].producer
        for _ in range(30):
            producer.pauseProducing()
            self.turn(10.0)
            producer.resumeProducing()
        self.assertNoResult(self.storing)
        self.source.consumer.write(b"ta")
        self.source.done.callback(None)
        self.turn()
        self.successResultOf(self.storing)

    def test_store_that_takes_nothing(self) -> None:
        """Within a minute or so it is given up; the source need not end for that."""
        self.swift.wires[0].producer.pauseProducing()
        self.assertTrue(60.0 <= self.passing(self.storing) <= 100.0)
        self.failureResultOf(self.storing, errors.Unavailable)
        self.assertEqual((self.source.stops, self.swift.wires), (1, []))

    def test_slow_client(self) -> None:
        """A source that brings nothing for long is no fault of the store's."""
        for producer in (self.swift.wires[0].producer, None):
            for _ in range(30):
                self.turn(10.0)
            self.assertNoResult(self.storing)
            if producer is not None:  # nor is it if the connection was full before
                producer.pauseProducing()
                producer.resumeProducing()
        self.source.consumer.write(b"ta")
        self.source.done.callback(None)
        self.turn()
        self.successResultOf(self.storing)


class StreamTests(ScriptedCase):
    """`SwiftStorage.store` of a stream."""

    def store(self) -> Any:
        """The request."""
        source = Hashing(b"what was sent", known=False, replayable=False)
        return self.storage.store(FILE, source, Attributes(), replaces=None)

    def test_confirmed(self) -> None:
        """The store's checksum is compared with that of the source, whatever passed."""
        self.swift.expect("PUT /c/f", 201, headers={"Etag": md5(b"what was hashed")})
        self.assertEqual(self.done(self.store()).digest, md5(b"what was hashed"))

    def test_another_length(self) -> None:
        """A source that ends before its length ends nothing that the store could take for whole."""
        self.swift.expect("PUT /c/f", silent=True)
        d = self.begin(self.storage.store(FILE, Source(b"data", length=9), Attributes(), replaces=None))
        self.turn()
        self.failureResultOf(d, errors.Corrupt)
        self.assertFalse(self.swift.requests[0].whole)
        self.assertEqual(self.swift.wires, [])

    def test_another(self) -> None:
        """Another checksum is an error."""
        self.swift.expect("PUT /c/f", 201, headers={"Etag": md5(b"what was sent")})
        self.fails(errors.Corrupt, self.store())
