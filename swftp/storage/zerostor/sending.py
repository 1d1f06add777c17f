"""
From a source to the shards: bytes are cut in chunks, and a few chunks are on their way at a time.

The law: whatever may be on a shard is in the batch before it is sent, so that who gives up knows what to abandon.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredLock, DeferredSemaphore
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from swftp import errors
from swftp.interfaces import IByteSource
from swftp.storage.zerostor.parts import Batch
from swftp.storage.zerostor.values import Chunk, New, ObjectId

IN_FLIGHT = 3
"""Chunks of one transfer on their way to the shards at a time."""
INLINE = 128 << 10
"""Up to so many bytes are hashed in the reactor's thread: less than a thread's wake-up costs."""

Take = Callable[[], Awaitable[ObjectId]]
Put = Callable[[ObjectId, Sequence[memoryview]], Awaitable[Chunk]]
"""Stores what the views show, one after the other, as the one chunk of that name."""
InThread = Callable[..., Deferred[Any]]


@implementer(IConsumer)
class Sending:
    """
    One source.

    :ivar batch: what it may have left on the shards.
    :ivar size: bytes it gave so far.
    """

    def __init__(
        self, source: IByteSource, take: Take, put: Put, chunk_size: int, in_thread: InThread, *, hashed: bool = True
    ) -> None:
        """
        :param hashed: whether the MD5 is wanted even where the source does not say one.
        """
        self.batch = Batch()
        self.size = 0
        self._source = source
        self._take, self._put, self._chunk_size = take, put, chunk_size
        self._in_thread = in_thread
        self._md5 = hashlib.md5(usedforsecurity=False) if hashed or source.digest is not None else None
        self._hashing = DeferredLock()
        self._turns = DeferredSemaphore(IN_FLIGHT)
        self._gathered: list[memoryview] = []
        self._waiting = 0
        """Bytes gathered."""
        self._under_way = 0
        self._paused = False
        self._given_up = False
        self._cuts = 0
        self._stored: dict[int, New] = {}
        self._error: Exception | None = None
        self._idle: Deferred[None] | None = None
        self._over: Deferred[None] = Deferred()

    async def run(self) -> tuple[list[New], str | None]:
        """
        All of it, once it is on the shards, and the hex MD5, where it was computed.

        :raises Corrupt: it was not as long as it said, or not what its own checksum says.
        """
        started: Deferred[None] = self._source.startProducing(self)  # type: ignore[no-untyped-call]
        started.addBoth(self._ended)
        try:
            await self._over
            self._check_length()
            self._cut()
            await self._landed()
            if self._error is not None:
                raise self._error
            await self._hashing.run(lambda: None)
        except BaseException:
            self._given_up = True
            await self._landed()
            raise
        digest = self._md5.hexdigest() if self._md5 is not None else None
        if self._source.digest not in (None, digest):
            raise errors.Damaged()
        return [self._stored[number] for number in range(len(self._stored))], digest

    def _check_length(self) -> None:
        if self._source.length is not UNKNOWN_LENGTH and self._source.length != self.size:
            raise errors.Corrupt()

    async def _landed(self) -> None:
        """Wait until nothing more can come to the shards."""
        while self._under_way:
            self._idle = Deferred()
            await self._idle

    def _ended(self, result: Any) -> None:
        if not self._over.called:
            self._over.callback(result)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """The source already answers to us."""

    def unregisterProducer(self) -> None:
        """See `registerProducer`."""

    def write(self, data: bytes) -> None:
        """The source gives *data*."""
        if self._over.called:
            return
        view = memoryview(data)
        self.size += len(view)
        while self._waiting + len(view) >= self._chunk_size:
            room = self._chunk_size - self._waiting
            self._gather(view[:room])
            self._cut()
            view = view[room:]
        self._gather(view)

    def _gather(self, view: memoryview) -> None:
        if view:
            self._gathered.append(view)
            self._waiting += len(view)

    def _cut(self) -> None:
        """What was gathered is a chunk."""
        if not self._waiting:
            return
        views, self._gathered = self._gathered, []
        size, self._waiting = self._waiting, 0
        self._hash(views, size)
        number, self._cuts = self._cuts, self._cuts + 1
        self._under_way += 1
        self._turns.run(self._send, views, size).addCallbacks(partial(self._sent, number), self._failed)
        if self._under_way >= IN_FLIGHT and not self._paused and not self._over.called:
            self._paused = True
            self._source.pauseProducing()

    def _hash(self, views: list[memoryview], size: int) -> None:
        md5 = self._md5
        if md5 is None:
            return

        def update() -> None:
            for view in views:
                md5.update(view)

        if size <= INLINE and not self._hashing.locked:
            update()
        else:
            self._hashing.run(self._in_thread, update).addErrback(self._ended)

    async def _send(self, views: list[memoryview], size: int) -> New:
        obj = await self._take()
        self.batch.objects[obj] = obj
        if self._given_up:
            raise errors.Interrupted()
        chunk = self.batch.objects[obj] = await self._put(obj, views)
        return New(chunk, 0, size)

    def _sent(self, number: int, piece: New) -> None:
        self._stored[number] = piece
        self._leave()
        if self._paused and not self._over.called:
            self._paused = False
            self._source.resumeProducing()

    def _failed(self, failure: Failure) -> None:
        self._given_up = True
        if self._error is None:
            self._error = cast(Exception, failure.value)
        self._leave()
        if not self._over.called:
            self._source.stopProducing()  # type: ignore[no-untyped-call]
            self._over.errback(failure)

    def _leave(self) -> None:
        self._under_way -= 1
        idle, self._idle = (None, self._idle) if self._under_way else (self._idle, None)
        if idle is not None:
            idle.callback(None)
