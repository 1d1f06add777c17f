"""
Requests that are under way together, whose answers are taken as they come.

What is not taken is cancelled: nothing here outlives its `Flight`.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, DeferredQueue, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from swftp.errors import StorageError

K = TypeVar("K")
R = TypeVar("R")


class Flight(Generic[K, R]):
    """Of one chunk."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._going: dict[K, Deferred[Any]] = {}
        self._landed: DeferredQueue[tuple[K, R | Failure]] = DeferredQueue()

    def __len__(self) -> int:
        """How many have not been taken."""
        return len(self._going)

    def names(self) -> list[K]:
        """Those that have not been taken, in the order they were started."""
        return list(self._going)

    def start(self, name: K, request: Coroutine[Deferred[Any], Any, R]) -> None:
        """Let *request* run."""
        going = self._going[name] = Deferred.fromCoroutine(request)
        going.addBoth(lambda result: self._landed.put((name, result)))

    async def landed(self, seconds: float | None = None) -> tuple[K, R | StorageError] | None:
        """
        The next answer, or None when there is none for so many *seconds*.

        What a request raised and is no `StorageError` is raised here.
        """
        while True:
            answer: Deferred[tuple[K, R | Failure]] = self._landed.get()
            if seconds is not None:
                answer.addTimeout(seconds, self._clock)
            try:
                name, result = await answer
            except TimeoutError:
                return None
            if self._going.pop(name, None) is None:  # it was dropped
                continue
            if not isinstance(result, Failure):
                return name, result
            if not isinstance(result.value, StorageError):
                result.raiseException()
            return name, result.value

    def drop(self, name: K) -> None:
        """Wait for it no longer."""
        self._going.pop(name).cancel()

    def end(self) -> None:
        """Wait for none of them any longer."""
        for name in self.names():
            self.drop(name)
