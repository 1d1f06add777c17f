"""Threads in which the database is waited for, so that the reactor never is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")


class Workers(Protocol):
    """Who carries out what blocks."""

    def read(self, work: Callable[[], T]) -> Deferred[T]:
        """Carry out *work*, which changes nothing."""

    def write(self, work: Callable[[], T]) -> Deferred[T]:
        """Carry out *work* after what was given here before, where there is one writer."""

    def stop(self) -> None:
        """Wait for what is under way and end."""


class Threads:
    """
    Two pools: who writes does not wait for those who read.

    :param writers: 1 for SQLite, where a second one could only wait for the first.
    """

    def __init__(self, reactor: IReactorFromThreads, readers: int, writers: int) -> None:
        self._reactor = reactor
        self._readers = ThreadPool(0, readers, "metadata reader")
        self._writers = ThreadPool(0, writers, "metadata writer")
        for pool in (self._readers, self._writers):
            pool.start()

    def read(self, work: Callable[[], T]) -> Deferred[T]:
        """See `Workers`."""
        return deferToThreadPool(self._reactor, self._readers, work)

    def write(self, work: Callable[[], T]) -> Deferred[T]:
        """See `Workers`."""
        return deferToThreadPool(self._reactor, self._writers, work)

    def stop(self) -> None:
        """See `Workers`.  Blocks for as long as a statement takes."""
        for pool in (self._writers, self._readers):
            pool.stop()
