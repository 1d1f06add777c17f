"""One request under way however many wait for its answer; a waiter that gives up does not end it for the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Flight(Generic[T]):
    """At most one request at a time."""

    def __init__(self) -> None:
        self.busy = False
        """Whether a request is under way."""
        self._waiters: list[Deferred[T]] = []

    def join(self, start: Callable[[], Deferred[T]]) -> Deferred[T]:
        """The answer of the request under way, or of the one that *start* makes."""
        waiter: Deferred[T] = Deferred()
        self._waiters.append(waiter)
        if not self.busy:
            self.busy = True
            maybeDeferred(start).addBoth(self._landed)
        return waiter

    def _landed(self, answer: T | Failure) -> None:
        self.busy = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.called:  # else it was cancelled
                waiter.callback(answer)
