"""Rules of `swftp.workers.backoff`."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.workers.backoff import FIRST, MOST, WELL, Backoff


class BackoffTests(SynchronousTestCase):
    """One worker that dies."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.backoff = Backoff(self.clock)

    def died(self, after: float) -> float:
        """Seconds to wait when it ran for *after*."""
        self.backoff.started()
        self.clock.advance(after)
        return self.backoff.died()

    def test_grows(self) -> None:
        """Each wait is twice the one before, up to a bound."""
        waits = [self.died(1.0) for _ in range(12)]
        self.assertEqual(waits[:3], [FIRST, 2 * FIRST, 4 * FIRST])
        self.assertEqual(waits[-1], MOST)

    def test_forgets(self) -> None:
        """One that ran well is started again at once."""
        for _ in range(12):
            self.died(1.0)
        self.assertEqual(self.died(WELL), FIRST)
