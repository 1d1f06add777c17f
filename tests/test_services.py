"""What runs while a gateway does."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from swftp.errors import Unavailable
from swftp.services import CALM, Threads, thrift
from swftp.ssh.malloc import give_back
from swftp.transfer.budget import Budget


class ThreadsTests(TestCase):
    """Calls that block."""

    timeout = 20.0

    async def work(self) -> None:
        """Before, while, and after it runs."""
        threads = Threads("test", 1, reactor)
        early = threads.run(lambda: 1)
        threads.startService()
        self.assertEqual((await early, await threads.run(lambda: 2)), (1, 2))
        await threads.stopService()
        self.failureResultOf(threads.run(lambda: 3), Unavailable)
        await threads.stopService()

    def test_stopped(self) -> Deferred[None]:
        """Who comes too late is told so at once, and a second end is none."""
        return Deferred.fromCoroutine(self.work())


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
