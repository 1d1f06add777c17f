"""Threads in which the database is waited for, so that the reactor never is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred

from swftp.pools import Pool

T = TypeVar("T")


class Workers(Protocol):
    """Who carries out what blocks.  Both verbs raise what `Pool.run` does."""

    def read(self, work: Callable[[], T]) -> Deferred[T]:
        """Carry out *work*, which changes nothing."""

    def write(self, work: Callable[[], T]) -> Deferred[T]:
        """Carry out *work* after what was given here before, where there is one writer."""

    async def stop(self) -> None:
        """See `Pool.stop`."""


class Threads:
    """
    Two pools: who writes does not wait for those who read.

    :ivar read: see `Workers`.
    :ivar write: see `Workers`.
    """

    def __init__(self, reactor: Any, readers: int, writers: int, *, wait: float, answer: float) -> None:
        """
        :param writers: 1 for SQLite, where a second one could only wait for the first.
        :param wait: see `Pool`; *answer*, too.
        """
        self._readers = Pool("metadata reader", readers, reactor, wait=wait, answer=answer)
        self._writers = Pool("metadata writer", writers, reactor, wait=wait, answer=answer)
        self.read, self.write = self._readers.run, self._writers.run
        for pool in (self._readers, self._writers):
            pool.start()

    def when_late(self, told: Callable[[], object]) -> None:
        """Call *told* when a change took effect, or did not, that nobody waited for any more."""
        self._writers.late = told

    async def stop(self) -> None:
        """See `Workers`."""
        for pool in (self._writers, self._readers):
            await pool.stop()
