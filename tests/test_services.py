"""What runs while a gateway does."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp.services import CALM, thrift
from swftp.ssh.malloc import give_back
from swftp.transfer.budget import Budget


class ThriftTests(SynchronousTestCase):
    """Memory that nobody uses."""

    def test_calm(self) -> None:
        """It is given back while no transfer holds any, and as long as the service runs."""
        clock, given = Clock(), list[float]()
        budget = Budget(1 << 20, clock)
        service = thrift(budget, clock, lambda: given.append(clock.seconds()))
        service.startService()
        given.clear()
        clock.advance(CALM)
        self.assertEqual(given, [CALM])
        budget.used = 1
        clock.advance(CALM)
        budget.used = 0
        self.assertEqual(given, [CALM])
        clock.advance(CALM)
        self.assertEqual(given, [CALM, 3 * CALM])
        service.stopService()
        clock.advance(CALM)
        self.assertEqual(given, [CALM, 3 * CALM])

    def test_anywhere(self) -> None:
        """Where the allocator cannot do it, nothing happens."""
        give_back()
