"""Rules of threads: nobody waits for good."""

from __future__ import annotations

from threading import Event
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from swftp.errors import Unavailable
from swftp.pools import LEAVE, Overdue, Pool
from tests.storage.bytes import raises

WAIT, ANSWER = 30.0, 20.0


class Times(Clock):
    """A reactor whose time we hold, and whose threads are real."""

    def callFromThread(self, *work: Any) -> None:
        """As the real one."""
        the_reactor.callFromThread(*work)  # type: ignore[attr-defined]


class Work:
    """Something that blocks until it is told to go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = Deferred[None](), Event()

    def __call__(self) -> str:
        the_reactor.callFromThread(self.begun.callback, None)  # type: ignore[attr-defined]
        self.go_on.wait(60)
        return "done"


class PoolTests(TestCase):
    """One thread, of which much is wanted."""

    timeout = 60.0

    def setUp(self) -> None:
        self.times = Times()
        self.pool = Pool("test", 1, self.times, wait=WAIT, answer=ANSWER)
        self.pool.start()
        self.first = Work()
        self.addCleanup(self.end)

    async def end(self) -> None:
        """No thread is left."""
        self.first.go_on.set()
        await self.pool.stop()
        self.assertEqual(self.times.getDelayedCalls(), [])

    async def test_no_thread(self) -> None:
        """Who gets no thread in time is told so, and what was asked for never happens."""
        held = self.pool.run(self.first)
        await self.first.begun
        done: list[int] = []
        second = self.pool.run(done.append, 2)
        self.times.advance(ANSWER - 1)
        third = self.pool.run(done.append, 3)
        self.times.advance(1 + WAIT - ANSWER)
        error: Any = self.failureResultOf(second, Unavailable).value
        self.assertNotIsInstance(error, Overdue)
        self.failureResultOf(held, Overdue)
        self.first.go_on.set()
        await third
        self.assertEqual(done, [3])

    async def test_no_end(self) -> None:
        """What was begun is waited for so long, counted from when it began; that it has ended is told later."""
        held = self.pool.run(self.first)
        await self.first.begun
        second = Work()
        waiting = self.pool.run(second)
        self.times.advance(WAIT - 1)
        self.first.go_on.set()
        self.assertEqual(await held, "done")
        await second.begun
        self.times.advance(ANSWER - 1)
        self.assertNoResult(waiting)
        late: Deferred[None] = Deferred()
        self.pool.late = lambda: late.callback(None)
        self.times.advance(1)
        self.failureResultOf(waiting, Overdue)
        second.go_on.set()
        await late

    async def test_cancelled(self) -> None:
        """Who does not want it any more spares the work."""
        held = self.pool.run(self.first)
        await self.first.begun
        done: list[int] = []
        second, third = self.pool.run(done.append, 2), self.pool.run(done.append, 3)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.first.go_on.set()
        await held
        await third
        self.assertEqual(done, [3])

    async def test_error(self) -> None:
        """An error is whoever asked's."""
        await raises(ZeroDivisionError, self.pool.run(divmod, 1, 0))

    async def test_end(self) -> None:
        """What is under way is waited for, and who comes then is told so; a second end is none."""
        held = self.pool.run(self.first)
        await self.first.begun
        ending = Deferred.fromCoroutine(self.pool.stop())
        self.assertNoResult(ending)
        self.failureResultOf(self.pool.run(divmod, 1, 1), Unavailable)
        await self.pool.stop()
        self.first.go_on.set()
        await ending
        self.assertEqual(await held, "done")

    async def test_end_of_what_hangs(self) -> None:
        """What does not end keeps the process for a few seconds only."""
        held = self.pool.run(self.first)
        await self.first.begun
        ending = Deferred.fromCoroutine(self.pool.stop())
        self.times.advance(LEAVE)
        self.successResultOf(ending)
        self.first.go_on.set()
        await held
