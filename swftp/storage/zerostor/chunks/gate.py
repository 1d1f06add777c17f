"""
Room for the bytes of all chunks that this process reads and writes at a time; who comes first goes first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred


class Gate:
    """
    So many bytes may be inside.

    :ivar inside: bytes that are.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: deque[tuple[int, Deferred[None]]] = deque()
        self.inside = 0

    @asynccontextmanager
    async def passing(self, size: int) -> AsyncIterator[None]:
        """Inside with *size* bytes; what is more than all the room goes in alone."""
        size = min(size, self._limit)
        if self._queue or self.inside + size > self._limit:
            turn: Deferred[None] = Deferred(self._forget)
            self._queue.append((size, turn))
            await turn  # whoever lets us in counts us
        else:
            self.inside += size
        try:
            yield
        finally:
            self.inside -= size
            self._admit()

    def _admit(self) -> None:
        while self._queue and self.inside + self._queue[0][0] <= self._limit:
            size, turn = self._queue.popleft()
            self.inside += size
            turn.callback(None)

    def _forget(self, turn: Deferred[None]) -> None:
        """Its caller was cancelled; those behind it may fit."""
        self._queue = deque(waiting for waiting in self._queue if waiting[1] is not turn)
        self._admit()
