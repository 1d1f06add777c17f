"""
Plain chunks that were read a moment ago, and those that are on their way: neighbouring ranges share them.

Chunks never change, so what is here is never stale.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from swftp.storage.zerostor.values import Chunk, ObjectId


class Recent:
    """Of one process; at most *limit* bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._plain: OrderedDict[ObjectId, bytes] = OrderedDict()
        self._coming: dict[ObjectId, list[Deferred[bytes]]] = {}

    async def get(self, chunk: Chunk, fetch: Callable[[], Awaitable[bytes]]) -> bytes:
        """The plain bytes of *chunk*; from *fetch*, unless they are here or on their way."""
        plain = self._plain.get(chunk.obj)
        if plain is not None:
            self._plain.move_to_end(chunk.obj)
            return plain
        waiting = self._coming.get(chunk.obj)
        if waiting is not None:
            mine: Deferred[bytes] = Deferred()
            waiting.append(mine)
            return await mine
        return await self._fetch(chunk.obj, fetch)

    async def _fetch(self, obj: ObjectId, fetch: Callable[[], Awaitable[bytes]]) -> bytes:
        self._coming[obj] = []
        try:
            plain = await fetch()
        except BaseException:
            failure = Failure()  # type: ignore[no-untyped-call]
            for waiter in self._coming.pop(obj):
                waiter.errback(failure)
            raise
        self._keep(obj, plain)
        for waiter in self._coming.pop(obj):
            waiter.callback(plain)
        return plain

    def _keep(self, obj: ObjectId, plain: bytes) -> None:
        if len(plain) > self._limit // 2:
            return
        self._plain[obj] = plain
        self._held += len(plain)
        while self._held > self._limit:
            _, gone = self._plain.popitem(last=False)
            self._held -= len(gone)
