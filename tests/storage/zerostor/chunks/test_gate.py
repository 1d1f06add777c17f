"""Room for the bytes of chunks: who comes first goes first, and nobody's is lost."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp.storage.zerostor.chunks.gate import Gate


class GateTests(SynchronousTestCase):
    """A gate for ten bytes."""

    def setUp(self) -> None:
        self.gate = Gate(10)
        self.entered: list[int] = []
        self.most = 0

    def come(self, size: int) -> tuple[Deferred[None], Deferred[None]]:
        """Somebody with *size* bytes: what lets him go, and what tells that he has gone."""
        leave: Deferred[None] = Deferred()

        async def inside() -> None:
            async with self.gate.passing(size):
                self.entered.append(size)
                self.most = max(self.most, self.gate.inside)
                await leave

        return leave, Deferred.fromCoroutine(inside())

    def test_first_comes_first(self) -> None:
        """A little one does not overtake a large one that waits: that might never have its turn."""
        first, _ = self.come(6)
        large, _ = self.come(8)
        little, _ = self.come(2)
        self.assertEqual(self.entered, [6])
        first.callback(None)
        self.assertEqual(self.entered, [6, 8, 2])
        self.assertEqual(self.gate.inside, 10)
        large.callback(None)
        little.callback(None)
        self.assertEqual((self.gate.inside, self.most), (0, 10))

    def test_one_after_the_other(self) -> None:
        """Of those that wait only who fits comes in."""
        first, _ = self.come(6)
        second, _ = self.come(8)
        self.come(9)
        first.callback(None)
        self.assertEqual((self.entered, self.gate.inside), ([6, 8], 8))
        second.callback(None)
        self.assertEqual((self.entered, self.gate.inside), ([6, 8, 9], 9))

    def test_room_is_used(self) -> None:
        """All that fit are inside at a time, to the last byte."""
        for size in (5, 4, 1, 1):
            self.come(size)
        self.assertEqual(self.entered, [5, 4, 1])

    def test_too_large(self) -> None:
        """What is more than all the room goes in alone."""
        first, _ = self.come(1)
        large, gone = self.come(1000)
        self.assertEqual(self.entered, [1])
        first.callback(None)
        self.assertEqual((self.entered, self.gate.inside), ([1, 1000], 10))
        self.come(1)
        self.assertEqual(self.entered, [1, 1000])
        large.callback(None)
        self.successResultOf(gone)
        self.assertEqual((self.entered, self.gate.inside), ([1, 1000, 1], 1))

    def test_who_does_not_wait(self) -> None:
        """Who is cancelled while he waits makes way for those behind him."""
        self.come(6)
        _, waiting = self.come(8)
        self.come(4)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual((self.entered, self.gate.inside), ([6, 4], 10))

    def test_failure(self) -> None:
        """Who fails inside leaves, too."""
        leave, gone = self.come(10)
        leave.errback(ZeroDivisionError())
        self.failureResultOf(gone, ZeroDivisionError)
        self.assertEqual(self.gate.inside, 0)
