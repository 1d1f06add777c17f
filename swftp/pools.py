"""
Threads for what blocks, so that the reactor never does.

The law: nobody waits for good.  Who gets no thread in time has changed nothing; what was begun and does not end keeps
its thread, but nobody waits for it any longer, not even whoever ends the process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, TimeoutError, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from swftp.errors import Unavailable

LEAVE = 5.0
"""Seconds for which the end of what was begun is waited for when all is to end."""

T = TypeVar("T")
log = Logger()


class Overdue(Unavailable):
    """It was begun and does not end; whether it will have an effect is not known."""

    default = "no answer in time, try again"


class _Daemons(ThreadPool):
    """Threads that keep no process from ending."""

    threadFactory = staticmethod(partial(Thread, daemon=True))  # type: ignore[assignment]


class Pool:
    """
    Some threads.

    :ivar late: called when something has ended that nobody waited for any more.
    """

    def __init__(self, name: str, most: int, reactor: Any, *, wait: float = inf, answer: float = inf) -> None:
        """
        :param wait: seconds for which a call waits for a thread.
        :param answer: seconds for which it is waited for once it has begun.
        """
        self.reactor = reactor
        self.wait, self.answer = wait, answer
        self.late: Callable[[], object] = bool
        self._threads = _Daemons(0, most, name)
        self._over = False

    def start(self) -> None:
        """Begin; what was asked for before is carried out now."""
        self._threads.start()

    def run(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> Deferred[T]:
        """
        What *work* gives, in a thread.  To cancel it spares the work, if that has not begun.

        :raises Unavailable: it was not begun.
        :raises Overdue: it was.
        """
        if self._over:
            return fail(Unavailable("it is being ended"))
        call = _Call(self, partial(work, *args, **kwargs))
        self._threads.callInThread(call.carry_out)
        return call.outcome

    async def stop(self) -> None:
        """End, when what was begun has ended, and that soon.  May be called again."""
        if self._over:
            return
        self._over = True
        ended: Deferred[None] = Deferred()

        def end() -> None:
            self._threads.stop()
            self.reactor.callFromThread(done)

        def done() -> None:
            if not ended.called:
                ended.callback(None)

        ender = Thread(target=end, daemon=True)
        ender.start()
        ended.addTimeout(LEAVE, self.reactor)
        try:
            await ended
        except TimeoutError:
            log.warn("{name}: what hangs is left to itself", event="threads", name=self._threads.name)
        else:
            ender.join()


class _Call(Generic[T]):
    """One call: begun by a thread, or given up before; who takes `_turn` first decides which."""

    def __init__(self, pool: Pool, work: Callable[[], T]) -> None:
        self._pool, self._work = pool, work
        self._turn = Lock()
        self._begun: float | None = None
        self._timer: IDelayedCall | None = None
        if pool.wait < inf:
            self._timer = pool.reactor.callLater(pool.wait, self._waited)
        self.outcome: Deferred[T] = Deferred(self._cancelled)
        self.outcome.addBoth(self._settled)

    def _cancelled(self, outcome: Deferred[T]) -> None:
        self._turn.acquire(blocking=False)

    def _settled(self, result: Any) -> Any:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        return result

    def carry_out(self) -> None:
        """In a thread."""
        if not self._turn.acquire(blocking=False):
            return
        self._begun = self._pool.reactor.seconds()
        result: T | Failure
        try:
            result = self._work()
        except BaseException:
            result = Failure()  # type: ignore[no-untyped-call]
        self._pool.reactor.callFromThread(self._ended, result)

    def _ended(self, result: T | Failure) -> None:
        if self.outcome.called:
            self._pool.late()
        elif isinstance(result, Failure):
            self.outcome.errback(result)
        else:
            self.outcome.callback(result)

    def _waited(self) -> None:
        self._timer = None
        if self._turn.acquire(blocking=False):
            self.outcome.errback(Unavailable("too many requests wait, try again"))
            return
        now = self._pool.reactor.seconds()
        left = (now if self._begun is None else self._begun) + self._pool.answer - now
        if left <= 0:
            self.outcome.errback(Overdue())
        elif left < inf:
            self._timer = self._pool.reactor.callLater(left, self._waited)
