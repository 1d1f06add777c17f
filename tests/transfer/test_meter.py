"""Bytes a second for all who share a meter, on a clock we hold."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.transfer.meter import Meter


class MeterTests(SynchronousTestCase):
    """1000 bytes a second."""

    def setUp(self) -> None:
        """Nothing was drawn yet."""
        self.clock = Clock()
        self.meter = Meter(self.clock, 1000)

    def pump(self, seconds: float, users: int, size: int) -> int:
        """Bytes that *users* move within *seconds*, each drawing *size* as often as it may."""
        moved = 0

        def draw() -> None:
            nonlocal moved
            moved += size
            self.meter.draw(size)
            self.meter.wait(draw)

        for _ in range(users):
            self.meter.wait(draw)
        self.clock.pump([0.01] * int(seconds * 100))
        return moved

    def test_rate(self) -> None:
        """However many draw, and however much at once, the rate is what it is."""
        for users, size in ((1, 10), (1, 500), (5, 100), (50, 10)):
            self.setUp()
            moved = self.pump(60, users, size)
            self.assertLess(abs(moved - 60_000), 0.02 * 60_000 + users * size, (users, size))

    def test_burst(self) -> None:
        """Who drew nothing for long gets a quarter of a second's bytes at once, and no more."""
        self.clock.advance(1000)
        self.meter.draw(250)
        self.assertFalse(self.meter.owes)
        self.meter.draw(100)
        self.assertTrue(self.meter.owes)

    def test_one_timer(self) -> None:
        """A thousand draws and waits cost one timer, and nothing is left of it."""
        for _ in range(1000):
            self.meter.draw(1)
            self.meter.wait(lambda: None)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.pump([1.0] * 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_fair(self) -> None:
        """All who wait are woken, in their order."""
        woken: list[int] = []
        self.meter.draw(1000)
        for number in range(3):
            self.meter.wait(lambda number=number: woken.append(number))  # type: ignore[misc]
        self.clock.advance(0.7)
        self.assertEqual(woken, [])
        self.clock.advance(0.1)
        self.clock.advance(0.3)
        self.assertEqual(woken, [0, 1, 2])
