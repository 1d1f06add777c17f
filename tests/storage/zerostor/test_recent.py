"""Rules of chunks that several readers share."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import Unavailable
from swftp.storage.zerostor.recent import Recent
from swftp.storage.zerostor.values import Chunk, ObjectId

PLAIN = b"plain"


class RecentTests(SynchronousTestCase):
    """One chunk, of which the test says when it comes."""

    def setUp(self) -> None:
        """Nothing was read yet."""
        self.recent = Recent(1000)
        self.asked: list[Deferred[bytes]] = []
        self.chunk = Chunk(ObjectId(bytes(16), 1), len(PLAIN), 40, "copy:1", 1, (1,), bytes(16))

    def get(self) -> Deferred[bytes]:
        """One reader."""

        async def fetch() -> bytes:
            self.asked.append(Deferred())
            return await self.asked[-1]

        return Deferred.fromCoroutine(self.recent.get(self.chunk, fetch))

    def test_shared(self) -> None:
        """Who comes while a chunk is on its way waits for that, and who comes later finds it."""
        readers = [self.get(), self.get()]
        self.asked[0].callback(PLAIN)
        readers.append(self.get())
        self.assertEqual([self.successResultOf(reader) for reader in readers], [PLAIN] * 3)
        self.assertEqual(len(self.asked), 1)

    def test_first_goes(self) -> None:
        """That the first reader goes away is nothing to those who wait for the same chunk."""
        first, second = self.get(), self.get()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)
        self.asked[0].callback(PLAIN)
        self.assertEqual(self.successResultOf(second), PLAIN)

    def test_all_go(self) -> None:
        """What nobody waits for any more is fetched no further, and anew for who comes then."""
        readers = [self.get(), self.get()]
        for reader in readers:
            reader.cancel()
            self.failureResultOf(reader, CancelledError)
        self.assertTrue(self.asked[0].called)
        again = self.get()
        self.asked[1].callback(PLAIN)
        self.assertEqual(self.successResultOf(again), PLAIN)

    def test_failed(self) -> None:
        """An error is told to all who waited, and kept from who comes later."""
        readers = [self.get(), self.get()]
        self.asked[0].errback(Unavailable())
        for reader in readers:
            self.failureResultOf(reader, Unavailable)
        again = self.get()
        self.assertEqual(len(self.asked), 2)
        self.asked[1].callback(PLAIN)
        self.assertEqual(self.successResultOf(again), PLAIN)
