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


class _Coming:
    """
    A chunk that several wait for; whoever asked first may go, and the others get it all the same.

    :ivar fetched: fires when it came to an end.
    """

    fetched: Deferred[None]

    def __init__(self) -> None:
        self._outcome: bytes | Failure | None = None
        self._waiting: list[Deferred[bytes]] = []

    def wait(self) -> Deferred[bytes]:
        """Fires with it; may be cancelled."""
        mine: Deferred[bytes] = Deferred()
        if self._outcome is not None:
            mine.callback(self._outcome)
        else:
            self._waiting.append(mine)
        return mine

    def left(self, waiter: Deferred[bytes]) -> bool:
        """*waiter* waits no more; whether that was the last one."""
        self._waiting = [other for other in self._waiting if other is not waiter]
        return not self._waiting

    def tell(self, outcome: bytes | Failure) -> None:
        """To all who wait."""
        self._outcome = outcome
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(outcome)


class Recent:
    """Of one process; at most *limit* bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._plain: OrderedDict[ObjectId, bytes] = OrderedDict()
        self._coming: dict[ObjectId, _Coming] = {}

    async def get(self, chunk: Chunk, fetch: Callable[[], Awaitable[bytes]]) -> bytes:
        """The plain bytes of *chunk*; from *fetch*, unless they are here or on their way."""
        plain = self._plain.get(chunk.obj)
        if plain is not None:
            self._plain.move_to_end(chunk.obj)
            return plain
        coming = self._coming.get(chunk.obj)
        if coming is None:
            coming = self._coming[chunk.obj] = _Coming()
            coming.fetched = Deferred.fromCoroutine(self._fetch(chunk.obj, coming, fetch))
        mine = coming.wait()
        try:
            return await mine
        finally:
            if coming.left(mine) and self._coming.get(chunk.obj) is coming:
                del self._coming[chunk.obj]
                coming.fetched.cancel()

    async def _fetch(self, obj: ObjectId, coming: _Coming, fetch: Callable[[], Awaitable[bytes]]) -> None:
        outcome: bytes | Failure
        try:
            outcome = await fetch()
        except Exception:
            outcome = Failure()  # type: ignore[no-untyped-call]
        if self._coming.get(obj) is coming:
            del self._coming[obj]
            if isinstance(outcome, bytes):
                self._keep(obj, outcome)
        coming.tell(outcome)

    def _keep(self, obj: ObjectId, plain: bytes) -> None:
        if len(plain) > self._limit // 2:
            return
        self._plain[obj] = plain
        self._held += len(plain)
        while self._held > self._limit:
            _, gone = self._plain.popitem(last=False)
            self._held -= len(gone)
